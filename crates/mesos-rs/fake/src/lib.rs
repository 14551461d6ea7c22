//! A scripted Mesos master and a scripted agent, in this process, for tests of what a real one will not do on demand.
//!
//! They are written from what real ones of version 1.11 were seen to do, not from what a client expects: they check
//! what those check (method, path, content types, ids, the stream id, that calls come after SUBSCRIBED) and answer
//! with their statuses and, in substance, their words. Everything beyond is the test's: what to answer to the next
//! SUBSCRIBE, which events to send, which bytes, and when to cut the line.
//!
//! ```text
//!   test ── script(OnSubscribe) / send(event) / send_bytes / cut ─► FakeMaster ─► HTTP ─► client under test
//!     ▲                                                                 │
//!     └────────────── next_call() ◄── calls, in order ◄─────────────────┘
//! ```
//! - [`FakeMaster`] and [`FakeAgent`]: the two APIs; [`OnSubscribe`]: answers;
//! - `server`: HTTP, streams and the script, the same for both.
// Tests use this; what goes wrong here should end them.
#![allow(clippy::expect_used, clippy::panic)]

mod agent;
mod master;
mod server;

pub use agent::FakeAgent;
pub use master::{FakeMaster, launched};
pub use server::OnSubscribe;
