//! Why a job ended without its result.

use crate::error::TaskError;
use crate::ids::{ExecutorId, StageId, TaskId};
use serde::{Deserialize, Serialize};

/// Why a job ended without its result. Display carries the cause's own words, so it can be shown as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
pub enum JobError {
    /// A task failed for good: its error would only repeat (`failures` may be 1 then), or it failed too often.
    #[error("{task} failed on {executor} ({failures} failed attempts): {error}")]
    TaskFailed {
        /// The last attempt that failed; for an output that the driver could not fetch, the attempt that wrote it.
        task: TaskId,
        /// Where.
        executor: ExecutorId,
        /// How often this partition failed in the way that ended the job (failed, or could not fetch an input).
        failures: u32,
        /// The last failure's error.
        error: TaskError,
    },
    /// The spec refers to a stage that is neither listed nor known.
    #[error("{stage} is unknown{}", needed_by.map(|s| format!(", but {s} needs it")).unwrap_or_default())]
    UnknownStage {
        /// The stage that is missing.
        stage: StageId,
        /// Who refers to it; `None` if it is the job's target.
        needed_by: Option<StageId>,
    },
    /// A stage needs itself, directly or through others.
    #[error("{stage} needs its own output")]
    Cyclic {
        /// One stage of the cycle.
        stage: StageId,
    },
    /// The stage is known, or listed twice, with another shape: one id names two stages.
    #[error("{stage} is already known with other partitions or inputs")]
    Conflicting {
        /// The stage with two specs.
        stage: StageId,
    },
    /// More partitions than a driver can keep track of.
    #[error("{stage} has {partitions} partitions, more than {} are not possible", crate::graph::MAX_PARTITIONS)]
    TooManyPartitions {
        /// The stage.
        stage: StageId,
        /// How many it asked for.
        partitions: u32,
    },
    /// The driver asked for the end.
    #[error("cancelled")]
    Cancelled,
}
