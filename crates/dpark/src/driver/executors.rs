//! The executors as the driver sees them: its own in this process, and workers behind a connection.
//!
//! What was sent to a worker once is not sent again: stages by id, places of outputs by version.

use datafusion::prelude::SessionConfig;
use dpark_executor::inputs::{Input, Locations};
use dpark_executor::protocol::{Location, ToWorker};
use dpark_executor::{Executor, TaskReport};
use dpark_lineage::{ExecutorId, StageId, TaskId};
use dpark_plan::StageSinkExec;
use dpark_shuffle::Fetcher;
use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::sync::mpsc;

/// A stage as executors need it.
pub(crate) struct StageParts {
    pub(crate) sink: StageSinkExec,
    pub(crate) config: SessionConfig,
    /// Encoded when the first worker needs it.
    pub(crate) bytes: Option<Arc<Vec<u8>>>,
    pub(crate) options: Arc<Vec<(String, String)>>,
}

/// The places of one stage's outputs; the version changes with them.
#[derive(Clone)]
pub(crate) struct Places {
    pub(crate) version: u64,
    pub(crate) locations: Locations,
}

/// One input of a task.
pub(crate) struct Need {
    /// The stage that the fragment's leaves name.
    pub(crate) name: StageId,
    /// The stage that is read.
    pub(crate) stage: StageId,
    /// Where its outputs lie.
    pub(crate) places: Places,
}

pub(crate) enum Link {
    Local {
        executor: Arc<Executor>,
        fetcher: Fetcher,
        known: HashSet<StageId>,
    },
    Worker {
        outbox: mpsc::UnboundedSender<ToWorker>,
        /// Known once it has said hello.
        shuffle: Option<SocketAddr>,
        /// Something was launched there.
        used: bool,
        known: HashSet<StageId>,
        sent: HashMap<StageId, u64>,
    },
}

impl Link {
    pub(crate) fn worker(outbox: mpsc::UnboundedSender<ToWorker>, shuffle: Option<SocketAddr>) -> Self {
        Link::Worker { outbox, shuffle, used: false, known: HashSet::new(), sent: HashMap::new() }
    }

    pub(crate) fn local(executor: Arc<Executor>, fetcher: Fetcher) -> Self {
        Link::Local { executor, fetcher, known: HashSet::new() }
    }

    /// Whether the stage must be encoded before it can be launched here.
    pub(crate) fn needs_bytes(&self, stage: StageId) -> bool {
        matches!(self, Link::Worker { known, .. } if !known.contains(&stage))
    }

    /// Launches a task; `report` is used by the executor of this process.
    pub(crate) fn launch(
        &mut self,
        task: TaskId,
        parts: &StageParts,
        needs: &[Need],
        report: impl FnOnce(TaskReport) + Send + 'static,
    ) {
        match self {
            Link::Local { executor, fetcher, known } => {
                if known.insert(task.stage) {
                    executor.add_stage(task.stage, parts.sink.clone(), parts.config.clone());
                }
                let inputs = needs.iter().map(|Need { name, stage, places }| {
                    (*name, Input { stage: *stage, outputs: Arc::clone(&places.locations) })
                });
                executor.launch(task, fetcher, inputs.collect(), report);
            }
            Link::Worker { outbox, used, known, sent, .. } => {
                *used = true;
                if let Some(bytes) = parts.bytes.as_ref().filter(|_| known.insert(task.stage)) {
                    let (bytes, options) = (bytes.to_vec(), parts.options.to_vec());
                    let _ = outbox.send(ToWorker::Stage { stage: task.stage, bytes, options });
                }
                for Need { stage, places, .. } in needs {
                    if sent.insert(*stage, places.version) != Some(places.version) {
                        let locations = places.locations.iter().map(Location::from).collect();
                        let _ = outbox.send(ToWorker::Outputs { stage: *stage, locations });
                    }
                }
                let inputs = needs.iter().map(|need| (need.name, need.stage)).collect();
                let _ = outbox.send(ToWorker::Launch { task, inputs });
            }
        }
    }

    pub(crate) fn kill(&self, task: TaskId) {
        match self {
            Link::Local { executor, .. } => executor.kill(task),
            Link::Worker { outbox, .. } => drop(outbox.send(ToWorker::Kill { task })),
        }
    }

    pub(crate) fn drop_output(&mut self, stage: StageId) {
        match self {
            Link::Local { executor, .. } => executor.drop_output(stage),
            Link::Worker { outbox, sent, used, .. } if *used => {
                sent.remove(&stage);
                let _ = outbox.send(ToWorker::DropOutput { stage });
            }
            // Planned on a cluster, and perhaps never started: nobody reads its messages.
            Link::Worker { .. } => {}
        }
    }

    /// The driver's own executor has done it already.
    pub(crate) fn forget_broadcast(&self, id: u64) {
        match self {
            Link::Worker { outbox, used: true, .. } => drop(outbox.send(ToWorker::ForgetBroadcast { id })),
            Link::Worker { .. } | Link::Local { .. } => {}
        }
    }

    pub(crate) fn forget_stage(&mut self, stage: StageId) {
        match self {
            Link::Local { executor, known, .. } => {
                known.remove(&stage);
                executor.forget_stage(stage);
            }
            Link::Worker { outbox, known, .. } => {
                if known.remove(&stage) {
                    let _ = outbox.send(ToWorker::ForgetStage { stage });
                }
            }
        }
    }

    /// The worker has said hello.
    pub(crate) fn connected(&mut self, addr: SocketAddr) {
        if let Link::Worker { shuffle, .. } = self {
            *shuffle = Some(addr);
        }
    }

    /// Where its outputs are served.
    pub(crate) fn shuffle_addr(&self, own: Option<SocketAddr>) -> Option<SocketAddr> {
        match self {
            Link::Local { .. } => own,
            Link::Worker { shuffle, .. } => *shuffle,
        }
    }
}

/// The executors by name.
pub(crate) type Links = HashMap<ExecutorId, Link>;
