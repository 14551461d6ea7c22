//! What a running query has done so far, for progress lines.

use std::time::Duration;

/// A snapshot of the running jobs of one context.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Jobs running now; 0 means that nothing runs and the other fields describe the last job.
    pub jobs: usize,
    /// Stages finished and stages in all.
    pub stages: (usize, usize),
    /// Tasks finished and tasks in all.
    pub tasks: (usize, usize),
    /// Rows written by finished tasks.
    pub rows: u64,
    /// Bytes written by finished tasks.
    pub bytes: u64,
    /// Since the oldest running job was submitted.
    pub elapsed: Duration,
}
