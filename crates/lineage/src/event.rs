//! What the driver tells the scheduler, and what the scheduler asks the driver to do.
//!
//! These two enums are the whole protocol. Nothing is ever called back, so a recorded list of events replays a
//! session exactly.

use crate::error::{FetchFailed, TaskError};
use crate::ids::{ExecutorId, JobId, NodeId, StageId, TaskId};
use crate::job_error::JobError;
use crate::output::MapOutput;
use crate::resources::Resources;
use crate::spec::JobSpec;
use serde::{Deserialize, Serialize};

/// Something that happened. Reports that no longer mean anything (an unknown task, an older attempt, an executor that
/// is gone, a job that is over) are harmless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    /// An executor can run tasks. For one that is known, this changes its machine, slots and roles and
    /// leaves its tasks alone.
    ExecutorAdded {
        /// Its name; a restarted process should get a new one.
        executor: ExecutorId,
        /// The machine it lives on; a restarted process has the node of the one before. Where machines do not matter,
        /// every executor has a node of its own.
        node: NodeId,
        /// How many tasks it runs at a time. 0 for one that lives on offers.
        slots: u32,
        /// Whether it takes `Placement::Driver` tasks.
        driver: bool,
        /// Whether it takes `Placement::Anywhere` tasks.
        anywhere: bool,
    },
    /// A cluster lends resources on the machines of executors that were added with no slots. Tasks take them for good:
    /// when one ends the cluster has them back. An offer takes the place of an earlier one for the same executor.
    Offered {
        /// Each at most once.
        offers: Vec<(ExecutorId, Resources)>,
    },
    /// What is left of these executors' offers is no longer there.
    OffersEnded {
        /// Which.
        executors: Vec<ExecutorId>,
    },
    /// An executor is gone, with its tasks and its outputs.
    ExecutorRemoved {
        /// Which.
        executor: ExecutorId,
        /// Why, in words; becomes the `TaskError::Lost` of its tasks.
        reason: String,
    },
    /// A job starts. A second submission of a live job's id is ignored.
    JobSubmitted(JobSpec),
    /// The user gave up: ends in `Action::JobFailed` with `JobError::Cancelled`.
    JobCancelled {
        /// Which.
        job: JobId,
    },
    /// A task wrote its output.
    TaskFinished {
        /// Where it ran and where the output lies.
        executor: ExecutorId,
        /// Which attempt.
        task: TaskId,
        /// What it left behind.
        output: MapOutput,
    },
    /// A task ended without output.
    TaskFailed {
        /// Where it ran.
        executor: ExecutorId,
        /// Which attempt.
        task: TaskId,
        /// Why.
        error: TaskError,
    },
    /// No task is given more memory than this, in MiB, however often it had too little.
    MemoryLimit {
        /// Takes the place of [`SchedulerConfig::max_memory`](crate::SchedulerConfig::max_memory).
        memory: u64,
    },
    /// The driver has safely copied a partition of the target stage. Ignored before the first `ResultReady` for it.
    ResultTaken {
        /// For which job.
        job: JobId,
        /// Which partition of its target.
        partition: u32,
    },
    /// The driver itself could not fetch an output.
    OutputLost(FetchFailed),
    /// The stage's output outlives jobs from now on (a cached data set). May come before the stage is known.
    StagePinned {
        /// Which.
        stage: StageId,
    },
    /// The stage's output lives no longer than the jobs that need it.
    StageUnpinned {
        /// Which.
        stage: StageId,
    },
    /// Nothing happened, but time passed: what `Scheduler::next_tick` asks for.
    Tick,
}

/// Something the driver must do, in this order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// Run a task. The driver owes exactly one `TaskFinished` or `TaskFailed` for it (or the `ExecutorRemoved`).
    Launch {
        /// Where.
        executor: ExecutorId,
        /// What.
        task: TaskId,
    },
    /// Stop a task; nobody needs it any more, or another attempt was quicker. Its slot stays taken until its end is reported all the same, as
    /// `TaskFailed` (with `Cancelled`, or whatever it died of) or as `TaskFinished` if it was quicker.
    Kill {
        /// Where.
        executor: ExecutorId,
        /// What.
        task: TaskId,
    },
    /// The stage's first task is about to be launched: its inputs and `after` stages are complete. Runtime filters
    /// are resolved now. Comes once per stage, until `ForgetStage`.
    StageStarting {
        /// Which.
        stage: StageId,
    },
    /// An output of the job's target can be fetched. Comes again, with another attempt, if it was lost before it was
    /// taken.
    ResultReady {
        /// For which job.
        job: JobId,
        /// Which partition.
        partition: u32,
        /// Where it lies.
        executor: ExecutorId,
        /// Which attempt wrote it.
        attempt: u32,
    },
    /// Nobody needs the stage's output any more: free it on every executor that may have some of it. May come again
    /// if a task that was being killed finished after all.
    DropOutput {
        /// Which.
        stage: StageId,
    },
    /// The stage's spec and fragment are no longer needed either.
    ForgetStage {
        /// Which.
        stage: StageId,
    },
    /// All partitions of the job's target were taken.
    JobFinished {
        /// Which.
        job: JobId,
    },
    /// The job is over without its result.
    JobFailed {
        /// Which.
        job: JobId,
        /// Why.
        error: JobError,
    },
}
