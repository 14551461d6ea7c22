//! A client of the v1 HTTP API of Apache Mesos, for those who write schedulers and executors.
//!
//! ```text
//!                 ┌────────────── scheduler ──────────────┐                ┌───────── executor ─────────┐
//!   your          │ Receiver<Event> ◄─ driver ─► leader   │                │ driver ─► Receiver<Event>  │   your
//!   framework ◄──►│                      │                │                │   │                        │◄► tasks
//!                 │ SchedulerHandle ─► calls              │                │ outbox ◄─ ExecutorHandle   │
//!                 └──────────────────────┬────────────────┘                └───┬────────────────────────┘
//!                                 http ── recordio ── proto             http ── recordio ── proto
//!                                        │                                     │
//!                                     master ◄──────────────────────────────► agent
//! ```
//!
//! Rooms:
//! - [`scheduler`]: subscribing, staying subscribed, all calls; `leader`: which master to talk to;
//! - [`executor`]: the same for the other side, started by an agent;
//! - [`proto`]: the messages; [`recordio`]: how streams of them are cut; `http`: connections, TLS, authentication;
//! - [`resources`]: arithmetic on what is offered; [`constraints`]: which agents will do;
//! - `backoff`: waiting; `error`: what can go wrong.
//!
//! What decides (redirects, waits, retries, reconciliation, arithmetic, framing) is pure and takes time and randomness
//! as arguments; `driver`s, `http` and `zookeeper` do the I/O.

mod backoff;
pub mod constraints;
mod error;
pub mod executor;
mod http;
mod leader;
pub mod proto;
pub mod recordio;
pub mod resources;
pub mod scheduler;

pub use backoff::Backoff;
pub use error::{CallError, ConfigError, LinkError};
pub use http::{Credential, Endpoint, Scheme, Tls};
pub use leader::{Masters, ZooKeeperAddress};

/// Keeps the examples in the README compiling.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
