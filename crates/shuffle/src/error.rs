//! What can go wrong while an output is written or the store is opened. Reading has its own error, `FetchFailed`, which
//! names the map output the scheduler must recompute.

use arrow::error::ArrowError;
use dpark_lineage::TaskId;
use std::path::{Path, PathBuf};

/// Why the store could not take an output.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The disk refused.
    #[error("{action} {path}: {source}")]
    Io {
        /// What was being done.
        action: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Rows could not be gathered or encoded.
    #[error("cannot encode shuffle rows: {0}")]
    Arrow(#[from] ArrowError),
    /// The caller's batch, bucket or row index does not fit what the writer was made for. A bug of the caller.
    #[error("shuffle writer of {task}: {detail}")]
    Invalid {
        /// The task that writes.
        task: TaskId,
        /// What does not fit.
        detail: String,
    },
    /// The same attempt has already left an output; outputs are never overwritten.
    #[error("{0} already has an output")]
    Exists(TaskId),
}

impl StoreError {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> StoreError {
        let path = path.to_path_buf();
        move |source| StoreError::Io { action, path, source }
    }
}
