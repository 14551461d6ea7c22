//! Values that the driver shares with closures: [`Broadcast`]s, which tasks read, and [`Accumulator`]s, to which they add.
//!
//! ```no_run
//! # use dpark::prelude::*;
//! # use std::collections::HashSet;
//! # async fn example(ctx: Context, words: Rdd<String>) -> Result<(), Box<dyn std::error::Error>> {
//! let known = ctx.broadcast(HashSet::from(["to".to_string(), "be".to_string()]))?;
//! let unknown = ctx.accumulator_named("unknown words", 0u64);
//! let kept = words.with(&(known, unknown.clone())).filter(|(known, unknown), word| {
//!     let is_known = known.contains(word);
//!     if !is_known {
//!         unknown.add(1);
//!     }
//!     is_known
//! });
//! println!("{} words are known, {} are not", kept.count().await?, unknown.value()?);
//! # Ok(())
//! # }
//! ```
//! Both go to a closure in the value of [`Rdd::with`](crate::rdd::Rdd::with), alone or somewhere inside of it. What
//! travels is a name; the task finds the value, or its place to add to, with its executor.
//!
//! | room | what lives there |
//! |---|---|
//! | `argument` | the values given to closures, as bytes and back |
//! | `broadcast`, `rows` | [`Broadcast`], and DataFrames as such |
//! | `accumulate`, `accumulator` | what can be accumulated, and [`Accumulator`] |
//! | `counted` | every partition counts once |
//! | `budget` | bad records |
//! | `judged` | what one job has added to them |
//! | `registry` | what the driver knows of them |

mod accumulate;
mod accumulator;
mod argument;
mod broadcast;
mod budget;
mod counted;
mod judged;
mod registry;
mod rows;

pub use accumulate::{Accumulate, Max, Min};
pub use accumulator::Accumulator;
pub use broadcast::Broadcast;
pub use budget::{BadRecords, Failures};
pub use dpark_executor::shared::SharedError;
pub use dpark_shuffle::Traffic;
pub use rows::Rows;

pub(crate) use argument::{from_argument, to_argument, with_budget};
pub(crate) use budget::Guard;
pub(crate) use counted::Counted;
pub(crate) use judged::Judged;
pub(crate) use registry::Registry;
