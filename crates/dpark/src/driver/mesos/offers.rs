//! Offers come, and are used or given back at once.

use super::backend::{Backend, Note, Waiting};
use super::book::Executor;
use super::sandbox::Sandbox;
use super::stock::{Stock, leaves_soon};
use super::words::{clock, http_of};
use crate::driver::executors::Link;
use crate::driver::host::Host;
use crate::driver::message::{Fresh, Launched, Message};
use dpark_executor::protocol::WorkerConfig;
use dpark_executor::worker::{ON_MESOS, WORKER_VARIABLE};
use dpark_lineage::{ExecutorId, NodeId, Resources, TaskError};
use mesos_rs::CallError;
use mesos_rs::proto::{
    CommandInfo, Environment, ExecutorInfo, Filters, InverseOffer, Offer, OfferId, TaskInfo, Uri, Variable,
};
use mesos_rs::scheduler::SchedulerHandle;
use std::collections::HashMap;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};

/// An offer without use is not made again for so long; asking for offers lifts it.
const UNWANTED: Duration = Duration::from_secs(600);

/// One that is too small now may be larger then.
const TOO_SMALL: Duration = Duration::from_secs(5);

/// So often it is tried to give an offer back.
const GIVE_BACK: usize = 5;

impl Backend {
    pub(super) async fn offers(&mut self, offers: Vec<Offer>) {
        let now = self.now();
        let mut unwanted: HashMap<Duration, Vec<OfferId>> = HashMap::new();
        let mut usable: HashMap<ExecutorId, Stock> = HashMap::new();
        let (mut fresh, mut lent) = (vec![], vec![]);
        let mut largest = self.largest;
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
                (!away.is_zero()).then_some(away)
            };
            if let Some(length) = refusal {
                unwanted.entry(length).or_default().extend(stock.offers);
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
            // Until it says hello, it may still fail to start.
            let overhead = (!executor.connected).then_some(self.settings.executor);
            let running = executor.tasks.len();
            let more = self.settings.max_tasks.saturating_sub(running);
            match stock.room(overhead) {
                Some(room) if more > 0 => {
                    largest = largest.max(room.memory);
                    // Queries may want other cores for a task; with the fewest no offer holds too many tasks.
                    let each = self.waiting.least.unwrap_or_default().cpus;
                    let most = u32::try_from(more).unwrap_or(u32::MAX).saturating_mul(each);
                    lent.push((id, Resources { cpus: room.cpus.min(most), ..room }));
                    usable.insert(id, stock);
                }
                _ => unwanted.entry(TOO_SMALL).or_default().extend(stock.offers),
            }
        }
        if largest > self.largest {
            self.largest = largest;
            self.tell(Message::MemoryLimit(largest));
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
                true => unwanted.entry(TOO_SMALL).or_default().extend(stock.offers),
                false => self.launch(id, stock, &tasks),
            }
        }
        for (length, offers) in unwanted {
            self.decline(offers, length);
        }
    }

    fn plan_executor(&mut self, offer: &Offer) -> (ExecutorId, Fresh) {
        let id = ExecutorId(self.next);
        self.next += 1;
        let (outbox, outgoing) = mpsc::unbounded_channel();
        let agent = format!("{} ({})", offer.hostname, offer.agent_id.value);
        let info = self.executor_info(id);
        let framework = self.master.framework_id().map(|id| id.value).unwrap_or_default();
        let http = offer.url.as_ref().and_then(http_of);
        let sandbox = Sandbox::new(http, &framework, &info.executor_id.value);
        let host = Host::with_sandbox(format!("{id}: on the agent {agent}"), sandbox.clone());
        self.door.waiting.lock().insert(id, Waiting { outgoing, agent, sandbox });
        let link = Link::worker(outbox.clone(), None);
        let executor = Executor {
            agent: offer.agent_id.clone(),
            info,
            outbox,
            started: false,
            refusal: None,
            connected: false,
            tasks: Default::default(),
            idle: self.now(),
        };
        self.book.executors.insert(id, executor);
        let agent = self.book.agents.entry(offer.agent_id.clone()).or_default();
        agent.executor = Some(id);
        // No executor's number is used twice, so that of an agent's first one names the agent.
        let node = *agent.node.get_or_insert(NodeId(id.0));
        (id, Fresh { executor: id, node, link, host })
    }

    fn executor_info(&self, id: ExecutorId) -> ExecutorInfo {
        let config = WorkerConfig { executor: id, ..self.worker.clone() };
        let variable = Variable { name: WORKER_VARIABLE.into(), value: Some(ON_MESOS.into()), ..Variable::default() };
        let environment = Some(Environment { variables: vec![variable] });
        let command = match (&self.settings.executor_path, &self.binary) {
            (Some(path), _) => {
                let path = path.display().to_string();
                CommandInfo { environment, ..CommandInfo::program(&path, &[&path]) }
            }
            (None, binary) => {
                let name = "dpark-executor";
                let uri = Uri {
                    value: binary.as_ref().map(|binary| binary.url.clone()).unwrap_or_default(),
                    executable: Some(true),
                    extract: Some(false),
                    // Later executors of this run on the agent need not fetch it again; the address names its digest.
                    cache: Some(true),
                    output_file: Some(name.to_owned()),
                };
                let program = CommandInfo::program(&format!("./{name}"), &[name]);
                CommandInfo { environment, uris: vec![uri], ..program }
            }
        };
        let name = format!("{}-{}", self.settings.config.framework.name, id.0);
        let executor_id = name.clone().into();
        ExecutorInfo {
            framework_id: self.master.framework_id(),
            name: Some(name),
            source: Some("dpark".into()),
            data: postcard::to_stdvec(&config).ok().map(Into::into),
            // Its resources are taken from the offer that it is started with.
            ..ExecutorInfo::custom(executor_id, command, vec![])
        }
    }

    fn launch(&mut self, id: ExecutorId, mut stock: Stock, launches: &[Launched]) {
        let Some(executor) = self.book.executors.get_mut(&id) else { return };
        let mut refused = vec![];
        if !executor.connected {
            match stock.take(self.settings.executor) {
                // Every launch must describe the executor alike.
                Ok(resources) if !executor.started => executor.info.resources = resources,
                Ok(_) => {}
                Err(why) => refused.extend(launches.iter().map(|launch| (launch.task, why.clone()))),
            }
        }
        let info = executor.info.clone();
        let (mut tasks, mut names): (Vec<TaskInfo>, _) = (vec![], vec![]);
        if refused.is_empty() {
            for launch in launches {
                let Some(name) = self.book.launched(id, launch.task) else { continue };
                match stock.task(launch.task.to_string(), name, launch.needs, &info) {
                    Ok(task) => {
                        tasks.push(task);
                        names.push((id, launch.task));
                    }
                    Err(why) => refused.push((launch.task, why)),
                }
            }
        }
        for (task, why) in refused {
            self.lost(id, task, TaskError::NotStarted(format!("the offer did not suffice: {why}")));
        }
        let (master, notes) = (self.master.clone(), self.notes.clone());
        let filters = Some(Filters::refuse(TOO_SMALL));
        tokio::spawn(async move {
            if let Err(error) = master.launch(stock.offers.clone(), tasks, filters).await {
                let _ = notes.send(Note::Refused { tasks: names, why: error.to_string() });
                // If the call did not arrive, the offers are still ours; if it did, the master does not know them.
                give_back(&master, stock.offers, TOO_SMALL).await;
            }
        });
    }

    fn decline(&self, offers: Vec<OfferId>, length: Duration) {
        let master = self.master.clone();
        tokio::spawn(async move { give_back(&master, offers, length).await });
    }

    /// Maintenance is coming: what runs there may end, nothing new is started (`leaves_soon`).
    pub(super) fn inverse_offers(&self, offers: Vec<InverseOffer>) {
        let ids = offers.into_iter().map(|offer| offer.id).collect();
        let master = self.master.clone();
        tokio::spawn(async move {
            if let Err(error) = master.accept_inverse(ids, None).await {
                tracing::debug!(%error, "an inverse offer was not answered");
            }
        });
    }
}

/// Declines, and does so again if the call got lost. Without a subscription there are no offers either.
async fn give_back(master: &SchedulerHandle, offers: Vec<OfferId>, length: Duration) {
    for _ in 0..GIVE_BACK {
        match master.decline(offers.clone(), Some(Filters::refuse(length))).await {
            Ok(()) | Err(CallError::Disconnected { .. }) => return,
            Err(error) => tracing::debug!(%error, "an offer was not declined; again"),
        }
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
}
