//! The partitions of one stage that wait to be run.
//!
//! ```text
//!   fresh    never failed: in the order of partitions, or where their input lies
//!   retry    failed before, grouped by the node to keep away from
//!   parked   without output, but nobody wants them (the driver took them before their output was lost)
//! ```
//!
//! The groups exist so that a slot on a broken node finds a task without looking through everything that has already
//! failed there.

use crate::ids::{ExecutorId, NodeId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};

/// The waiting partitions of one stage.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    fresh: BTreeSet<u32>,
    retry: BTreeMap<NodeId, BTreeSet<u32>>,
    parked: BTreeSet<u32>,
    /// Hints: partitions by where they like to run. A hint is not removed when the partition is launched elsewhere or
    /// the input moves, but skipped when it comes up, so that keeping them costs one step per output.
    local: BTreeMap<ExecutorId, VecDeque<u32>>,
}

/// Takes a value out of its group, and the group away if it was the last.
fn remove_from<K: Ord>(groups: &mut BTreeMap<K, BTreeSet<u32>>, key: K, partition: u32) {
    if let Some(group) = groups.get_mut(&key) {
        group.remove(&partition);
        if group.is_empty() {
            groups.remove(&key);
        }
    }
}

impl Queue {
    /// All partitions of a new stage.
    pub(crate) fn all(partitions: u32) -> Self {
        Self { fresh: (0..partitions).collect(), ..Self::default() }
    }

    /// Whether nothing waits that may run. Parked partitions do not count.
    pub(crate) fn is_empty(&self) -> bool {
        self.fresh.is_empty() && self.retry.is_empty()
    }

    /// How many partitions wait; parked ones do not count.
    pub(crate) fn len(&self) -> usize {
        self.fresh.len() + self.retry.values().map(BTreeSet::len).sum::<usize>()
    }

    /// Puts a partition back, to be kept away from a node if there is another.
    pub(crate) fn push(&mut self, partition: u32, avoid: Option<NodeId>) {
        match avoid {
            Some(node) => self.retry.entry(node).or_default().insert(partition),
            None => self.fresh.insert(partition),
        };
    }

    /// Takes a partition out; `avoid` as it was pushed.
    pub(crate) fn remove(&mut self, partition: u32, avoid: Option<NodeId>) {
        match avoid {
            Some(node) => remove_from(&mut self.retry, node, partition),
            None => drop(self.fresh.remove(&partition)),
        }
    }

    /// Sets a waiting partition aside until somebody wants it.
    pub(crate) fn park(&mut self, partition: u32, avoid: Option<NodeId>) {
        self.remove(partition, avoid);
        self.parked.insert(partition);
    }

    /// Puts everything that was set aside back in line.
    pub(crate) fn unpark(&mut self) {
        self.fresh.append(&mut self.parked);
    }

    /// Some waiting partition.
    pub(crate) fn first(&self) -> Option<u32> {
        self.first_retry(None).map(|(partition, _)| partition).or_else(|| self.first_fresh())
    }

    /// The first fresh partition.
    pub(crate) fn first_fresh(&self) -> Option<u32> {
        self.fresh.first().copied()
    }

    /// The first partition of the first group of failed ones behind `after`, and which node it avoids.
    pub(crate) fn first_retry(&self, after: Option<NodeId>) -> Option<(u32, NodeId)> {
        let from = after.map_or(Unbounded, Excluded);
        self.retry.range((from, Unbounded)).find_map(|(avoid, group)| Some((*group.first()?, *avoid)))
    }

    /// A fresh partition that was once seen to belong on `executor`.
    pub(crate) fn first_local(&mut self, executor: ExecutorId) -> Option<u32> {
        let line = self.local.get_mut(&executor)?;
        while let Some(partition) = line.front() {
            if self.fresh.contains(partition) {
                return Some(*partition);
            }
            line.pop_front();
        }
        self.local.remove(&executor);
        None
    }

    /// The partition that `first_local` gave belongs elsewhere.
    pub(crate) fn drop_local(&mut self, executor: ExecutorId) {
        if let Some(line) = self.local.get_mut(&executor) {
            line.pop_front();
        }
    }

    /// A partition likes to run on `executor`.
    pub(crate) fn add_local(&mut self, executor: ExecutorId, partition: u32) {
        self.local.entry(executor).or_default().push_back(partition);
    }

    /// Forgets where partitions like to run.
    pub(crate) fn clear_local(&mut self) {
        self.local.clear();
    }

    /// Every partition in the queue, parked ones too, for `check_invariants`.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Option<NodeId>)> {
        let retry = self.retry.iter().flat_map(|(node, group)| group.iter().map(|p| (*p, Some(*node))));
        self.fresh.iter().chain(&self.parked).map(|p| (*p, None)).chain(retry)
    }
}
