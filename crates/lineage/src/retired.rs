//! What stays of stages that were forgotten: enough never to take a report of an old attempt for one of a new attempt.
//!
//! A number each for the last ones, counted by id, and two numbers for all before. Drivers count stages upwards, so an
//! id below the mark hardly ever comes again; when it does, its attempts start above all that were ever made there.
//! Without the first part every stage that was planned before, and submitted after, another one was forgotten would
//! seem to be tried again, and executors prepare retries with more care than first attempts.

use crate::ids::StageId;
use std::collections::BTreeMap;

/// So many forgotten stages are known one by one.
const EXACT: usize = 1024;

/// What is left of forgotten stages.
#[derive(Debug, Default)]
pub(crate) struct Retired {
    /// An attempt number that was never used, for the forgotten stages with the highest ids.
    last: BTreeMap<StageId, u32>,
    /// The highest id of the others.
    mark: Option<StageId>,
    /// More than the number of any attempt of the others.
    below_mark: u32,
}

impl Retired {
    /// Where the attempts of a new stage start.
    pub(crate) fn first_attempt(&self, stage: StageId) -> u32 {
        let known = self.last.get(&stage).copied().unwrap_or(0);
        let below = self.mark.filter(|mark| stage <= *mark).map_or(0, |_| self.below_mark);
        known.max(below)
    }

    /// A stage is forgotten whose next attempt would have been this one.
    pub(crate) fn add(&mut self, stage: StageId, next_attempt: u32) {
        if next_attempt == 0 {
            return;
        }
        self.last.insert(stage, next_attempt);
        if self.last.len() > EXACT
            && let Some((stage, next_attempt)) = self.last.pop_first()
        {
            self.mark = self.mark.max(Some(stage));
            self.below_mark = self.below_mark.max(next_attempt);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_attempt_is_used_twice_and_little_is_kept() {
        let mut retired = Retired::default();
        let mut used: BTreeMap<StageId, u32> = BTreeMap::new();
        let mut state = 1u64;
        for n in 0..20_000u64 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            // Mostly new ones, in about the order of their numbers, and now and then an old one.
            let stage = StageId(if state >> 60 == 0 { (state >> 20) % (n + 1) } else { n + (state >> 40) % 50 });
            let first = retired.first_attempt(stage);
            assert!(used.get(&stage).is_none_or(|used| *used < first), "{stage} starts with {first}");
            used.insert(stage, first + (state >> 30) as u32 % 3);
            retired.add(stage, first + (state >> 30) as u32 % 3 + 1);
            assert!(retired.last.len() <= EXACT);
            assert_eq!(retired.first_attempt(StageId(n + 60)), 0);
        }
    }

    #[test]
    fn a_stage_that_never_ran_starts_with_the_first_attempt() {
        let mut retired = Retired::default();
        retired.add(StageId(7), 3);
        retired.add(StageId(8), 0);
        assert_eq!([3, 7, 8, 9].map(|id| retired.first_attempt(StageId(id))), [0, 3, 0, 0]);
    }
}
