//! What can go wrong with a cluster.

use std::time::Duration;

/// Why the cluster did not do what a test asked for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused.
    #[error("{action}: {source}")]
    Io {
        /// What was being done.
        action: String,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The testbed could not do it; its words, with the end of a node's log where one is to blame.
    #[error("mesos-testbed: {0}")]
    Testbed(String),
    /// A master or an agent gave an answer that is none.
    #[error("{address}: {detail}")]
    Http {
        /// Whom was asked.
        address: String,
        /// What it said.
        detail: String,
    },
    /// The cluster has no such node.
    #[error("there is no {0}")]
    NoNode(String),
    /// Something did not come true in time.
    #[error("gave up after {} s waiting for {what}{}", .waited.as_secs_f64(), .last.as_deref().map(|last| format!("; last: {last}")).unwrap_or_default())]
    TimedOut {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
        /// The error that came last.
        last: Option<String>,
    },
    /// Processes outlived their cluster.
    #[error("processes outlived their cluster: {0:?}")]
    Left(Vec<u32>),
}

impl Error {
    pub(crate) fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let action = action.into();
        move |source| Self::Io { action, source }
    }
}
