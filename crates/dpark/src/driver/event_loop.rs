//! The driver's loop: messages in, the scheduler's actions out. It owns all state, so nothing here is locked.
//!
//! [`launching`](super::launching) and [`ending`](super::ending) are the two largest things it does.

use super::executors::{Links, Places, StageParts};
use super::host::Host;
use super::message::{Demand, JobEvent, Launched, Message};
use super::report::StageReport;
use super::reuse::Reuse;
use crate::error::Error;
use crate::events::EngineEvent;
use crate::progress::Progress;
use crate::shared::{Counted, Judged, Registry};
use crate::task_options::TaskOptions;
use datafusion::prelude::SessionConfig;
use dpark_executor::{Executor, TaskReport, TaskSuccess};
use dpark_lineage::{
    Action, Event, ExecutorId, JobError, JobId, NodeId, Scheduler, SchedulerConfig, StageId, TaskError, TaskId,
    UserErrorKind,
};
use dpark_plan::runtime_filter::KeySummary;
use dpark_plan::{JobPlan, StagePlan, StageSinkExec};
use dpark_shuffle::MapLocation;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, mpsc, watch};

pub(super) struct Job {
    pub(super) plan: Arc<JobPlan>,
    pub(super) events: mpsc::UnboundedSender<JobEvent>,
    pub(super) started: Instant,
    /// See [`TaskOptions::set_aside`].
    pub(super) aside: bool,
    /// Rows and metrics of the tasks that ran while the job lived.
    pub(super) stages: HashMap<StageId, StageReport>,
    /// Accumulators to which its tasks added.
    pub(super) accumulators: BTreeSet<u64>,
    /// What they added to those that judge jobs.
    pub(super) judged: Judged,
}

pub(super) struct Stage {
    pub(super) plan: Arc<StagePlan>,
    pub(super) parts: StageParts,
    /// Key summaries by map partition, in the order in which the stage lists its keys.
    pub(super) summaries: HashMap<u32, Vec<Arc<KeySummary>>>,
}

pub(crate) struct EventLoop {
    pub(super) scheduler: Scheduler,
    pub(super) started: Instant,
    pub(super) links: Links,
    /// Of every executor that is there, for error messages.
    pub(super) hosts: HashMap<ExecutorId, Host>,
    pub(super) stages: HashMap<StageId, Stage>,
    pub(super) jobs: HashMap<JobId, Job>,
    pub(super) places: HashMap<StageId, Places>,
    pub(super) reuse: Reuse,
    pub(super) next_version: u64,
    /// This process's executor.
    pub(super) own: Arc<Executor>,
    pub(super) own_shuffle: Option<SocketAddr>,
    pub(super) shared: Arc<Registry>,
    pub(super) counted: Counted,
    pub(super) hopeless: Option<String>,
    /// Launches on the offers at hand.
    pub(super) launched: Option<Vec<Launched>>,
    /// Times at which the scheduler wanted to look at the clock.
    pub(super) alarms: u64,
    pub(super) demand: watch::Sender<Demand>,
    pub(super) reports: mpsc::UnboundedSender<Message>,
    pub(super) progress: watch::Sender<Progress>,
    pub(super) events: broadcast::Sender<EngineEvent>,
}

/// What a loop is made of.
pub(crate) struct Parts {
    pub(crate) scheduler: SchedulerConfig,
    pub(crate) kept_bytes: u64,
    pub(crate) own: Arc<Executor>,
    pub(crate) own_shuffle: Option<SocketAddr>,
    pub(crate) shared: Arc<Registry>,
    pub(crate) reports: mpsc::UnboundedSender<Message>,
    pub(crate) progress: watch::Sender<Progress>,
    pub(crate) demand: watch::Sender<Demand>,
    pub(crate) events: broadcast::Sender<EngineEvent>,
}

impl EventLoop {
    pub(crate) fn new(parts: Parts) -> Self {
        let Parts { scheduler, kept_bytes, own, own_shuffle, shared, reports, progress, demand, events } = parts;
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
            shared,
            counted: Counted::default(),
            hopeless: None,
            launched: None,
            alarms: 0,
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
            let alarm = self.scheduler.next_tick().and_then(|at| self.started.checked_add(at));
            let alarm = alarm.map(tokio::time::Instant::from_std);
            tokio::select! {
                message = inbox.recv() => match message {
                    None | Some(Message::Stop) => break,
                    Some(message) => {
                        self.message(message);
                        self.tell_demand();
                        changed = true;
                    }
                },
                () = tokio::time::sleep_until(alarm.unwrap_or_else(tokio::time::Instant::now)), if alarm.is_some() => {
                    self.alarms += 1;
                    self.schedule(Event::Tick);
                    self.tell_demand();
                }
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
                // A process beside others on one machine: if it breaks, that says nothing of them.
                let node = NodeId(executor.0);
                self.schedule(Event::ExecutorAdded { executor, slots, driver, anywhere, node });
            }
            Message::ExecutorDown { executor, reason } => {
                if let Some(link) = self.links.remove(&executor) {
                    if let Some(server) = link.shuffle_addr(None) {
                        self.own.shared().broadcasts().gone(server);
                    }
                    tracing::warn!(%executor, %reason, "executor lost");
                    self.tell(EngineEvent::ExecutorRemoved { executor, reason: reason.clone() });
                    self.places.clear();
                    self.schedule(Event::ExecutorRemoved { executor, reason });
                    self.hosts.remove(&executor);
                }
            }
            Message::Offers { fresh, offers, answer } => {
                let launched = self.use_offers(fresh, offers);
                // A backend that is gone has no tasks to launch: the context ends.
                let _ = answer.send(launched);
            }
            Message::MemoryLimit(memory) => self.schedule(Event::MemoryLimit { memory }),
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
            Message::ForgetBroadcast(id) => self.links.values().for_each(|link| link.forget_broadcast(id)),
            Message::Unpin(stage) => self.schedule(Event::StageUnpinned { stage }),
            Message::Stop => {}
        }
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
        let session = TaskOptions::needs(&config);
        for (stage, plan) in spec.stages.iter_mut().zip(&plan.stages) {
            stage.needs = plan.needs.or(session);
        }
        let (stages, accumulators, judged) = Default::default();
        let aside = TaskOptions::is_aside(&config);
        self.jobs.insert(id, Job { plan, events, started: Instant::now(), aside, stages, accumulators, judged });
        for (stage, _) in pins {
            self.schedule(Event::StagePinned { stage });
        }
        self.schedule(Event::JobSubmitted(spec));
    }

    fn report(&mut self, executor: ExecutorId, task: TaskId, report: TaskReport) {
        // Nobody waits for the end of a task that was killed, whatever it says.
        let awaited = self.scheduler.awaits(executor, task);
        let report = match report {
            Ok(done) if awaited => self.count(task, done),
            report => report,
        };
        let event = match report {
            Ok(done) => {
                if awaited {
                    self.finished(executor, task, &done);
                }
                Event::TaskFinished { executor, task, output: done.output }
            }
            Err(error) => {
                match &error {
                    TaskError::FetchFailed(failed) => drop(self.places.remove(&failed.stage)),
                    // What is kept without need makes room before the next attempt.
                    TaskError::Oom(_) if awaited => self.unpin(Reuse::clear),
                    _ => {}
                }
                if awaited && error != TaskError::Cancelled {
                    tracing::info!(%task, %executor, %error, "task failed");
                    self.tell(EngineEvent::TaskFailed { task, executor, error: error.to_string() });
                }
                Event::TaskFailed { executor, task, error }
            }
        };
        self.schedule(event);
    }

    /// Adds what a task added to accumulators, unless its partition has counted before.
    fn count(&mut self, task: TaskId, mut done: TaskSuccess) -> TaskReport {
        let increments = std::mem::take(&mut done.increments);
        if self.is_aside(task.stage) || !self.counted.is_first(task.stage, task.partition) {
            return Ok(done);
        }
        for increment in increments {
            // Another attempt would not make it better.
            self.shared
                .merge(&increment)
                .map_err(|error| TaskError::User { kind: UserErrorKind::Execution, message: error.to_string() })?;
            let jobs = self.jobs.values_mut();
            for job in jobs.filter(|job| job.plan.stages.iter().any(|stage| stage.id == task.stage)) {
                job.accumulators.insert(increment.accumulator);
                job.judged.add(&self.shared, &increment);
            }
        }
        Ok(done)
    }

    /// Whether only jobs beside an action want a stage, which the action will not find kept.
    fn is_aside(&self, stage: StageId) -> bool {
        let mut jobs = self.jobs.values().filter(|job| job.plan.stages.iter().any(|known| known.id == stage));
        let kept = |job: &Job| job.plan.pins.iter().any(|(pinned, dataset)| *pinned == stage && !dataset.is_aside());
        let first = jobs.next();
        first.is_some_and(|first| [first].into_iter().chain(jobs).all(|job| job.aside && !kept(job)))
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
    pub(super) fn schedule(&mut self, event: Event) {
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
                self.counted.forget(stage);
            }
            Action::JobFinished { job } => self.finish(job),
            Action::JobFailed { job, error } => {
                let host = match &error {
                    JobError::TaskFailed { executor, .. } => self.hosts.get(executor),
                    _ => None,
                };
                self.fail_at(job, error, host.cloned());
            }
        }
    }

    pub(super) fn tell(&self, event: EngineEvent) {
        // Nobody listening is fine.
        let _ = self.events.send(event);
    }

    fn tell_demand(&self) {
        let (copies, least) = (self.scheduler.launchable_copies(), self.scheduler.least_needs());
        let tasks = self.scheduler.launchable_tasks() - copies;
        let now = Demand { tasks, copies, least, alarms: self.alarms };
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

/// The session's options that differ from nothing: all that have a value, by key.
pub(crate) fn options_of(config: &SessionConfig) -> Vec<(String, String)> {
    let entries = config.options().entries().into_iter();
    entries.filter_map(|entry| Some((entry.key, entry.value?))).collect()
}
