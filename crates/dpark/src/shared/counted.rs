//! Every partition of every action counts once.
//!
//! A task may succeed twice: a copy of a slow one, a partition that is computed again because its output was lost. What
//! its first success added to accumulators counts, the others add nothing. Stages are never named twice, so the next
//! action counts again.

use dpark_lineage::StageId;
use std::collections::{HashMap, HashSet};

/// The partitions that have counted.
#[derive(Debug, Default)]
pub(crate) struct Counted(HashMap<StageId, HashSet<u32>>);

impl Counted {
    /// Whether the partition has not counted before. From now on it has.
    pub(crate) fn is_first(&mut self, stage: StageId, partition: u32) -> bool {
        self.0.entry(stage).or_default().insert(partition)
    }

    /// The stage will not run again.
    pub(crate) fn forget(&mut self, stage: StageId) {
        self.0.remove(&stage);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_partition_counts_once() {
        let mut counted = Counted::default();
        let (first, second) = (StageId(1), StageId(2));
        assert!(counted.is_first(first, 0));
        assert!(counted.is_first(first, 1));
        // Computed again.
        assert!(!counted.is_first(first, 0));
        // The next action.
        assert!(counted.is_first(second, 0));
        counted.forget(second);
        assert!(!counted.is_first(first, 1));
    }
}
