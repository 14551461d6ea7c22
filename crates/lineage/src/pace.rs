//! Which of a stage's running tasks are slow. Kept only for stages whose slow tasks may get a second attempt.
//!
//! ```text
//!   on time ──too long──► late ──second attempt──► done
//! ```
//!
//! Those on time are kept in the order of their start, so the first of them is the next to be late, and nobody looks at
//! the others. Late ones are grouped by the node that their second attempt must avoid, so that a slot finds one of them
//! without looking through all that run on the slot's own machine.

use crate::attempts::{Running, Watch};
use crate::config::Speculation;
use crate::durations::Durations;
use crate::ids::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound::{Excluded, Unbounded};
use std::time::Duration;

/// Nothing is late at the moment it starts, whatever the rule says: a clock that wakes us must be able to move on.
const SHORTEST: Duration = Duration::from_millis(1);

/// How a stage's tasks are getting on.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// Nothing is kept without it.
    rule: Option<Speculation>,
    /// How long its tasks took since somebody began to work on it.
    finished: Durations,
    on_time: BTreeSet<(Duration, u32)>,
    late: BTreeMap<NodeId, BTreeSet<(Duration, u32)>>,
    late_total: usize,
    /// Second attempts so far.
    pub(crate) launches: u64,
    /// How many of them were quicker than the first.
    pub(crate) wins: u64,
}

impl Pace {
    pub(crate) fn new(rule: Option<Speculation>) -> Self {
        Self { rule, ..Self::default() }
    }

    /// Somebody begins to work on the stage; how long it took others before says nothing.
    pub(crate) fn restart(&mut self) {
        self.finished = Durations::default();
    }

    /// A partition began to run, or is to be watched again.
    pub(crate) fn watch(&mut self, partition: u32, running: &Running) {
        if self.rule.is_some() {
            self.on_time.insert((running.first().started, partition));
        }
    }

    /// A partition is watched no longer: it ended or gets its second attempt.
    pub(crate) fn unwatch(&mut self, partition: u32, running: &Running) {
        let (first, watch) = (running.first(), running.watch);
        let entry = (first.started, partition);
        match watch {
            Watch::OnTime => drop(self.on_time.remove(&entry)),
            Watch::Done => {}
            Watch::Late => {
                if let Some(group) = self.late.get_mut(&first.node) {
                    self.late_total -= usize::from(group.remove(&entry));
                    if group.is_empty() {
                        self.late.remove(&first.node);
                    }
                }
            }
        }
    }

    /// A task took so long.
    pub(crate) fn finished(&mut self, time: Duration) {
        if self.rule.is_some() {
            self.finished.add(time);
        }
    }

    /// What is too long now; `None` as long as too little of the stage is done to tell.
    fn limit(&self, partitions: u32, missing: u32) -> Option<Duration> {
        let rule = self.rule?;
        let done = u64::from(partitions.saturating_sub(missing));
        if done * 100 < u64::from(partitions) * u64::from(rule.quantile_percent) {
            return None;
        }
        let median = u64::try_from(self.finished.median()?.as_micros()).unwrap_or(u64::MAX);
        let limit = median.saturating_mul(u64::from(rule.multiplier_percent)) / 100;
        Some(rule.minimum.max(Duration::from_micros(limit)).max(SHORTEST))
    }

    /// When the next task will be late.
    pub(crate) fn deadline(&self, partitions: u32, missing: u32) -> Option<Duration> {
        let (started, _) = self.on_time.first()?;
        Some(started.saturating_add(self.limit(partitions, missing)?))
    }

    /// The next task that is late by now, for `add_late`.
    pub(crate) fn pop_late(&mut self, partitions: u32, missing: u32, now: Duration) -> Option<u32> {
        self.deadline(partitions, missing).filter(|deadline| *deadline <= now)?;
        self.on_time.pop_first().map(|(_, partition)| partition)
    }

    pub(crate) fn add_late(&mut self, partition: u32, running: &mut Running) {
        running.watch = Watch::Late;
        let first = running.first();
        self.late_total += usize::from(self.late.entry(first.node).or_default().insert((first.started, partition)));
    }

    /// How many second attempts are wanted.
    pub(crate) fn late(&self) -> usize {
        self.late_total
    }

    /// The oldest late partition of the first node behind `after`, and that node.
    pub(crate) fn first_late(&self, after: Option<NodeId>) -> Option<(u32, NodeId)> {
        let from = after.map_or(Unbounded, Excluded);
        self.late.range((from, Unbounded)).find_map(|(node, group)| Some((group.first()?.1, *node)))
    }

    /// What `check_invariants` asks of this file.
    pub(crate) fn check(&self, running: &BTreeMap<u32, Running>) -> Result<(), String> {
        self.finished.check()?;
        let of = |watch: Watch| running.iter().filter(move |(_, r)| self.rule.is_some() && r.watch == watch);
        let on_time = of(Watch::OnTime).map(|(p, r)| (r.first().started, *p)).collect::<BTreeSet<_>>();
        let late = of(Watch::Late).map(|(p, r)| (r.first().node, r.first().started, *p)).collect::<BTreeSet<_>>();
        let kept = self.late.iter().flat_map(|(n, g)| g.iter().map(|(s, p)| (*n, *s, *p))).collect::<BTreeSet<_>>();
        if on_time != self.on_time || late != kept || kept.len() != self.late_total {
            return Err(format!("its pace is wrong: {self:?}"));
        }
        Ok(())
    }
}
