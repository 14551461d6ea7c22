//! Which names are free: a function does not take another's place by accident.

use crate::Context;
use datafusion::common::{Result, plan_err};
use datafusion::execution::SessionState;
use datafusion::logical_expr::{AggregateUDF, ScalarUDF};
use std::sync::Arc;

/// The kind of a session's function of that name, as SQL looks for it; one that is `same` is none.
fn taken(state: &SessionState, name: &str, same: impl Fn(&Functions<'_>) -> bool) -> Option<&'static str> {
    let found =
        Functions { scalar: state.scalar_functions().get(name), aggregate: state.aggregate_functions().get(name) };
    if same(&found) {
        return None;
    }
    if found.scalar.is_some() || state.higher_order_functions().contains_key(name) {
        return Some("a scalar function");
    }
    if found.aggregate.is_some() {
        return Some("an aggregate");
    }
    state.window_functions().contains_key(name).then_some("a window function")
}

struct Functions<'a> {
    scalar: Option<&'a Arc<ScalarUDF>>,
    aggregate: Option<&'a Arc<AggregateUDF>>,
}

fn refuse<T>(name: &str, kind: &str) -> Result<T> {
    plan_err!(
        "there is {kind} {name} already: choose another name, or ask for its place with .replace(), which hides it from SQL"
    )
}

fn not_empty(name: &str) -> Result<()> {
    if name.trim().is_empty() {
        return plan_err!("a function needs a name");
    }
    Ok(())
}

/// Makes a scalar function known under its names. Nothing changes if it is known already.
pub(super) fn register_scalar(ctx: &Context, function: &Arc<ScalarUDF>, replace: bool) -> Result<()> {
    not_empty(function.name())?;
    let state = ctx.session().state();
    for name in names(function.name(), function.aliases()) {
        let kind = taken(&state, name, |found| found.scalar.is_some_and(|known| known == function));
        if let Some(kind) = kind.filter(|_| !replace) {
            return refuse(name, kind);
        }
        // SQL looks for these first.
        ctx.session().deregister_higher_order_function(name);
    }
    ctx.session().register_udf(function.as_ref().clone());
    Ok(())
}

/// Makes an aggregate known under its names. Nothing changes if it is known already.
pub(super) fn register_aggregate(ctx: &Context, function: &Arc<AggregateUDF>, replace: bool) -> Result<()> {
    not_empty(function.name())?;
    let state = ctx.session().state();
    for name in names(function.name(), function.aliases()) {
        let kind = taken(&state, name, |found| found.aggregate.is_some_and(|known| known == function));
        if let Some(kind) = kind.filter(|_| !replace) {
            return refuse(name, kind);
        }
        // SQL looks for these first.
        ctx.session().deregister_udf(name);
        ctx.session().deregister_higher_order_function(name);
        ctx.session().deregister_udwf(name);
    }
    ctx.session().register_udaf(function.as_ref().clone());
    Ok(())
}

/// An error if the name of a table function is taken.
pub(super) fn check_table_function(ctx: &Context, name: &str, replace: bool) -> Result<()> {
    not_empty(name)?;
    match ctx.session().state().table_functions().contains_key(name) && !replace {
        true => refuse(name, "a table function"),
        false => Ok(()),
    }
}

fn names<'a>(name: &'a str, aliases: &'a [String]) -> impl Iterator<Item = &'a str> {
    std::iter::once(name).chain(aliases.iter().map(String::as_str))
}
