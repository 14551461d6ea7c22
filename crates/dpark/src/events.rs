//! What the engine tells of itself, as it happens: the source of progress lines, logs and tests.

use dpark_lineage::{ExecutorId, JobId, StageId, TaskId};
use serde::Serialize;

/// A named accumulator after a job that added to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AccumulatorValue {
    /// Its name.
    pub name: String,
    /// Its value for people, with what earlier jobs added.
    pub value: String,
}

/// Something that happened in the driver.
#[derive(Debug, Clone, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum EngineEvent {
    /// An executor is ready.
    ExecutorAdded {
        /// Its name.
        executor: ExecutorId,
        /// Its process.
        pid: u32,
    },
    /// An executor is gone.
    ExecutorRemoved {
        /// Its name.
        executor: ExecutorId,
        /// Why.
        reason: String,
    },
    /// A job was submitted.
    JobStarted {
        /// Its name.
        job: JobId,
        /// Its stages, in topological order.
        stages: Vec<StageId>,
        /// The stage with the result.
        target: StageId,
    },
    /// A task was sent to an executor.
    TaskStarted {
        /// Which.
        task: TaskId,
        /// Where.
        executor: ExecutorId,
    },
    /// A task wrote its output.
    TaskFinished {
        /// Which.
        task: TaskId,
        /// Where.
        executor: ExecutorId,
        /// Rows of the output.
        rows: u64,
        /// Bytes of the output.
        bytes: u64,
    },
    /// A task whose end was awaited ended without output. One that was killed, as it is not needed any more, has none.
    TaskFailed {
        /// Which.
        task: TaskId,
        /// Where.
        executor: ExecutorId,
        /// Why.
        error: String,
    },
    /// Nothing runs although tasks wait, and this is why. The job goes on waiting.
    Waiting {
        /// For people.
        reason: String,
    },
    /// A job is over.
    JobEnded {
        /// Its name.
        job: JobId,
        /// Why it failed, if it did.
        error: Option<String>,
        /// Stage partitions that ran again because their output was lost.
        recomputed: Vec<(StageId, u32)>,
        /// The named accumulators to which its tasks added.
        accumulators: Vec<AccumulatorValue>,
    },
    /// A value can be fetched by executors. Not told where there is only one process.
    BroadcastMade {
        /// Its number.
        broadcast: u64,
        /// Its size as it travels.
        bytes: u64,
        /// In so many pieces.
        chunks: usize,
        /// Nobody asked for it: it is a value given by `.with()`, and large.
        argument: bool,
    },
}
