//! The loop that talks to the master.
//!
//! It owns the book, so nothing here is locked but the list of executors that may say hello, which the control port asks.
//! Calls to the master are made on the side: their answers only say that a call was understood, and what becomes of it
//! comes as an event.

use super::appetite::{Appetite, Say};
use super::binary::Binary;
use super::book::{Book, Executor};
use super::sandbox;
use super::settings::Settings;
use super::stock::{Stock, leaves_soon};
use crate::driver::control::{Control, Roster};
use crate::driver::event_loop::{Demand, Fresh, Launched, Message};
use crate::driver::executors::Link;
use crate::error::{Error, Result};
use crate::events::EngineEvent;
use dpark_executor::mesos::parse_task_id;
use dpark_executor::protocol::{ToWorker, WorkerConfig};
use dpark_executor::worker::{ON_MESOS, WORKER_VARIABLE};
use dpark_lineage::{ExecutorId, TaskError, TaskId};
use mesos_rs::proto::scheduler::Failure;
use mesos_rs::proto::{
    CommandInfo, Environment, ExecutorInfo, ExecutorType, Filters, InverseOffer, Offer, OfferId, StatusReason,
    StatusSource, TaskInfo, TaskState, TaskStatus, Uri, Url, Variable,
};
use mesos_rs::scheduler::{End, Event, Reconciler, SchedulerHandle};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// How often the loop looks at the clock.
const TICK: Duration = Duration::from_millis(200);

/// So many executors in a row that end before they say hello mean that none ever will.
const STILLBORN: u32 = 4;

/// An offer without use is not made again for so long; asking for offers lifts it.
const UNWANTED: f64 = 600.0;

/// One that is too small now may be larger then.
const TOO_SMALL: f64 = 5.0;

/// An agent that the master cannot reach may only be cut off from the master. Its executor proves to live within this.
const PROBE: Duration = Duration::from_secs(2);

/// After so long without an offer that fits, somebody is told.
const STARVING: Duration = Duration::from_secs(10);

/// What the backend is made of.
pub(crate) struct Parts {
    pub(crate) settings: Settings,
    /// For the executors; name and slots are filled in.
    pub(crate) worker: WorkerConfig,
    pub(crate) driver: mpsc::UnboundedSender<Message>,
    pub(crate) demand: watch::Receiver<Demand>,
    pub(crate) events: broadcast::Sender<EngineEvent>,
}

/// The backend as the driver sees it.
pub(crate) struct Mesos {
    master: SchedulerHandle,
    door: Arc<Door>,
    ended: watch::Receiver<bool>,
}

/// What the backend tells itself.
enum Note {
    Arrived {
        executor: ExecutorId,
        shuffle: SocketAddr,
        pid: u32,
    },
    Gone {
        executor: ExecutorId,
        reason: String,
    },
    Pong {
        executor: ExecutorId,
    },
    /// The executor did not answer in time.
    Silent {
        executor: ExecutorId,
        reason: String,
    },
    Said {
        say: Say,
        well: bool,
    },
    /// The tasks were not launched.
    Refused {
        tasks: Vec<(ExecutorId, TaskId)>,
        why: String,
    },
}

/// Who may come in at the control port.
struct Door {
    waiting: Mutex<HashMap<ExecutorId, mpsc::UnboundedReceiver<ToWorker>>>,
    notes: mpsc::UnboundedSender<Note>,
    stopping: AtomicBool,
}

impl Roster for Door {
    fn arrived(
        &self,
        executor: ExecutorId,
        shuffle: SocketAddr,
        pid: u32,
    ) -> Option<mpsc::UnboundedReceiver<ToWorker>> {
        let outgoing = self.waiting.lock().remove(&executor)?;
        let _ = self.notes.send(Note::Arrived { executor, shuffle, pid });
        Some(outgoing)
    }

    fn pong(&self, executor: ExecutorId, _number: u64) {
        let _ = self.notes.send(Note::Pong { executor });
    }

    fn gone(&self, executor: ExecutorId, reason: String) {
        if !self.stopping.load(Ordering::Acquire) {
            let _ = self.notes.send(Note::Gone { executor, reason });
        }
    }
}

impl Mesos {
    /// Opens the ports that agents and executors need and subscribes with the master, which need not be there yet.
    pub(crate) async fn start(parts: Parts) -> Result<Self> {
        let failed =
            |error: &dyn std::fmt::Display| Error::Start { what: "the Mesos backend", detail: error.to_string() };
        let Parts { settings, worker, driver, demand, events } = parts;
        let (notes, inbox) = mpsc::unbounded_channel();
        let door = Arc::new(Door { waiting: Mutex::default(), notes: notes.clone(), stopping: AtomicBool::new(false) });
        let mut address = SocketAddr::from((settings.address, 0));
        let listen = Control::listen(settings.address, settings.port, worker.token.clone(), driver.clone(), |bound| {
            address = bound;
            Arc::clone(&door)
        });
        listen.await.map_err(|error| failed(&format!("cannot listen at {}: {error}", settings.address)))?;
        let binary = match &settings.executor_path {
            Some(_) => None,
            None => Some(Binary::serve(settings.address, &worker.token).await.map_err(|error| failed(&error))?),
        };
        let (master, mesos) = mesos_rs::scheduler::start(settings.config.clone()).map_err(|error| failed(&error))?;
        let (end, ended) = watch::channel(false);
        let backend = Backend {
            worker: WorkerConfig { driver: address, ..worker },
            settings,
            binary,
            master: master.clone(),
            door: Arc::clone(&door),
            driver,
            events,
            notes,
            book: Book::default(),
            appetite: Appetite::default(),
            reconciler: Reconciler::new(Duration::from_secs(1), Duration::from_secs(30)),
            probes: HashMap::new(),
            next: 1,
            stillborn: 0,
            told_starving: false,
            started: Instant::now(),
        };
        tokio::spawn(async move {
            backend.run(mesos, demand, inbox).await;
            end.send_replace(true);
        });
        Ok(Self { master, door, ended })
    }

    /// From now on the ends of executors are no news.
    pub(crate) fn stopping(&self) {
        self.door.stopping.store(true, Ordering::Release);
    }

    /// Ends the framework: Mesos ends its executors. Waits for the master's word, but not longer than `patience`.
    pub(crate) async fn stop(&self, patience: Duration) {
        self.stopping();
        if let Err(error) = tokio::time::timeout(patience, self.master.teardown()).await.unwrap_or(Ok(())) {
            tracing::info!(%error, "the master could not be told of the end; the executors end by themselves");
            self.master.stop();
        }
        let mut ended = self.ended.clone();
        let _ = tokio::time::timeout(patience, ended.wait_for(|ended| *ended)).await;
    }
}

struct Backend {
    settings: Settings,
    worker: WorkerConfig,
    binary: Option<Binary>,
    master: SchedulerHandle,
    door: Arc<Door>,
    driver: mpsc::UnboundedSender<Message>,
    events: broadcast::Sender<EngineEvent>,
    notes: mpsc::UnboundedSender<Note>,
    book: Book,
    appetite: Appetite,
    reconciler: Reconciler,
    /// Executors that must prove to live, and until when nothing else counts.
    probes: HashMap<ExecutorId, oneshot::Sender<()>>,
    next: u64,
    /// Executors that died before they said hello, since one did.
    stillborn: u32,
    told_starving: bool,
    started: Instant,
}

impl Backend {
    async fn run(
        mut self,
        mut mesos: mpsc::Receiver<Event>,
        mut demand: watch::Receiver<Demand>,
        mut inbox: mpsc::UnboundedReceiver<Note>,
    ) {
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Skip);
        loop {
            tokio::select! {
                event = mesos.recv() => match event {
                    None | Some(Event::Ended(End::TornDown | End::Stopped)) => break,
                    Some(Event::Ended(end)) => {
                        self.hopeless(end.to_string(), true);
                        break;
                    }
                    Some(event) => self.event(event).await,
                },
                changed = demand.changed() => match changed {
                    Ok(()) => {
                        let tasks = demand.borrow_and_update().tasks;
                        self.appetite.wants(tasks, self.now());
                        self.told_starving &= tasks > 0;
                    }
                    Err(_) => break,
                },
                Some(note) = inbox.recv() => self.note(note).await,
                _ = tick.tick() => {
                    let waiting = *demand.borrow();
                    self.tick(waiting).await;
                }
            }
            self.say();
        }
    }

    fn now(&self) -> Duration {
        self.started.elapsed()
    }

    fn tell(&self, message: Message) {
        // The loop ends before its backend.
        let _ = self.driver.send(message);
    }

    fn hopeless(&self, reason: String, forever: bool) {
        tracing::error!(%reason, "nothing runs on this cluster");
        self.tell(Message::Hopeless { reason, forever });
    }

    async fn event(&mut self, event: Event) {
        match event {
            Event::Connected { framework_id, master, again } => {
                let master = master.map(|master| master.id).unwrap_or_default();
                tracing::info!(framework = %framework_id.value, %master, again, "subscribed with the Mesos master");
                self.appetite.connected();
                if again {
                    // What happened meanwhile was not heard.
                    self.reconciler.start(self.book.tasks(), self.now());
                }
            }
            Event::Disconnected { why } => tracing::warn!(%why, "lost the Mesos master; trying to get back"),
            Event::Retrying { why, after } => {
                tracing::warn!(%why, ?after, "no Mesos master yet");
                let _ = self.events.send(EngineEvent::Waiting { reason: format!("no Mesos master: {why}") });
            }
            Event::Offers(offers) => self.offers(offers).await,
            Event::InverseOffers(offers) => self.inverse_offers(offers),
            Event::Update(status) => self.update(status).await,
            Event::Failure(failure) => self.failure(failure).await,
            // Offers are used or given back the moment they come.
            Event::Rescind(_) | Event::RescindInverseOffer(_) => {}
            Event::OperationUpdate(_) | Event::Message { .. } | Event::Ended(_) => {}
        }
    }

    // ---- offers

    async fn offers(&mut self, offers: Vec<Offer>) {
        let now = self.now();
        let mut unwanted: HashMap<u64, Vec<OfferId>> = HashMap::new();
        let mut usable: HashMap<ExecutorId, Stock> = HashMap::new();
        let (mut fresh, mut lent) = (vec![], vec![]);
        for (offer, stock) in Stock::by_agent(offers) {
            let agent = self.book.agents.entry(offer.agent_id.clone()).or_default();
            agent.host.clone_from(&offer.hostname);
            agent.http = offer.url.as_ref().and_then(http_of);
            let refusal = if !self.settings.constraints.matches(&offer.attributes) {
                Some(UNWANTED)
            } else if leaves_soon(&offer, clock()) {
                Some(TOO_SMALL)
            } else {
                let away = agent.health.away_for(now);
                (!away.is_zero()).then(|| away.as_secs_f64())
            };
            if let Some(seconds) = refusal {
                unwanted.entry((seconds * 1000.0) as u64).or_default().extend(stock.offers);
                continue;
            }
            let id = match agent.executor {
                Some(id) => id,
                None => {
                    let (id, new) = self.plan_executor(&offer);
                    fresh.push(new);
                    id
                }
            };
            let Some(executor) = self.book.executors.get(&id) else { continue };
            let overhead = (!executor.started).then_some(self.settings.executor);
            let running = executor.tasks.len();
            match stock.room(overhead) {
                Some(room) if running < self.settings.max_tasks => {
                    lent.push((id, room));
                    usable.insert(id, stock);
                }
                _ => unwanted.entry((TOO_SMALL * 1000.0) as u64).or_default().extend(stock.offers),
            }
        }
        let (answer, launches) = oneshot::channel();
        self.tell(Message::Offers { fresh, offers: lent, answer });
        let launches = launches.await.unwrap_or_default();
        if !launches.is_empty() {
            self.appetite.fed(now);
            self.told_starving = false;
        }
        for (id, stock) in usable {
            let tasks: Vec<Launched> = launches.iter().filter(|launch| launch.executor == id).copied().collect();
            match tasks.is_empty() {
                true => unwanted.entry((TOO_SMALL * 1000.0) as u64).or_default().extend(stock.offers),
                false => self.launch(id, stock, &tasks),
            }
        }
        for (millis, offers) in unwanted {
            self.decline(offers, millis as f64 / 1000.0);
        }
    }

    fn plan_executor(&mut self, offer: &Offer) -> (ExecutorId, Fresh) {
        let id = ExecutorId(self.next);
        self.next += 1;
        let (outbox, outgoing) = mpsc::unbounded_channel();
        self.door.waiting.lock().insert(id, outgoing);
        let info = self.executor_info(id);
        let link = Link::worker(outbox.clone(), None);
        let host = format!("{id}: on the agent {} ({})", offer.hostname, offer.agent_id.value);
        let executor = Executor {
            agent: offer.agent_id.clone(),
            info,
            outbox,
            started: false,
            connected: false,
            tasks: Default::default(),
            idle: self.now(),
        };
        self.book.executors.insert(id, executor);
        self.book.agents.entry(offer.agent_id.clone()).or_default().executor = Some(id);
        (id, Fresh { executor: id, link, host })
    }

    fn executor_info(&self, id: ExecutorId) -> ExecutorInfo {
        let config = WorkerConfig { executor: id, ..self.worker.clone() };
        let variable = Variable { name: WORKER_VARIABLE.into(), value: Some(ON_MESOS.into()), ..Variable::default() };
        let command = CommandInfo {
            environment: Some(Environment { variables: vec![variable] }),
            shell: Some(false),
            ..CommandInfo::default()
        };
        let command = match (&self.settings.executor_path, &self.binary) {
            (Some(path), _) => {
                let path = path.display().to_string();
                CommandInfo { value: Some(path.clone()), arguments: vec![path], ..command }
            }
            (None, binary) => {
                let name = "dpark-executor".to_owned();
                let uri = Uri {
                    value: binary.as_ref().map(|binary| binary.url.clone()).unwrap_or_default(),
                    executable: Some(true),
                    extract: Some(false),
                    cache: Some(false),
                    output_file: Some(name.clone()),
                };
                let arguments = vec![name.clone()];
                CommandInfo { uris: vec![uri], value: Some(format!("./{name}")), arguments, ..command }
            }
        };
        let name = format!("{}-{}", self.settings.config.framework.name, id.0);
        ExecutorInfo {
            r#type: Some(ExecutorType::Custom.into()),
            executor_id: name.clone().into(),
            framework_id: self.master.framework_id(),
            command: Some(command),
            name: Some(name),
            source: Some("dpark".into()),
            data: postcard::to_stdvec(&config).ok().map(Into::into),
            ..ExecutorInfo::default()
        }
    }

    fn launch(&mut self, id: ExecutorId, mut stock: Stock, launches: &[Launched]) {
        let Some(executor) = self.book.executors.get_mut(&id) else { return };
        let mut refused = vec![];
        if !executor.started {
            match stock.take(self.settings.executor) {
                Ok(resources) => executor.info.resources = resources,
                Err(why) => refused.extend(launches.iter().map(|launch| (launch.task, why.clone()))),
            }
        }
        let info = executor.info.clone();
        let mut tasks: Vec<TaskInfo> = vec![];
        if refused.is_empty() {
            for launch in launches {
                let Some(name) = self.book.launched(id, launch.task) else { continue };
                match stock.task(launch.task.to_string(), name, launch.needs, &info) {
                    Ok(task) => tasks.push(task),
                    Err(why) => refused.push((launch.task, why)),
                }
            }
        }
        for (task, why) in refused {
            self.lost(id, task, TaskError::Lost(format!("the offer did not suffice: {why}")));
        }
        let names: Vec<_> =
            tasks.iter().filter_map(|task| parse_task_id(&task.task_id.value)).map(|task| (id, task)).collect();
        let (master, notes) = (self.master.clone(), self.notes.clone());
        let filters = Some(Filters { refuse_seconds: Some(TOO_SMALL) });
        tokio::spawn(async move {
            if let Err(error) = master.launch(stock.offers, tasks, filters).await {
                let _ = notes.send(Note::Refused { tasks: names, why: error.to_string() });
            }
        });
    }

    fn decline(&self, offers: Vec<OfferId>, seconds: f64) {
        let master = self.master.clone();
        tokio::spawn(async move {
            let filters = Some(Filters { refuse_seconds: Some(seconds) });
            if let Err(error) = master.decline(offers, filters).await {
                tracing::debug!(%error, "an offer was not declined");
            }
        });
    }

    /// Maintenance is coming: what runs there may end, nothing new is started (`leaves_soon`).
    fn inverse_offers(&self, offers: Vec<InverseOffer>) {
        let ids = offers.into_iter().map(|offer| offer.id).collect();
        let master = self.master.clone();
        tokio::spawn(async move {
            if let Err(error) = master.accept_inverse(ids, None).await {
                tracing::debug!(%error, "an inverse offer was not answered");
            }
        });
    }

    // ---- what becomes of tasks and executors

    async fn update(&mut self, status: TaskStatus) {
        let now = self.now();
        self.reconciler.answered(&status.task_id);
        let state = status.state();
        let known = self.book.find(&status.task_id);
        if is_over(state) {
            self.book.ended(&status.task_id, now);
            self.appetite.freed();
        }
        let by_executor = status.source == Some(StatusSource::Executor.into());
        if let (Some((executor, task)), false) = (known, by_executor) {
            let message = status.message.clone().unwrap_or_default();
            let reason = status.reason();
            match state {
                TaskState::Unreachable => self.probe(executor, "the master cannot reach its agent"),
                state if is_over(state) => {
                    let text = format!("{}: {message}", state_name(state));
                    let error = match reason {
                        StatusReason::ContainerLimitationMemory => TaskError::Oom(text.clone()),
                        _ => TaskError::Lost(text.clone()),
                    };
                    if is_end_of_executor(reason) {
                        self.down(executor, text).await;
                    } else {
                        self.lost(executor, task, error);
                    }
                }
                _ => {}
            }
        }
        let master = self.master.clone();
        tokio::spawn(async move {
            if let Err(error) = master.acknowledge(&status).await {
                tracing::debug!(%error, "an update was not acknowledged; it comes again");
            }
        });
    }

    /// A task that does not run, whatever the executor will say.
    fn lost(&mut self, executor: ExecutorId, task: TaskId, error: TaskError) {
        if let Some(executor) = self.book.executors.get_mut(&executor) {
            executor.tasks.remove(&task);
        }
        self.tell(Message::Report { executor, task, report: Box::new(Err(error)) });
    }

    async fn failure(&mut self, failure: Failure) {
        let Some(agent) = failure.agent_id else { return };
        match failure.executor_id {
            Some(name) => {
                if let Some(id) = self.book.named(&agent, &name.value) {
                    let status = failure.status.unwrap_or_default();
                    self.down(id, format!("the executor ended, {}", wait_status(status))).await;
                }
            }
            None => {
                if let Some(id) = self.book.agents.get(&agent).and_then(|agent| agent.executor) {
                    self.probe(id, "the master has lost its agent");
                }
            }
        }
    }

    /// Lets an executor prove that it lives. Its agent may be cut off from the master, and not from us.
    fn probe(&mut self, id: ExecutorId, why: &'static str) {
        let Some(executor) = self.book.executors.get(&id) else { return };
        if self.probes.contains_key(&id) {
            return;
        }
        let (answered, answer) = oneshot::channel();
        if executor.connected {
            let _ = executor.outbox.send(ToWorker::Ping { number: id.0 });
            self.probes.insert(id, answered);
        }
        let notes = self.notes.clone();
        tokio::spawn(async move {
            let alive = matches!(tokio::time::timeout(PROBE, answer).await, Ok(Ok(())));
            if !alive {
                let _ = notes.send(Note::Silent { executor: id, reason: why.to_owned() });
            }
        });
    }

    /// An executor is gone, with its tasks and outputs.
    async fn down(&mut self, id: ExecutorId, reason: String) {
        let now = self.now();
        let Some(executor) = self.book.remove(id) else { return };
        self.door.waiting.lock().remove(&id);
        self.probes.remove(&id);
        let mut reason = reason;
        let agent = self.book.agents.get_mut(&executor.agent);
        let (host, http) = agent
            .map(|agent| {
                agent.health.died(now);
                (agent.host.clone(), agent.http.clone())
            })
            .unwrap_or_default();
        let framework = self.master.framework_id().map(|id| id.value).unwrap_or_default();
        let sandbox = sandbox::path(&framework, &executor.info.executor_id.value);
        reason = format!("{reason}\nagent {host} ({}), sandbox {sandbox}", executor.agent.value);
        if !executor.connected {
            self.stillborn += 1;
            if let Some(http) = &http
                && let Some(lines) = sandbox::tail(http, &sandbox, "stderr").await
            {
                reason = format!("{reason}\nlast lines of its stderr:\n{lines}");
            }
        }
        // If it lives after all, it is of no use any more.
        if executor.started {
            let (master, name, agent) =
                (self.master.clone(), executor.info.executor_id.clone(), executor.agent.clone());
            tokio::spawn(async move {
                let _ = master.shutdown(name, agent).await;
            });
        }
        self.appetite.freed();
        self.tell(Message::ExecutorDown { executor: id, reason: reason.clone() });
        if self.stillborn >= STILLBORN {
            self.stillborn = 0;
            self.hopeless(format!("{STILLBORN} executors in a row did not start; the last one: {reason}"), false);
        }
    }

    async fn note(&mut self, note: Note) {
        match note {
            Note::Arrived { executor: id, shuffle, pid } => {
                let Some(executor) = self.book.executors.get_mut(&id) else { return };
                executor.connected = true;
                self.stillborn = 0;
                let agent = self.book.agents.get(&executor.agent);
                let host = agent.map(|agent| agent.host.clone()).unwrap_or_default();
                let host = format!("{id}: process {pid} on the agent {host} ({})", executor.agent.value);
                self.tell(Message::Connected { executor: id, shuffle, host, pid });
            }
            Note::Pong { executor } => {
                if let Some(answered) = self.probes.remove(&executor) {
                    let _ = answered.send(());
                }
            }
            Note::Gone { executor, reason } => self.down(executor, reason).await,
            Note::Silent { executor, reason } => self.down(executor, format!("{reason}, and it does not answer")).await,
            Note::Said { say, well } => self.appetite.said(say, well),
            Note::Refused { tasks, why } => {
                for (executor, task) in tasks {
                    self.lost(executor, task, TaskError::Lost(format!("not launched: {why}")));
                }
                self.appetite.freed();
            }
        }
    }

    // ---- what is said and when

    /// Tells the master what is wanted, when that is news.
    fn say(&mut self) {
        if !self.master.is_connected() {
            return;
        }
        let Some(say) = self.appetite.next(self.now()) else { return };
        let (master, notes) = (self.master.clone(), self.notes.clone());
        tokio::spawn(async move {
            let said = match say {
                Say::Revive => master.revive(&[]).await,
                Say::Suppress => master.suppress(&[]).await,
            };
            if let Err(error) = &said {
                tracing::debug!(%error, "the master was not told what is wanted");
            }
            let _ = notes.send(Note::Said { say, well: said.is_ok() });
        });
    }

    async fn tick(&mut self, demand: Demand) {
        let now = self.now();
        if self.appetite.starved_for(now) >= STARVING && !std::mem::replace(&mut self.told_starving, true) {
            let needs = demand.least.unwrap_or_default();
            let reason = format!(
                "{} tasks wait for {} s: no offer of the cluster has {} cpus and {} MB for one of them (and {} cpus and {} MB \
                 for an executor where none runs yet). Waiting for others to finish; or lower task.cpus, task.memory, \
                 mesos.executor.memory",
                demand.tasks,
                STARVING.as_secs(),
                cores(needs.cpus),
                needs.memory,
                cores(self.settings.executor.cpus),
                self.settings.executor.memory,
            );
            tracing::warn!("{reason}");
            let _ = self.events.send(EngineEvent::Waiting { reason });
        }
        if self.master.is_connected()
            && let Some(tasks) = self.reconciler.due(now, rand::random())
        {
            let master = self.master.clone();
            tokio::spawn(async move {
                if let Err(error) = master.reconcile(tasks).await {
                    tracing::debug!(%error, "could not ask what became of the tasks; asking again");
                }
            });
        }
        self.end_idle(now).await;
    }

    /// Executors without tasks and outputs end after a while.
    async fn end_idle(&mut self, now: Duration) {
        let tired: Vec<ExecutorId> = self.book.without_tasks();
        let tired: Vec<_> = tired
            .into_iter()
            .filter(|id| self.book.executors.get(id).is_some_and(|e| now.saturating_sub(e.idle) >= self.settings.idle))
            .collect();
        if tired.is_empty() {
            return;
        }
        let (answer, idle) = oneshot::channel();
        self.tell(Message::Idle { executors: tired.clone(), answer });
        let idle = idle.await.unwrap_or_default();
        for id in tired {
            let Some(executor) = self.book.executors.get_mut(&id) else { continue };
            if !idle.contains(&id) {
                executor.idle = now;
                continue;
            }
            tracing::info!(executor = %id, "ends: nothing to do");
            let _ = executor.outbox.send(ToWorker::Shutdown);
            self.book.remove(id);
            self.tell(Message::ExecutorDown { executor: id, reason: "it had nothing to do".into() });
        }
    }
}

fn cores(thousandths: u32) -> f64 {
    f64::from(thousandths) / 1000.0
}

/// `host:port` of an agent's own server.
fn http_of(url: &Url) -> Option<String> {
    let address = &url.address;
    let host = address.ip.clone().or_else(|| address.hostname.clone())?;
    Some(format!("{host}:{}", address.port))
}

/// Wall-clock time, in which maintenance is planned.
fn clock() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// No more will be heard of the task, and its resources are free.
fn is_over(state: TaskState) -> bool {
    use TaskState::*;
    matches!(state, Finished | Failed | Killed | Error | Lost | Dropped | Gone | GoneByOperator | Unknown)
}

fn state_name(state: TaskState) -> String {
    format!("{state:?}").to_lowercase()
}

/// It is the executor that is gone, not the one task.
fn is_end_of_executor(reason: StatusReason) -> bool {
    use StatusReason::*;
    matches!(
        reason,
        ExecutorTerminated
            | ExecutorRegistrationTimeout
            | ExecutorReregistrationTimeout
            | ExecutorUnregistered
            | ContainerLaunchFailed
            | ContainerLimitation
            | ContainerLimitationDisk
            | ContainerLimitationMemory
            | ContainerPreempted
            | AgentRemoved
            | AgentRemovedByOperator
    )
}

/// A status as `waitpid` gives it, in words.
fn wait_status(status: i32) -> String {
    match status & 0x7f {
        0 => format!("exit status {}", (status >> 8) & 0xff),
        signal => format!("signal {signal}"),
    }
}
