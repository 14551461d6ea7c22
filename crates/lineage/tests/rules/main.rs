//! One test per rule, in words a user of the scheduler would use. `tests/simulation` checks that the rules also hold
//! together; here one sees what each of them says.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod failures;
mod launching;
mod lifetime;
mod memory;
mod nodes;
mod offers;
mod recovery;
mod results;
mod shuffle_homes;
mod speculation;
mod submission;
mod waiting;

use dpark_lineage::DependencyKind::{Narrow, Shuffle};
use dpark_lineage::*;
use std::time::Duration;

/// A scheduler that is checked after every event, and short words for what happens to it.
struct Bench {
    scheduler: Scheduler,
    now: Duration,
    /// Everything the last event asked for.
    actions: Vec<Action>,
}

fn stage(id: u64, partitions: u32) -> StageSpec {
    StageSpec::new(StageId(id), format!("s{id}"), partitions)
}

fn job(id: u64, stages: impl IntoIterator<Item = StageSpec>, target: u64) -> Event {
    Event::JobSubmitted(JobSpec { job: JobId(id), stages: stages.into_iter().collect(), target: StageId(target) })
}

/// Stage 0 with two partitions, shuffled into stage 1 with two.
fn two_stages() -> [StageSpec; 2] {
    [stage(0, 2), stage(1, 2).reads(StageId(0), Shuffle)]
}

fn t(stage: u64, partition: u32, attempt: u32) -> TaskId {
    TaskId { stage: StageId(stage), partition, attempt }
}

fn io() -> TaskError {
    TaskError::Io("disk".into())
}

fn fetch_failed(of: TaskId, executor: u64, cause: FetchCause) -> FetchFailed {
    let TaskId { stage, partition: map, attempt } = of;
    FetchFailed { stage, map, attempt, executor: ExecutorId(executor), cause, detail: "".into() }
}

impl Bench {
    /// Executors 0.. with these slots; executor 0 is the driver's.
    fn new(slots: &[u32]) -> Self {
        Self::with(SchedulerConfig::default(), slots)
    }

    fn with(config: SchedulerConfig, slots: &[u32]) -> Self {
        let mut bench = Self { scheduler: Scheduler::new(config), now: Duration::from_secs(1), actions: vec![] };
        for (id, slots) in (0..).zip(slots) {
            bench.executor(id, *slots, id == 0, true);
        }
        bench
    }

    fn send(&mut self, event: Event) -> &mut Self {
        let context = format!("{event:?}");
        self.actions = self.scheduler.handle(self.now, event);
        self.scheduler.check_invariants().unwrap_or_else(|e| panic!("after {context}: {e}"));
        let next = self.scheduler.next_tick();
        assert!(next.is_none_or(|next| next > self.now), "after {context}: a tick wanted for {next:?}");
        self
    }

    /// From now on the time is so many milliseconds; nothing happens.
    fn at(&mut self, millis: u64) -> &mut Self {
        self.now = Duration::from_millis(millis);
        self
    }

    fn tick(&mut self, millis: u64) -> &mut Self {
        self.at(millis).send(Event::Tick)
    }

    fn next_tick(&self) -> Option<u64> {
        self.scheduler.next_tick().map(|at| at.as_millis() as u64)
    }

    /// An executor on a node of its own.
    fn executor(&mut self, id: u64, slots: u32, driver: bool, anywhere: bool) -> &mut Self {
        let (executor, node) = (ExecutorId(id), NodeId(id));
        self.send(Event::ExecutorAdded { executor, node, slots, driver, anywhere })
    }

    fn executor_on(&mut self, node: u64, id: u64, slots: u32) -> &mut Self {
        let (executor, node) = (ExecutorId(id), NodeId(node));
        self.send(Event::ExecutorAdded { executor, node, slots, driver: false, anywhere: true })
    }

    fn remove(&mut self, executor: u64) -> &mut Self {
        self.send(Event::ExecutorRemoved { executor: ExecutorId(executor), reason: "killed".into() })
    }

    fn finish(&mut self, executor: u64, task: TaskId) -> &mut Self {
        let output = MapOutput { buckets: vec![BucketSize { rows: 10, bytes: 80 }], spilled_bytes: 0 };
        self.send(Event::TaskFinished { executor: ExecutorId(executor), task, output })
    }

    fn fail(&mut self, executor: u64, task: TaskId, error: impl Into<TaskError>) -> &mut Self {
        self.send(Event::TaskFailed { executor: ExecutorId(executor), task, error: error.into() })
    }

    fn take(&mut self, job: u64, partition: u32) -> &mut Self {
        self.send(Event::ResultTaken { job: JobId(job), partition })
    }

    /// The tasks that the last event launched, with their executors.
    fn launched(&self) -> Vec<(u64, TaskId)> {
        let launch = |a: &Action| match a {
            Action::Launch { executor, task } => Some((executor.0, *task)),
            _ => None,
        };
        self.actions.iter().filter_map(launch).collect()
    }

    fn tasks(&self) -> Vec<TaskId> {
        self.launched().into_iter().map(|(_, task)| task).collect()
    }

    fn error(&self) -> Option<&JobError> {
        self.actions.iter().find_map(|a| match a {
            Action::JobFailed { error, .. } => Some(error),
            _ => None,
        })
    }

    fn asked(&self, action: Action) -> bool {
        self.actions.contains(&action)
    }
}
