//! The state machine's face: what goes in, what comes out, and the questions a driver may ask in between.
//!
//! The state is small on purpose: stages, jobs and executors in ordered maps, so that equal events always give equal
//! actions. What happens on an event is in the file of its idea: `submission`, `reports`, `recovery`, `cleanup`; what
//! follows from a change is in `demand` (which stages are wanted and ready) and `placement` (which task goes where).

use crate::event::{Action, Event};
use crate::fleet::Fleet;
use crate::ids::{ExecutorId, JobId, StageId, TaskId};
use crate::job::{EndedJob, Job};
use crate::resources::Resources;
use crate::spec::{Placement, StageSpec};
use crate::stage::{Located, Stage};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

/// How patient a scheduler is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SchedulerConfig {
    /// So many failed attempts at one partition end the jobs that need it. At least 1.
    pub max_failures: u32,
    /// So many attempts at one partition that could not fetch an input, or did not start, end the jobs that need it; the same number of
    /// times the driver may fail to fetch one partition of a result. At least 1.
    pub max_fetch_failures: u32,
    /// For so many ended jobs, `job_progress` and `recomputed` still answer.
    pub remembered_jobs: usize,
}

impl Default for SchedulerConfig {
    fn default() -> Self {
        Self { max_failures: 4, max_fetch_failures: 16, remembered_jobs: 128 }
    }
}

/// Decides which task runs where and what happens when something is lost. See the crate's page for the flow.
#[derive(Debug, Default)]
pub struct Scheduler {
    pub(crate) config: SchedulerConfig,
    pub(crate) stages: BTreeMap<StageId, Stage>,
    pub(crate) jobs: BTreeMap<JobId, Job>,
    pub(crate) fleet: Fleet,
    /// Pinned by the driver, known or not.
    pub(crate) pinned: BTreeSet<StageId>,
    /// Jobs with something to launch now.
    pub(crate) runnable_jobs: BTreeSet<JobId>,
    /// The job that was served last; the next one in order is next.
    pub(crate) turn: Option<JobId>,
    /// For forgotten stages that had been launched: an attempt number that was never used. This is all that stays of
    /// a stage, so that a report about an old attempt can never be taken for one about a new attempt.
    pub(crate) retired: BTreeMap<StageId, u32>,
    pub(crate) ended: VecDeque<EndedJob>,
    /// The time of the event at hand.
    pub(crate) now: Duration,
    /// The answer to the event at hand.
    pub(crate) actions: Vec<Action>,
    /// Loop turns so far, for tests of cost.
    pub(crate) work: u64,
}

impl Scheduler {
    /// A scheduler without executors and jobs.
    pub fn new(config: SchedulerConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// Takes in what happened and says what to do. `now` is the time since the driver started; it is only recorded.
    pub fn handle(&mut self, now: Duration, event: Event) -> Vec<Action> {
        self.now = now;
        match event {
            Event::ExecutorAdded { executor, slots, driver, anywhere } => {
                self.fleet.add(executor, slots, driver, anywhere)
            }
            Event::Offered { offers } => offers.into_iter().for_each(|(id, resources)| self.fleet.lend(id, resources)),
            Event::OffersEnded { executors } => {
                executors.into_iter().for_each(|id| self.fleet.lend(id, Resources::NONE))
            }
            Event::ExecutorRemoved { executor, reason } => self.executor_removed(executor, &reason),
            Event::JobSubmitted(spec) => self.submit(spec),
            Event::JobCancelled { job } => self.cancel(job),
            Event::TaskFinished { executor, task, output } => self.task_finished(executor, task, output),
            Event::TaskFailed { executor, task, error } => self.task_failed(executor, task, error),
            Event::ResultTaken { job, partition } => self.result_taken(job, partition),
            Event::OutputLost(fetch) => self.driver_could_not_fetch(fetch),
            Event::StagePinned { stage } => {
                self.pinned.insert(stage);
            }
            Event::StageUnpinned { stage } => self.unpin(stage),
        }
        self.place();
        std::mem::take(&mut self.actions)
    }

    /// The outputs of a stage, one place per partition, or `None` for a stage that is not known.
    pub fn outputs(&self, stage: StageId) -> Option<&[Option<Located>]> {
        self.stages.get(&stage).map(|s| s.outputs.as_slice())
    }

    /// The spec of a known stage.
    pub fn stage(&self, stage: StageId) -> Option<&StageSpec> {
        self.stages.get(&stage).map(|s| &s.spec)
    }

    /// Whether all outputs of a known stage are there.
    pub fn is_complete(&self, stage: StageId) -> bool {
        self.stages.get(&stage).is_some_and(Stage::is_complete)
    }

    /// The live jobs, oldest first.
    pub fn live_jobs(&self) -> impl Iterator<Item = JobId> + '_ {
        self.jobs.keys().copied()
    }

    /// What the task takes: as its stage says, and more memory if it had too little before.
    pub fn needs(&self, task: TaskId) -> Resources {
        self.stages.get(&task.stage).map(|stage| stage.needs(task.partition)).unwrap_or_default()
    }

    /// The smallest needs of a task that could be launched if there were room, by memory.
    pub fn least_needs(&self) -> Option<Resources> {
        let runnable = self.jobs.values().flat_map(|job| job.runnable.iter());
        let stages = runnable.filter_map(|(_, stage)| self.stages.get(stage));
        let stages = stages.filter(|stage| stage.spec.placement == Placement::Anywhere);
        stages
            .filter_map(|stage| Some(stage.needs(stage.queue.first()?)))
            .min_by_key(|needs| (needs.memory, needs.cpus))
    }

    /// Whether the end of this very attempt on this very executor is awaited: any other report of it is an old one.
    pub fn awaits(&self, executor: ExecutorId, task: TaskId) -> bool {
        self.fleet.runs(executor, task)
    }

    /// Whether an executor runs tasks or has outputs on the books.
    pub fn is_in_use(&self, executor: ExecutorId) -> bool {
        let runs = self.fleet.is_busy(executor);
        let mut outputs = self.stages.values().flat_map(|stage| stage.outputs.iter().flatten());
        runs || outputs.any(|output| output.executor == executor)
    }

    /// How many tasks could be launched at once if there were room for them anywhere: what a cluster is asked for.
    pub fn launchable_tasks(&self) -> usize {
        let stages: BTreeSet<StageId> = self.jobs.values().flat_map(|j| j.runnable.iter().map(|(_, s)| *s)).collect();
        let stages = stages.iter().filter_map(|s| self.stages.get(s));
        stages.filter(|s| s.spec.placement == Placement::Anywhere).map(|s| s.queue.len()).sum()
    }

    /// Loop turns taken so far: the cost of the decisions, free of the machine's mood.
    pub fn work(&self) -> u64 {
        self.work
    }
}
