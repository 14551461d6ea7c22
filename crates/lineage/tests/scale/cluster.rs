//! A large cluster in memory: agents that offer what is free, tasks that take time, losses, delays, repeated and late
//! reports. Seeded, so that a run can be repeated.

use dpark_lineage::*;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::{Duration, Instant};

/// Slots of an agent.
const SLOTS: u32 = 32;
const NEEDS: Resources = Resources { cpus: 1000, memory: 512 };
/// The master's rounds of offers, in units of simulated time; a task takes up to 1000 of them.
const ROUND: u64 = 50;

/// What a run is like.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    /// Machines with 32 slots each.
    pub(crate) agents: u32,
    /// Tasks of the job's two stages together.
    pub(crate) tasks: u32,
    /// Of everything random.
    pub(crate) seed: u64,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    /// Events handled.
    pub(crate) events: u64,
    /// The scheduler's loop turns.
    pub(crate) work: u64,
    /// Time in the scheduler alone.
    pub(crate) elapsed: Duration,
    /// Launches, repeated ones included.
    pub(crate) launches: u64,
    /// Machines lost.
    pub(crate) lost: u64,
    /// Outputs that were committed.
    pub(crate) committed: u64,
}

enum Happening {
    End(ExecutorId, TaskId),
    /// A report that was sent before, or long ago.
    Echo(Event),
    AgentDies,
    Round,
}

struct Cluster {
    scheduler: Scheduler,
    random: u64,
    now: u64,
    /// In order of time; the number keeps equal times apart.
    queue: BinaryHeap<Reverse<(u64, u64)>>,
    happenings: BTreeMap<u64, Happening>,
    next: u64,
    /// Free slots of those that live.
    free: BTreeMap<ExecutorId, u32>,
    running: BTreeMap<ExecutorId, BTreeSet<TaskId>>,
    /// Offered since the last round and not used up.
    freed: BTreeSet<ExecutorId>,
    executors: u64,
    taken: BTreeSet<u32>,
    done: bool,
    outcome: Outcome,
}

/// Runs a job of two stages to its end and checks that every partition of the result was taken once.
pub(crate) fn run(plan: Plan) -> Outcome {
    let config = SchedulerConfig { max_failures: 100, max_fetch_failures: 100, ..Default::default() };
    let mut cluster = Cluster {
        scheduler: Scheduler::new(config),
        random: plan.seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1,
        now: 0,
        queue: BinaryHeap::new(),
        happenings: BTreeMap::new(),
        next: 0,
        free: BTreeMap::new(),
        running: BTreeMap::new(),
        freed: BTreeSet::new(),
        executors: 0,
        taken: BTreeSet::new(),
        done: false,
        outcome: Outcome::default(),
    };
    for _ in 0..plan.agents {
        cluster.add_agent();
    }
    let (maps, readers) = (StageId(0), StageId(1));
    let partitions = plan.tasks / 2;
    let stages = vec![
        StageSpec::new(maps, "maps", partitions).needs(NEEDS),
        StageSpec::new(readers, "readers", partitions).reads(maps, DependencyKind::Shuffle).needs(NEEDS),
    ];
    cluster.send(Event::JobSubmitted(JobSpec { job: JobId(0), stages, target: readers }));
    cluster.later(0, Happening::Round);
    cluster.later(400, Happening::AgentDies);
    while !cluster.done {
        let Some(Reverse((at, number))) = cluster.queue.pop() else { panic!("the job hangs") };
        cluster.now = at;
        let happening = cluster.happenings.remove(&number).expect("each once");
        cluster.happen(happening);
    }
    assert_eq!(cluster.taken.len() as u32, partitions, "every partition, once");
    cluster.outcome.work = cluster.scheduler.work();
    cluster.outcome
}

impl Cluster {
    fn random(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 16
    }

    fn later(&mut self, after: u64, happening: Happening) {
        self.next += 1;
        self.queue.push(Reverse((self.now + after, self.next)));
        self.happenings.insert(self.next, happening);
    }

    fn add_agent(&mut self) {
        self.executors += 1;
        let executor = ExecutorId(self.executors);
        self.free.insert(executor, SLOTS);
        self.running.insert(executor, BTreeSet::new());
        self.freed.insert(executor);
        let node = NodeId(executor.0);
        self.send(Event::ExecutorAdded { executor, node, slots: 0, driver: false, anywhere: true });
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Round => {
                if self.scheduler.launchable_tasks() > 0 {
                    let offers: Vec<_> = std::mem::take(&mut self.freed).into_iter().collect();
                    let of = |free: u32| Resources { cpus: free * NEEDS.cpus, memory: u64::from(free) * NEEDS.memory };
                    let offered = offers.iter().map(|id| (*id, of(self.free[id]))).collect();
                    self.send(Event::Offered { offers: offered });
                    self.freed.extend(offers.iter().filter(|id| self.free[id] > 0));
                    self.send(Event::OffersEnded { executors: offers });
                }
                self.later(ROUND, Happening::Round);
            }
            Happening::End(executor, task) => self.end(executor, task),
            Happening::Echo(event) => {
                let before = self.scheduler.progress();
                self.send(event);
                assert_eq!(self.scheduler.progress(), before, "an old report did something");
            }
            Happening::AgentDies => {
                let at = self.random() as usize % self.free.len();
                let executor = *self.free.keys().nth(at).expect("one of them");
                self.free.remove(&executor);
                self.freed.remove(&executor);
                self.running.remove(&executor);
                self.outcome.lost += 1;
                self.send(Event::ExecutorRemoved { executor, reason: "died".into() });
                self.add_agent();
                // A few in every life, whatever the size.
                self.later(2_000, Happening::AgentDies);
            }
        }
    }

    fn end(&mut self, executor: ExecutorId, task: TaskId) {
        if !self.running.get_mut(&executor).is_some_and(|running| running.remove(&task)) {
            return;
        }
        *self.free.get_mut(&executor).expect("alive") += 1;
        self.freed.insert(executor);
        let event = match self.random() % 200 {
            0 => Event::TaskFailed { executor, task, error: TaskError::Io("disk".into()) },
            _ => {
                let output = MapOutput { buckets: vec![BucketSize { rows: 1, bytes: 8 }], spilled_bytes: 0 };
                Event::TaskFinished { executor, task, output }
            }
        };
        if self.random().is_multiple_of(100) {
            let delay = self.random() % 5_000;
            self.later(delay, Happening::Echo(event.clone()));
        }
        self.outcome.committed += u64::from(matches!(event, Event::TaskFinished { .. }));
        self.send(event);
    }

    #[allow(clippy::disallowed_methods, reason = "the clock of whoever looks on")]
    fn send(&mut self, event: Event) {
        self.outcome.events += 1;
        let start = Instant::now();
        let actions = self.scheduler.handle(Duration::from_millis(self.now), event);
        self.outcome.elapsed += start.elapsed();
        let mut taken = vec![];
        for action in actions {
            match action {
                Action::Launch { executor, task } => {
                    self.outcome.launches += 1;
                    *self.free.get_mut(&executor).expect("alive") -= 1;
                    assert!(self.running.get_mut(&executor).expect("alive").insert(task), "launched twice");
                    let time = 1 + self.random() % 1_000;
                    self.later(time, Happening::End(executor, task));
                }
                // Comes once more if it was lost before it was taken.
                Action::ResultReady { job, partition, .. } => {
                    taken.extend(self.taken.insert(partition).then_some(Event::ResultTaken { job, partition }));
                }
                Action::JobFinished { .. } => self.done = true,
                Action::JobFailed { error, .. } => panic!("{error}"),
                _ => {}
            }
        }
        taken.into_iter().for_each(|event| self.send(event));
    }
}
