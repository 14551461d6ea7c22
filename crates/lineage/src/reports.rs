//! What executors and the driver report: a task finished, a task failed, a result was taken.
//!
//! A report counts only if the fleet has that very attempt on that very executor. This one test makes late, doubled
//! and foreign reports harmless.

use crate::error::{FetchCause, TaskError};
use crate::event::Action;
use crate::fleet::Slot;
use crate::ids::{ExecutorId, JobId, NodeId, StageId, TaskId};
use crate::job_error::JobError;
use crate::output::MapOutput;
use crate::scheduler::Scheduler;
use crate::stage::{Located, Stage};

/// So often a copy of a slow task may fail to start before there is no further one.
const MAX_COPIES: u32 = 3;

impl Scheduler {
    pub(crate) fn task_finished(&mut self, executor: ExecutorId, task: TaskId, output: MapOutput) {
        match self.fleet.finish(executor, task) {
            None => return,
            Some(Slot::Stopping) => return self.drop_late_output(task.stage),
            Some(Slot::Running) => {}
        }
        let TaskId { stage: id, partition, attempt } = task;
        let Some(stage) = self.stages.get_mut(&id) else { return };
        let located = Located { executor, attempt, output };
        let Some(running) = stage.put_output(partition, located) else { return self.fleet.drop_output(executor) };
        if let Some(winner) = running.get(attempt) {
            stage.pace.finished(self.now.saturating_sub(winner.started));
            stage.pace.wins += u64::from(winner.speculative);
            stage.grants.add(winner.memory);
        }
        let complete = stage.is_complete();
        let targets: Vec<JobId> = stage.target_of.iter().copied().collect();
        for loser in running.iter().filter(|other| other.number != attempt) {
            self.kill(loser.executor, TaskId { stage: id, partition, attempt: loser.number });
        }
        self.rearm(id);
        self.hint_readers(id, partition, executor);
        for job in targets {
            let Some(state) = self.jobs.get_mut(&job) else { continue };
            if state.has_taken(partition) {
                continue;
            }
            state.target_missing -= 1;
            if let Some(offered) = state.offered.get_mut(partition as usize) {
                *offered = true;
            }
            let satisfied = state.target_missing == 0;
            self.actions.push(Action::ResultReady { job, partition, executor, attempt });
            if satisfied {
                self.replan(job);
            }
        }
        if complete {
            self.stage_completed(id);
        }
    }

    fn stage_completed(&mut self, id: StageId) {
        let Some(stage) = self.stages.get_mut(&id) else { return };
        stage.completed_once = true;
        stage.completed = Some(self.now);
        let (wanted_by, jobs) = (stage.wanted_by.clone(), stage.jobs.clone());
        let inputs: Vec<StageId> = stage.spec.inputs.iter().map(|d| d.stage).collect();
        for job in wanted_by {
            self.no_longer_wanted(id, job);
        }
        self.refresh_readers(id);
        // Inputs that were being recomputed for this stage alone are wanted no longer.
        if inputs.iter().any(|input| self.stages.get(input).is_some_and(|s| !s.is_complete())) {
            for job in jobs {
                self.replan(job);
            }
        }
    }

    pub(crate) fn task_failed(&mut self, executor: ExecutorId, task: TaskId, error: TaskError) {
        let Some(node) = self.fleet.node(executor) else { return };
        if self.fleet.end(executor, task) != Some(Slot::Running) {
            return;
        }
        let verdict = self.put_back((executor, node), task, error);
        if let Some(verdict) = verdict {
            self.fail_jobs_that_want(task, verdict);
        }
    }

    /// An attempt that was running is over without output; its slot is free already. Its partition waits again, unless
    /// another attempt at it runs. The answer is what its jobs must fail with, if it must not be tried any more.
    ///
    /// Ending jobs is left to the caller: that kills tasks and forgets stages, so the books must be right before.
    pub(crate) fn put_back(
        &mut self,
        (executor, node): (ExecutorId, NodeId),
        task: TaskId,
        error: TaskError,
    ) -> Option<JobError> {
        let TaskId { stage: id, partition, attempt } = task;
        let stage = self.stages.get_mut(&id)?;
        let granted = stage.running.get(&partition)?.get(attempt)?.memory;
        // A copy that never ran is replaced, but not for ever: its first attempt is the one that matters.
        let tries = stage.tasks.get(partition as usize)?.fetch_failures;
        let replaced = matches!(error, TaskError::NotStarted(_)) && tries < MAX_COPIES;
        let still_runs = stage.end(partition, attempt, replaced);
        let state = stage.tasks.get_mut(partition as usize)?;
        if matches!(error, TaskError::Oom(_)) {
            // Not more than there can be; that it does not suffice is not certain either, so it is tried as often as others.
            state.memory = state.memory.max(granted.saturating_mul(2).min(self.config.max_memory));
        }
        let (failures, limit) = match &error {
            // Nobody needed it: the other attempt goes on.
            TaskError::NotStarted(_) if still_runs => {
                state.fetch_failures += 1;
                (0, u32::MAX)
            }
            TaskError::FetchFailed(_) | TaskError::NotStarted(_) => {
                state.fetch_failures += 1;
                (state.fetch_failures, self.config.max_fetch_failures)
            }
            _ => {
                state.failures += 1;
                (state.failures, if error.is_retryable() { self.config.max_failures } else { 1 })
            }
        };
        let avoid = match &error {
            // The reader's machine is only to blame if it may be the one that is cut off.
            TaskError::FetchFailed(fetch) => (fetch.cause == FetchCause::Unreachable).then_some(node),
            TaskError::NotStarted(_) => None,
            _ => Some(node),
        };
        if !still_runs {
            self.wait_again(id, partition, avoid);
        }
        self.rearm(id);
        if let TaskError::FetchFailed(fetch) = &error {
            self.lose_recorded(fetch);
        }
        (failures >= limit).then_some(JobError::TaskFailed { task, executor, failures, error })
    }

    fn wait_again(&mut self, id: StageId, partition: u32, avoid: Option<NodeId>) {
        if let Some(stage) = self.stages.get_mut(&id) {
            stage.wait(partition, avoid);
            self.refresh(id);
        }
    }

    pub(crate) fn fail_jobs_that_want(&mut self, task: TaskId, error: JobError) {
        let wanted_by = self.stages.get(&task.stage).map(|s| s.wanted_by.clone()).unwrap_or_default();
        for job in wanted_by {
            if self.jobs.get(&job).is_some_and(|j| j.wants(task.stage, task.partition)) {
                self.end_job(job, Err(error.clone()));
            }
        }
    }

    pub(crate) fn result_taken(&mut self, job: JobId, partition: u32) {
        let Some(state) = self.jobs.get_mut(&job) else { return };
        let offered = state.offered.get(partition as usize).is_some_and(|offered| *offered);
        if !offered || state.has_taken(partition) {
            return;
        }
        if let Some(taken) = state.taken.get_mut(partition as usize) {
            *taken = true;
            state.untaken -= 1;
        }
        // Lost between the driver's copy and its report: no need to compute it again.
        if self.stages.get(&state.target).is_some_and(|s: &Stage| s.output(partition).is_none()) {
            state.target_missing -= 1;
            if state.target_missing == 0 {
                self.replan(job);
            }
        }
        self.finish_if_taken(job);
    }

    pub(crate) fn finish_if_taken(&mut self, job: JobId) {
        if self.jobs.get(&job).is_some_and(|j| j.untaken == 0) {
            self.end_job(job, Ok(()));
        }
    }
}
