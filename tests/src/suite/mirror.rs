//! A `dpark::Context` with everything the suite registers in its own session.
//!
//! The suite prepares one `SessionContext` per file (`TestContext`): options, functions, planners, catalogs. The
//! context under test keeps its own runtime, optimizer rules and query planner and takes over the rest.

use super::Result;
use datafusion::execution::registry::FunctionRegistry;
use datafusion::execution::{SessionState, SessionStateBuilder};
use datafusion::prelude::{SessionConfig, SessionContext};
use std::collections::HashMap;
use std::sync::Arc;

/// Options in which a session of the suite differs from DataFusion's defaults, and one in which a `dpark::Context` does
/// and the suite expects the default: whether there is an `information_schema`.
pub fn options(from: &SessionContext) -> Vec<(String, String)> {
    const INFORMATION_SCHEMA: &str = "datafusion.catalog.information_schema";
    let defaults: HashMap<String, Option<String>> =
        SessionConfig::new().options().entries().into_iter().map(|entry| (entry.key, entry.value)).collect();
    let entries = from.copied_config().options().entries();
    let wanted = |key: &str, value: &Option<String>| key == INFORMATION_SCHEMA || defaults.get(key) != Some(value);
    let changed = entries.into_iter().filter(|entry| wanted(&entry.key, &entry.value));
    changed.filter_map(|entry| Some((entry.key, entry.value?))).collect()
}

/// Gives `to` the options, functions, planners and catalogs of `from`. The catalogs are shared, so `from` must be made
/// for this one session.
pub fn mirror(from: &SessionContext, to: &SessionContext, options: &[(String, String)]) -> Result<()> {
    let theirs = from.state();
    let ours = to.state();
    let mut source = SessionStateBuilder::new_from_existing(theirs.clone());
    let mut target = SessionStateBuilder::new_from_existing(ours.clone()).with_session_id(to.session_id());
    *target.expr_planners() = source.expr_planners().take();
    *target.type_planner() = source.type_planner().take();
    if let (Some(functions), Some(new)) = (target.table_functions(), source.table_functions().take()) {
        functions.extend(new);
    }
    let mut state = target.build();
    for (key, value) in options {
        state.config_mut().options_mut().set(key, value)?;
    }
    settle(&mut state, theirs.scalar_functions(), SessionState::scalar_functions, SessionState::register_udf)?;
    settle(&mut state, theirs.aggregate_functions(), SessionState::aggregate_functions, SessionState::register_udaf)?;
    settle(&mut state, theirs.window_functions(), SessionState::window_functions, SessionState::register_udwf)?;
    settle(
        &mut state,
        theirs.higher_order_functions(),
        SessionState::higher_order_functions,
        SessionState::register_higher_order_function,
    )?;
    let create = ours.config().options().catalog.create_default_catalog_and_schema;
    state.config_mut().options_mut().catalog.create_default_catalog_and_schema = create;
    *to.state_ref().write() = state;
    for name in from.catalog_names() {
        if let Some(catalog) = from.catalog(&name) {
            to.register_catalog(name, catalog);
        }
    }
    Ok(())
}

/// Registers functions until every name means what it means to them. Registering one also takes over its aliases,
/// which may be another's name: then that one is registered again.
fn settle<F: ?Sized>(
    state: &mut SessionState,
    wanted: &HashMap<String, Arc<F>>,
    known: impl Fn(&SessionState) -> &HashMap<String, Arc<F>>,
    register: impl Fn(&mut SessionState, Arc<F>) -> datafusion::error::Result<Option<Arc<F>>>,
) -> Result<()> {
    const ROUNDS: usize = 10;
    for _ in 0..ROUNDS {
        let mut settled = true;
        for (name, function) in wanted {
            if !known(state).get(name).is_some_and(|present| Arc::ptr_eq(present, function)) {
                register(state, Arc::clone(function))?;
                settled = false;
            }
        }
        if settled {
            return Ok(());
        }
    }
    Err("two functions take each other's names in turn".into())
}
