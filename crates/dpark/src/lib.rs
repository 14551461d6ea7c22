//! A columnar, SQL-fronted dataset engine: SQL, DataFrames and Rust closures over one lineage of Arrow record batches.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let ctx = dpark::Context::builder().master("local[4]").build()?;
//! let delays = ctx.sql("SELECT origin, avg(dep_delay) FROM 'flights.parquet' GROUP BY origin").await?;
//! delays.show().await?;
//! # Ok(())
//! # }
//! ```
//!
//! ```text
//!  Context::sql, DataFrame calls ──DataFusion──► planner ──► job_exec ──► driver ──► executors (threads or processes)
//!                                                   │                        │
//!                                                   ├─ analyze, lineage_text └─ results, in partition order
//!                                                   └─ write: files, committed
//! ```
//!
//! | room | what lives there |
//! |---|---|
//! | [`main`] | a whole program |
//! | [`Context`], `conf`, `task_options`, `master` | the entry point and its settings |
//! | [`sql`] | statements, also our own |
//! | `planner`, `job_exec`, `analyze` | queries as jobs |
//! | `damaged_footer` | the file's name in an error of planning |
//! | `globs` | wildcards in URLs |
//! | `driver` | scheduling loop, workers, results |
//! | [`rdd`] | Rust closures over typed rows |
//! | [`shared`] | broadcasts and accumulators for closures |
//! | [`udf`] | functions of one's own for SQL and DataFrames |
//! | `write` | committed output |
//! | `events`, `progress` | what the engine tells of itself |
//!
//! Workers and executors are copies of the program: it starts with [`main`], or calls [`init`] first.

mod analyze;
mod conf;
mod context;
mod damaged_footer;
mod driver;
mod error;
mod events;
mod globs;
mod job_exec;
mod lineage_text;
mod master;
mod planner;
mod program;
mod progress;
pub mod rdd;
pub mod shared;
pub mod sql;
mod task_options;
pub mod udf;
mod write;

/// Arrow, in the version whose types this crate takes and gives.
pub use arrow;
/// DataFusion, in the version whose types this crate takes and gives.
pub use datafusion;

pub use conf::{OPTIONS, OptionInfo};
pub use context::{Context, ContextBuilder, init};
pub use datafusion::dataframe::DataFrame;
pub use dpark_rows as rows;
pub use dpark_shuffle::Keep;
pub use error::{Error, Result};
pub use events::{AccumulatorValue, EngineEvent};
pub use master::Master;
pub use program::main;
pub use progress::Progress;

/// What most programs use.
pub mod prelude {
    pub use crate::rdd::{DataFrameExt, Emit, Key, Out, Rdd, Row, Total};
    pub use crate::shared::{Accumulate, Accumulator, Broadcast, Max, Min, Rows};
    pub use crate::udf::{AggregateFunction, ScalarFunction, TableFunction};
    pub use crate::{Context, DataFrame};
}
