//! The state machine's face: what goes in, what comes out, and the questions a driver may ask in between.
//!
//! The state is small on purpose: stages, jobs and executors in ordered maps, so that equal events always give equal
//! actions. What happens on an event is in the file of its idea: `submission`, `reports`, `recovery`, `cleanup`; what
//! follows from a change is in `demand` (which stages are wanted and ready) and `placement` (which task goes where).

use crate::config::SchedulerConfig;
use crate::event::{Action, Event};
use crate::fleet::Fleet;
use crate::ids::{ExecutorId, JobId, StageId, TaskId};
use crate::job::{EndedJob, Job};
use crate::resources::Resources;
use crate::retired::Retired;
use crate::spec::{Placement, StageSpec};
use crate::stage::{Located, Stage};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::Duration;

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
    /// What is left of forgotten stages.
    pub(crate) retired: Retired,
    /// The alarms of all stages.
    pub(crate) alarms: BTreeSet<(Duration, StageId)>,
    /// Stages with late tasks, and perhaps some that have none any more.
    pub(crate) speculating: BTreeSet<StageId>,
    /// Stages with partitions that wait for their places, and perhaps some that have none any more.
    pub(crate) holding: BTreeSet<StageId>,
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

    /// Takes in what happened and says what to do. `now` is the time since the driver started.
    pub fn handle(&mut self, now: Duration, event: Event) -> Vec<Action> {
        self.now = self.now.max(now);
        match event {
            Event::ExecutorAdded { executor, node, slots, driver, anywhere } => {
                self.fleet.add(executor, node, slots, driver, anywhere)
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
            Event::MemoryLimit { memory } => self.config.max_memory = memory,
            Event::ResultTaken { job, partition } => self.result_taken(job, partition),
            Event::OutputLost(fetch) => self.driver_could_not_fetch(fetch),
            Event::StagePinned { stage } => {
                self.pinned.insert(stage);
            }
            Event::StageUnpinned { stage } => self.unpin(stage),
            Event::Tick => {}
        }
        self.wake();
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

    /// What a running attempt was given; for one that does not run, what the next attempt at its partition takes: as
    /// its stage says, and more memory if that turned out to be too little.
    pub fn needs(&self, task: TaskId) -> Resources {
        let Some(stage) = self.stages.get(&task.stage) else { return Resources::default() };
        match stage.running.get(&task.partition).and_then(|running| running.get(task.attempt)) {
            Some(attempt) => Resources { memory: attempt.memory, ..stage.spec.needs },
            None => stage.needs(task.partition),
        }
    }

    /// The least of each that some task needs which could be launched if there were room.
    pub fn least_needs(&self) -> Option<Resources> {
        let runnable = self.jobs.values().flat_map(|job| job.runnable.iter());
        let stages = runnable.filter_map(|(_, stage)| self.stages.get(stage));
        let stages = stages.filter(|stage| stage.spec.placement == Placement::Anywhere);
        let waiting = stages.filter_map(|stage| Some(stage.needs(stage.queue.first()?)));
        let least = |a: Resources, b: Resources| Resources { cpus: a.cpus.min(b.cpus), memory: a.memory.min(b.memory) };
        waiting.chain(self.needs_of_seconds()).reduce(least)
    }

    /// Whether the end of this very attempt on this very executor is awaited: any other report of it is an old one.
    pub fn awaits(&self, executor: ExecutorId, task: TaskId) -> bool {
        self.fleet.runs(executor, task)
    }

    /// Whether an executor runs tasks or has outputs on the books.
    pub fn is_in_use(&self, executor: ExecutorId) -> bool {
        self.fleet.is_in_use(executor)
    }

    /// How many of the tasks that could be launched at once are copies of slow ones, which only another machine can take.
    pub fn launchable_copies(&self) -> usize {
        self.launchable_seconds()
    }

    /// How many tasks could be launched at once if there were room for them anywhere: what a cluster is asked for.
    /// Second attempts count.
    pub fn launchable_tasks(&self) -> usize {
        let stages: BTreeSet<StageId> = self.jobs.values().flat_map(|j| j.runnable.iter().map(|(_, s)| *s)).collect();
        let stages = stages.iter().filter_map(|s| self.stages.get(s));
        let stages = stages.filter(|s| s.spec.placement == Placement::Anywhere);
        stages.map(|s| s.queue.len()).sum::<usize>() + self.launchable_seconds()
    }

    /// Loop turns taken so far: the cost of the decisions, free of the machine's mood.
    pub fn work(&self) -> u64 {
        self.work
    }
}
