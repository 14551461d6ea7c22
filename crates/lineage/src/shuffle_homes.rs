//! Where the readers of shuffles like to run: where at least a fifth of their input lies.
//!
//! With many executors no place has that much, unless the data is skewed, and then it matters: the one large bucket is
//! not sent to where it is not. The share and the limit are Spark's.
//!
//! If everything lies on one executor there is no preference: its readers would line up there while others idle.

use crate::ids::{ExecutorId, StageId};
use crate::scheduler::Scheduler;
use crate::spec::{DependencyKind, StageSpec};
use std::collections::BTreeMap;

/// One in so many bytes must lie in one place.
const SHARE: u64 = 5;
/// With more pairs of writers and readers it is not worked out: their sizes are walked once each time the stage
/// becomes ready.
const MAX_PAIRS: u64 = 1_000_000;

impl Scheduler {
    /// Works out where the partitions of a stage that became ready like to run.
    pub(crate) fn find_shuffle_homes(&mut self, id: StageId) {
        let Some(stage) = self.stages.get(&id).filter(|stage| !stage.queue.is_empty()) else { return };
        let (homes, work) = self.shuffle_homes(&stage.spec);
        self.work += work;
        let Some(stage) = self.stages.get_mut(&id) else { return };
        if homes != stage.homes {
            stage.homes = homes;
            self.hint_all(id);
        }
    }

    /// The home of each partition, or nothing at all if none has one; and how many sizes were looked at.
    fn shuffle_homes(&self, spec: &StageSpec) -> (Vec<Option<ExecutorId>>, u64) {
        let of = |kind| spec.inputs.iter().filter(move |d| d.kind == kind).filter_map(|d| self.stages.get(&d.stage));
        let maps: u64 = of(DependencyKind::Shuffle).map(|stage| u64::from(stage.spec.partitions)).sum();
        if of(DependencyKind::Narrow).next().is_some() || maps * u64::from(spec.partitions) > MAX_PAIRS {
            return (vec![], 0);
        }
        let readers = spec.partitions as usize;
        let mut work = 0;
        let mut held: BTreeMap<ExecutorId, Vec<u64>> = BTreeMap::new();
        for located in of(DependencyKind::Shuffle).flat_map(|stage| stage.outputs.iter().flatten()) {
            let sums = held.entry(located.executor).or_insert_with(|| vec![0; readers]);
            for (sum, bucket) in sums.iter_mut().zip(&located.output.buckets) {
                *sum = sum.saturating_add(bucket.bytes);
                work += 1;
            }
        }
        if work == 0 || held.len() < 2 {
            return (vec![], work);
        }
        let (mut totals, mut best) = (vec![0u64; readers], vec![(0u64, None); readers]);
        for (executor, sums) in &held {
            for ((sum, total), best) in sums.iter().zip(&mut totals).zip(&mut best) {
                *total = total.saturating_add(*sum);
                if *sum > best.0 {
                    *best = (*sum, Some(*executor));
                }
                work += 1;
            }
        }
        let large = |((most, home), total): ((u64, Option<ExecutorId>), u64)| {
            home.filter(|_| most.saturating_mul(SHARE) >= total)
        };
        let homes: Vec<_> = best.into_iter().zip(totals).map(large).collect();
        match homes.iter().any(Option::is_some) {
            true => (homes, work),
            false => (vec![], work),
        }
    }
}
