//! The loop: find the leader, subscribe, pass events on, and again.

use super::config::Config;
use super::event::{End, Event, Heard, heard};
use super::handle::SchedulerHandle;
use super::session::{Session, Shared, Standing, Stop};
use crate::backoff::Backoff;
use crate::error::{ConfigError, LinkError};
use crate::http::{Connector, Endpoint, Opened, Scheme, Subscription, subscribe};
use crate::leader::{Finder, SCHEDULER_PATH};
use crate::proto::scheduler::{Call, CallType, Event as Wire, Subscribe};
use crate::proto::{FrameworkId, MasterInfo};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

/// What masters do when they do not say.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Subscribes, and stays subscribed until the handle says to stop, the master says so, or the receiver is dropped.
/// Needs to be called within a tokio runtime. What can be wrong with the settings is found out here; that no master
/// can be reached is an [`Event::Retrying`].
pub fn start(config: Config) -> Result<(SchedulerHandle, mpsc::Receiver<Event>), ConfigError> {
    let connector = Connector::new(config.tls.as_ref(), config.credential.as_ref(), config.timeout)?;
    let (events, receiver) = mpsc::channel(config.event_capacity.max(1));
    let backoff = Backoff::new(config.backoff.0, config.backoff.1);
    let scheme = if config.tls.is_some() { Scheme::Https } else { Scheme::Http };
    let finder = Finder::new(&config.masters, scheme, SCHEDULER_PATH, backoff.clone());
    let shared = Arc::new(Shared::new(Standing {
        framework: config.framework,
        suppressed: config.suppressed_roles.into_iter().collect(),
    }));
    let driver = Driver {
        connector,
        finder,
        backoff,
        steady: config.backoff.1,
        missed_heartbeats: config.missed_heartbeats.max(1),
        record_limit: config.record_limit,
        shared: Arc::clone(&shared),
        stop: shared.stop.subscribe(),
        events,
        connected_before: false,
    };
    tokio::spawn(driver.run());
    Ok((SchedulerHandle::new(shared), receiver))
}

struct Driver {
    connector: Connector,
    finder: Finder,
    backoff: Backoff,
    /// A subscription that has lived so long counts as a success.
    steady: Duration,
    missed_heartbeats: u32,
    record_limit: usize,
    shared: Arc<Shared>,
    stop: watch::Receiver<Option<Stop>>,
    events: mpsc::Sender<Event>,
    connected_before: bool,
}

/// A stream whose first event has come.
struct Attached {
    stream: Subscription,
    master: Option<MasterInfo>,
    silence: Duration,
    session: Session,
}

/// The receiver is gone: nobody is interested any more.
struct Unheard;

/// Why an attempt came to nothing.
enum Failed {
    /// Try again.
    Link(LinkError),
    /// The master has spoken.
    Over(End),
}

impl<E: Into<LinkError>> From<E> for Failed {
    fn from(error: E) -> Self {
        Self::Link(error.into())
    }
}

impl Driver {
    async fn run(mut self) {
        let mut stop = self.stop.clone();
        let events = self.events.clone();
        let end = tokio::select! {
            end = self.serve() => end,
            () = events.closed() => None,
            Ok(stop) = stop.wait_for(Option::is_some) => stop.map(End::from),
        };
        self.shared.set_session(None);
        if let Some(end) = end {
            tracing::debug!("scheduler driver: {end}");
            let _ = self.events.send(Event::Ended(end)).await;
        }
    }

    /// None if nobody is interested any more.
    async fn serve(&mut self) -> Option<End> {
        loop {
            let outcome = match self.attach().await {
                Ok(attached) => self.follow(attached).await,
                Err(Failed::Link(why)) => self.retry(why).await,
                Err(Failed::Over(end)) => Ok(Some(end)),
            };
            match outcome {
                Ok(None) => {}
                Ok(Some(end)) => return Some(end),
                Err(Unheard) => return None,
            }
        }
    }

    /// One attempt, through as many redirects as it takes.
    async fn attach(&mut self) -> Result<Attached, Failed> {
        loop {
            let at = self.finder.next(self.connector.timeout).await?;
            tracing::debug!("subscribing with {at}");
            match subscribe(&self.connector, &at, self.subscribe_call(), self.record_limit).await? {
                Opened::Redirect(location) => self.finder.redirect(&at, &location)?,
                Opened::Stream(stream) => return self.greet(at, stream).await,
            }
        }
    }

    fn subscribe_call(&self) -> bytes::Bytes {
        let standing = self.shared.standing.lock();
        let call = Call {
            framework_id: standing.framework.id.clone(),
            r#type: Some(CallType::Subscribe.into()),
            subscribe: Some(Subscribe {
                framework_info: standing.framework.clone(),
                suppressed_roles: standing.suppressed.iter().cloned().collect(),
            }),
            ..Call::default()
        };
        call.encode_to_vec().into()
    }

    /// Reads the first event.
    async fn greet(&mut self, at: Endpoint, mut stream: Subscription) -> Result<Attached, Failed> {
        let Some(stream_id) = stream.stream_id.clone() else {
            return Err(LinkError::NoStreamId { address: at.to_string() }.into());
        };
        loop {
            let event = Wire::decode(stream.next(self.connector.timeout).await?)?;
            match heard(event) {
                Heard::Subscribed { framework_id, master, heartbeat } => {
                    let silence = heartbeat.unwrap_or(HEARTBEAT).saturating_mul(self.missed_heartbeats);
                    let session = Session::new(&self.connector, &at, &stream_id, framework_id);
                    return Ok(Attached { stream, master, silence, session });
                }
                Heard::Nothing => {}
                Heard::Event(Event::Ended(end)) => return Err(Failed::Over(end)),
                Heard::Event(event) => return Err(LinkError::NotSubscribed { found: kind(&event).to_string() }.into()),
            }
        }
    }

    async fn retry(&mut self, why: LinkError) -> Result<Option<End>, Unheard> {
        if why.is_final() {
            return Ok(Some(End::Refused(why)));
        }
        let after = self.backoff.next(rand::random());
        tracing::debug!("not subscribed, again in {after:?}: {why}");
        self.tell(Event::Retrying { why, after }).await?;
        tokio::time::sleep(after).await;
        Ok(None)
    }

    /// Passes events on until the stream is lost or the master ends it.
    async fn follow(&mut self, attached: Attached) -> Result<Option<End>, Unheard> {
        let Attached { mut stream, master, silence, session } = attached;
        let since = Instant::now();
        let framework_id = session.framework_id.clone();
        self.keep_id(&framework_id);
        self.shared.set_session(Some(session));
        let again = std::mem::replace(&mut self.connected_before, true);
        self.tell(Event::Connected { framework_id, master, again }).await?;

        let why = loop {
            let next = tokio::select! {
                next = stream.next(silence) => next,
                changed = self.finder.changed() => Err(changed),
            };
            let event = match next.and_then(|record| Ok(Wire::decode(record)?)) {
                Ok(event) => event,
                Err(why) => break why,
            };
            match heard(event) {
                Heard::Event(Event::Ended(end)) => return Ok(Some(end)),
                Heard::Event(event) => self.tell(event).await?,
                // A second SUBSCRIBED on a stream says nothing new.
                Heard::Nothing | Heard::Subscribed { .. } => {}
            }
        };
        self.shared.set_session(None);
        if self.shared.is_tearing_down() {
            return Ok(Some(End::TornDown));
        }
        tracing::debug!("subscription lost: {why}");
        self.tell(Event::Disconnected { why }).await?;
        // One that accepts us only to lose us again is not to be asked ever faster.
        if since.elapsed() > self.steady {
            self.backoff.reset();
        }
        // Many schedulers lose the same master at the same time.
        tokio::time::sleep(self.backoff.next(rand::random())).await;
        Ok(None)
    }

    /// From now on we are this framework, in every SUBSCRIBE.
    fn keep_id(&self, framework_id: &FrameworkId) {
        self.shared.standing.lock().framework.id = Some(framework_id.clone());
    }

    async fn tell(&self, event: Event) -> Result<(), Unheard> {
        self.events.send(event).await.map_err(|_| Unheard)
    }
}

fn kind(event: &Event) -> &'static str {
    match event {
        Event::Offers(_) => "OFFERS",
        Event::InverseOffers(_) => "INVERSE_OFFERS",
        Event::Update(_) => "UPDATE",
        Event::Rescind(_) => "RESCIND",
        Event::Message { .. } => "MESSAGE",
        Event::Failure(_) => "FAILURE",
        _ => "another event",
    }
}
