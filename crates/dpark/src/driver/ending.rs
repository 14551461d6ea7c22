//! Jobs end: what is kept of them, and what their user is told.

use super::event_loop::{EventLoop, Job};
use super::host::Host;
use super::message::JobEvent;
use super::report::JobReport;
use super::reuse::Reuse;
use crate::error::Error;
use crate::events::EngineEvent;
use datafusion::common::DataFusionError;
use dpark_executor::error::query_error;
use dpark_lineage::{Event, JobError, JobId, MapOutput, StageId, TaskError, UserErrorKind};
use dpark_plan::{JobPlan, StagePlan};
use std::sync::Arc;

impl EventLoop {
    /// Tells of a job's good end.
    pub(super) fn finish(&mut self, job: JobId) {
        let judged = self.jobs.get(&job).map(|job| &job.judged);
        if let Some(objection) = judged.and_then(|judged| judged.objection()) {
            // What it has kept lacks the rows that were left out; later jobs shall not take it for complete.
            // That comes before the failure is told: whoever hears of it may run the next job at once.
            let pins = self.jobs.get(&job).map(|job| job.plan.pins.clone()).unwrap_or_default();
            for (stage, dataset) in pins {
                if dataset.stage() == Some(stage) {
                    dataset.unclaim();
                }
                self.schedule(Event::StageUnpinned { stage });
            }
            self.fail(job, DataFusionError::Execution(objection));
            return;
        }
        if let Some(left_out) = judged.and_then(|judged| judged.warning()) {
            tracing::warn!(%job, "rows were left out: {left_out}");
        }
        self.let_go(job);
        let recomputed = self.scheduler.recomputed(job).to_vec();
        let ended = self.jobs.remove(&job);
        let accumulators = ended.as_ref().map(|job| self.shared.named(&job.accumulators)).unwrap_or_default();
        self.tell(EngineEvent::JobEnded { job, error: None, recomputed: recomputed.clone(), accumulators });
        self.shared.sweep();
        if let Some(mut job) = ended {
            self.measure_cached(&job.plan);
            let ids = job.plan.stages.iter().map(|stage| stage.id);
            let stages = ids.map(|id| (id, job.stages.remove(&id).unwrap_or_default())).collect();
            let report = JobReport { stages, recomputed, elapsed: job.started.elapsed() };
            let _ = job.events.send(JobEvent::Finished(Box::new(report)));
        }
    }

    /// Tells the planner how many rows the cached data sets have that a job has made.
    fn measure_cached(&self, plan: &JobPlan) {
        for (stage, dataset) in &plan.pins {
            // What was lost meanwhile will be computed again, but its size is not known.
            let Some(outputs) = self.scheduler.outputs(*stage) else { continue };
            let known = || outputs.iter().flatten().map(|located| &located.output);
            if known().count() == outputs.len() {
                let (rows, bytes) = (known().map(MapOutput::rows).sum(), known().map(MapOutput::bytes).sum());
                dataset.computed(*stage, rows, bytes);
            }
        }
    }

    /// Keeps or frees the exchanges of a job that is over.
    fn let_go(&mut self, job: JobId) {
        let (scheduler, stages) = (&self.scheduler, &self.stages);
        let size = |stage| {
            let outputs = scheduler.outputs(stage)?;
            let rows = outputs.iter().map(|output| Some(output.as_ref()?.output.bytes())).sum::<Option<u64>>()?;
            let known = stages.get(&stage)?;
            let summaries = known.summaries.values().flatten().map(|summary| summary.bytes() as u64).sum::<u64>();
            Some(rows + summaries + known.parts.bytes.as_ref().map_or(0, |bytes| bytes.len() as u64))
        };
        let left = self.reuse.leave(job, size);
        for stage in left.dropped {
            self.schedule(Event::StageUnpinned { stage });
        }
        for stage in left.idle {
            self.rest(stage);
        }
    }

    /// Lets a stage go that is only kept: operators that have run hold on to what they built, and to its memory.
    fn rest(&mut self, id: StageId) {
        self.links.values_mut().for_each(|link| link.forget_stage(id));
        if let Some(stage) = self.stages.get_mut(&id)
            && let Ok(fresh) = stage.parts.sink.fresh()
        {
            stage.plan = Arc::new(StagePlan { plan: Arc::clone(&fresh.input), ..StagePlan::clone(&stage.plan) });
            stage.parts.sink = fresh;
        }
    }

    pub(super) fn unpin(&mut self, which: impl FnOnce(&mut Reuse) -> Vec<StageId>) {
        for stage in which(&mut self.reuse) {
            self.schedule(Event::StageUnpinned { stage });
        }
    }

    /// Tells of a job's failure, unless that was done before.
    pub(super) fn fail(&mut self, id: JobId, error: DataFusionError) {
        if let Some(job) = self.end(id, error.to_string()) {
            let _ = job.events.send(JobEvent::Failed(error));
        }
    }

    /// The same for a failure at some place, which may have more to say about it.
    pub(super) fn fail_at(&mut self, id: JobId, error: JobError, host: Option<Host>) {
        let place = host.as_ref().map(Host::to_string);
        match host {
            Some(host) if says_more(&error) && host.has_sandbox() => {
                let Some(job) = self.end(id, job_error(error.clone(), place).to_string()) else { return };
                // The agent has to be asked, and other jobs go on meanwhile.
                tokio::spawn(async move {
                    let place = Some(host.last_words().await);
                    let _ = job.events.send(JobEvent::Failed(job_error(error, place)));
                });
            }
            _ => self.fail(id, job_error(error, place)),
        }
    }

    fn end(&mut self, id: JobId, error: String) -> Option<Job> {
        self.let_go(id);
        let job = self.jobs.remove(&id)?;
        let recomputed = self.scheduler.recomputed(id).to_vec();
        let accumulators = self.shared.named(&job.accumulators);
        self.tell(EngineEvent::JobEnded { job: id, error: Some(error), recomputed, accumulators });
        self.shared.sweep();
        Some(job)
    }
}

/// Whether what the task's executor wrote may explain the error. A dead executor's last words are part of the error, and
/// a mistake in a query is explained already.
fn says_more(error: &JobError) -> bool {
    let JobError::TaskFailed { error, .. } = error else { return false };
    match error {
        TaskError::User { kind, .. } => *kind == UserErrorKind::Closure,
        error => matches!(error, TaskError::Bug(_) | TaskError::Io(_)),
    }
}

/// The error a user sees: a query's own fault as one process would say it, everything else with its place.
fn job_error(error: JobError, host: Option<String>) -> DataFusionError {
    match error {
        JobError::TaskFailed { error: TaskError::User { kind, message }, .. } if kind != UserErrorKind::Closure => {
            query_error(&message)
        }
        JobError::TaskFailed { error: TaskError::Oom(message), .. } => DataFusionError::ResourcesExhausted(format!(
            "{message}\ngive executors more (executor.memory; on a cluster task.memory), or make the pieces smaller (more shuffle.partitions)"
        )),
        error => Error::Job { error, host }.into(),
    }
}
