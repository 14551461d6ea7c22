//! The attempts at one partition that run: one, or two while the first is slow (`speculation.rs`).

use crate::ids::{ExecutorId, NodeId};
use std::time::Duration;

/// One running attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Attempt {
    pub(crate) number: u32,
    pub(crate) executor: ExecutorId,
    pub(crate) node: NodeId,
    pub(crate) started: Duration,
    /// MiB that it was given.
    pub(crate) memory: u64,
    /// It was launched beside another one.
    pub(crate) speculative: bool,
}

/// Whether the partition should get, or has got, a second attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Watch {
    /// Not too slow yet.
    OnTime,
    /// A second attempt is wanted.
    Late,
    /// It had its second attempt. There is no third, whatever became of the second: its failures count, and a node on
    /// which everything fails must not use up the patience with a partition that is fine elsewhere.
    Done,
}

/// A running partition.
#[derive(Debug)]
pub(crate) struct Running {
    first: Attempt,
    /// Boxed, since there hardly ever is one and every running partition would carry its size around.
    second: Option<Box<Attempt>>,
    pub(crate) watch: Watch,
}

impl Running {
    pub(crate) fn new(first: Attempt) -> Self {
        Self { first, second: None, watch: Watch::OnTime }
    }

    /// The older one of those that still run.
    pub(crate) fn first(&self) -> &Attempt {
        &self.first
    }

    pub(crate) fn add_second(&mut self, attempt: Attempt) {
        self.second = Some(Box::new(attempt));
        self.watch = Watch::Done;
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Attempt> {
        std::iter::once(&self.first).chain(self.second.as_deref())
    }

    pub(crate) fn get(&self, number: u32) -> Option<&Attempt> {
        self.iter().find(|attempt| attempt.number == number)
    }

    /// Takes one of two attempts out. False if it is the only one.
    pub(crate) fn remove(&mut self, number: u32) -> bool {
        let Some(second) = self.second.take() else { return false };
        if self.first.number == number {
            self.first = *second;
        }
        true
    }
}
