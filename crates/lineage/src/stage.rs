//! What the scheduler knows about one stage: its partitions, their outputs, and who needs them.
//!
//! ```text
//!   waiting (queue) ──Launch──► running ──TaskFinished──► output
//!      ▲                          │                         │
//!      └───── failed, killed ─────┴──────── lost ───────────┘
//! ```
//!
//! Every partition is in exactly one of the three places, also while two attempts at it run. Counters stand beside the lists so that no event has to
//! look at all partitions.

use crate::attempts::{Attempt, Running, Watch};
use crate::config::SchedulerConfig;
use crate::grants::Grants;
use crate::ids::{ExecutorId, JobId, NodeId, StageId};
use crate::output::MapOutput;
use crate::pace::Pace;
use crate::queue::Queue;
use crate::resources::Resources;
use crate::spec::StageSpec;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Where an output lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Located {
    /// The executor that has it.
    pub executor: ExecutorId,
    /// The attempt that wrote it.
    pub attempt: u32,
    /// Its sizes.
    pub output: MapOutput,
}

/// The history of one partition.
#[derive(Debug, Clone, Default)]
pub(crate) struct Task {
    /// The number of the next launch.
    pub(crate) next_attempt: u32,
    /// Failed attempts since the stage became part of a live job.
    pub(crate) failures: u32,
    /// Attempts since then that could not fetch an input.
    pub(crate) fetch_failures: u32,
    /// The node that the next attempt should keep away from.
    pub(crate) avoid: Option<NodeId>,
    /// MiB that its next attempt takes, if that is more than the stage says.
    pub(crate) memory: u64,
    /// It had an output once that is gone, so the next launch repeats work.
    pub(crate) computed_before: bool,
}

/// One stage.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) spec: StageSpec,
    pub(crate) tasks: Vec<Task>,
    pub(crate) outputs: Vec<Option<Located>>,
    pub(crate) queue: Queue,
    pub(crate) running: BTreeMap<u32, Running>,
    /// Which of those are slow.
    pub(crate) pace: Pace,
    /// What its tasks turned out to need.
    pub(crate) grants: Grants,
    /// Where partitions of a stage that reads shuffles like to run, one each; empty if nowhere in particular.
    pub(crate) homes: Vec<Option<ExecutorId>>,
    /// Until then, partitions whose place is busy wait for it.
    pub(crate) wait_until: Duration,
    /// The time it wants to be looked at again; `clock.rs` keeps this.
    pub(crate) alarm: Option<Duration>,
    /// Partitions without output.
    pub(crate) missing: u32,
    /// Rows in the outputs.
    pub(crate) rows: u64,
    /// Bytes in the outputs.
    pub(crate) bytes: u64,
    /// All outputs were there at one time, which is what an `after` waits for.
    pub(crate) completed_once: bool,
    /// `StageStarting` went out.
    pub(crate) announced: bool,
    /// Inputs are complete and `after` is satisfied: a task may be launched.
    pub(crate) ready: bool,
    /// Executors may have files of it.
    pub(crate) holds_data: bool,
    /// Known stages that refer to this one.
    pub(crate) readers: BTreeSet<StageId>,
    /// Live jobs with this stage in their lineage.
    pub(crate) jobs: BTreeSet<JobId>,
    /// Those of them that wait for outputs of it; `demand.rs` keeps this.
    pub(crate) wanted_by: BTreeSet<JobId>,
    /// Live jobs whose target it is.
    pub(crate) target_of: BTreeSet<JobId>,
    pub(crate) started: Option<Duration>,
    pub(crate) completed: Option<Duration>,
}

impl Stage {
    /// A stage of which nothing has run; attempts count from `first_attempt`.
    pub(crate) fn new(spec: StageSpec, first_attempt: u32, config: &SchedulerConfig) -> Self {
        let n = spec.partitions as usize;
        Self {
            tasks: vec![Task { next_attempt: first_attempt, ..Task::default() }; n],
            outputs: vec![None; n],
            queue: Queue::all(spec.partitions),
            running: BTreeMap::new(),
            pace: Pace::new(config.speculation.filter(|_| spec.speculate)),
            grants: Grants::default(),
            homes: vec![],
            wait_until: Duration::ZERO,
            alarm: None,
            missing: spec.partitions,
            rows: 0,
            bytes: 0,
            completed_once: n == 0,
            announced: false,
            ready: false,
            holds_data: false,
            readers: BTreeSet::new(),
            jobs: BTreeSet::new(),
            wanted_by: BTreeSet::new(),
            target_of: BTreeSet::new(),
            started: None,
            completed: None,
            spec,
        }
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.missing == 0
    }

    pub(crate) fn output(&self, partition: u32) -> Option<&Located> {
        self.outputs.get(partition as usize)?.as_ref()
    }

    pub(crate) fn task(&self, partition: u32) -> Option<&Task> {
        self.tasks.get(partition as usize)
    }

    /// What the next attempt at the partition takes.
    pub(crate) fn needs(&self, partition: u32) -> Resources {
        let memory = self.task(partition).map_or(0, |task| task.memory).max(self.grants.start());
        Resources { memory: self.spec.needs.memory.max(memory), ..self.spec.needs }
    }

    /// An attempt begins: the only one at its partition, or the second.
    pub(crate) fn start(&mut self, partition: u32, attempt: Attempt) {
        match self.running.get_mut(&partition) {
            Some(running) => {
                self.pace.unwatch(partition, running);
                running.add_second(attempt);
            }
            None => {
                let running = Running::new(attempt);
                self.pace.watch(partition, &running);
                self.running.insert(partition, running);
            }
        }
    }

    /// A partition runs no longer.
    pub(crate) fn stop(&mut self, partition: u32) -> Option<Running> {
        let running = self.running.remove(&partition)?;
        self.pace.unwatch(partition, &running);
        Some(running)
    }

    /// An attempt ended without output. True if the partition still runs, with its other attempt. If the one that ended
    /// never ran, there may be another in its stead.
    pub(crate) fn end(&mut self, partition: u32, number: u32, never_ran: bool) -> bool {
        let Some(running) = self.running.get_mut(&partition) else { return false };
        if !running.remove(number) {
            self.stop(partition);
            return false;
        }
        if never_ran {
            running.watch = Watch::OnTime;
            self.pace.watch(partition, running);
        }
        true
    }

    /// Records an output of a running partition, and gives back the attempts that ran. `None` if that partition is not
    /// running.
    pub(crate) fn put_output(&mut self, partition: u32, located: Located) -> Option<Running> {
        self.outputs.get(partition as usize).filter(|place| place.is_none())?;
        let running = self.stop(partition)?;
        self.rows = self.rows.saturating_add(located.output.rows());
        self.bytes = self.bytes.saturating_add(located.output.bytes());
        if let Some(place) = self.outputs.get_mut(partition as usize) {
            *place = Some(located);
        }
        self.missing -= 1;
        Some(running)
    }

    /// Forgets an output; its partition waits again.
    pub(crate) fn lose_output(&mut self, partition: u32, avoid: Option<NodeId>) -> Option<Located> {
        let located = self.outputs.get_mut(partition as usize)?.take()?;
        self.rows = self.rows.saturating_sub(located.output.rows());
        self.bytes = self.bytes.saturating_sub(located.output.bytes());
        self.missing += 1;
        if let Some(task) = self.tasks.get_mut(partition as usize) {
            task.computed_before = true;
        }
        self.wait(partition, avoid);
        Some(located)
    }

    /// A partition that neither runs nor has output goes back in line.
    pub(crate) fn wait(&mut self, partition: u32, avoid: Option<NodeId>) {
        if let Some(task) = self.tasks.get_mut(partition as usize) {
            task.avoid = avoid;
            self.queue.push(partition, avoid);
        }
    }

    /// Sets a waiting partition aside that nobody wants.
    pub(crate) fn park(&mut self, partition: u32) {
        if let Some(task) = self.tasks.get_mut(partition as usize) {
            self.queue.park(partition, task.avoid.take());
        }
    }
}
