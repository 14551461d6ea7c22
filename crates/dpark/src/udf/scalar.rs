//! [`ScalarFunction`]: one value for each row.

use super::{argument, mismatch, names};
use crate::Context;
use crate::rdd::Closure;
use arrow::array::{ArrayRef, NullBufferBuilder};
use datafusion::common::{Result, internal_err};
use datafusion::logical_expr::{ScalarUDF, Volatility};
use dpark_plan::dataset::ClosureError;
use dpark_plan::functions::conjure;
use dpark_plan::udf::{Argument, ClosureScalar, Declared, ScalarCall, scalar_ref};
use dpark_rows::{Emit, Outcome, Row};
use std::sync::Arc;

/// A closure of 0 to 6 views that gives a row, or a `Result` of one. `Args` are the views, and are inferred from the types that
/// the closure's parameters are given: `|name: &str, age: Option<i64>| …`.
#[diagnostic::on_unimplemented(
    message = "this closure cannot be a scalar function",
    label = "not a closure of views that captures nothing",
    note = "give the type of each parameter, as a view: numbers, bool, &str, &[u8], dates and times, Option, List<'_, T>, \
            arrays and tuples of those; at most 6",
    note = "give a row that borrows nothing from the arguments (String, not &str), or a Result of one",
    note = "capture nothing"
)]
pub trait ScalarClosure<Args>: Closure {
    /// What it gives.
    type Given: Outcome;
    /// What it takes.
    #[doc(hidden)]
    fn arguments() -> Vec<Argument>;
    /// Calls it for each row of a batch where it is to be called.
    #[doc(hidden)]
    fn each(&self, call: &ScalarCall<'_>, take: impl FnMut(Option<Self::Given>) -> Result<()>) -> Result<()>;
}

macro_rules! scalar_closure {
    ($count:literal, $call:ident, $($view:ident $index:tt),*) => {
        /// Tells which of the two ways is meant in which a closure over views can be called.
        fn $call<$($view,)* R>(closure: impl Fn($($view),*) -> R, ($($view,)*): ($($view,)*)) -> R {
            closure($($view),*)
        }

        // The first bound tells the types, the second that it is so for views of any lifetime.
        impl<F, R, $($view),*> ScalarClosure<($($view,)*)> for F
        where
            F: Fn($($view),*) -> R + for<'a> Fn($(<$view::Row as Row>::View<'a>),*) -> R + Closure,
            R: Outcome,
            $($view: Emit,)*
        {
            type Given = R;
            fn arguments() -> Vec<Argument> {
                vec![$(argument::<$view::Row>()),*]
            }
            #[allow(unused_variables, reason = "there may be no arguments")]
            fn each(&self, call: &ScalarCall<'_>, mut take: impl FnMut(Option<R>) -> Result<()>) -> Result<()> {
                if call.columns.len() != $count {
                    return internal_err!("{} takes {} arguments, not {}", call.name, $count, call.columns.len());
                }
                let of_column = |index: usize| move |error| mismatch(call.name, index, error);
                let readers = (
                    $(<$view::Row as Row>::reader(&call.columns[$index], call.called).map_err(of_column($index))?,)*
                );
                for row in 0..call.rows {
                    take(match call.called {
                        Some(called) if called.is_null(row) => None,
                        _ => Some($call(self, ($(<$view::Row as Row>::view(&readers.$index, row),)*))),
                    })?;
                }
                Ok(())
            }
        }
    };
}

#[allow(non_snake_case, reason = "arguments are named after their types")]
mod closures {
    use super::*;

    scalar_closure!(0, call0,);
    scalar_closure!(1, call1, A 0);
    scalar_closure!(2, call2, A 0, B 1);
    scalar_closure!(3, call3, A 0, B 1, C 2);
    scalar_closure!(4, call4, A 0, B 1, C 2, D 3);
    scalar_closure!(5, call5, A 0, B 1, C 2, D 3, E 4);
    scalar_closure!(6, call6, A 0, B 1, C 2, D 3, E 4, G 5);
}

type Given<F, Args> = <<F as ScalarClosure<Args>>::Given as Outcome>::Row;

/// What a scalar function is in tasks.
fn enter<Args, F: ScalarClosure<Args>>(call: &ScalarCall<'_>) -> Result<ArrayRef> {
    // SAFETY: `ScalarFunction::new` was called with a value of `F`.
    let closure: F = unsafe { conjure() };
    let mut values = <Given<F, Args> as Row>::Builder::default();
    let mut nulls = NullBufferBuilder::new(call.rows);
    closure.each(call, |given| {
        match given {
            Some(given) => {
                let told = given.emit_or_tell(&mut values);
                told.map_err(|error| ClosureError::of(format_args!("{}: {error}", call.name)))?;
                nulls.append_non_null();
            }
            None => {
                Given::<F, Args>::emit_default(&mut values);
                nulls.append_null();
            }
        }
        Ok(())
    })?;
    Ok(Given::<F, Args>::finish(&mut values, nulls.finish()))
}

/// A function that gives one value for each row, to be registered.
#[derive(Debug, Clone)]
#[must_use = "a function is known when it is registered"]
pub struct ScalarFunction {
    name: String,
    make: fn(&str, Volatility) -> Declared,
    volatility: Volatility,
    replace: bool,
}

impl ScalarFunction {
    /// A function called `name` in SQL. It gives the same for the same arguments, unless said otherwise.
    pub fn new<Args, F: ScalarClosure<Args>>(name: impl Into<String>, _closure: F) -> Self {
        fn make<Args, F: ScalarClosure<Args>>(name: &str, volatility: Volatility) -> Declared {
            let function = scalar_ref(enter::<Args, F>, std::any::type_name::<F>());
            Declared::new(name, function, F::arguments(), Given::<F, Args>::data_type(), volatility)
        }
        Self { name: name.into(), make: make::<Args, F>, volatility: Volatility::Immutable, replace: false }
    }

    /// It may give something else each time, as a clock or a die does: it is called for each row even if all arguments are
    /// constants, and what was computed with it is not used again.
    pub fn volatile(mut self) -> Self {
        self.volatility = Volatility::Volatile;
        self
    }

    /// It may take the place of a function that the session has under its name.
    pub fn replace(mut self) -> Self {
        self.replace = true;
        self
    }

    /// Makes it known to SQL; what is returned is for DataFrames: `f.call(vec![col("price")])`. Errors: the name is taken.
    pub fn register(self, ctx: &Context) -> Result<Arc<ScalarUDF>> {
        let declared = (self.make)(&self.name, self.volatility);
        let function = Arc::new(ScalarUDF::new_from_impl(ClosureScalar::new(declared)));
        names::register_scalar(ctx, &function, self.replace)?;
        Ok(function)
    }
}

impl Context {
    /// Makes a closure known to SQL and DataFrames as a function that gives one value for each row. For options, see
    /// [`ScalarFunction`]; for what a closure may be, [`ScalarClosure`]. Errors: the name is taken.
    pub fn register_scalar<Args, F: ScalarClosure<Args>>(
        &self,
        name: impl Into<String>,
        closure: F,
    ) -> Result<Arc<ScalarUDF>> {
        ScalarFunction::new(name, closure).register(self)
    }
}
