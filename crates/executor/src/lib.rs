//! Runs tasks: the same code in the driver's process (`local[N]`) and in workers (`process[N]`).
//!
//! ```text
//!  driver ──protocol──► worker ──► executor ──► task: fragment ─► sink ─► MapWriter ─► BlockStore
//!                                     │            ▲                          │
//!                                     │         inputs (own store, fetcher) ◄─┘ shuffle server ◄── other executors
//! ```
//!
//! | room | what lives there |
//! |---|---|
//! | [`executor`] | stages and running tasks of one process |
//! | [`task`] | one task from launch to report |
//! | [`scatter`] | which rows go to which bucket |
//! | [`inputs`] | what a fragment's leaves read |
//! | [`memory`] | one bounded pool for operators and kept outputs |
//! | [`objects`] | object stores by URL |
//! | [`shared`] | broadcasts and accumulators as tasks see them |
//! | [`error`] | DataFusion's errors to typed task errors and back |
//! | [`damaged_file`] | which file a failed scan was reading |
//! | [`protocol`], [`worker`] | the talk between driver and workers, and a worker's life |
//! | [`mesos`] | a worker that is an executor of a Mesos agent |

pub mod damaged_file;
pub mod error;
pub mod executor;
pub mod inputs;
pub mod memory;
pub mod mesos;
pub mod objects;
pub mod protocol;
pub mod scatter;
pub mod shared;
pub mod task;
pub mod worker;

pub use executor::{Executor, ExecutorConfig};
pub use task::{TaskMetrics, TaskReport, TaskSuccess};
