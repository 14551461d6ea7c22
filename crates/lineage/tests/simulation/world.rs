//! Everything around a scheduler: executors with files that rot, a driver that copies results, users. And the judge.

use dpark_lineage::*;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A task on an executor, with the inputs it was told to fetch when it started.
struct Running {
    inputs: Vec<(StageId, u32, ExecutorId, u32)>,
    killed: bool,
}

struct Machine {
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

pub struct World {
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
    pinned: BTreeSet<StageId>,
    started: BTreeSet<StageId>,
    completed_once: BTreeSet<StageId>,
    last_attempt: BTreeMap<(StageId, u32), u32>,
    /// Failures that count, per partition, since the world began: a bound for what `JobError` may claim.
    failures: BTreeMap<(StageId, u32), u32>,
    old_reports: Vec<Event>,
    recent_error: Option<TaskError>,
    pub recomputed: usize,
    pub ended: usize,
    pub failed: usize,
}

impl World {
    pub fn new(specs: Vec<StageSpec>, faults: u32) -> Self {
        let config = SchedulerConfig { max_failures: 3, max_fetch_failures: 6, remembered_jobs: 4 };
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
            pinned: BTreeSet::new(),
            started: BTreeSet::new(),
            completed_once: BTreeSet::new(),
            last_attempt: BTreeMap::new(),
            failures: BTreeMap::new(),
            old_reports: vec![],
            recent_error: None,
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

    // ---- steps ----------------------------------------------------------------------------------------------------

    /// One step, decided by a number. The less likely something is, the later it comes in the list.
    pub fn step(&mut self, number: u32) {
        let (kind, pick) = (number % 100, (number / 100) as usize);
        match kind {
            0..45 => self.end_some_task(pick),
            45..65 => self.take_some_result(pick),
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
            93 => self.fail_some_task(pick, TaskError::Bug("panic".into())),
            94 if self.faults == 2 => {
                let error = TaskError::User { kind: UserErrorKind::Compute, message: "division by zero".into() };
                self.fail_some_task(pick, error);
            }
            _ => self.end_some_task(pick),
        }
    }

    /// Nothing bad happens any more: every job must finish, and nothing may be left behind.
    pub fn drain(&mut self) {
        self.tell_dead();
        self.add_machine(4, true, true);
        let mut steps = 0;
        loop {
            steps += 1;
            assert!(steps < 20_000, "no end: {:?}", self.scheduler.progress());
            if !self.offers.is_empty() {
                self.take_some_result(steps);
            } else if self.machines.values().any(|m| !m.tasks.is_empty()) {
                self.end_some_task(steps);
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

    fn add_machine(&mut self, slots: u32, driver: bool, anywhere: bool) {
        let executor = ExecutorId(self.id());
        let (tasks, files) = (BTreeMap::new(), BTreeSet::new());
        self.machines.insert(executor, Machine { slots, driver, anywhere, alive: true, tasks, files });
        self.send(Event::ExecutorAdded { executor, slots, driver, anywhere });
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
        let rows = u64::from(task.partition) + 1;
        let output = MapOutput { buckets: vec![BucketSize { rows, bytes: rows * 8 }], spilled_bytes: 0 };
        self.report(Event::TaskFinished { executor, task, output });
    }

    fn fail_some_task(&mut self, pick: usize, error: TaskError) {
        let Some((executor, task)) = self.pick_task(pick) else { return };
        let running = self.machines.get_mut(&executor).unwrap().tasks.remove(&task).unwrap();
        if !running.killed {
            *self.failures.entry((task.stage, task.partition)).or_default() += 1;
        }
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
        let before = self.scheduler.progress();
        let actions = self.send(event);
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
            Ok(()) => {
                self.jobs.get_mut(&job).unwrap().taken.insert(partition);
                self.send(Event::ResultTaken { job, partition });
            }
            Err(fetch) => {
                self.recent_error = Some(TaskError::FetchFailed(fetch.clone()));
                self.send(Event::OutputLost(fetch));
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

    // ---- the judge ------------------------------------------------------------------------------------------------

    fn send(&mut self, event: Event) -> Vec<Action> {
        self.clock += 1;
        let context = format!("{event:?}");
        let actions = self.scheduler.handle(Duration::from_millis(self.clock), event);
        if let Err(error) = self.scheduler.check_invariants() {
            panic!("after {context}: {error}");
        }
        for spec in &self.specs {
            if self.scheduler.is_complete(spec.id) {
                self.completed_once.insert(spec.id);
            }
        }
        for action in &actions {
            self.judge(action, &context);
        }
        self.no_slot_idles();
        actions
    }

    fn judge(&mut self, action: &Action, context: &str) {
        match action {
            Action::StageStarting { stage } => {
                assert!(self.started.insert(*stage), "{stage} starts twice");
                for before in &self.spec(*stage).after {
                    assert!(self.completed_once.contains(before), "{stage} starts before {before}");
                }
            }
            Action::Launch { executor, task } => self.judge_launch(*executor, *task, context),
            Action::Kill { executor, task } => {
                assert!(!self.wanted(task.stage).contains(&task.partition), "{task} killed, but wanted");
                let running = self.machines.get_mut(executor).unwrap().tasks.get_mut(task).unwrap();
                assert!(!std::mem::replace(&mut running.killed, true), "{task} killed twice");
            }
            Action::ResultReady { job, partition, executor, attempt } => {
                assert!(!self.jobs[job].taken.contains(partition), "offered, but taken");
                self.offers.push((*job, *partition, *executor, *attempt));
            }
            Action::DropOutput { stage } => {
                assert!(!self.jobs.values().any(|j| j.lineage.contains(stage)), "{stage} dropped, but needed");
                let known = self.scheduler.stage(*stage).is_some();
                assert!(!known || !self.pinned.contains(stage), "{stage} dropped, but pinned");
                self.completed_once.remove(stage);
                for machine in self.machines.values_mut() {
                    machine.files.retain(|f| f.stage != *stage);
                }
            }
            Action::ForgetStage { stage } => {
                assert!(!self.jobs.values().any(|j| j.lineage.contains(stage)), "{stage} forgotten, but needed");
                let kept: Vec<_> = self.pinned.iter().copied().filter(|s| self.scheduler.stage(*s).is_some()).collect();
                assert!(!self.lineage(kept).contains(stage), "{stage} forgotten, but behind a pin");
                self.started.remove(stage);
                self.completed_once.remove(stage);
            }
            Action::JobFinished { job } => {
                let ended = self.jobs.remove(job).expect("ended once");
                assert_eq!(ended.taken.len() as u32, self.spec(ended.target).partitions, "finished too early");
                self.note_end(*job);
            }
            Action::JobFailed { job, error } => {
                let ended = self.jobs.remove(job).expect("ended once");
                self.failed += 1;
                self.judge_failure(&ended, error);
                self.note_end(*job);
            }
        }
    }

    fn note_end(&mut self, job: JobId) {
        self.offers.retain(|offer| offer.0 != job);
        self.ended += 1;
        self.recomputed += self.scheduler.recomputed(job).len();
    }

    fn judge_launch(&mut self, executor: ExecutorId, task: TaskId, context: &str) {
        let spec = self.spec(task.stage).clone();
        assert!(self.started.contains(&task.stage), "{task} launched before StageStarting");
        assert!(
            self.scheduler.outputs(task.stage).unwrap()[task.partition as usize].is_none(),
            "{task} is done already"
        );
        assert!(self.wanted(task.stage).contains(&task.partition), "{task} launched for nobody after {context}");
        let mut inputs = vec![];
        for input in &spec.inputs {
            for (map, output) in (0..).zip(self.scheduler.outputs(input.stage).expect("inputs are known")) {
                let output = output.as_ref().expect("inputs are complete");
                if input.kind != DependencyKind::Narrow || map == task.partition {
                    inputs.push((input.stage, map, output.executor, output.attempt));
                }
            }
        }
        let already = self
            .machines
            .values()
            .flat_map(|m| &m.tasks)
            .any(|(t, running)| !running.killed && (t.stage, t.partition) == (task.stage, task.partition));
        assert!(!already, "{task} runs already");
        let last = self.last_attempt.insert((task.stage, task.partition), task.attempt);
        assert!(last.is_none_or(|last| last < task.attempt), "{task}: attempt used before");
        let machine = self.machines.get_mut(&executor).expect("launched on an executor that is there");
        assert!(
            if spec.placement == Placement::Driver { machine.driver } else { machine.anywhere },
            "{task} misplaced"
        );
        machine.tasks.insert(task, Running { inputs, killed: false });
        assert!(machine.tasks.len() <= machine.slots as usize, "{executor} has more tasks than slots");
    }

    fn judge_failure(&self, job: &LiveJob, error: &JobError) {
        match error {
            JobError::Cancelled => assert!(job.cancelled),
            JobError::TaskFailed { task, failures, error, .. } => {
                assert!(job.lineage.contains(&task.stage));
                assert_eq!(Some(error), self.recent_error.as_ref(), "not the last error");
                match error {
                    TaskError::FetchFailed(_) => assert!(*failures >= self.config.max_fetch_failures),
                    error => {
                        assert!(!error.is_retryable() || *failures >= self.config.max_failures);
                        assert!(self.failures[&(task.stage, task.partition)] >= *failures);
                    }
                }
            }
            other => panic!("the spec was sound: {other}"),
        }
    }

    /// The partitions of a stage that some job waits for and that have no output, by the book: from the definition,
    /// without the scheduler's sets.
    fn wanted(&self, stage: StageId) -> BTreeSet<u32> {
        let missing = |stage: StageId| -> BTreeSet<u32> {
            let outputs = self.scheduler.outputs(stage).unwrap_or_default();
            (0..).zip(outputs).filter(|(_, o)| o.is_none()).map(|(p, _)| p).collect()
        };
        let mut wanted: BTreeMap<StageId, BTreeSet<u32>> = BTreeMap::new();
        for job in self.jobs.values() {
            let target: BTreeSet<u32> = missing(job.target).difference(&job.taken).copied().collect();
            wanted.entry(job.target).or_default().extend(target);
        }
        // Readers come after their inputs in this lineage, so one pass from the back sees every reader first.
        for spec in self.specs.iter().rev() {
            if wanted.get(&spec.id).is_none_or(BTreeSet::is_empty) {
                continue;
            }
            for input in &spec.inputs {
                wanted.entry(input.stage).or_default().extend(missing(input.stage));
            }
            if !self.started.contains(&spec.id) {
                for before in spec.after.iter().filter(|s| !self.completed_once.contains(s)) {
                    wanted.entry(*before).or_default().extend(missing(*before));
                }
            }
        }
        wanted.remove(&stage).unwrap_or_default()
    }

    /// Whoever could work works, unless the only thing to do has just failed there.
    fn no_slot_idles(&self) {
        for spec in &self.specs {
            let complete = |s: &StageId| self.scheduler.is_complete(*s);
            let ready = spec.inputs.iter().all(|d| complete(&d.stage))
                && (self.started.contains(&spec.id) || spec.after.iter().all(|s| self.completed_once.contains(s)));
            if !ready {
                continue;
            }
            let running = |p: &u32| {
                let tasks = self.machines.values().flat_map(|m| &m.tasks);
                tasks.into_iter().any(|(t, r)| !r.killed && t.stage == spec.id && t.partition == *p)
            };
            let waiting: Vec<u32> = self.wanted(spec.id).into_iter().filter(|p| !running(p)).collect();
            let takes = |m: &Machine| if spec.placement == Placement::Driver { m.driver } else { m.anywhere };
            let free = self.machines.values().filter(|m| takes(m) && m.tasks.len() < m.slots as usize).count();
            assert!(
                waiting.is_empty() || free <= 1,
                "{} waits with {waiting:?} though {free} executors have room",
                spec.id
            );
        }
    }
}
