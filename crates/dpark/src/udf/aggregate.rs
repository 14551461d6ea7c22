//! [`AggregateFunction`]: one value for the rows of each group.

use super::names;
use super::states::{States, Update, UpdateClosure};
use crate::Context;
use crate::rdd::{Closure, Value};
use datafusion::common::{Result, exec_datafusion_err, plan_datafusion_err};
use datafusion::logical_expr::{AggregateUDF, Volatility};
use dpark_plan::functions::conjure;
use dpark_plan::udf::{AggregateCall, ClosureAggregate, Declared, GroupStates, aggregate_ref};
use dpark_rows::{Outcome, Row};
use std::sync::Arc;

/// What an aggregate is in tasks.
fn enter<Args, S, U, M, G, R>(call: &AggregateCall<'_>) -> Result<Box<dyn GroupStates>>
where
    S: Value + Clone,
    U: UpdateClosure<S, Args>,
    M: Fn(&mut S, S) + Closure,
    G: Fn(&S) -> R + Closure,
    R: Outcome,
{
    fn update<Args, S, U: UpdateClosure<S, Args>>(rows: Update<'_, S>) -> Result<()> {
        // SAFETY: `AggregateFunction::new` was called with a value of `U`.
        let closure: U = unsafe { conjure() };
        closure.each(rows)
    }
    let zero: S = postcard::from_bytes(call.zero).map_err(|error| {
        let kind = std::any::type_name::<S>();
        exec_datafusion_err!("{}: what groups start with cannot be read as {kind}: {error}", call.name)
    })?;
    // SAFETY: `AggregateFunction::new` was called with values of `M` and `G`.
    let (merge, finish): (M, G) = unsafe { (conjure(), conjure()) };
    Ok(Box::new(States::new(call.name, zero, update::<Args, S, U>, merge, finish)))
}

/// A function that gives one value for the rows of each group, to be registered.
#[derive(Debug, Clone)]
#[must_use = "a function is known when it is registered"]
pub struct AggregateFunction {
    name: String,
    /// Serialised; or why it cannot be.
    zero: Result<Arc<[u8]>, String>,
    make: fn(&str, Volatility) -> Declared,
    volatility: Volatility,
    replace: bool,
}

impl AggregateFunction {
    /// A function called `name` in SQL. Each group starts with `zero`; `update` adds a row to a state, `merge` another state, and
    /// `finish` makes the result of one, perhaps more than once.
    ///
    /// Rows come in no order and are added up within each partition first, so `merge` must be associative and commutative.
    /// `zero` is used once for each group and partition that has it, so it must be neutral.
    pub fn new<Args, S, U, M, G, R>(name: impl Into<String>, zero: S, _update: U, _merge: M, _finish: G) -> Self
    where
        S: Value + Clone,
        U: UpdateClosure<S, Args>,
        M: Fn(&mut S, S) + Closure,
        G: Fn(&S) -> R + Closure,
        R: Outcome,
    {
        fn make<Args, S, U, M, G, R>(name: &str, volatility: Volatility) -> Declared
        where
            S: Value + Clone,
            U: UpdateClosure<S, Args>,
            M: Fn(&mut S, S) + Closure,
            G: Fn(&S) -> R + Closure,
            R: Outcome,
        {
            let function = aggregate_ref(enter::<Args, S, U, M, G, R>, std::any::type_name::<U>());
            Declared::new(name, function, U::arguments(), R::Row::data_type(), volatility)
        }
        let zero = postcard::to_stdvec(&zero).map(Arc::from);
        let zero = zero.map_err(|error| format!("a state of type {}: {error}", std::any::type_name::<S>()));
        let make = make::<Args, S, U, M, G, R>;
        Self { name: name.into(), zero, make, volatility: Volatility::Immutable, replace: false }
    }

    /// It may give something else each time: what was computed with it is not used again.
    pub fn volatile(mut self) -> Self {
        self.volatility = Volatility::Volatile;
        self
    }

    /// It may take the place of a function that the session has under its name.
    pub fn replace(mut self) -> Self {
        self.replace = true;
        self
    }

    /// Makes it known to SQL; what is returned is for DataFrames: `f.call(vec![col("price")])`. Errors: the name is taken, or
    /// `zero` cannot be serialised.
    pub fn register(self, ctx: &Context) -> Result<Arc<AggregateUDF>> {
        let name = &self.name;
        let zero = self.zero.map_err(|error| plan_datafusion_err!("{name}: cannot serialise {error}"))?;
        let closure = ClosureAggregate::new((self.make)(name, self.volatility), zero);
        let function = Arc::new(AggregateUDF::new_from_impl(closure));
        names::register_aggregate(ctx, &function, self.replace)?;
        Ok(function)
    }
}

impl Context {
    /// Makes closures known to SQL and DataFrames as a function that gives one value for the rows of each group. For what they
    /// do, see [`AggregateFunction::new`]; for what `update` may be, [`UpdateClosure`]. Errors: the name is taken, or `zero`
    /// cannot be serialised.
    pub fn register_aggregate<Args, S, U, M, G, R>(
        &self,
        name: impl Into<String>,
        zero: S,
        update: U,
        merge: M,
        finish: G,
    ) -> Result<Arc<AggregateUDF>>
    where
        S: Value + Clone,
        U: UpdateClosure<S, Args>,
        M: Fn(&mut S, S) + Closure,
        G: Fn(&S) -> R + Closure,
        R: Outcome,
    {
        AggregateFunction::new(name, zero, update, merge, finish).register(self)
    }
}
