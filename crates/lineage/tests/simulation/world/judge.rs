//! Every action the scheduler asks for is checked against a plain view of what is right, worked out from definitions
//! and not from the scheduler's own sets; then it is carried out.

use super::*;

impl World {
    pub(super) fn send(&mut self, event: Event) -> Vec<Action> {
        self.clock += 1;
        self.send_now(event)
    }

    pub(super) fn send_now(&mut self, event: Event) -> Vec<Action> {
        let context = format!("{event:?}");
        let actions = self.scheduler.handle(Duration::from_millis(self.clock), event);
        if let Err(error) = self.scheduler.check_invariants() {
            panic!("after {context}: {error}");
        }
        let next = self.scheduler.next_tick();
        assert!(next.is_none_or(|at| at > Duration::from_millis(self.clock)), "after {context}: a tick at {next:?}");
        for spec in &self.specs {
            if self.scheduler.is_complete(spec.id) {
                self.completed_once.insert(spec.id);
            }
            let outputs = self.scheduler.outputs(spec.id).unwrap_or_default();
            if outputs.iter().flatten().count() * 100 >= outputs.len() * QUANTILE as usize && !outputs.is_empty() {
                self.mostly_done.insert(spec.id);
            }
        }
        self.note_ready();
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
                let output = self.scheduler.outputs(task.stage).and_then(|o| o[task.partition as usize].as_ref());
                self.races_lost += usize::from(output.is_some());
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
                self.mostly_done.remove(stage);
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
        let already: Vec<NodeId> = self
            .machines
            .values()
            .flat_map(|m| m.tasks.iter().map(|(task, running)| (m.node, task, running)))
            .filter(|(_, t, running)| !running.killed && (t.stage, t.partition) == (task.stage, task.partition))
            .map(|(node, ..)| node)
            .collect();
        if already.is_empty() {
            let narrow = spec.inputs.iter().find(|input| input.kind == DependencyKind::Narrow);
            let narrow = narrow.and_then(|d| self.scheduler.outputs(d.stage)?.get(task.partition as usize)?.as_ref());
            if narrow.is_some_and(|output| output.executor == executor) {
                self.last_local.insert(task.stage, self.clock);
            }
        } else {
            self.judge_second(executor, task, &already);
        }
        let last = self.last_attempt.insert((task.stage, task.partition), task.attempt);
        assert!(last.is_none_or(|last| last < task.attempt), "{task}: attempt used before");
        let machine = self.machines.get_mut(&executor).expect("launched on an executor that is there");
        assert!(
            if spec.placement == Placement::Driver { machine.driver } else { machine.anywhere },
            "{task} misplaced"
        );
        let memory = self.scheduler.needs(task).memory;
        assert!(memory <= self.config.max_memory, "{task} gets {memory}");
        machine.tasks.insert(task, Running { inputs, killed: false, memory });
        assert!(machine.tasks.len() <= machine.slots as usize, "{executor} has more tasks than slots");
    }

    /// An attempt beside a running one.
    fn judge_second(&mut self, executor: ExecutorId, task: TaskId, already: &[NodeId]) {
        let (spec, machine) = (self.spec(task.stage), &self.machines[&executor]);
        assert!(self.config.speculation.is_some() && spec.speculate, "{task} runs already");
        assert!(
            already.len() == 1 && already[0] != machine.node,
            "{task} on {:?}, but also on {already:?}",
            machine.node
        );
        assert!(self.mostly_done.contains(&task.stage), "{task}: too few are done");
        // Whatever never ran can be told for sure to have had no reason to keep away from this machine.
        for spec in self.specs.iter().filter(|spec| self.ready.contains(&spec.id)) {
            let takes = if spec.placement == Placement::Driver { machine.driver } else { machine.anywhere };
            let mut wanted = self.wanted(spec.id).into_iter();
            let first_time = wanted.any(|p| !self.last_attempt.contains_key(&(spec.id, p)));
            assert!(!takes || !first_time || self.waits(spec), "{task} goes before {}", spec.id);
        }
        self.seconds += 1;
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
                        let final_oom = matches!(error, TaskError::Oom(_)) && self.had_all_memory;
                        assert!(final_oom || !error.is_retryable() || *failures >= self.config.max_failures);
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

    /// Whether the inputs of a stage are there, and the stage is known.
    fn is_ready(&self, spec: &StageSpec) -> bool {
        self.scheduler.stage(spec.id).is_some()
            && spec.inputs.iter().all(|d| self.scheduler.is_complete(d.stage))
            && (self.started.contains(&spec.id) || spec.after.iter().all(|s| self.completed_once.contains(s)))
    }

    fn note_ready(&mut self) {
        let ready: BTreeSet<StageId> = self.specs.iter().filter(|spec| self.is_ready(spec)).map(|s| s.id).collect();
        for stage in ready.difference(&self.ready) {
            self.last_local.insert(*stage, self.clock);
        }
        self.ready = ready;
    }

    /// Whether partitions of the stage may wait for the place of their narrow input.
    fn waits(&self, spec: &StageSpec) -> bool {
        let since = self.last_local.get(&spec.id).copied().unwrap_or_default();
        spec.inputs.iter().any(|d| d.kind == DependencyKind::Narrow)
            && Duration::from_millis(self.clock - since) < self.config.locality_wait
    }

    /// Whoever could work works, unless the only thing to do has just failed on that machine, or waits for its place.
    fn no_slot_idles(&mut self) {
        let mut waited = 0;
        for spec in self.specs.iter().filter(|spec| self.is_ready(spec)) {
            let running = |p: &u32| {
                let tasks = self.machines.values().flat_map(|m| &m.tasks);
                tasks.into_iter().any(|(t, r)| !r.killed && t.stage == spec.id && t.partition == *p)
            };
            let waiting: Vec<u32> = self.wanted(spec.id).into_iter().filter(|p| !running(p)).collect();
            let takes = |m: &Machine| if spec.placement == Placement::Driver { m.driver } else { m.anywhere };
            let free = self.machines.values().filter(|m| takes(m) && m.tasks.len() < m.slots as usize);
            let free: BTreeSet<NodeId> = free.map(|m| m.node).collect();
            let idle = !waiting.is_empty() && free.len() > 1;
            assert!(!idle || self.waits(spec), "{} waits with {waiting:?} though {free:?} have room", spec.id);
            waited += usize::from(idle);
        }
        self.waited += waited;
    }
}
