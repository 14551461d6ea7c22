//! A job comes in: its new stages are registered and linked, and what is there already is offered at once.

use crate::event::Action;
use crate::graph;
use crate::ids::{JobId, StageId};
use crate::job::Job;
use crate::scheduler::Scheduler;
use crate::spec::{JobSpec, StageSpec};
use crate::stage::Stage;

impl Scheduler {
    pub(crate) fn submit(&mut self, spec: JobSpec) {
        let (job, target) = (spec.job, spec.target);
        if self.jobs.contains_key(&job) {
            return;
        }
        let lineage = match graph::resolve(spec, |stage| self.stages.get(&stage).map(|s| &s.spec)) {
            Ok(lineage) => lineage,
            Err(error) => return self.actions.push(Action::JobFailed { job, error: *error }),
        };
        for stage in lineage.new {
            self.register(stage);
        }
        for id in &lineage.order {
            let Some(stage) = self.stages.get_mut(id) else { continue };
            if stage.jobs.is_empty() {
                // Patience is per period in which somebody works on the stage: failures long ago, in another job,
                // say nothing about this one.
                self.work += u64::from(stage.spec.partitions);
                for task in &mut stage.tasks {
                    (task.failures, task.fetch_failures) = (0, 0);
                }
                stage.pace.restart();
            }
            stage.jobs.insert(job);
        }
        if let Some(stage) = self.stages.get_mut(&target) {
            stage.target_of.insert(job);
            self.jobs.insert(job, Job::new(target, &lineage.order, stage.spec.partitions, stage.missing));
        }
        self.offer_existing(job, target);
        self.replan(job);
        self.finish_if_taken(job);
    }

    fn register(&mut self, spec: StageSpec) {
        let id = spec.id;
        self.work += u64::from(spec.partitions);
        for parent in spec.parents() {
            if let Some(parent) = self.stages.get_mut(&parent) {
                parent.readers.insert(id);
            }
        }
        let first_attempt = self.retired.first_attempt(id);
        self.stages.insert(id, Stage::new(spec, first_attempt, &self.config));
        self.hint_all(id);
        self.refresh(id);
    }

    /// The target may be pinned, or another live job's: what it has need not be waited for.
    fn offer_existing(&mut self, job: JobId, target: StageId) {
        let Some(stage) = self.stages.get(&target) else { return };
        let Some(state) = self.jobs.get_mut(&job) else { return };
        for ((partition, located), offered) in (0..).zip(&stage.outputs).zip(&mut state.offered) {
            if let Some(located) = located {
                *offered = true;
                let (executor, attempt) = (located.executor, located.attempt);
                self.actions.push(Action::ResultReady { job, partition, executor, attempt });
            }
        }
    }
}
