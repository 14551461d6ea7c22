//! Lineage, stages and scheduling as a pure state machine.

mod error;
mod ids;
mod output;

pub use error::{FetchCause, FetchFailed, TaskError, UserErrorKind};
pub use ids::{ExecutorId, JobId, StageId, TaskId};
pub use output::{BucketSize, MapOutput};
