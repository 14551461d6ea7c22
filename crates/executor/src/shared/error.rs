//! What can go wrong with values that tasks share.

use dpark_lineage::{TaskError, UserErrorKind};
use dpark_shuffle::BroadcastError;

/// Why a shared value cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SharedError {
    /// The broadcast's bytes are not to be had.
    #[error(transparent)]
    Broadcast(#[from] BroadcastError),
    /// The closure takes it for something else.
    #[error(
        "{what} {id} is a {is}, and is used as a {wanted}: give the closure the value with the type it was made with"
    )]
    Type {
        /// A broadcast or an accumulator.
        what: &'static str,
        /// Which.
        id: u64,
        /// What it is.
        is: &'static str,
        /// What it was taken for.
        wanted: &'static str,
    },
    /// It does not come back from its own bytes.
    #[error(
        "{what} {id} of type {kind} cannot be read from its own bytes: {detail}; see its Serialize and Deserialize"
    )]
    Decode {
        /// A broadcast or an accumulator.
        what: &'static str,
        /// Which.
        id: u64,
        /// Its type.
        kind: &'static str,
        /// What went wrong.
        detail: String,
    },
    /// It has no bytes.
    #[error("{what} cannot be serialised: {detail}")]
    Encode {
        /// What it is.
        what: String,
        /// What went wrong.
        detail: String,
    },
    /// The executor has no memory for the decoded value.
    #[error("broadcast {id} of {bytes} bytes does not fit into the executor's memory: {detail}")]
    Memory {
        /// Which.
        id: u64,
        /// Its size as bytes.
        bytes: usize,
        /// The pool's answer.
        detail: String,
    },
    /// A task added more than it can report.
    #[error("a task added {bytes} bytes to accumulators, more than {limit}: make rows of what is collected")]
    TooMuch {
        /// How much.
        bytes: usize,
        /// The most.
        limit: usize,
    },
    /// It was used where it cannot be.
    #[error("{0}")]
    Place(&'static str),
}

impl SharedError {
    /// What the scheduler should know of it.
    pub(crate) fn task_error(&self) -> TaskError {
        match self {
            SharedError::Broadcast(BroadcastError::Fetch { .. } | BroadcastError::Keep { .. }) => {
                TaskError::Io(self.to_string())
            }
            SharedError::Memory { .. } => TaskError::Oom(self.to_string()),
            _ => TaskError::User { kind: UserErrorKind::Execution, message: self.to_string() },
        }
    }
}
