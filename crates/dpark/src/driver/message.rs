//! What the driver's loop is told and what it tells.

use super::executors::Link;
use super::host::Host;
use super::report::JobReport;
use datafusion::common::DataFusionError;
use datafusion::prelude::SessionConfig;
use dpark_executor::TaskReport;
use dpark_lineage::{ExecutorId, FetchFailed, JobId, NodeId, Resources, StageId, TaskId};
use dpark_plan::JobPlan;
use dpark_shuffle::MapLocation;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// What the loop is told.
pub(crate) enum Message {
    Submit {
        job: JobId,
        plan: Arc<JobPlan>,
        config: SessionConfig,
        events: mpsc::UnboundedSender<JobEvent>,
    },
    Cancel(JobId),
    CancelAll,
    Report {
        executor: ExecutorId,
        task: TaskId,
        report: Box<TaskReport>,
    },
    ExecutorUp {
        executor: ExecutorId,
        link: Link,
        slots: u32,
        driver: bool,
        anywhere: bool,
        /// The process and where it runs.
        host: Host,
        pid: u32,
    },
    ExecutorDown {
        executor: ExecutorId,
        reason: String,
    },
    /// A cluster offers resources; the answer is what was launched on them. What is left is the cluster's again.
    Offers {
        /// Executors that are offered something for the first time. They start with their first task.
        fresh: Vec<Fresh>,
        /// What may be used on which executor's machine.
        offers: Vec<(ExecutorId, Resources)>,
        /// The launches, to be passed on.
        answer: oneshot::Sender<Vec<Launched>>,
    },
    /// The most memory that a task was offered so far, in MiB.
    MemoryLimit(u64),
    /// An executor of a cluster has started.
    Connected {
        executor: ExecutorId,
        shuffle: SocketAddr,
        host: Host,
        pid: u32,
    },
    /// Which of these executors run nothing and hold no output that may still be read.
    Idle {
        executors: Vec<ExecutorId>,
        answer: oneshot::Sender<Vec<ExecutorId>>,
    },
    /// The workers do not start, and the jobs at hand end.
    Hopeless {
        reason: String,
        /// Nothing will ever run.
        forever: bool,
    },
    Taken {
        job: JobId,
        partition: u32,
    },
    Lost(FetchFailed),
    Unpin(StageId),
    /// A broadcast is freed.
    ForgetBroadcast(u64),
    Stop,
}

/// An executor that a cluster can start.
pub(crate) struct Fresh {
    pub(crate) executor: ExecutorId,
    /// The machine: an agent has one executor after another.
    pub(crate) node: NodeId,
    pub(crate) link: Link,
    pub(crate) host: Host,
}

/// A task that was told to its executor and takes what a cluster offered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Launched {
    pub(crate) executor: ExecutorId,
    pub(crate) task: TaskId,
    pub(crate) needs: Resources,
}

/// What waits for a cluster's offers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    /// Tasks that could run now.
    pub(crate) tasks: usize,
    /// Slow tasks of which a copy could run on another machine.
    pub(crate) copies: usize,
    /// The least that one of them needs.
    pub(crate) least: Option<Resources>,
    /// How often time alone has changed where tasks may run: what was declined before may fit now.
    pub(crate) alarms: u64,
}

/// What a job is told.
pub(crate) enum JobEvent {
    Ready { partition: u32, location: MapLocation },
    Finished(Box<JobReport>),
    Failed(DataFusionError),
}
