//! Everything around a scheduler: executors with files that rot, a driver that copies results, users.

mod judge;

use dpark_lineage::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Of a stage's partitions in hundredths: with fewer outputs no task is slow.
const QUANTILE: u32 = 50;

/// A task on an executor, with the inputs it was told to fetch when it started.
struct Running {
    inputs: Vec<(StageId, u32, ExecutorId, u32)>,
    killed: bool,
    memory: u64,
}

struct Machine {
    node: NodeId,
    slots: u32,
    driver: bool,
    anywhere: bool,
    /// False once it has died; the scheduler may not know yet.
    alive: bool,
    tasks: BTreeMap<TaskId, Running>,
    files: BTreeSet<TaskId>,
}

struct LiveJob {
    target: StageId,
    lineage: BTreeSet<StageId>,
    taken: BTreeSet<u32>,
    cancelled: bool,
}

pub(crate) struct World {
    scheduler: Scheduler,
    config: SchedulerConfig,
    specs: Vec<StageSpec>,
    faults: u32,
    clock: u64,
    machines: BTreeMap<ExecutorId, Machine>,
    jobs: BTreeMap<JobId, LiveJob>,
    next_id: u64,
    /// Results that the driver was told of and has not fetched.
    offers: Vec<(JobId, u32, ExecutorId, u32)>,
    /// Results that the driver has copied and not reported yet.
    copied: Vec<(JobId, u32)>,
    pinned: BTreeSet<StageId>,
    started: BTreeSet<StageId>,
    completed_once: BTreeSet<StageId>,
    /// So much of them was done at one time that a task may have been found slow.
    mostly_done: BTreeSet<StageId>,
    last_attempt: BTreeMap<(StageId, u32), u32>,
    /// Failures that count, per partition, since the world began: a bound for what `JobError` may claim.
    failures: BTreeMap<(StageId, u32), u32>,
    old_reports: Vec<Event>,
    recent_error: Option<TaskError>,
    /// It came from a task that had all the memory there is.
    had_all_memory: bool,
    /// Stages whose inputs were there after the last event.
    ready: BTreeSet<StageId>,
    /// When they became ready or last launched a task where its narrow input lies.
    last_local: BTreeMap<StageId, u64>,
    /// Second attempts beside slow ones.
    pub(crate) seconds: usize,
    /// Attempts that were killed because the other one was quicker.
    pub(crate) races_lost: usize,
    /// How often somebody waited for the place of an input though there was room elsewhere.
    pub(crate) waited: usize,
    /// Launches that repeated work, in all jobs that ended.
    pub(crate) recomputed: usize,
    pub(crate) ended: usize,
    pub(crate) failed: usize,
}

impl World {
    /// `timing` says which of the things happen that depend on time.
    pub(crate) fn new(specs: Vec<StageSpec>, faults: u32, timing: u32) -> Self {
        let minimum = Duration::from_millis(3);
        let speculation = Speculation { quantile_percent: QUANTILE, multiplier_percent: 120, minimum };
        let config = SchedulerConfig {
            max_failures: 3,
            max_fetch_failures: 6,
            remembered_jobs: 4,
            max_memory: 200,
            speculation: (timing & 1 != 0).then_some(speculation),
            locality_wait: Duration::from_millis(if timing & 2 != 0 { 9 } else { 0 }),
        };
        let mut world = Self {
            scheduler: Scheduler::new(config),
            config,
            specs,
            faults,
            clock: 0,
            machines: BTreeMap::new(),
            jobs: BTreeMap::new(),
            next_id: 0,
            offers: vec![],
            copied: vec![],
            pinned: BTreeSet::new(),
            started: BTreeSet::new(),
            completed_once: BTreeSet::new(),
            mostly_done: BTreeSet::new(),
            last_attempt: BTreeMap::new(),
            failures: BTreeMap::new(),
            old_reports: vec![],
            recent_error: None,
            had_all_memory: false,
            ready: BTreeSet::new(),
            last_local: BTreeMap::new(),
            seconds: 0,
            races_lost: 0,
            waited: 0,
            recomputed: 0,
            ended: 0,
            failed: 0,
        };
        world.add_machine(2, true, true);
        world.add_machine(3, false, true);
        world
    }

    fn id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn spec(&self, stage: StageId) -> &StageSpec {
        &self.specs[stage.0 as usize]
    }

    fn parents(&self, stage: StageId) -> Vec<StageId> {
        let spec = self.spec(stage);
        spec.inputs.iter().map(|d| d.stage).chain(spec.after.iter().copied()).collect()
    }

    fn lineage(&self, stages: impl IntoIterator<Item = StageId>) -> BTreeSet<StageId> {
        let mut found = BTreeSet::new();
        let mut stack: Vec<StageId> = stages.into_iter().collect();
        while let Some(stage) = stack.pop() {
            if found.insert(stage) {
                stack.extend(self.parents(stage));
            }
        }
        found
    }

    /// One step, decided by a number. The less likely something is, the later it comes in the list.
    pub(crate) fn step(&mut self, number: u32) {
        let (kind, pick) = (number % 100, (number / 100) as usize);
        match kind {
            0..42 => self.end_some_task(pick),
            42..45 => self.pass_time(pick as u64 % 12),
            45..60 => self.take_some_result(pick),
            60..65 => self.report_copied(),
            65..73 => self.submit(pick),
            73 => self.cancel(pick),
            74..76 => self.pin(pick),
            76 => self.unpin(pick),
            77..80 => self.repeat_old_report(pick),
            80 | 81 if self.machines.len() < 7 => {
                let (slots, role) = (pick as u32 % 4, pick / 4 % 4);
                self.add_machine(slots, role != 1, role != 2);
            }
            82 => self.tell_dead(),
            _ if self.faults == 0 => self.end_some_task(pick),
            83 | 84 => self.kill_machine(pick, true),
            85 => self.kill_machine(pick, false),
            86..89 => self.rot(pick),
            89..93 if self.faults == 2 => self.fail_some_task(pick, TaskError::Io("disk".into())),
            93 if pick.is_multiple_of(2) => self.fail_some_task(pick, TaskError::Oom("sort".into())),
            93 => self.fail_some_task(pick, TaskError::Bug("panic".into())),
            94 if self.faults == 2 => {
                let error = TaskError::User { kind: UserErrorKind::Compute, message: "division by zero".into() };
                self.fail_some_task(pick, error);
            }
            _ => self.end_some_task(pick),
        }
    }

    /// Nothing bad happens any more: every job must finish, and nothing may be left behind.
    pub(crate) fn drain(&mut self) {
        self.tell_dead();
        self.add_machine(4, true, true);
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 20_000, "no end: {:?}", self.scheduler.progress());
            if !self.offers.is_empty() {
                self.take_some_result(steps);
            } else if !self.copied.is_empty() {
                self.report_copied();
            } else if self.machines.values().any(|m| !m.tasks.is_empty()) {
                self.end_some_task(steps);
            } else if let Some(at) = self.scheduler.next_tick().filter(|_| !self.jobs.is_empty()) {
                self.clock = at.as_nanos().div_ceil(1_000_000) as u64;
                self.send_now(Event::Tick);
            } else {
                break;
            }
        }
        assert!(self.jobs.is_empty(), "jobs hang: {:?}", self.jobs.keys());
        for stage in self.pinned.clone() {
            self.pinned.remove(&stage);
            self.send(Event::StageUnpinned { stage });
        }
        for spec in &self.specs {
            assert_eq!(self.scheduler.stage(spec.id), None, "forgotten too little");
        }
        for (id, machine) in &self.machines {
            assert!(machine.files.is_empty(), "{id} still has files: {:?}", machine.files);
        }
    }

    fn pass_time(&mut self, millis: u64) {
        self.clock += millis;
        self.send(Event::Tick);
    }

    fn add_machine(&mut self, slots: u32, driver: bool, anywhere: bool) {
        let executor = ExecutorId(self.id());
        // Some share a node, whether side by side or one after the other.
        let node = NodeId(executor.0 % 5);
        let (tasks, files) = (BTreeMap::new(), BTreeSet::new());
        self.machines.insert(executor, Machine { node, slots, driver, anywhere, alive: true, tasks, files });
        self.send(Event::ExecutorAdded { executor, node, slots, driver, anywhere });
    }

    fn kill_machine(&mut self, pick: usize, tell: bool) {
        let Some(id) = self.machines.keys().nth(pick % 8).copied() else { return };
        let machine = self.machines.get_mut(&id).unwrap();
        machine.alive = false;
        machine.files.clear();
        if tell {
            self.tell_dead();
        }
    }

    fn tell_dead(&mut self) {
        let dead: Vec<_> = self.machines.iter().filter(|(_, m)| !m.alive).map(|(id, _)| *id).collect();
        for executor in dead {
            let machine = self.machines.remove(&executor).unwrap();
            for (task, running) in machine.tasks {
                if !running.killed {
                    *self.failures.entry((task.stage, task.partition)).or_default() += 1;
                }
            }
            self.recent_error = Some(TaskError::Lost("died".into()));
            self.send(Event::ExecutorRemoved { executor, reason: "died".into() });
        }
    }

    fn rot(&mut self, pick: usize) {
        let files = self.machines.values().map(|m| m.files.len()).sum::<usize>().max(1);
        let mut at = pick % files;
        for machine in self.machines.values_mut() {
            if at < machine.files.len() {
                let file = *machine.files.iter().nth(at).unwrap();
                machine.files.remove(&file);
                return;
            }
            at -= machine.files.len();
        }
    }

    fn pick_task(&self, pick: usize) -> Option<(ExecutorId, TaskId)> {
        let tasks: Vec<_> = self
            .machines
            .iter()
            .filter(|(_, m)| m.alive)
            .flat_map(|(id, m)| m.tasks.keys().map(|task| (*id, *task)))
            .collect();
        tasks.get(pick % tasks.len().max(1)).copied()
    }

    /// The file of an output, or why it cannot be had.
    fn fetch(&self, stage: StageId, map: u32, executor: ExecutorId, attempt: u32) -> Result<(), FetchFailed> {
        let cause = match self.machines.get(&executor) {
            Some(m) if m.files.contains(&TaskId { stage, partition: map, attempt }) => return Ok(()),
            Some(m) if m.alive => FetchCause::Gone,
            _ => FetchCause::Unreachable,
        };
        Err(FetchFailed { stage, map, attempt, executor, cause, detail: String::new() })
    }

    fn end_some_task(&mut self, pick: usize) {
        let Some((executor, task)) = self.pick_task(pick) else { return };
        let running = self.machines.get_mut(&executor).unwrap().tasks.remove(&task).unwrap();
        if running.killed && pick.is_multiple_of(2) {
            return self.report(Event::TaskFailed { executor, task, error: TaskError::Cancelled });
        }
        let missing = running.inputs.iter().find_map(|(s, map, e, attempt)| self.fetch(*s, *map, *e, *attempt).err());
        if let Some(fetch) = missing {
            return self.report(Event::TaskFailed { executor, task, error: fetch.into() });
        }
        self.machines.get_mut(&executor).unwrap().files.insert(task);
        // Sizes that differ from place to place, so that readers have their preferences.
        let bucket = |at: u64| BucketSize { rows: at + 1, bytes: (pick as u64 >> at) % 40 };
        let output = MapOutput { buckets: (0..u64::from(task.partition) % 7).map(bucket).collect(), spilled_bytes: 0 };
        self.report(Event::TaskFinished { executor, task, output });
    }

    fn fail_some_task(&mut self, pick: usize, error: TaskError) {
        let Some((executor, task)) = self.pick_task(pick) else { return };
        let running = self.machines.get_mut(&executor).unwrap().tasks.remove(&task).unwrap();
        if !running.killed {
            *self.failures.entry((task.stage, task.partition)).or_default() += 1;
        }
        self.had_all_memory = running.memory >= self.config.max_memory;
        self.report(Event::TaskFailed { executor, task, error });
    }

    fn report(&mut self, event: Event) {
        if let Event::TaskFailed { error, .. } = &event {
            self.recent_error = Some(error.clone());
        }
        self.old_reports.push(event.clone());
        self.send(event);
    }

    fn repeat_old_report(&mut self, pick: usize) {
        let Some(event) = self.old_reports.get(pick % self.old_reports.len().max(1)).cloned() else { return };
        // What is due happens with the next event, whichever it is.
        self.send(Event::Tick);
        let before = self.scheduler.progress();
        let actions = self.send_now(event);
        assert!(actions.is_empty(), "an old report did something: {actions:?}");
        assert_eq!(self.scheduler.progress(), before);
    }

    fn take_some_result(&mut self, pick: usize) {
        if self.offers.is_empty() {
            return;
        }
        let (job, partition, executor, attempt) = self.offers.remove(pick % self.offers.len());
        let Some(live) = self.jobs.get_mut(&job) else { return };
        let target = live.target;
        match self.fetch(target, partition, executor, attempt) {
            Ok(()) => self.copied.push((job, partition)),
            Err(fetch) => {
                self.recent_error = Some(TaskError::FetchFailed(fetch.clone()));
                self.send(Event::OutputLost(fetch));
            }
        }
    }

    fn report_copied(&mut self) {
        for (job, partition) in std::mem::take(&mut self.copied) {
            if let Some(live) = self.jobs.get_mut(&job) {
                live.taken.insert(partition);
                self.send(Event::ResultTaken { job, partition });
            }
        }
    }

    fn submit(&mut self, pick: usize) {
        if self.jobs.len() > 3 {
            return;
        }
        let job = JobId(self.id());
        let target = StageId((pick % self.specs.len()) as u64);
        let lineage = self.lineage([target]);
        let needs_listing = |s: &StageId| pick.is_multiple_of(3) || self.scheduler.stage(*s).is_none();
        let stages = lineage.iter().filter(|s| needs_listing(s)).map(|s| self.spec(*s).clone()).collect();
        for stage in &lineage {
            if self.spec(*stage).partitions == 0 {
                self.completed_once.insert(*stage);
            }
        }
        self.jobs.insert(job, LiveJob { target, lineage, taken: BTreeSet::new(), cancelled: false });
        self.send(Event::JobSubmitted(JobSpec { job, stages, target }));
    }

    fn cancel(&mut self, pick: usize) {
        let Some(job) = self.jobs.keys().nth(pick % 4).copied() else { return };
        self.jobs.get_mut(&job).unwrap().cancelled = true;
        self.send(Event::JobCancelled { job });
        assert!(!self.jobs.contains_key(&job), "cancelled, but live");
    }

    fn pin(&mut self, pick: usize) {
        let stage = StageId((pick % self.specs.len()) as u64);
        self.pinned.insert(stage);
        self.send(Event::StagePinned { stage });
    }

    fn unpin(&mut self, pick: usize) {
        let stage = StageId((pick % self.specs.len()) as u64);
        self.pinned.remove(&stage);
        self.send(Event::StageUnpinned { stage });
    }
}
