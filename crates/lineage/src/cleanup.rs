//! A job ends: its tasks are killed, its outputs dropped and its stages forgotten, as far as nobody else needs them.
//!
//! Outputs stay until the job ends, even when their readers are all done: a reader's own output may still be lost.
//! Behind a pinned stage the specs stay (a lost partition of it is recomputed from them), the outputs do not.

use crate::event::Action;
use crate::ids::{JobId, StageId, TaskId};
use crate::job::EndedJob;
use crate::job_error::JobError;
use crate::scheduler::Scheduler;
use std::collections::BTreeSet;

impl Scheduler {
    pub(crate) fn cancel(&mut self, job: JobId) {
        self.end_job(job, Err(JobError::Cancelled));
    }

    pub(crate) fn end_job(&mut self, id: JobId, result: Result<(), JobError>) {
        let Some(progress) = self.job_progress(id) else { return };
        let Some(mut job) = self.jobs.remove(&id) else { return };
        self.runnable_jobs.remove(&id);
        let recomputed = std::mem::take(&mut job.recomputed);
        self.ended.push_back(EndedJob { job: id, progress, recomputed });
        while self.ended.len() > self.config.remembered_jobs {
            self.ended.pop_front();
        }
        self.actions.push(match result {
            Ok(()) => Action::JobFinished { job: id },
            Err(error) => Action::JobFailed { job: id, error },
        });
        for stage in job.order.keys() {
            if let Some(stage) = self.stages.get_mut(stage) {
                stage.jobs.remove(&id);
                stage.wanted_by.remove(&id);
                stage.target_of.remove(&id);
            }
        }
        for stage in job.order.keys() {
            self.kill_unwanted(*stage);
        }
        self.collect(job.order.keys().copied().collect());
    }

    /// Kills those running tasks of a stage that no live job waits for.
    fn kill_unwanted(&mut self, id: StageId) {
        let Some(stage) = self.stages.get(&id) else { return };
        self.work += stage.running.len() as u64;
        let unwanted = stage.running.iter().filter(|(partition, _)| !self.is_wanted(stage, **partition));
        let unwanted: Vec<u32> = unwanted.map(|(partition, _)| *partition).collect();
        for partition in unwanted.iter().copied() {
            let Some(stage) = self.stages.get_mut(&id) else { return };
            let Some(running) = stage.stop(partition) else { continue };
            stage.wait(partition, None);
            for attempt in running.iter() {
                self.kill(attempt.executor, TaskId { stage: id, partition, attempt: attempt.number });
            }
        }
        if !unwanted.is_empty() {
            self.rearm(id);
            self.refresh(id);
        }
    }

    pub(crate) fn unpin(&mut self, stage: StageId) {
        if self.pinned.remove(&stage) {
            self.collect(self.lineage_of([stage]));
        }
    }

    /// These stages and everything they refer to, directly or not, as far as it is known.
    fn lineage_of(&self, stages: impl IntoIterator<Item = StageId>) -> BTreeSet<StageId> {
        let mut found = BTreeSet::new();
        let mut stack: Vec<StageId> = stages.into_iter().collect();
        while let Some(id) = stack.pop() {
            if let Some(stage) = self.stages.get(&id)
                && found.insert(id)
            {
                stack.extend(stage.spec.parents());
            }
        }
        found
    }

    /// Drops the outputs of those stages that neither a live job nor a pin holds, and forgets those of them that are
    /// not behind a pin either.
    fn collect(&mut self, stages: BTreeSet<StageId>) {
        let is_free =
            |s: &Self, id: &StageId| s.stages.get(id).is_some_and(|st| st.jobs.is_empty() && !s.pinned.contains(id));
        let free: Vec<StageId> = stages.into_iter().filter(|id| is_free(self, id)).collect();
        for id in &free {
            self.drop_outputs(*id);
        }
        let kept = self.lineage_of(self.pinned.iter().copied());
        self.work += (free.len() + kept.len()) as u64;
        for id in free.iter().rev().filter(|id| !kept.contains(id)) {
            self.forget(*id);
        }
    }

    fn drop_outputs(&mut self, id: StageId) {
        let Some(stage) = self.stages.get_mut(&id) else { return };
        if !std::mem::take(&mut stage.holds_data) {
            return;
        }
        self.work += u64::from(stage.spec.partitions);
        for partition in 0..stage.spec.partitions {
            if let Some(lost) = stage.lose_output(partition, None) {
                self.fleet.drop_output(lost.executor);
            }
        }
        stage.completed_once = stage.is_complete();
        self.actions.push(Action::DropOutput { stage: id });
        self.hint_all(id);
        self.refresh(id);
        self.refresh_readers(id);
    }

    fn forget(&mut self, id: StageId) {
        let Some(stage) = self.stages.remove(&id) else { return };
        for parent in stage.spec.parents() {
            if let Some(parent) = self.stages.get_mut(&parent) {
                parent.readers.remove(&id);
            }
        }
        let next_attempt = stage.tasks.iter().map(|t| t.next_attempt).max().unwrap_or(0);
        self.retired.add(id, next_attempt);
        self.speculating.remove(&id);
        self.holding.remove(&id);
        if let Some(alarm) = stage.alarm {
            self.alarms.remove(&(alarm, id));
        }
        self.actions.push(Action::ForgetStage { stage: id });
    }

    /// A task that was being killed finished after all: its output is not on the books. If the stage's outputs were
    /// dropped already, nothing else would ever free it; otherwise it goes with the others.
    pub(crate) fn drop_late_output(&mut self, id: StageId) {
        match self.stages.get_mut(&id) {
            Some(stage) if !stage.jobs.is_empty() || self.pinned.contains(&id) => stage.holds_data = true,
            _ => self.actions.push(Action::DropOutput { stage: id }),
        }
    }
}
