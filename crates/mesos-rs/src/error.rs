//! What can go wrong between this program and a master or agent.

use crate::recordio::RecordError;
use std::path::PathBuf;
use std::time::Duration;

/// A setting that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not an address.
    #[error("{text:?} is no address of a {what}: {detail}")]
    Address {
        /// As given.
        text: String,
        /// Of what it should be the address.
        what: &'static str,
        /// What is wrong with it.
        detail: String,
    },
    /// A file could not be read.
    #[error("cannot read the {what} {path}: {detail}")]
    File {
        /// What the file is for.
        what: &'static str,
        /// Which file.
        path: PathBuf,
        /// The system's answer, or what is wrong with its content.
        detail: String,
    },
    /// The certificates are of no use.
    #[error("TLS: {0}")]
    Tls(String),
    /// A variable that Mesos sets for executors is missing or senseless.
    #[error("environment variable {name}: {detail}; was this program started by a Mesos agent?")]
    Environment {
        /// The variable.
        name: &'static str,
        /// What is wrong with it.
        detail: String,
    },
}

/// Why there is no subscription, or no longer one.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No connection could be made.
    #[error("cannot connect to {address}: {detail}")]
    Connect {
        /// Of whom.
        address: String,
        /// Why.
        detail: String,
    },
    /// No answer in time.
    #[error("{address}: no {what} within {after:?}")]
    Timeout {
        /// Of whom.
        address: String,
        /// What was waited for.
        what: &'static str,
        /// For how long.
        after: Duration,
    },
    /// The connection broke, or what came over it is no HTTP.
    #[error("{address}: {detail}")]
    Http {
        /// Of whom.
        address: String,
        /// What hyper says.
        detail: String,
    },
    /// The subscription was refused.
    #[error("{address} answers {status}: {text}")]
    Refused {
        /// By whom.
        address: String,
        /// HTTP status.
        status: u16,
        /// The reason, in the words of the one who refuses.
        text: String,
    },
    /// A redirect that leads nowhere.
    #[error("{address} redirects to {location:?}: {detail}")]
    Redirect {
        /// Who redirects.
        address: String,
        /// Where to.
        location: String,
        /// Why it is not followed.
        detail: &'static str,
    },
    /// The answer is not a stream of protobuf records.
    #[error("{address} answers with content type {found:?} instead of {wanted}")]
    ContentType {
        /// Who answers.
        address: String,
        /// With what.
        found: String,
        /// Instead of what.
        wanted: &'static str,
    },
    /// A master has to name the stream.
    #[error("{address} answers without a Mesos-Stream-Id")]
    NoStreamId {
        /// Who answers.
        address: String,
    },
    /// The stream is no sequence of records.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// A record is no event.
    #[error("an event that cannot be decoded: {0}")]
    Decode(#[from] prost::DecodeError),
    /// A stream has to begin with SUBSCRIBED.
    #[error("the stream begins with {found} instead of SUBSCRIBED")]
    NotSubscribed {
        /// What came first.
        found: String,
    },
    /// The other side has ended the stream.
    #[error("{address} has closed the stream")]
    Closed {
        /// Who did.
        address: String,
    },
    /// Not even heartbeats.
    #[error("{address} has been silent for {after:?}")]
    Silent {
        /// Who is.
        address: String,
        /// For how long.
        after: Duration,
    },
    /// Another master leads now.
    #[error("the leading master is {to} now")]
    LeaderChanged {
        /// Which one.
        to: String,
    },
    /// No master leads.
    #[error("no master leads at the moment: {detail}")]
    NoLeader {
        /// Who says so.
        detail: String,
    },
}

impl LinkError {
    /// Whether trying again cannot help: the other side understood, and does not want us as we are.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Refused { status: 400 | 401 | 403 | 406 | 415, .. })
    }
}

/// Why a call was not accepted.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// There is no subscription at the moment, so the call was not sent.
    #[error("{call}: not subscribed at the moment")]
    Disconnected {
        /// Which call.
        call: &'static str,
    },
    /// It was refused.
    #[error("{call}: answer {status}: {text}")]
    Rejected {
        /// Which call.
        call: &'static str,
        /// HTTP status.
        status: u16,
        /// The reason, in the words of the one who refuses.
        text: String,
    },
    /// The connection broke. Whether the call has arrived is not known.
    #[error("{call}: {why}")]
    Broken {
        /// Which call.
        call: &'static str,
        /// How.
        why: LinkError,
    },
}
