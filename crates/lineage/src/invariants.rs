//! What must hold between any two events, worked out anew from first principles. For tests: it looks at everything.

use crate::fleet::Slot;
use crate::ids::TaskId;
use crate::scheduler::Scheduler;
use crate::stage::Stage;
use std::collections::BTreeSet;

macro_rules! ensure {
    ($condition:expr, $($message:tt)+) => {
        if !$condition {
            return Err(format!($($message)+));
        }
    };
}

impl Scheduler {
    /// Compares all kept counters and sets with what they stand for. The error says what is wrong.
    pub fn check_invariants(&self) -> Result<(), String> {
        self.fleet.check()?;
        for stage in self.stages.values() {
            self.check_stage(stage).map_err(|e| format!("{}: {e}", stage.spec.id))?;
        }
        self.check_jobs()?;
        let alarms = self.stages.values().filter_map(|stage| Some((stage.alarm?, stage.spec.id)));
        ensure!(alarms.collect::<BTreeSet<_>>() == self.alarms, "the alarms are not those of the stages");
        for (executor, state) in self.fleet.iter() {
            let outputs = self.stages.values().flat_map(|stage| stage.outputs.iter().flatten());
            let outputs = outputs.filter(|output| output.executor == executor).count();
            ensure!(outputs == state.outputs, "{executor} has {outputs} outputs, not {}", state.outputs);
            for (task, slot) in &state.tasks {
                let running = self.stages.get(&task.stage).and_then(|s| s.running.get(&task.partition));
                let running = running.and_then(|r| r.get(task.attempt)).is_some_and(|a| a.executor == executor);
                ensure!(running == (*slot == Slot::Running), "{executor} has {task} as {slot:?}, the stage disagrees");
            }
        }
        Ok(())
    }

    fn check_stage(&self, stage: &Stage) -> Result<(), String> {
        let id = stage.spec.id;
        let mut places = vec![0u32; stage.spec.partitions as usize];
        let with_output = (0..).zip(&stage.outputs).filter(|(_, o)| o.is_some()).map(|(p, _)| p);
        let waiting = stage.queue.iter().map(|(p, _)| p);
        for partition in with_output.chain(stage.running.keys().copied()).chain(waiting) {
            let place = places.get_mut(partition as usize).ok_or(format!("no partition {partition}"))?;
            *place += 1;
        }
        ensure!(places.iter().all(|n| *n == 1), "a partition is not in exactly one place: {places:?}");
        for (partition, avoid) in stage.queue.iter() {
            let task = stage.task(partition).ok_or("no task")?;
            ensure!(task.avoid == avoid, "partition {partition} waits in the wrong group");
        }
        let outputs = || stage.outputs.iter().flatten();
        ensure!(stage.outputs.len() - outputs().count() == stage.missing as usize, "missing is wrong");
        ensure!(outputs().map(|o| o.output.rows()).sum::<u64>() == stage.rows, "rows is wrong");
        ensure!(outputs().map(|o| o.output.bytes()).sum::<u64>() == stage.bytes, "bytes is wrong");
        ensure!(!stage.is_complete() || stage.completed_once, "complete, but completed_once is not set");
        ensure!(stage.holds_data || (outputs().count() == 0 && stage.running.is_empty()), "holds_data is wrong");
        ensure!(stage.ready == self.is_ready(stage), "ready is wrong");
        for output in outputs() {
            ensure!(self.fleet.iter().any(|(e, _)| e == output.executor), "an output on {}, gone", output.executor);
        }
        for (partition, running) in &stage.running {
            for attempt in running.iter() {
                let task = TaskId { stage: id, partition: *partition, attempt: attempt.number };
                let executor = self.fleet.iter().find(|(e, _)| *e == attempt.executor).map(|(_, e)| e);
                let slot = executor.and_then(|e| e.tasks.get(&task).copied());
                ensure!(slot == Some(Slot::Running), "{task} runs, but {} has {slot:?}", attempt.executor);
            }
            let nodes: BTreeSet<_> = running.iter().map(|attempt| attempt.node).collect();
            ensure!(nodes.len() == running.iter().count(), "partition {partition} runs twice on one node");
        }
        self.check_clock(stage)?;
        for parent in stage.spec.parents() {
            let parent = self.stages.get(&parent).ok_or(format!("{parent} is forgotten, but referred to"))?;
            ensure!(parent.readers.contains(&id), "{} does not know it as a reader", parent.spec.id);
        }
        let readers = self.stages.values().filter(|s| s.spec.parents().any(|p| p == id)).map(|s| s.spec.id);
        ensure!(readers.collect::<BTreeSet<_>>() == stage.readers, "readers is wrong");
        let jobs = self.jobs.iter().filter(|(_, j)| j.order.contains_key(&id)).map(|(j, _)| *j);
        ensure!(jobs.collect::<BTreeSet<_>>() == stage.jobs, "jobs is wrong");
        let wanted_by = self.jobs.iter().filter(|(_, j)| j.wanted.contains(&id)).map(|(j, _)| *j);
        ensure!(wanted_by.collect::<BTreeSet<_>>() == stage.wanted_by, "wanted_by is wrong");
        let target_of = self.jobs.iter().filter(|(_, j)| j.target == id).map(|(j, _)| *j);
        ensure!(target_of.collect::<BTreeSet<_>>() == stage.target_of, "target_of is wrong");
        ensure!(!stage.jobs.is_empty() || stage.running.is_empty(), "runs for nobody");
        let kept = |s: &Stage| !s.jobs.is_empty() || self.pinned.contains(&s.spec.id);
        ensure!(kept(stage) || outputs().count() == 0, "keeps outputs for nobody");
        Ok(())
    }

    fn check_clock(&self, stage: &Stage) -> Result<(), String> {
        let id = stage.spec.id;
        stage.pace.check(&stage.running)?;
        stage.queue.check()?;
        ensure!(stage.pace.late() == 0 || self.speculating.contains(&id), "its late tasks are forgotten");
        ensure!(stage.queue.holds_none() || self.holding.contains(&id), "its held partitions are forgotten");
        for (partition, executor) in stage.queue.held().filter(|_| stage.ready) {
            ensure!(self.home(stage, partition) == Some(executor), "partition {partition} waits for the wrong place");
        }
        let due = stage.deadline(self.now);
        ensure!(due.is_none_or(|due| stage.alarm.is_some_and(|at| at <= due)), "it has no alarm for {due:?}");
        ensure!(stage.alarm.is_none_or(|at| at > self.now), "its alarm has not rung");
        Ok(())
    }

    fn check_jobs(&self) -> Result<(), String> {
        for (id, job) in &self.jobs {
            let target = self.stages.get(&job.target).ok_or(format!("{id}: no target"))?;
            let untaken = job.taken.iter().filter(|t| !**t).count();
            ensure!(untaken == job.untaken as usize && untaken > 0, "{id}: untaken is wrong");
            let missing = job.taken.iter().zip(&target.outputs).filter(|(t, o)| !**t && o.is_none()).count();
            ensure!(missing == job.target_missing as usize, "{id}: target_missing is wrong");
            ensure!(job.wanted == self.wanted_by_walk(*id), "{id}: wanted is wrong");
            let runnable = job.wanted.iter().filter_map(|s| self.stages.get(s));
            let runnable = runnable.filter(|s| s.ready && !s.queue.is_empty());
            let runnable = runnable.map(|s| (job.order.get(&s.spec.id).copied().unwrap_or(u32::MAX), s.spec.id));
            ensure!(job.runnable == runnable.collect::<BTreeSet<_>>(), "{id}: runnable is wrong");
            ensure!(self.runnable_jobs.contains(id) != job.runnable.is_empty(), "{id}: runnable_jobs is wrong");
        }
        ensure!(self.runnable_jobs.iter().all(|j| self.jobs.contains_key(j)), "runnable_jobs has an ended job");
        Ok(())
    }
}
