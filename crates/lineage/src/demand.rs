//! Which stages are wanted, by which job, and which of them can start.
//!
//! A job wants its target while partitions of it are neither there nor taken. A wanted stage wants those of its inputs
//! that are incomplete, and, until its first launch, the `after` stages that were never complete. A complete stage
//! wants nothing, so a loss behind it costs nothing. The same walk plans a new job, resumes a half-finished cached
//! stage and recovers from losses: there is no separate recovery plan.
//!
//! The walk is over stages, never over partitions, and only runs when some stage turns complete or incomplete out of
//! turn. Otherwise the sets it leaves behind are kept up to date in place.

use crate::ids::{JobId, StageId};
use crate::scheduler::Scheduler;
use crate::stage::Stage;
use std::collections::BTreeSet;

impl Scheduler {
    /// What a job must wait for, walked from its target.
    pub(crate) fn wanted_by_walk(&self, job: JobId) -> BTreeSet<StageId> {
        let mut wanted = BTreeSet::new();
        let mut stack: Vec<StageId> =
            self.jobs.get(&job).filter(|j| j.target_missing > 0).map(|j| j.target).into_iter().collect();
        while let Some(id) = stack.pop() {
            let Some(stage) = self.stages.get(&id) else { continue };
            if !wanted.insert(id) {
                continue;
            }
            let incomplete = |id: &StageId| self.stages.get(id).is_some_and(|s| !s.is_complete());
            stack.extend(stage.spec.inputs.iter().map(|d| d.stage).filter(incomplete));
            if !stage.announced {
                let never_complete = |id: &StageId| self.stages.get(id).is_some_and(|s| !s.completed_once);
                stack.extend(stage.spec.after.iter().copied().filter(never_complete));
            }
        }
        wanted
    }

    /// Brings a job's wants up to date after a change that reaches beyond one stage.
    pub(crate) fn replan(&mut self, job: JobId) {
        let wanted = self.wanted_by_walk(job);
        self.work += wanted.len() as u64;
        let Some(state) = self.jobs.get_mut(&job) else { return };
        state.involved.extend(&wanted);
        let before = std::mem::replace(&mut state.wanted, wanted.clone());
        for id in before.difference(&wanted) {
            self.no_longer_wanted(*id, job);
        }
        for id in wanted.difference(&before) {
            if let Some(stage) = self.stages.get_mut(id) {
                stage.wanted_by.insert(job);
                stage.queue.unpark();
            }
            self.refresh(*id);
        }
    }

    /// Takes a stage off a job's lists.
    pub(crate) fn no_longer_wanted(&mut self, id: StageId, job: JobId) {
        if let Some(stage) = self.stages.get_mut(&id) {
            stage.wanted_by.remove(&job);
        }
        if let Some(state) = self.jobs.get_mut(&job) {
            state.wanted.remove(&id);
            if let Some(place) = state.order.get(&id) {
                state.runnable.remove(&(*place, id));
            }
            if state.runnable.is_empty() {
                self.runnable_jobs.remove(&job);
            }
        }
    }

    /// Brings up to date whether tasks of the stage can be launched: call it when its queue became empty or not empty,
    /// when one of its inputs became complete or incomplete, and when somebody begins to want it.
    pub(crate) fn refresh(&mut self, id: StageId) {
        self.work += 1;
        let Some(ready) = self.stages.get(&id).map(|stage| self.is_ready(stage)) else { return };
        let Some(stage) = self.stages.get_mut(&id) else { return };
        if ready && !std::mem::replace(&mut stage.ready, ready) {
            self.begin_wait(id);
            self.find_shuffle_homes(id);
        }
        let Some(stage) = self.stages.get_mut(&id) else { return };
        stage.ready = ready;
        let runnable = ready && !stage.queue.is_empty();
        for job in &stage.wanted_by {
            let Some(state) = self.jobs.get_mut(job) else { continue };
            let Some(place) = state.order.get(&id) else { continue };
            if runnable {
                state.runnable.insert((*place, id));
                self.runnable_jobs.insert(*job);
            } else {
                state.runnable.remove(&(*place, id));
                if state.runnable.is_empty() {
                    self.runnable_jobs.remove(job);
                }
            }
        }
    }

    /// `refresh` for everything that waits for the stage.
    pub(crate) fn refresh_readers(&mut self, id: StageId) {
        let readers: Vec<StageId> = self.stages.get(&id).into_iter().flat_map(|s| &s.readers).copied().collect();
        for reader in readers {
            self.refresh(reader);
        }
    }

    /// Whether inputs are complete and `after` is satisfied.
    pub(crate) fn is_ready(&self, stage: &Stage) -> bool {
        let complete = |id: StageId| self.stages.get(&id).is_some_and(Stage::is_complete);
        let completed_once = |id: StageId| self.stages.get(&id).is_some_and(|s| s.completed_once);
        stage.spec.inputs.iter().all(|d| complete(d.stage))
            && (stage.announced || stage.spec.after.iter().all(|id| completed_once(*id)))
    }

    /// Whether some live job waits for this output.
    pub(crate) fn is_wanted(&self, stage: &Stage, partition: u32) -> bool {
        stage.wanted_by.iter().filter_map(|job| self.jobs.get(job)).any(|job| job.wants(stage.spec.id, partition))
    }
}
