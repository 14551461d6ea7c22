//! The leader as ZooKeeper knows it, kept up to date by a task. Losing ZooKeeper does not unmake the leader: what was
//! known last stays until something else is known.

use super::masters::ZooKeeperAddress;
use super::znode;
use crate::backoff::Backoff;
use crate::error::LinkError;
use crate::http::{Credential, Endpoint, Scheme};
use std::convert::Infallible;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use zookeeper_client::{Client, Error, EventType};

/// A master's connection is a session's life away from being noticed; this is how long ZooKeeper keeps ours.
const SESSION: Duration = Duration::from_secs(10);

/// What is known.
#[derive(Clone, Debug)]
pub(super) enum Leadership {
    /// Not yet asked.
    Unknown,
    /// ZooKeeper cannot be asked.
    Failed(String),
    /// There is none.
    Nobody,
    /// There is one.
    Leader(Endpoint),
}

/// The task, ended when this is dropped.
pub(super) struct Watching {
    known: watch::Receiver<Leadership>,
    /// The leader that was given out last.
    given: Option<Endpoint>,
    task: JoinHandle<()>,
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Watching {
    pub(super) fn start(address: ZooKeeperAddress, scheme: Scheme, path: &'static str, backoff: Backoff) -> Self {
        let (sender, known) = watch::channel(Leadership::Unknown);
        let watcher = Watcher { address, scheme, path, sender };
        Self { known, given: None, task: tokio::spawn(watcher.run(backoff)) }
    }

    /// The leader, as soon as ZooKeeper has been asked.
    pub(super) async fn leader(&mut self, limit: Duration) -> Result<Endpoint, LinkError> {
        let known = self.known.wait_for(|known| !matches!(known, Leadership::Unknown));
        let known = match tokio::time::timeout(limit, known).await {
            Ok(Ok(known)) => known.clone(),
            _ => Leadership::Failed(format!("ZooKeeper has not answered within {limit:?}")),
        };
        match known {
            Leadership::Leader(endpoint) => {
                self.given = Some(endpoint.clone());
                Ok(endpoint)
            }
            Leadership::Failed(detail) => Err(LinkError::NoLeader { detail }),
            _ => Err(LinkError::NoLeader { detail: "ZooKeeper knows of none".to_string() }),
        }
    }

    /// Waits for another leader than the one given out last.
    pub(super) async fn another(&mut self) -> Endpoint {
        let given = self.given.clone();
        let is_another =
            |known: &Leadership| matches!(known, Leadership::Leader(leader) if Some(leader) != given.as_ref());
        let found = self.known.wait_for(is_another).await.map(|known| known.clone());
        match found {
            Ok(Leadership::Leader(endpoint)) => endpoint,
            _ => std::future::pending().await,
        }
    }
}

struct Watcher {
    address: ZooKeeperAddress,
    scheme: Scheme,
    path: &'static str,
    sender: watch::Sender<Leadership>,
}

impl Watcher {
    async fn run(self, mut backoff: Backoff) {
        loop {
            let failed = match self.connect().await {
                Ok(client) => {
                    backoff.reset();
                    match self.follow(&client).await {
                        Ok(never) => match never {},
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            let detail = match failed {
                Error::NoNode => format!("there is no {} in ZooKeeper", self.address.path),
                error => format!("ZooKeeper at {}: {error}", self.address.servers),
            };
            tracing::warn!("{detail}");
            self.sender.send_if_modified(|known| {
                let modified = !matches!(known, Leadership::Leader(_));
                if modified {
                    *known = Leadership::Failed(detail);
                }
                modified
            });
            tokio::time::sleep(backoff.next(rand::random())).await;
        }
    }

    async fn connect(&self) -> Result<Client, Error> {
        let mut connector = Client::connector().with_session_timeout(SESSION).with_fail_eagerly();
        if let Some(Credential::Basic { principal, secret }) = &self.address.credential {
            connector = connector.with_auth("digest", format!("{principal}:{secret}").as_bytes());
        }
        let connecting = tokio::time::timeout(SESSION, connector.connect(&self.address.servers));
        connecting.await.unwrap_or(Err(Error::Timeout))
    }

    async fn follow(&self, client: &Client) -> Result<Infallible, Error> {
        loop {
            let (names, watcher) = client.list_and_watch_children(&self.address.path).await?;
            let known = match znode::leading(names.iter().map(String::as_str)) {
                None => Leadership::Nobody,
                Some(name) => match client.get_data(&format!("{}/{name}", self.address.path)).await {
                    // Gone since it was listed.
                    Err(Error::NoNode) => continue,
                    Err(error) => return Err(error),
                    Ok((content, _)) => match znode::endpoint(&content, self.scheme, self.path) {
                        Ok(endpoint) => Leadership::Leader(endpoint),
                        Err(detail) => Leadership::Failed(format!("{name} in ZooKeeper cannot be read: {detail}")),
                    },
                },
            };
            tracing::debug!("leadership: {known:?}");
            self.sender.send_replace(known);
            if watcher.changed().await.event_type == EventType::Session {
                return Err(Error::SessionExpired);
            }
        }
    }
}
