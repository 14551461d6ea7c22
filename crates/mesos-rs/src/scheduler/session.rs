//! What driver and handles share: the present subscription, and what has to be said again with the next one.

use super::event::End;
use crate::http::{Connector, Endpoint, Lane};
use crate::proto::{FrameworkId, FrameworkInfo};
use parking_lot::{Mutex, RwLock};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::watch;

/// One subscription.
pub(super) struct Session {
    pub(super) framework_id: FrameworkId,
    /// In the order they were made.
    pub(super) calls: Lane,
    /// On a connection of their own: there is one for each update, and launches should not wait for them.
    pub(super) acknowledgements: Lane,
}

impl Session {
    pub(super) fn new(connector: &Connector, at: &Endpoint, stream_id: &str, framework_id: FrameworkId) -> Self {
        let lane = || Lane::new(connector.clone(), at.clone(), Some(stream_id.to_string()));
        Self { framework_id, calls: lane(), acknowledgements: lane() }
    }
}

/// What is said in a SUBSCRIBE.
pub(super) struct Standing {
    pub(super) framework: FrameworkInfo,
    /// The master forgets these with the subscription.
    pub(super) suppressed: BTreeSet<String>,
}

/// A request to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    TearDown,
    Leave,
}

impl From<Stop> for End {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::TearDown => Self::TornDown,
            Stop::Leave => Self::Stopped,
        }
    }
}

pub(super) struct Shared {
    session: RwLock<Option<Arc<Session>>>,
    pub(super) standing: Mutex<Standing>,
    pub(super) stop: watch::Sender<Option<Stop>>,
    /// A teardown is under way, so that the end of the stream is no loss.
    pub(super) tearing_down: AtomicBool,
}

impl Shared {
    pub(super) fn new(standing: Standing) -> Self {
        Self {
            session: RwLock::new(None),
            standing: Mutex::new(standing),
            stop: watch::Sender::new(None),
            tearing_down: AtomicBool::new(false),
        }
    }

    pub(super) fn session(&self) -> Option<Arc<Session>> {
        self.session.read().clone()
    }

    pub(super) fn set_session(&self, session: Option<Session>) {
        *self.session.write() = session.map(Arc::new);
    }

    pub(super) fn is_tearing_down(&self) -> bool {
        self.tearing_down.load(Ordering::SeqCst)
    }
}
