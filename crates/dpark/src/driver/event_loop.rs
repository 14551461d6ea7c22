//! The driver's loop: messages in, the scheduler's actions out. It owns all state, so nothing here is locked.

use super::executors::{Link, Links, Need, Places, StageParts};
use super::report::{JobReport, StageReport};
use super::reuse::Reuse;
use crate::error::Error;
use crate::events::EngineEvent;
use crate::progress::Progress;
use datafusion::common::DataFusionError;
use datafusion::prelude::SessionConfig;
use dpark_executor::error::query_error;
use dpark_executor::{Executor, TaskReport, TaskSuccess};
use dpark_lineage::{
    Action, Event, ExecutorId, FetchFailed, JobError, JobId, Resources, Scheduler, SchedulerConfig, StageId, TaskError,
    TaskId, UserErrorKind,
};
use dpark_plan::runtime_filter::KeySummary;
use dpark_plan::{JobPlan, StagePlan, StageSinkExec, codec};
use dpark_shuffle::MapLocation;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// What the loop is told.
pub(crate) enum Message {
    Submit {
        job: JobId,
        plan: Arc<JobPlan>,
        config: SessionConfig,
        events: mpsc::UnboundedSender<JobEvent>,
    },
    Cancel(JobId),
    CancelAll,
    Report {
        executor: ExecutorId,
        task: TaskId,
        report: Box<TaskReport>,
    },
    ExecutorUp {
        executor: ExecutorId,
        link: Link,
        slots: u32,
        driver: bool,
        anywhere: bool,
        /// For people: the process and where it runs.
        host: String,
        pid: u32,
    },
    ExecutorDown {
        executor: ExecutorId,
        reason: String,
    },
    /// A cluster offers resources; the answer is what was launched on them. What is left is the cluster's again.
    Offers {
        /// Executors that are offered something for the first time. They start with their first task.
        fresh: Vec<Fresh>,
        /// What may be used on which executor's machine.
        offers: Vec<(ExecutorId, Resources)>,
        /// The launches, to be passed on.
        answer: oneshot::Sender<Vec<Launched>>,
    },
    /// An executor of a cluster has started.
    Connected {
        executor: ExecutorId,
        shuffle: SocketAddr,
        host: String,
        pid: u32,
    },
    /// Which of these executors run nothing and hold no output that may still be read.
    Idle {
        executors: Vec<ExecutorId>,
        answer: oneshot::Sender<Vec<ExecutorId>>,
    },
    /// The workers do not start, and the jobs at hand end.
    Hopeless {
        reason: String,
        /// Nothing will ever run.
        forever: bool,
    },
    Taken {
        job: JobId,
        partition: u32,
    },
    Lost(FetchFailed),
    Unpin(StageId),
    Stop,
}

/// An executor that a cluster can start.
pub(crate) struct Fresh {
    pub(crate) executor: ExecutorId,
    pub(crate) link: Link,
    pub(crate) host: String,
}

/// A task that was told to its executor and takes what a cluster offered.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Launched {
    pub(crate) executor: ExecutorId,
    pub(crate) task: TaskId,
    pub(crate) needs: Resources,
}

/// What waits for a cluster's offers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Demand {
    /// Tasks that could run now.
    pub(crate) tasks: usize,
    /// The least that one of them needs.
    pub(crate) least: Option<Resources>,
}

/// What a job is told.
pub(crate) enum JobEvent {
    Ready { partition: u32, location: MapLocation },
    Finished(Box<JobReport>),
    Failed(DataFusionError),
}

struct Job {
    plan: Arc<JobPlan>,
    events: mpsc::UnboundedSender<JobEvent>,
    started: Instant,
    /// Rows and metrics of the tasks that ran while the job lived.
    stages: HashMap<StageId, StageReport>,
}

struct Stage {
    plan: Arc<StagePlan>,
    parts: StageParts,
    /// Key summaries by map partition, in the order in which the stage lists its keys.
    summaries: HashMap<u32, Vec<Arc<KeySummary>>>,
}

pub(crate) struct EventLoop {
    scheduler: Scheduler,
    started: Instant,
    links: Links,
    /// Of every executor there was, for error messages.
    hosts: HashMap<ExecutorId, String>,
    stages: HashMap<StageId, Stage>,
    jobs: HashMap<JobId, Job>,
    places: HashMap<StageId, Places>,
    reuse: Reuse,
    next_version: u64,
    /// This process's executor.
    own: Arc<Executor>,
    own_shuffle: Option<SocketAddr>,
    hopeless: Option<String>,
    /// What every task takes of a cluster.
    needs: Resources,
    /// Launches of the event at hand.
    launched: Vec<Launched>,
    demand: watch::Sender<Demand>,
    reports: mpsc::UnboundedSender<Message>,
    progress: watch::Sender<Progress>,
    events: broadcast::Sender<EngineEvent>,
}

/// What a loop is made of.
pub(crate) struct Parts {
    pub(crate) scheduler: SchedulerConfig,
    /// What every task takes of a cluster.
    pub(crate) needs: Resources,
    pub(crate) kept_bytes: u64,
    pub(crate) own: Arc<Executor>,
    pub(crate) own_shuffle: Option<SocketAddr>,
    pub(crate) reports: mpsc::UnboundedSender<Message>,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) demand: watch::Sender<Demand>,
    pub(crate) events: broadcast::Sender<EngineEvent>,
}

impl EventLoop {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { scheduler, needs, kept_bytes, own, own_shuffle, reports, progress, demand, events } = parts;
        Self {
            scheduler: Scheduler::new(scheduler),
            started: Instant::now(),
            links: Links::new(),
            hosts: HashMap::new(),
            stages: HashMap::new(),
            jobs: HashMap::new(),
            places: HashMap::new(),
            reuse: Reuse::new(kept_bytes),
            next_version: 0,
            own,
            own_shuffle,
            hopeless: None,
            needs,
            launched: vec![],
            demand,
            reports,
            progress,
            events,
        }
    }

    pub(crate) async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Message>) {
        let mut tick = tokio::time::interval(Duration::from_millis(50));
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        let mut changed = false;
        loop {
            tokio::select! {
                message = inbox.recv() => match message {
                    None | Some(Message::Stop) => break,
                    Some(message) => {
                        self.message(message);
                        self.tell_demand();
                        changed = true;
                    }
                },
                _ = tick.tick(), if changed || !self.jobs.is_empty() => {
                    self.tell_progress();
                    changed = false;
                }
            }
        }
        for job in self.jobs.into_values() {
            let _ = job.events.send(JobEvent::Failed(Error::Stopped.into()));
        }
    }

    fn message(&mut self, message: Message) {
        match message {
            Message::Submit { job, plan, config, events } => self.submit(job, plan, config, events),
            Message::Cancel(job) => self.schedule(Event::JobCancelled { job }),
            Message::CancelAll => {
                for job in self.jobs.keys().copied().collect::<Vec<_>>() {
                    self.schedule(Event::JobCancelled { job });
                }
            }
            Message::Report { executor, task, report } => self.report(executor, task, *report),
            Message::ExecutorUp { executor, link, slots, driver, anywhere, host, pid } => {
                self.links.insert(executor, link);
                self.hosts.insert(executor, host);
                self.tell(EngineEvent::ExecutorAdded { executor, pid });
                self.schedule(Event::ExecutorAdded { executor, slots, driver, anywhere });
            }
            Message::ExecutorDown { executor, reason } => {
                if self.links.remove(&executor).is_some() {
                    tracing::warn!(%executor, %reason, "executor lost");
                    self.tell(EngineEvent::ExecutorRemoved { executor, reason: reason.clone() });
                    self.places.clear();
                    self.schedule(Event::ExecutorRemoved { executor, reason });
                }
            }
            Message::Offers { fresh, offers, answer } => {
                let launched = self.use_offers(fresh, offers);
                // A backend that is gone has no tasks to launch: the context ends.
                let _ = answer.send(launched);
            }
            Message::Connected { executor, shuffle, host, pid } => {
                if let Some(link) = self.links.get_mut(&executor) {
                    link.connected(shuffle);
                    self.hosts.insert(executor, host);
                    self.tell(EngineEvent::ExecutorAdded { executor, pid });
                }
            }
            Message::Idle { executors, answer } => {
                if self.jobs.is_empty() {
                    self.unpin(Reuse::clear);
                }
                let idle = executors.into_iter().filter(|executor| !self.scheduler.is_in_use(*executor));
                let _ = answer.send(idle.collect());
            }
            Message::Hopeless { reason, forever } => {
                for job in self.jobs.keys().copied().collect::<Vec<_>>() {
                    self.fail(job, Error::Start { what: "workers", detail: reason.clone() }.into());
                    self.schedule(Event::JobCancelled { job });
                }
                self.hopeless = forever.then_some(reason);
            }
            Message::Taken { job, partition } => self.schedule(Event::ResultTaken { job, partition }),
            Message::Lost(failed) => {
                self.places.remove(&failed.stage);
                self.schedule(Event::OutputLost(failed));
            }
            Message::Unpin(stage) => self.schedule(Event::StageUnpinned { stage }),
            Message::Stop => {}
        }
    }

    fn use_offers(&mut self, fresh: Vec<Fresh>, offers: Vec<(ExecutorId, Resources)>) -> Vec<Launched> {
        for Fresh { executor, link, host } in fresh {
            self.links.insert(executor, link);
            self.hosts.insert(executor, host);
            self.schedule(Event::ExecutorAdded { executor, slots: 0, driver: false, anywhere: true });
        }
        let executors = offers.iter().map(|(executor, _)| *executor).collect();
        self.schedule(Event::Offered { offers });
        let launched = std::mem::take(&mut self.launched);
        self.schedule(Event::OffersEnded { executors });
        launched
    }

    fn submit(
        &mut self,
        id: JobId,
        plan: Arc<JobPlan>,
        config: SessionConfig,
        events: mpsc::UnboundedSender<JobEvent>,
    ) {
        if let Some(reason) = &self.hopeless {
            let error = Error::Start { what: "workers", detail: reason.clone() };
            let _ = events.send(JobEvent::Failed(error.into()));
            return;
        }
        let matched = self.reuse.matches(&plan);
        let plan = if matched.is_empty() { plan } else { Arc::new(plan.substitute(&matched)) };
        for stage in self.reuse.enter(id, &plan, &matched) {
            self.schedule(Event::StagePinned { stage });
        }
        let options = Arc::new(options_of(&config));
        for stage in &plan.stages {
            self.stages.entry(stage.id).or_insert_with(|| Stage {
                plan: Arc::clone(stage),
                parts: StageParts {
                    sink: StageSinkExec::from(stage.as_ref()),
                    config: config.clone(),
                    bytes: None,
                    options: Arc::clone(&options),
                },
                summaries: HashMap::new(),
            });
        }
        let stages = plan.stages.iter().map(|stage| stage.id).collect();
        self.tell(EngineEvent::JobStarted { job: id, stages, target: plan.target });
        let (mut spec, pins) = (plan.spec(id), plan.pins.clone());
        spec.stages.iter_mut().for_each(|stage| stage.needs = self.needs);
        self.jobs.insert(id, Job { plan, events, started: Instant::now(), stages: HashMap::new() });
        for stage in pins {
            self.schedule(Event::StagePinned { stage });
        }
        self.schedule(Event::JobSubmitted(spec));
    }

    fn report(&mut self, executor: ExecutorId, task: TaskId, report: TaskReport) {
        let event = match report {
            Ok(done) => {
                if self.scheduler.awaits(executor, task) {
                    self.finished(executor, task, &done);
                }
                Event::TaskFinished { executor, task, output: done.output }
            }
            Err(error) => {
                match &error {
                    TaskError::FetchFailed(failed) => drop(self.places.remove(&failed.stage)),
                    // What is kept without need makes room before the next attempt.
                    TaskError::Oom(_) => self.unpin(Reuse::clear),
                    _ => {}
                }
                if error != TaskError::Cancelled {
                    tracing::info!(%task, %executor, %error, "task failed");
                    self.tell(EngineEvent::TaskFailed { task, executor, error: error.to_string() });
                }
                Event::TaskFailed { executor, task, error }
            }
        };
        self.schedule(event);
    }

    fn finished(&mut self, executor: ExecutorId, task: TaskId, done: &TaskSuccess) {
        let (rows, bytes) = (done.output.rows(), done.output.bytes());
        self.tell(EngineEvent::TaskFinished { task, executor, rows, bytes });
        self.places.remove(&task.stage);
        if let Some(stage) = self.stages.get_mut(&task.stage) {
            let summaries = done.summaries.iter().cloned().map(Arc::new);
            stage.summaries.insert(task.partition, summaries.collect());
        }
        for job in self.jobs.values_mut() {
            if job.plan.stages.iter().any(|stage| stage.id == task.stage) {
                job.stages.entry(task.stage).or_default().add(done);
            }
        }
    }

    /// Lets the scheduler handle an event and does what it says.
    fn schedule(&mut self, event: Event) {
        self.launched.clear();
        for action in self.scheduler.handle(self.started.elapsed(), event) {
            self.act(action);
        }
    }

    fn act(&mut self, action: Action) {
        match action {
            Action::Launch { executor, task } => self.launch(executor, task),
            Action::Kill { executor, task } => {
                if let Some(link) = self.links.get(&executor) {
                    link.kill(task);
                }
            }
            Action::StageStarting { stage } => self.resolve_filters(stage),
            Action::ResultReady { job, partition, executor, attempt } => {
                let addr = self.links.get(&executor).and_then(|link| link.shuffle_addr(self.own_shuffle));
                if let Some(job) = self.jobs.get(&job) {
                    let location = MapLocation { map: partition, attempt, executor, addr };
                    let _ = job.events.send(JobEvent::Ready { partition, location });
                }
            }
            Action::DropOutput { stage } => {
                self.places.remove(&stage);
                self.links.values_mut().for_each(|link| link.drop_output(stage));
            }
            Action::ForgetStage { stage } => {
                self.links.values_mut().for_each(|link| link.forget_stage(stage));
                self.stages.remove(&stage);
            }
            Action::JobFinished { job } => {
                self.let_go(job);
                let recomputed = self.scheduler.recomputed(job).to_vec();
                self.tell(EngineEvent::JobEnded { job, error: None, recomputed: recomputed.clone() });
                if let Some(mut job) = self.jobs.remove(&job) {
                    let ids = job.plan.stages.iter().map(|stage| stage.id);
                    let stages = ids.map(|id| (id, job.stages.remove(&id).unwrap_or_default())).collect();
                    let report = JobReport { stages, recomputed, elapsed: job.started.elapsed() };
                    let _ = job.events.send(JobEvent::Finished(Box::new(report)));
                }
            }
            Action::JobFailed { job, error } => {
                let host = match &error {
                    JobError::TaskFailed { executor, .. } => self.hosts.get(executor),
                    _ => None,
                };
                self.fail(job, job_error(error, host.cloned()));
            }
        }
    }

    fn launch(&mut self, executor: ExecutorId, task: TaskId) {
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
            self.launched.push(Launched { executor, task, needs: self.scheduler.needs(task) });
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

    fn resolve_filters(&mut self, stage: StageId) {
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

    fn unpin(&mut self, which: impl FnOnce(&mut Reuse) -> Vec<StageId>) {
        for stage in which(&mut self.reuse) {
            self.schedule(Event::StageUnpinned { stage });
        }
    }

    /// Tells of a job's failure, unless that was done before.
    fn fail(&mut self, id: JobId, error: DataFusionError) {
        self.let_go(id);
        let Some(job) = self.jobs.remove(&id) else { return };
        let recomputed = self.scheduler.recomputed(id).to_vec();
        self.tell(EngineEvent::JobEnded { job: id, error: Some(error.to_string()), recomputed });
        let _ = job.events.send(JobEvent::Failed(error));
    }

    fn tell(&self, event: EngineEvent) {
        // Nobody listening is fine.
        let _ = self.events.send(event);
    }

    fn tell_demand(&self) {
        let now = Demand { tasks: self.scheduler.launchable_tasks(), least: self.scheduler.least_needs() };
        self.demand.send_if_modified(|before| std::mem::replace(before, now) != now);
    }

    fn tell_progress(&self) {
        let now = self.scheduler.progress();
        let oldest = self.jobs.values().map(|job| job.started).min();
        self.progress.send_replace(Progress {
            jobs: self.jobs.len(),
            stages: (now.stages_done as usize, now.stages_total as usize),
            tasks: (now.tasks_done as usize, now.tasks_total as usize),
            rows: now.rows,
            bytes: now.bytes,
            elapsed: oldest.map(|started| started.elapsed()).unwrap_or_default(),
        });
    }
}

/// The error a user sees: a query's own fault as one process would say it, everything else with its place.
fn job_error(error: JobError, host: Option<String>) -> DataFusionError {
    match error {
        JobError::TaskFailed { error: TaskError::User { kind, message }, .. } if kind != UserErrorKind::Closure => {
            query_error(&message)
        }
        JobError::TaskFailed { error: TaskError::Oom(message), .. } => DataFusionError::ResourcesExhausted(format!(
            "{message}\nraise it with executor.memory, or lower shuffle.partitions' share by using more of them"
        )),
        error => Error::Job { error, host }.into(),
    }
}

/// The session's options that differ from nothing: all that have a value, by key.
pub(crate) fn options_of(config: &SessionConfig) -> Vec<(String, String)> {
    let entries = config.options().entries().into_iter();
    entries.filter_map(|entry| Some((entry.key, entry.value?))).collect()
}
