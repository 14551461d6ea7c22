//! What the scheduler knows about one live job, and what it remembers of those that ended.

use crate::ids::{JobId, StageId};
use crate::progress::Progress;
use std::collections::{BTreeMap, BTreeSet};

/// A live job.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) target: StageId,
    /// Its lineage: every stage's place in the order in which the job works, inputs first.
    pub(crate) order: BTreeMap<StageId, u32>,
    /// Stages whose missing outputs the job waits for. `demand.rs` keeps this and the next two.
    pub(crate) wanted: BTreeSet<StageId>,
    /// Those of them that have a task to launch now, in lineage order.
    pub(crate) runnable: BTreeSet<(u32, StageId)>,
    /// All stages it ever waited for: what its progress is measured by. A cached stage that was complete when the job
    /// came, and everything behind it, is not among them.
    pub(crate) involved: BTreeSet<StageId>,
    /// Per target partition: the driver was told that it is there.
    pub(crate) offered: Vec<bool>,
    /// Per target partition: the driver has it.
    pub(crate) taken: Vec<bool>,
    pub(crate) untaken: u32,
    /// Target partitions neither taken nor there.
    pub(crate) target_missing: u32,
    /// How often the driver could not fetch a target partition.
    pub(crate) fetch_failures: BTreeMap<u32, u32>,
    /// Launches that repeated work, in order.
    pub(crate) recomputed: Vec<(StageId, u32)>,
}

impl Job {
    pub(crate) fn new(target: StageId, order: &[StageId], partitions: u32, target_missing: u32) -> Self {
        Self {
            target,
            order: order.iter().copied().zip(0..).collect(),
            wanted: BTreeSet::new(),
            runnable: BTreeSet::new(),
            involved: BTreeSet::new(),
            offered: vec![false; partitions as usize],
            taken: vec![false; partitions as usize],
            untaken: partitions,
            target_missing,
            fetch_failures: BTreeMap::new(),
            recomputed: Vec::new(),
        }
    }

    /// Whether the driver has the partition of the target. True also for one that does not exist.
    pub(crate) fn has_taken(&self, partition: u32) -> bool {
        self.taken.get(partition as usize).is_none_or(|taken| *taken)
    }

    /// Whether the job waits for this output.
    pub(crate) fn wants(&self, stage: StageId, partition: u32) -> bool {
        self.wanted.contains(&stage) && (stage != self.target || !self.has_taken(partition))
    }
}

/// What is left of a job that ended.
#[derive(Debug)]
pub(crate) struct EndedJob {
    pub(crate) job: JobId,
    pub(crate) progress: Progress,
    pub(crate) recomputed: Vec<(StageId, u32)>,
}
