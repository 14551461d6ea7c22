//! Why a task failed, typed from the place it happened to the scheduler that decides what to do about it.

use crate::ids::{ExecutorId, StageId};
use serde::{Deserialize, Serialize};

/// Why an input block could not be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FetchCause {
    /// The executor answered that it does not have the output.
    Gone,
    /// The bytes arrived but their checksum or structure is wrong.
    Corrupt,
    /// The executor did not answer.
    Unreachable,
}

/// A missing or damaged map output: the scheduler recomputes it and runs the reader again.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("cannot fetch the output of {stage} partition {map} attempt {attempt} from {executor}: {cause:?}: {detail}")]
pub struct FetchFailed {
    /// The stage that wrote the output.
    pub stage: StageId,
    /// The map partition whose output is missing.
    pub map: u32,
    /// The attempt that was looked for.
    pub attempt: u32,
    /// Where it was looked for.
    pub executor: ExecutorId,
    /// What went wrong.
    pub cause: FetchCause,
    /// The error underneath, in words.
    pub detail: String,
}

/// The family of a query's own error, kept so that the driver can give back the same error as one process would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserErrorKind {
    /// A value could not be computed: overflow, division by zero, a failed cast.
    Compute,
    /// Damaged or unreadable input data, e.g. a corrupt Parquet file.
    Data,
    /// Raised by an operator or a function while it ran.
    Execution,
    /// The plan asks for something that does not exist or is not implemented.
    Plan,
    /// Raised by a user's closure.
    Closure,
}

/// Why a task ended without output.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum TaskError {
    /// An input is missing; not the task's fault and not counted as its failure.
    #[error(transparent)]
    FetchFailed(#[from] FetchFailed),
    /// The task's memory share was too small for an operator that cannot spill.
    #[error("out of memory: {0}")]
    Oom(String),
    /// Reading or writing failed in a way that may pass.
    #[error("I/O error: {0}")]
    Io(String),
    /// The executor died or was lost with the task on it.
    #[error("executor lost: {0}")]
    Lost(String),
    /// It never ran: what it was launched on was not there any more. Not the task's fault and not counted as its failure.
    #[error("not started: {0}")]
    NotStarted(String),
    /// The query's or its closures' own error.
    #[error("{message}")]
    User {
        /// Which family the error belongs to.
        kind: UserErrorKind,
        /// The error's own words.
        message: String,
    },
    /// A panic or a broken invariant.
    #[error("{0}")]
    Bug(String),
    /// The scheduler asked for the end.
    #[error("cancelled")]
    Cancelled,
}

impl TaskError {
    /// Whether the same task could succeed when it is run again. Errors that the data and the query alone
    /// determine (a division by zero, a corrupt file) would only repeat.
    pub fn is_retryable(&self) -> bool {
        match self {
            TaskError::User { kind, .. } => matches!(kind, UserErrorKind::Closure),
            TaskError::Cancelled => false,
            TaskError::FetchFailed(_)
            | TaskError::NotStarted(_)
            | TaskError::Oom(_)
            | TaskError::Io(_)
            | TaskError::Lost(_)
            | TaskError::Bug(_) => true,
        }
    }
}
