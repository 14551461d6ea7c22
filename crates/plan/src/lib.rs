//! From DataFusion's plans to stages: everything that touches DataFusion's planning.
//!
//! ```text
//!  LogicalPlan ──DataFusion──► ExecutionPlan ──lower──► JobPlan { StagePlan … } ──codec──► bytes ──► executor
//!      │                           │                        │
//!      │ cache, dataset:           │ isolate_joins:         │ shuffle_read: the leaf at a cut
//!      │ our logical nodes         │ joins that are right   │ scalar: values of scalar subqueries
//!      │                           │ in isolated tasks      │ runtime_filter: join keys across cuts
//! ```
//!
//! | room | what lives there |
//! |---|---|
//! | [`session`] | DataFusion's settings and rules for tasks |
//! | [`isolate_joins`], [`gather`] | the physical optimizer rule that makes joins safe to cut |
//! | `row_groups` | the rule that shares Parquet's row groups between tasks |
//! | [`mod@lower`], [`stage`], [`sink`] | where plans are cut, and what a stage is |
//! | `yielding`, [`interrupt`] | tasks that can be cancelled |
//! | [`sort`], [`spill_file`] | partitions sorted in bounded memory, and files of rows |
//! | [`shuffle_read`] | the leaf that reads another stage |
//! | [`scalar`] | scalar subqueries across stages |
//! | [`runtime_filter`] | filters from build sides to scans across stages |
//! | [`cache`] | cached data sets |
//! | [`needs`] | what the tasks of a stage take of a cluster |
//! | [`functions`], [`dataset`], [`argument`] | closures, data sets made of them, the values they get |
//! | [`udf`] | user-defined functions over closures |
//! | [`mod@write`] | files written by tasks |
//! | [`fingerprint`] | which stages compute the same |
//! | [`codec`], `known_functions`, `lossy`, `compressed_scan` | stages as bytes, and what cannot be written so |

pub mod argument;
pub mod cache;
pub mod codec;
mod compressed_scan;
pub mod dataset;
pub mod fingerprint;
pub mod functions;
pub mod gather;
pub mod interrupt;
pub mod isolate_joins;
mod known_functions;
mod lossy;
pub mod lower;
pub mod needs;
mod row_groups;
pub mod runtime_filter;
pub mod scalar;
pub mod session;
pub mod shuffle_read;
pub mod sink;
pub mod sort;
pub mod spill_file;
pub mod stage;
pub mod udf;
pub mod write;
mod yielding;

pub use lower::lower;
pub use shuffle_read::{ReadKind, Selection, ShuffleInputs, ShuffleReadExec, ShuffleSource};
pub use sink::StageSinkExec;
pub use stage::{JobPlan, Output, StagePlan};
