//! Which master to talk to.
//!
//! - [`Masters`]: what the user says; `candidates`: whom to try next, and redirects, pure;
//! - `zookeeper`: the leader as ZooKeeper knows it, watched by a task of its own; `znode`: what is written there, pure.

mod candidates;
mod masters;
mod znode;
mod zookeeper;

pub(crate) use masters::SCHEDULER_PATH;
pub use masters::{Masters, ZooKeeperAddress};

use crate::backoff::Backoff;
use crate::error::LinkError;
use crate::http::{Endpoint, Scheme};
use candidates::Redirects;
use std::time::Duration;
use zookeeper::Watching;

/// Finds the master to subscribe with, again and again.
pub(crate) struct Finder {
    source: Source,
    redirects: Redirects,
}

enum Source {
    /// Addresses and which of them is next.
    List(Vec<Endpoint>, usize),
    ZooKeeper(Watching),
}

impl Finder {
    /// `scheme` and `path` are for masters that ZooKeeper names, since it knows neither.
    pub(crate) fn new(masters: &Masters, scheme: Scheme, path: &'static str, backoff: Backoff) -> Self {
        let source = match masters {
            Masters::List(list) => Source::List(list.clone(), 0),
            Masters::ZooKeeper(address) => Source::ZooKeeper(Watching::start(address.clone(), scheme, path, backoff)),
        };
        Self { source, redirects: Redirects::default() }
    }

    /// Whom to try. Waits for ZooKeeper to answer, not for a leader to be elected.
    pub(crate) async fn next(&mut self, limit: Duration) -> Result<Endpoint, LinkError> {
        if let Some(endpoint) = self.redirects.take() {
            return Ok(endpoint);
        }
        match &mut self.source {
            Source::List(list, next) => {
                let found = list.get(*next % list.len().max(1)).cloned();
                *next = next.wrapping_add(1);
                found.ok_or_else(|| LinkError::NoLeader { detail: "the list of masters is empty".to_string() })
            }
            Source::ZooKeeper(watching) => watching.leader(limit).await,
        }
    }

    /// Follows a redirect: the next [`Self::next`] gives where it leads.
    pub(crate) fn redirect(&mut self, from: &Endpoint, location: &str) -> Result<(), LinkError> {
        self.redirects.follow(from, location)
    }

    /// Waits until ZooKeeper names another leader than when it was asked last. That one may not be whom we are
    /// subscribed with: a follower that has heard the news first may have redirected us.
    pub(crate) async fn changed(&mut self) -> LinkError {
        let Source::ZooKeeper(watching) = &mut self.source else { return std::future::pending().await };
        LinkError::LeaderChanged { to: watching.another().await.to_string() }
    }
}
