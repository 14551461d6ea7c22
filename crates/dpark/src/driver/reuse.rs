//! Which finished exchanges outlive their job, so that a later job over the same data finds them.
//!
//! Every stage with a [`Fingerprint`] is pinned in the scheduler as long as it stands in this table. A new job that
//! lists a stage with a known fingerprint reads the known stage instead; it may be finished, or just be running for
//! another job. When no live job uses a stage any more it stays, if it is complete, until more recently used ones need
//! the room. There is a limit of their number too, as each also costs its plan and its place in many tables.
//! A kept output that is lost is computed again from its lineage when somebody reads it, like any other.

use dpark_lineage::{JobId, StageId};
use dpark_plan::JobPlan;
use dpark_plan::fingerprint::Fingerprint;
use std::collections::{HashMap, HashSet};

/// So many stages without a live job, however small.
const MAX_IDLE: usize = 256;

/// What became of a job's stages when it ended.
#[derive(Default)]
pub(crate) struct Left {
    /// To be unpinned.
    pub(crate) dropped: Vec<StageId>,
    /// Kept, and from now on without a live job.
    pub(crate) idle: Vec<StageId>,
}

/// See the module.
pub(crate) struct Reuse {
    /// Bytes that outputs without a live job may take together.
    limit: u64,
    entries: HashMap<Fingerprint, Entry>,
    /// Counts the ends of jobs: what was used last stays longest.
    clock: u64,
}

struct Entry {
    stage: StageId,
    jobs: HashSet<JobId>,
    bytes: u64,
    used: u64,
}

impl Reuse {
    /// Keeps up to `limit` bytes; 0 keeps nothing and shares nothing between jobs.
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, entries: HashMap::new(), clock: 0 }
    }

    /// The stages of a job for which another stage's output serves as well: from the job's to the other.
    pub(crate) fn matches(&self, plan: &JobPlan) -> HashMap<StageId, StageId> {
        let shareable = plan.fingerprints.iter().filter(|(stage, _)| plan.is_shareable(**stage));
        shareable.filter_map(|(stage, fingerprint)| Some((*stage, self.entries.get(fingerprint)?.stage))).collect()
    }

    /// A job starts. `plan` is what it really runs, `matched` what it reads of others. Returns the stages to pin.
    pub(crate) fn enter(&mut self, job: JobId, plan: &JobPlan, matched: &HashMap<StageId, StageId>) -> Vec<StageId> {
        if self.limit == 0 {
            return vec![];
        }
        let read: HashSet<StageId> = plan.read_stages().collect();
        for fingerprint in matched.keys().filter_map(|stage| plan.fingerprints.get(stage)) {
            if let Some(entry) = self.entries.get_mut(fingerprint).filter(|entry| read.contains(&entry.stage)) {
                tracing::debug!(%job, stage = %entry.stage, ?fingerprint, "reads a kept exchange");
                entry.jobs.insert(job);
            }
        }
        let mut pins = vec![];
        for stage in plan.stages.iter().map(|stage| stage.id).filter(|stage| plan.is_shareable(*stage)) {
            if let Some(fingerprint) = plan.fingerprints.get(&stage) {
                let entry = Entry { stage, jobs: HashSet::from([job]), bytes: 0, used: 0 };
                self.entries.insert(*fingerprint, entry);
                pins.push(stage);
            }
        }
        pins
    }

    /// A job is over. `size` gives the bytes of a complete stage.
    pub(crate) fn leave(&mut self, job: JobId, size: impl Fn(StageId) -> Option<u64>) -> Left {
        self.clock += 1;
        let (mut dropped, mut left) = (vec![], vec![]);
        for entry in self.entries.values_mut().filter(|entry| entry.jobs.contains(&job)) {
            entry.jobs.remove(&job);
            entry.used = self.clock;
            if entry.jobs.is_empty() {
                match size(entry.stage) {
                    Some(bytes) => {
                        entry.bytes = bytes;
                        left.push(entry.stage);
                    }
                    None => dropped.push(entry.stage),
                }
            }
        }
        self.entries.retain(|_, entry| !dropped.contains(&entry.stage));
        let mut idle: Vec<&Entry> = self.entries.values().filter(|entry| entry.jobs.is_empty()).collect();
        idle.sort_by_key(|entry| (std::cmp::Reverse(entry.used), entry.bytes, entry.stage));
        let (mut room, mut places) = (self.limit, MAX_IDLE);
        for entry in idle {
            match room.checked_sub(entry.bytes) {
                Some(rest) if places > 0 => (room, places) = (rest, places - 1),
                _ => dropped.push(entry.stage),
            }
        }
        self.entries.retain(|_, entry| !dropped.contains(&entry.stage));
        left.retain(|stage| !dropped.contains(stage));
        Left { dropped, idle: left }
    }

    /// Gives up everything without a live job. Returns the stages to unpin.
    pub(crate) fn clear(&mut self) -> Vec<StageId> {
        let idle = self.entries.extract_if(|_, entry| entry.jobs.is_empty());
        idle.map(|(_, entry)| entry.stage).collect()
    }
}
