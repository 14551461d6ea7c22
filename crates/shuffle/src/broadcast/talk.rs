//! What is said: requests to `/broadcast` of an executor's shuffle server, and their answers.
//!
//! `Begin` and `Next` go to the driver, `Chunk` to anybody. The answer to `Chunk` is the chunk itself.

use super::chunks::Manifest;
use super::guide::{Outcome, Step};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;

pub(crate) const PATH: &str = "/broadcast";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Request {
    /// An executor is going to fetch and has these chunks already.
    Begin { id: u64, me: SocketAddr, have: Vec<u32> },
    /// What became of its last step, and what is the next.
    Next { id: u64, me: SocketAddr, outcome: Option<Outcome> },
    /// One chunk.
    Chunk { id: u64, chunk: u32 },
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Answer {
    Begun(Manifest),
    Next(Step),
    Unpersisted,
}
