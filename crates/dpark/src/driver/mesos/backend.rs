//! The loop that talks to the master.
//!
//! It owns the book, so nothing here is locked but the list of executors that may say hello, which the control port asks.
//! Calls to the master are made on the side: their answers only say that a call was understood, and what becomes of it
//! comes as an event.

use super::appetite::{Appetite, Say};
use super::binary::Binary;
use super::book::Book;
use super::sandbox::Sandbox;
use super::settings::Settings;
use super::words::cores;
use crate::driver::control::{Control, Roster};
use crate::driver::host::Host;
use crate::driver::message::{Demand, Message};
use crate::error::{Error, Result};
use crate::events::EngineEvent;
use dpark_executor::protocol::{ToWorker, WorkerConfig, content_id};
use dpark_lineage::{ExecutorId, TaskError, TaskId};
use mesos_rs::scheduler::{End, Event, Reconciler, SchedulerHandle};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::{broadcast, mpsc, oneshot, watch};

/// How often the loop looks at the clock.
const TICK: Duration = Duration::from_millis(200);

/// How often every executor is asked whether it lives: a connection to a machine that is gone stays open.
const PING: Duration = Duration::from_secs(10);

/// How long its answer may take. It may be busy.
const SILENCE: Duration = Duration::from_secs(30);

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
pub(super) enum Note {
    Arrived {
        executor: ExecutorId,
    },
    /// It is gone for good.
    Down {
        executor: ExecutorId,
        reason: String,
    },
    Gone {
        executor: ExecutorId,
        reason: String,
    },
    /// It was not let in.
    Refusal {
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

/// An executor that has not said hello yet.
pub(super) struct Waiting {
    /// What it will be told.
    pub(super) outgoing: mpsc::UnboundedReceiver<ToWorker>,
    /// For people.
    pub(super) agent: String,
    pub(super) sandbox: Sandbox,
}

/// Who may come in at the control port.
pub(super) struct Door {
    pub(super) waiting: Mutex<HashMap<ExecutorId, Waiting>>,
    pub(super) driver: mpsc::UnboundedSender<Message>,
    pub(super) notes: mpsc::UnboundedSender<Note>,
    pub(super) stopping: AtomicBool,
}

impl Roster for Door {
    fn arrived(
        &self,
        executor: ExecutorId,
        shuffle: SocketAddr,
        pid: u32,
    ) -> Option<mpsc::UnboundedReceiver<ToWorker>> {
        let Waiting { outgoing, agent, sandbox } = self.waiting.lock().remove(&executor)?;
        // The driver must know where its outputs are before the first report comes.
        let name = format!("{executor}: process {pid} on the agent {agent}");
        let host = Host::with_sandbox(name, sandbox);
        let _ = self.driver.send(Message::Connected { executor, shuffle, host, pid });
        let _ = self.notes.send(Note::Arrived { executor });
        Some(outgoing)
    }

    fn refused(&self, executor: ExecutorId, reason: &str) {
        let _ = self.notes.send(Note::Refusal { executor, reason: reason.to_owned() });
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
        let (waiting, stopping) = (Mutex::default(), AtomicBool::new(false));
        let door = Arc::new(Door { waiting, driver: driver.clone(), notes: notes.clone(), stopping });
        let mut address = SocketAddr::from((settings.address, 0));
        let build = tokio::task::spawn_blocking(content_id).await.map_err(|error| failed(&error))?;
        let build = build.map_err(|error| failed(&error))?;
        let (token, to_driver) = (worker.token.clone(), driver.clone());
        let listen = Control::listen(settings.address, settings.port, token, build.clone(), to_driver, |bound| {
            address = bound;
            Arc::clone(&door)
        });
        listen.await.map_err(|error| failed(&format!("cannot listen at {}: {error}", settings.address)))?;
        let binary = match &settings.executor_path {
            Some(_) => None,
            None => Some(Binary::serve(settings.address, &build).await.map_err(|error| failed(&error))?),
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
            largest: 0,
            waiting: Demand::default(),
            appetite: Appetite::default(),
            reconciler: Reconciler::new(Duration::from_secs(1), Duration::from_secs(30)),
            probes: HashMap::new(),
            next: 1,
            stillborn: 0,
            told_starving: false,
            told_alone: false,
            pinged: Duration::ZERO,
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
        match tokio::time::timeout(patience, self.master.teardown()).await {
            Ok(Ok(())) => {}
            failed => {
                tracing::info!(?failed, "the master could not be told of the end; the executors end by themselves");
                self.master.stop();
            }
        }
        let mut ended = self.ended.clone();
        let _ = tokio::time::timeout(patience, ended.wait_for(|ended| *ended)).await;
    }
}

pub(super) struct Backend {
    pub(super) settings: Settings,
    pub(super) worker: WorkerConfig,
    pub(super) binary: Option<Binary>,
    pub(super) master: SchedulerHandle,
    pub(super) door: Arc<Door>,
    pub(super) driver: mpsc::UnboundedSender<Message>,
    pub(super) events: broadcast::Sender<EngineEvent>,
    pub(super) notes: mpsc::UnboundedSender<Note>,
    pub(super) book: Book,
    /// The most memory that an offer had for tasks, in MiB.
    pub(super) largest: u64,
    /// What waits for offers.
    pub(super) waiting: Demand,
    pub(super) appetite: Appetite,
    pub(super) reconciler: Reconciler,
    /// Executors that were asked whether they live and have not answered.
    pub(super) probes: HashMap<ExecutorId, Vec<oneshot::Sender<()>>>,
    pub(super) next: u64,
    /// Executors that died before they said hello, since one did.
    pub(super) stillborn: u32,
    pub(super) told_starving: bool,
    /// The same for a master that is not there.
    pub(super) told_alone: bool,
    pub(super) pinged: Duration,
    pub(super) started: Instant,
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
        let mut wanted = true;
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
                changed = demand.changed(), if wanted => {
                    let before = std::mem::replace(&mut self.waiting, *demand.borrow_and_update());
                    // Whoever begins to wait is told why, even if others were told before.
                    self.told_alone &= before.tasks > 0 || self.waiting.tasks == 0;
                    if before.alarms != self.waiting.alarms {
                        self.appetite.hopes();
                    }
                    let tasks = self.waiting.tasks;
                    self.appetite.wants(tasks, self.waiting.copies, self.now());
                    self.told_starving &= tasks > 0;
                    // The context ends: the master is still to be told.
                    wanted = changed.is_ok();
                }
                Some(note) = inbox.recv() => self.note(note),
                _ = tick.tick() => self.tick().await,
            }
            self.say();
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    pub(super) fn tell(&self, message: Message) {
        // The loop ends before its backend.
        let _ = self.driver.send(message);
    }

    pub(super) fn hopeless(&self, reason: String, forever: bool) {
        tracing::error!(%reason, "nothing runs on this cluster");
        self.tell(Message::Hopeless { reason, forever });
    }

    async fn event(&mut self, event: Event) {
        match event {
            Event::Connected { framework_id, master, again } => {
                let master = master.map(|master| master.id).unwrap_or_default();
                tracing::info!(framework = %framework_id.value, %master, again, "subscribed with the Mesos master");
                self.appetite.connected();
                self.told_alone = false;
                if again {
                    // What happened meanwhile was not heard.
                    self.reconciler.start(self.book.tasks(), self.now());
                }
            }
            Event::Disconnected { why } => tracing::warn!(%why, "lost the Mesos master; trying to get back"),
            Event::Retrying { why, after } => {
                tracing::warn!(%why, ?after, "no Mesos master yet");
                if !std::mem::replace(&mut self.told_alone, true) {
                    let _ = self.events.send(EngineEvent::Waiting { reason: format!("no Mesos master: {why}") });
                }
            }
            Event::Offers(offers) => self.offers(offers).await,
            Event::InverseOffers(offers) => self.inverse_offers(offers),
            Event::Update(status) => self.update(status),
            Event::Failure(failure) => self.failure(failure),
            // Offers are used or given back the moment they come.
            Event::Rescind(_) | Event::RescindInverseOffer(_) => {}
            Event::OperationUpdate(_) | Event::Message { .. } | Event::Ended(_) => {}
        }
    }

    fn note(&mut self, note: Note) {
        match note {
            Note::Arrived { executor } => {
                if let Some(executor) = self.book.executors.get_mut(&executor) {
                    executor.connected = true;
                    executor.idle = self.started.elapsed();
                    self.stillborn = 0;
                }
            }
            Note::Refusal { executor, reason } => {
                if let Some(executor) = self.book.executors.get_mut(&executor) {
                    executor.refusal = Some(reason);
                }
            }
            Note::Pong { executor } => {
                // One answer is enough for all who asked.
                for answered in self.probes.remove(&executor).into_iter().flatten() {
                    let _ = answered.send(());
                }
            }
            // How it ended says more, and Mesos is about to tell.
            Note::Gone { executor, reason } => self.down_soon(executor, reason),
            Note::Down { executor, reason } => self.down(executor, reason),
            Note::Silent { executor, reason } => self.down(executor, format!("{reason}, and it does not answer")),
            Note::Said { say, well } => self.appetite.said(say, well),
            Note::Refused { tasks, why } => {
                for (executor, task) in tasks {
                    self.lost(executor, task, TaskError::NotStarted(why.clone()));
                    self.book.not_started(executor);
                }
                self.appetite.hopes();
            }
        }
    }

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

    async fn tick(&mut self) {
        let now = self.now();
        if self.appetite.starved_for(now) >= STARVING && !std::mem::replace(&mut self.told_starving, true) {
            let needs = self.waiting.least.unwrap_or_default();
            let reason = format!(
                "{} tasks wait for {} s: no offer of the cluster has {} cpus and {} MB for one of them (and {} cpus and {} MB \
                 for an executor where none runs yet). Waiting for others to finish; or lower task.cpus, task.memory, \
                 mesos.executor.memory",
                self.waiting.tasks,
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
        if now.saturating_sub(self.pinged) >= PING {
            self.pinged = now;
            let connected = self.book.executors.iter().filter(|(_, executor)| executor.connected);
            for id in connected.map(|(id, _)| *id).collect::<Vec<_>>() {
                self.probe(id, "it has been silent", SILENCE);
            }
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
