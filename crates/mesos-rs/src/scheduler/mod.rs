//! The scheduler's side: one subscription with the leading master, and calls beside it.
//!
//! ```text
//!   start(Config) ─► driver ── finder ─► master: SUBSCRIBE ─► stream of events ─┐
//!        │             ▲  └── back-off, heartbeat watch                         │
//!        │             └────────────── on any loss, again, with the same id ◄───┤
//!        ▼                                                                      ▼
//!   SchedulerHandle ── calls (typed errors) ─► master          Receiver<Event> (bounded)
//! ```
//! - [`Config`]: what to say and how patient to be; [`Event`]: what is heard; `driver`: the loop drawn above;
//! - [`SchedulerHandle`]: the calls; `session`: what they need to know of the present subscription;
//! - [`Reconciler`]: asking what became of tasks until all is answered, pure.

mod config;
mod driver;
mod event;
mod handle;
mod reconcile;
mod session;

pub use config::Config;
pub use driver::start;
pub use event::{End, Event};
pub use handle::SchedulerHandle;
pub use reconcile::Reconciler;
