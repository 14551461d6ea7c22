//! The partitions of one stage that wait to be run.
//!
//! ```text
//!   fresh    never failed: in the order of partitions, or where their input lies
//!   held     fresh ones whose place was found busy, and which wait for it (`delay.rs`), grouped by the place
//!   retry    failed before, grouped by the node to keep away from
//!   parked   without output, but nobody wants them (the driver took them before their output was lost)
//! ```
//!
//! The groups exist so that a slot on a broken node finds a task without looking through everything that has already
//! failed there, and a slot on a busy executor the tasks that wait for it.

use crate::ids::{ExecutorId, NodeId};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::Bound::{Excluded, Unbounded};

/// The waiting partitions of one stage.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    fresh: BTreeSet<u32>,
    /// The place that each of them waits for.
    held: BTreeMap<u32, ExecutorId>,
    held_for: BTreeMap<ExecutorId, BTreeSet<u32>>,
    retry: BTreeMap<NodeId, BTreeSet<u32>>,
    parked: BTreeSet<u32>,
    /// Hints: partitions by where they like to run. A hint is not removed when the partition is launched elsewhere or
    /// the input moves, but skipped when it comes up, so that keeping them costs one step per output.
    local: BTreeMap<ExecutorId, VecDeque<u32>>,
    /// Places that partitions are held for and that may have room.
    probes: BTreeSet<ExecutorId>,
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
        self.fresh.is_empty() && self.held.is_empty() && self.retry.is_empty()
    }

    /// How many partitions wait; parked ones do not count.
    pub(crate) fn len(&self) -> usize {
        self.fresh.len() + self.held.len() + self.retry.values().map(BTreeSet::len).sum::<usize>()
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
            None if self.fresh.remove(&partition) => {}
            None => drop(self.let_go(partition)),
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
        self.first_retry(None).map(|(partition, _)| partition).or_else(|| self.first_fresh_or_held())
    }

    /// The first fresh partition that is not held.
    pub(crate) fn first_fresh(&self) -> Option<u32> {
        self.fresh.first().copied()
    }

    /// The first fresh partition, held or not.
    pub(crate) fn first_fresh_or_held(&self) -> Option<u32> {
        match self.held.first_key_value() {
            Some((held, _)) => Some(self.first_fresh().map_or(*held, |fresh| fresh.min(*held))),
            None => self.first_fresh(),
        }
    }

    /// The first partition of the first group of failed ones behind `after`, and which node it avoids.
    pub(crate) fn first_retry(&self, after: Option<NodeId>) -> Option<(u32, NodeId)> {
        let from = after.map_or(Unbounded, Excluded);
        self.retry.range((from, Unbounded)).find_map(|(avoid, group)| Some((*group.first()?, *avoid)))
    }

    /// A fresh partition that was once seen to belong on `executor`.
    pub(crate) fn first_local(&mut self, executor: ExecutorId) -> Option<u32> {
        if let Some(partition) = self.first_held_for(executor) {
            return Some(partition);
        }
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
        if let Some(partition) = self.first_held_for(executor) {
            self.release(partition);
        } else if let Some(line) = self.local.get_mut(&executor) {
            line.pop_front();
        }
    }

    /// A partition likes to run on `executor`.
    pub(crate) fn add_local(&mut self, executor: ExecutorId, partition: u32) {
        self.release(partition);
        self.local.entry(executor).or_default().push_back(partition);
    }

    /// Forgets where partitions like to run.
    pub(crate) fn clear_local(&mut self) {
        self.local.clear();
        self.fresh.extend(std::mem::take(&mut self.held).into_keys());
        self.held_for.clear();
        self.probes.clear();
    }

    /// A fresh partition waits for room on `executor`.
    pub(crate) fn hold(&mut self, partition: u32, executor: ExecutorId) {
        if self.fresh.remove(&partition) {
            self.held.insert(partition, executor);
            self.held_for.entry(executor).or_default().insert(partition);
        }
    }

    /// A held partition is an ordinary fresh one again.
    fn release(&mut self, partition: u32) {
        if self.let_go(partition) {
            self.fresh.insert(partition);
        }
    }

    fn let_go(&mut self, partition: u32) -> bool {
        let Some(executor) = self.held.remove(&partition) else { return false };
        remove_from(&mut self.held_for, executor, partition);
        true
    }

    /// Whether no partition waits for its place.
    pub(crate) fn holds_none(&self) -> bool {
        self.held.is_empty()
    }

    /// The first partition that waits for this place.
    pub(crate) fn first_held_for(&self, executor: ExecutorId) -> Option<u32> {
        self.held_for.get(&executor)?.first().copied()
    }

    /// An executor got room: if partitions wait for it, it is worth a look.
    pub(crate) fn add_probe(&mut self, executor: ExecutorId) {
        if self.held_for.contains_key(&executor) {
            self.probes.insert(executor);
        }
    }

    /// An executor that is worth a look.
    pub(crate) fn probe(&self) -> Option<ExecutorId> {
        self.probes.first().copied()
    }

    /// It was not worth it, or there is nothing left.
    pub(crate) fn drop_probe(&mut self, executor: ExecutorId) {
        self.probes.remove(&executor);
    }

    /// Every partition in the queue, parked ones too, for `check_invariants`.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, Option<NodeId>)> {
        let retry = self.retry.iter().flat_map(|(node, group)| group.iter().map(|p| (*p, Some(*node))));
        let fresh = self.fresh.iter().chain(self.held.keys()).chain(&self.parked);
        fresh.map(|p| (*p, None)).chain(retry)
    }

    /// Held partitions and what they wait for, for `check_invariants`.
    pub(crate) fn held(&self) -> impl Iterator<Item = (u32, ExecutorId)> {
        self.held.iter().map(|(partition, executor)| (*partition, *executor))
    }

    /// What else `check_invariants` asks of this file: the groups of held partitions tell the truth.
    pub(crate) fn check(&self) -> Result<(), String> {
        let grouped: BTreeMap<u32, ExecutorId> =
            self.held_for.iter().flat_map(|(e, group)| group.iter().map(|p| (*p, *e))).collect();
        let empty = self.held_for.values().any(BTreeSet::is_empty) || self.retry.values().any(BTreeSet::is_empty);
        match grouped == self.held && !empty {
            true => Ok(()),
            false => Err(format!("the groups of waiting partitions are wrong: {self:?}")),
        }
    }
}
