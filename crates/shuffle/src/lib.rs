//! The shuffle: what tasks leave behind and how the next stage's tasks read it.
//!
//! The output of every task is a *map output*: for each bucket a list of record batches. A task writes it through a
//! [`MapWriter`] into its executor's [`BlockStore`]; readers get bucket `b` of many outputs through a [`Fetcher`],
//! from their own store or from another executor's [`ShuffleServer`].
//!
//! ```text
//!   task of stage n                                           task of stage n+1
//!        │ push / push_indices                                      ▲ BlockStream
//!        ▼                                                          │
//!   writer ── gather ── bucket ── spill                           fetch ◄───────── wire ◄──┐
//!        │ finish                                                   ▲ own outputs          │ other executors
//!        ▼                                                          │                      │
//!   store ── memory tier (batches) ──────────────────────────────► local                 server
//!        └── disk tier (file ── index ── frame ── encode) ─────────►┘──────────────────────┘
//! ```
//!
//! Rooms, in the order of the data's way:
//! - `writer`: one task's output being written; `gather` and `bucket`: scattered rows to dense batches; `spill`: what
//!   memory refuses before the end;
//! - `store`: which outputs exist and in which tier; `keep`: who says so; `residents`: what is in memory, by stage; `memory`: budgets; `dir`: the directory and its sweeping;
//! - `encode`: batches to blocks and back; `frame`: the unit of file and wire; `file` and `index`: an output as a file;
//! - `local`: reading the own store; `wire`, `server`, `remote`: reading another's; `fetch`: both as one stream;
//!   `counters`: totals for reports;
//! - `broadcast`: one value for all executors, over the same servers; `ask`: one question to one of them.
//!
//! Missing or damaged input is always a `FetchFailed` that names the output, never an absence of rows. The essay is
//! in `docs/shuffle.md`.

mod ask;
mod broadcast;
mod bucket;
mod counters;
mod dir;
mod encode;
mod error;
mod fetch;
mod file;
mod frame;
mod gather;
mod index;
mod keep;
mod local;
mod memory;
mod remote;
mod residents;
mod server;
mod spill;
mod store;
mod wire;
mod writer;

pub use broadcast::{BroadcastError, Broadcasts, CHUNK as BROADCAST_CHUNK, Traffic};
pub use counters::{Counters, CountersSnapshot};
pub use dir::sweep_stale;
pub use encode::{Compression, compact};
pub use error::StoreError;
pub use fetch::{BlockStream, FetchLimits, FetchRequest, Fetcher, MapLocation};
pub use keep::Keep;
pub use local::LocalBlocks;
pub use memory::{FixedBudget, MemoryBudget, Unlimited, batch_bytes};
pub use server::{Guest, GuestAnswer, ServerHandle, ShuffleServer};
pub use store::{BlockStore, StoreConfig};
pub use writer::MapWriter;
