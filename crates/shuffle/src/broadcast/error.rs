//! What can go wrong with a broadcast.

use std::path::Path;

/// Why a broadcast's bytes are not to be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BroadcastError {
    /// It was freed; a later task cannot have it.
    #[error(
        "broadcast {0} was unpersisted: whoever still uses it needs a new one; make it with Context::broadcast and give \
         that one to the closure"
    )]
    Unpersisted(u64),
    /// It could not be fetched. That may pass.
    #[error(
        "broadcast {id} cannot be fetched: {detail}; if this does not pass, see whether executors reach the driver's port"
    )]
    Fetch {
        /// Which.
        id: u64,
        /// The last thing that went wrong.
        detail: String,
    },
    /// It did not fit into memory, and the disk refused it.
    #[error("broadcast {id} cannot be kept in {dir}: {detail}; make room there, or set option `dir` to another disk")]
    Keep {
        /// Which.
        id: u64,
        /// Where.
        dir: String,
        /// The system's answer.
        detail: String,
    },
}

impl BroadcastError {
    pub(crate) fn keep(id: u64, dir: &Path) -> impl Fn(std::io::Error) -> Self {
        let dir = dir.display().to_string();
        move |error| Self::Keep { id, dir: dir.clone(), detail: error.to_string() }
    }
    pub(crate) fn fetch(id: u64, detail: impl ToString) -> Self {
        Self::Fetch { id, detail: detail.to_string() }
    }
}
