//! The loop: subscribe with the agent, pass events on, and again, for as long as an agent may be away.

use super::config::Config;
use super::courier::Courier;
use super::event::{End, Event};
use super::handle::{ExecutorHandle, Shared};
use crate::error::{ConfigError, LinkError};
use crate::http::{Connector, Endpoint, Lane, Opened, Subscription, subscribe};
use crate::proto::executor::{Call, CallType, Event as Wire, EventType, Launch, Subscribed};
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::time::Instant;

/// Agents send heartbeats every half an hour, and they are on this machine: a connection that is open is good.
const SILENCE: Duration = Duration::from_secs(366 * 24 * 3600);

/// The first subscription: longer than agents wait for it.
const FIRST: Duration = Duration::from_secs(90);

/// Subscribes, and stays subscribed until the agent says so or stays away too long. Needs to be called within a tokio
/// runtime.
pub fn start(config: Config) -> Result<(ExecutorHandle, mpsc::Receiver<Event>), ConfigError> {
    let connector = Connector::new(config.tls.as_ref(), config.credential.as_ref(), config.timeout)?;
    let (events, receiver) = mpsc::channel(config.event_capacity.max(1));
    let shared = Arc::new(Shared::new(config.framework_id.clone(), config.executor_id.clone()));
    let handle = ExecutorHandle::new(Arc::clone(&shared));
    let courier = Courier { shared: Arc::clone(&shared), events: events.clone(), retry: config.update_retry };
    let driver = Driver { connector, config, shared, events, connected_before: false, shutdown_at: None };
    tokio::spawn(driver.run(courier));
    Ok((handle, receiver))
}

struct Driver {
    connector: Connector,
    config: Config,
    shared: Arc<Shared>,
    events: mpsc::Sender<Event>,
    connected_before: bool,
    /// The end of the grace period.
    shutdown_at: Option<Instant>,
}

/// The receiver is gone.
struct Unheard;

impl Driver {
    async fn run(mut self, courier: Courier) {
        let courier = tokio::spawn(courier.run());
        let events = self.events.clone();
        let end = tokio::select! {
            end = self.serve() => end,
            () = events.closed() => Err(Unheard),
        };
        self.shared.ended.store(true, Ordering::SeqCst);
        *self.shared.lane.write() = None;
        courier.abort();
        if let Ok(end) = end {
            tracing::debug!("executor driver: {end}");
            let _ = self.tell(Event::Ended(end)).await;
        }
    }

    async fn serve(&mut self) -> Result<End, Unheard> {
        let mut away_since = Instant::now();
        loop {
            let patience = match (self.connected_before, self.config.checkpoint) {
                (true, true) => self.config.recovery_timeout,
                (true, false) => Duration::ZERO,
                (false, _) => FIRST,
            };
            let why = match self.attach().await {
                Ok((stream, subscribed)) => match self.follow(stream, subscribed).await? {
                    Ok(end) => return Ok(end),
                    Err(why) => {
                        away_since = Instant::now();
                        if !self.config.checkpoint {
                            return Ok(End::AgentLost(why));
                        }
                        self.tell(Event::Disconnected { why }).await?;
                        None
                    }
                },
                Err(why) => Some(why),
            };
            match why {
                _ if self.shutdown_at.is_some() => return Ok(End::ShutDown),
                Some(why) if why.is_final() => return Ok(End::Refused(why)),
                Some(why) if away_since.elapsed() >= patience => {
                    return Ok(End::RecoveryTimeout { after: away_since.elapsed(), why });
                }
                Some(why) => tracing::debug!("not subscribed: {why}"),
                None => {}
            }
            // Anywhere up to the longest: all executors of an agent lose it at the same time.
            tokio::time::sleep(self.config.subscription_backoff_max.mul_f64(rand::random())).await;
        }
    }

    async fn attach(&self) -> Result<(Subscription, Subscribed), LinkError> {
        let unacknowledged = self.shared.outbox.lock().unacknowledged();
        let call = Call { subscribe: Some(unacknowledged), ..self.shared.call(CallType::Subscribe) };
        let agent = &self.config.agent;
        let opened = subscribe(&self.connector, agent, call.encode_to_vec().into(), self.config.record_limit).await?;
        let Opened::Stream(mut stream) = opened else {
            return Err(unexpected(agent));
        };
        loop {
            let event = Wire::decode(stream.next(self.config.timeout).await?)?;
            match (event.r#type(), event.subscribed) {
                (EventType::Subscribed, Some(subscribed)) => return Ok((stream, subscribed)),
                (EventType::Heartbeat | EventType::Unknown, _) => {}
                (other, _) => return Err(LinkError::NotSubscribed { found: format!("{other:?}") }),
            }
        }
    }

    /// Passes events on until there is an end, or the agent is lost.
    async fn follow(
        &mut self,
        mut stream: Subscription,
        subscribed: Subscribed,
    ) -> Result<Result<End, LinkError>, Unheard> {
        let lane = Lane::new(self.connector.clone(), self.config.agent.clone(), None);
        *self.shared.lane.write() = Some(Arc::new(lane));
        self.shared.wake.notify_one();
        let again = std::mem::replace(&mut self.connected_before, true);
        let connected = Event::Connected {
            executor: Box::new(subscribed.executor_info),
            framework: Box::new(subscribed.framework_info),
            agent: Box::new(subscribed.agent_info),
            container_id: subscribed.container_id,
            again,
        };
        self.tell(connected).await?;
        let outcome = loop {
            let shutdown_at = self.shutdown_at;
            let next = tokio::select! {
                next = stream.next(SILENCE) => next,
                () = at(shutdown_at) => break Ok(End::ShutDown),
            };
            match next.and_then(|record| Ok(Wire::decode(record)?)) {
                Err(why) => break Err(why),
                Ok(event) => {
                    if let Some(end) = self.hear(event).await? {
                        break Ok(end);
                    }
                }
            }
        };
        *self.shared.lane.write() = None;
        Ok(outcome)
    }

    async fn hear(&mut self, event: Wire) -> Result<Option<End>, Unheard> {
        match event.r#type() {
            EventType::Launch => {
                if let Some(launch) = event.launch {
                    self.shared.change(|outbox| outbox.launched(&launch));
                    self.tell(Event::Launch(Box::new(launch.task))).await?;
                }
            }
            EventType::LaunchGroup => {
                let tasks = event.launch_group.map(|group| group.task_group.tasks).unwrap_or_default();
                for task in &tasks {
                    self.shared.change(|outbox| outbox.launched(&Launch { task: task.clone() }));
                }
                self.tell(Event::LaunchGroup(tasks)).await?;
            }
            EventType::Kill => {
                if let Some(kill) = event.kill {
                    let said = kill.kill_policy.and_then(|policy| policy.grace_period).map(Duration::from);
                    let grace = said.or_else(|| self.shared.outbox.lock().grace(&kill.task_id));
                    self.tell(Event::Kill { task_id: kill.task_id, grace }).await?;
                }
            }
            EventType::Acknowledged => {
                if let Some(acknowledged) = event.acknowledged {
                    self.shared.change(|outbox| outbox.acknowledged(&acknowledged.task_id, &acknowledged.uuid));
                }
            }
            EventType::Message => {
                if let Some(message) = event.message {
                    self.tell(Event::Message(message.data)).await?;
                }
            }
            EventType::Shutdown => {
                let grace = self.config.shutdown_grace;
                self.shutdown_at.get_or_insert(Instant::now() + grace);
                self.tell(Event::Shutdown { grace }).await?;
            }
            EventType::Error => return Ok(Some(End::Error(event.error.unwrap_or_default().message))),
            EventType::Subscribed | EventType::Heartbeat | EventType::Unknown => {}
        }
        Ok(None)
    }

    async fn tell(&self, event: Event) -> Result<(), Unheard> {
        self.events.send(event).await.map_err(|_| Unheard)
    }
}

async fn at(time: Option<Instant>) {
    match time {
        Some(time) => tokio::time::sleep_until(time).await,
        None => std::future::pending().await,
    }
}

fn unexpected(agent: &Endpoint) -> LinkError {
    LinkError::Redirect { address: agent.to_string(), location: String::new(), detail: "agents have no leader" }
}
