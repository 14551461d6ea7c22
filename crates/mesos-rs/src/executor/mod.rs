//! The executor's side: one subscription with the agent that started this process, and updates beside it.
//!
//! ```text
//!   Config::from_env ─► start ─► driver ─► agent: SUBSCRIBE (+ what is unacknowledged) ─► events ─► Receiver<Event>
//!                         │         └── on loss, again, within the recovery timeout ◄──────┘
//!                         ▼
//!   ExecutorHandle ── update ─► outbox ── courier ─► agent, until ACKNOWLEDGED
//! ```
//! - [`Config`]: what Mesos puts into the environment; `duration`: how it writes lengths of time;
//! - [`Event`]: what is heard; `driver`: the upper line; [`ExecutorHandle`]: what is said;
//! - `outbox`: tasks and updates the agent may not know of, pure; `courier`: sends them until it does.

mod config;
mod courier;
mod driver;
mod duration;
mod event;
mod handle;
mod outbox;

pub use config::Config;
pub use driver::start;
pub use event::{End, Event};
pub use handle::ExecutorHandle;
