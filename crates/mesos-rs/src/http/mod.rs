//! HTTP to a master or an agent.
//!
//! - `endpoint`: where; `tls`: certificates; `credential`: who we are;
//! - `connect`: opening a connection; `lane`: calls one after the other over one connection; `stream`: a subscription.

mod connect;
mod credential;
mod endpoint;
mod lane;
mod stream;
mod tls;

pub(crate) use connect::Connector;
pub use credential::Credential;
pub use endpoint::{Endpoint, Scheme};
pub(crate) use lane::Lane;
pub(crate) use stream::{Opened, Subscription, subscribe};
pub use tls::Tls;

/// The only encoding on the wire.
pub(crate) const PROTOBUF: &str = "application/x-protobuf";

/// Names the subscription that a call belongs to.
pub(crate) const STREAM_ID: &str = "mesos-stream-id";

/// Of an error's text, so much is read.
const TEXT_LIMIT: usize = 64 << 10;
