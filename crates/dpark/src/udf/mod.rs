//! Functions of one's own for SQL and DataFrames, from Rust closures.
//!
//! ```no_run
//! # use dpark::prelude::*;
//! # async fn example(ctx: Context) -> Result<(), Box<dyn std::error::Error>> {
//! ctx.register_scalar("plus_tax", |price: f64| price * 1.19)?;
//! ctx.register_aggregate(
//!     "geo_mean",
//!     (0.0, 0u64),
//!     |state: &mut (f64, u64), x: f64| *state = (state.0 + x.ln(), state.1 + 1),
//!     |state, other| *state = (state.0 + other.0, state.1 + other.1),
//!     |state| (state.1 > 0).then(|| (state.0 / state.1 as f64).exp()),
//! )?;
//! ctx.register_table_function("series", |ctx, args| {
//!     let (first, last) = (args.get::<i64>(0)?, args.get::<i64>(1)?);
//!     Ok(ctx.parallelize(first..=last, 4))
//! })?;
//! ctx.sql("SELECT geo_mean(plus_tax(_1)) FROM series(1, 10)").await?.show().await?;
//! # Ok(())
//! # }
//! ```
//!
//! Scalar functions and aggregates run in tasks, so their closures must not capture: what travels is the place of their code.
//! Arguments are told by the closure's parameters, which are [views](crate::rdd::Row::View): `f64`, `&str`, `Option<i64>`,
//! `List<'_, f64>`. Where one that is no `Option` is NULL, the closure is not called: a scalar function gives NULL, an aggregate
//! leaves the row out. Table functions run in the driver while a query is planned, and may capture.
//!
//! | room | what lives there |
//! |---|---|
//! | `scalar` | [`ScalarFunction`]: one value a row |
//! | `aggregate`, `states` | [`AggregateFunction`]: one value a group |
//! | `table` | [`TableFunction`]: a data set |
//! | `names` | which names are free |

mod aggregate;
mod names;
mod scalar;
mod states;
mod table;

pub use aggregate::AggregateFunction;
pub use scalar::{ScalarClosure, ScalarFunction};
pub use states::{UpdateClosure, Updated};
pub use table::{IntoTable, TableArguments, TableFunction};

use datafusion::common::{DataFusionError, plan_datafusion_err};
use dpark_plan::udf::Argument;
use dpark_rows::{Mismatch, Row};

/// What a closure takes whose argument is a view of `T`.
fn argument<T: Row>() -> Argument {
    Argument { data_type: T::data_type(), takes_null: T::NULLABLE }
}

/// Columns that cannot be read as what the closure takes.
fn mismatch(function: &str, argument: usize, error: Mismatch) -> DataFusionError {
    plan_datafusion_err!("argument {} of {function}: {error}", argument + 1)
}
