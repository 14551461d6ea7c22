//! Tasks are launched: their stage's plan, where their inputs lie, their runtime filters.

use super::event_loop::EventLoop;
use super::executors::{Need, Places};
use super::message::{Fresh, Launched, Message};
use crate::events::EngineEvent;
use dpark_lineage::{Event, ExecutorId, Resources, StageId, TaskError, TaskId, UserErrorKind};
use dpark_plan::codec;
use dpark_shuffle::MapLocation;
use std::sync::Arc;

impl EventLoop {
    pub(super) fn use_offers(&mut self, fresh: Vec<Fresh>, offers: Vec<(ExecutorId, Resources)>) -> Vec<Launched> {
        for Fresh { executor, node, link, host } in fresh {
            self.links.insert(executor, link);
            self.hosts.insert(executor, host);
            self.schedule(Event::ExecutorAdded { executor, slots: 0, driver: false, anywhere: true, node });
        }
        let executors = offers.iter().map(|(executor, _)| *executor).collect();
        self.launched = Some(vec![]);
        self.schedule(Event::Offered { offers });
        let launched = self.launched.take();
        self.schedule(Event::OffersEnded { executors });
        launched.unwrap_or_default()
    }

    pub(super) fn launch(&mut self, executor: ExecutorId, task: TaskId) {
        let fail = |this: &mut Self, message: String| {
            let report = Box::new(Err(TaskError::User { kind: UserErrorKind::Plan, message }));
            let _ = this.reports.send(Message::Report { executor, task, report });
        };
        let needs_bytes = self.links.get(&executor).is_some_and(|link| link.needs_bytes(task.stage));
        let Some(stage) = self.stages.get_mut(&task.stage) else {
            return fail(self, format!("Internal error: {} is not known to the driver", task.stage));
        };
        if needs_bytes && stage.parts.bytes.is_none() {
            match codec::encode(&stage.parts.sink, &self.own.context(None, stage.parts.config.clone())) {
                Ok(bytes) => stage.parts.bytes = Some(Arc::new(bytes)),
                Err(error) => return fail(self, error.strip_backtrace()),
            }
        }
        let plan = Arc::clone(&stage.plan);
        let needs = plan.reads().filter_map(|(name, stage)| Some(Need { name, stage, places: self.places(stage)? }));
        let needs: Vec<_> = needs.collect();
        self.tell(EngineEvent::TaskStarted { task, executor });
        if let (Some(stage), Some(link)) = (self.stages.get(&task.stage), self.links.get_mut(&executor)) {
            let reports = self.reports.clone();
            link.launch(task, &stage.parts, &needs, move |report| {
                let _ = reports.send(Message::Report { executor, task, report: Box::new(report) });
            });
            if let Some(launched) = &mut self.launched {
                launched.push(Launched { executor, task, needs: self.scheduler.needs(task) });
            }
        }
    }

    /// Where the outputs of a complete stage lie.
    fn places(&mut self, stage: StageId) -> Option<Places> {
        if let Some(places) = self.places.get(&stage) {
            return Some(places.clone());
        }
        let outputs = self.scheduler.outputs(stage)?;
        let locations = outputs.iter().enumerate().map(|(map, output)| {
            let output = output.as_ref()?;
            let addr = self.links.get(&output.executor)?.shuffle_addr(self.own_shuffle);
            Some(MapLocation { map: map as u32, attempt: output.attempt, executor: output.executor, addr })
        });
        let places = Places { version: self.next_version, locations: Arc::new(locations.collect::<Option<_>>()?) };
        self.next_version += 1;
        self.places.insert(stage, places.clone());
        Some(places)
    }

    pub(super) fn resolve_filters(&mut self, stage: StageId) {
        let Some(plan) = self.stages.get(&stage).map(|stage| Arc::clone(&stage.plan)) else {
            return;
        };
        for filter in &plan.filters {
            let Some(source) = self.stages.get(&filter.source) else {
                continue;
            };
            let summaries: Option<Vec<_>> = (0..source.plan.partitions() as u32)
                .map(|map| source.summaries.get(&map).and_then(|of_task| of_task.get(filter.slot)).cloned())
                .collect();
            // Without every task's word the filter would drop rows; it is only an optimisation, so it may stay open.
            if let Some(summaries) = summaries
                && let Err(error) = filter.resolve(&summaries)
            {
                tracing::warn!(%stage, %error, "a runtime filter could not be made");
            }
        }
    }
}
