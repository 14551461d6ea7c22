//! Losses: an executor dies with everything it had, or one output turns out to be missing.
//!
//! A loss only takes outputs off the books. What must be computed again follows from what is still wanted
//! (`demand.rs`): an output that nobody waits for is not computed again, however many were lost.

use crate::error::{FetchFailed, TaskError};
use crate::fleet::Slot;
use crate::ids::{ExecutorId, JobId, NodeId, StageId, TaskId};
use crate::job_error::JobError;
use crate::scheduler::Scheduler;

impl Scheduler {
    pub(crate) fn executor_removed(&mut self, executor: ExecutorId, reason: &str) {
        let Some(gone) = self.fleet.remove(executor) else { return };
        // Outputs first: where its tasks run next depends on what is still there.
        let mut replan = false;
        let mut left = gone.outputs;
        let stages: Vec<StageId> = self.stages.keys().copied().collect();
        for id in stages {
            if left == 0 {
                break;
            }
            for partition in self.outputs_on(id, executor) {
                replan |= self.lose(id, partition, None);
                left = left.saturating_sub(1);
            }
        }
        if replan {
            self.replan_all();
        }
        let running = gone.tasks.into_iter().filter(|(_, slot)| *slot == Slot::Running);
        let verdicts: Vec<_> = running
            .map(|(task, _)| (task, self.put_back((executor, gone.node), task, TaskError::Lost(reason.to_owned()))))
            .collect();
        for (task, verdict) in verdicts {
            if let Some(verdict) = verdict {
                self.fail_jobs_that_want(task, verdict);
            }
        }
    }

    fn outputs_on(&mut self, id: StageId, executor: ExecutorId) -> Vec<u32> {
        let Some(stage) = self.stages.get(&id) else { return vec![] };
        self.work += u64::from(stage.spec.partitions);
        let places = (0..).zip(&stage.outputs);
        places.filter(|(_, o)| o.as_ref().is_some_and(|o| o.executor == executor)).map(|(p, _)| p).collect()
    }

    fn replan_all(&mut self) {
        let jobs: Vec<JobId> = self.jobs.keys().copied().collect();
        for job in jobs {
            self.replan(job);
        }
    }

    /// Takes the output that a fetch named off the books, unless another attempt has taken its place already.
    pub(crate) fn lose_recorded(&mut self, fetch: &FetchFailed) -> bool {
        let recorded = self.stages.get(&fetch.stage).and_then(|s| s.output(fetch.map));
        if !recorded.is_some_and(|o| o.attempt == fetch.attempt && o.executor == fetch.executor) {
            return false;
        }
        // Whatever is wrong with it there, a second one might go the same way.
        if self.lose(fetch.stage, fetch.map, self.fleet.node(fetch.executor)) {
            self.replan_all();
        }
        true
    }

    /// Takes an output off the books and says whether the jobs' wants must be walked again.
    fn lose(&mut self, id: StageId, partition: u32, avoid: Option<NodeId>) -> bool {
        let Some(stage) = self.stages.get_mut(&id) else { return false };
        let was_complete = stage.is_complete();
        let Some(lost) = stage.lose_output(partition, avoid) else { return false };
        self.fleet.drop_output(lost.executor);
        let mut newly_missing = false;
        for job in &stage.target_of {
            if let Some(job) = self.jobs.get_mut(job)
                && !job.has_taken(partition)
            {
                job.target_missing += 1;
                newly_missing |= job.target_missing == 1;
            }
        }
        self.refresh(id);
        if was_complete {
            self.refresh_readers(id);
        }
        was_complete || newly_missing
    }

    /// The driver reads the target like a task reads its inputs, and its patience is bounded in the same way.
    pub(crate) fn driver_could_not_fetch(&mut self, fetch: FetchFailed) {
        if !self.lose_recorded(&fetch) {
            return;
        }
        let jobs = self.stages.get(&fetch.stage).map(|s| s.target_of.clone()).unwrap_or_default();
        for job in jobs {
            let Some(state) = self.jobs.get_mut(&job) else { continue };
            if state.has_taken(fetch.map) {
                continue;
            }
            let failures = state.fetch_failures.entry(fetch.map).or_default();
            *failures += 1;
            let failures = *failures;
            if failures >= self.config.max_fetch_failures {
                let task = TaskId { stage: fetch.stage, partition: fetch.map, attempt: fetch.attempt };
                let error = TaskError::FetchFailed(fetch.clone());
                self.end_job(job, Err(JobError::TaskFailed { task, executor: fetch.executor, failures, error }));
            }
        }
    }
}
