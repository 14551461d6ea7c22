//! The median of how long tasks took, kept up to date in one step per task and in bounded space.
//!
//! Times are rounded up to six significant bits, that is by at most 3 %, so there are some hundred different ones at
//! most. The place of the median is kept, and moves by one at a time.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::time::Duration;

/// How long tasks took.
#[derive(Debug, Default)]
pub(crate) struct Durations {
    /// How often each time came, in microseconds.
    counts: BTreeMap<u64, u32>,
    total: u32,
    /// One of `counts`, if there is any.
    median: u64,
    /// How many are shorter than `median`.
    below: u32,
}

fn rounded(time: Duration) -> u64 {
    const BITS: u32 = 6;
    let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let rest = (u64::BITS - micros.leading_zeros()).saturating_sub(BITS);
    (micros >> rest).saturating_add(u64::from(micros.trailing_zeros() < rest)).saturating_mul(1 << rest)
}

impl Durations {
    pub(crate) fn add(&mut self, time: Duration) {
        let time = rounded(time);
        *self.counts.entry(time).or_default() += 1;
        self.total += 1;
        if self.total == 1 {
            self.median = time;
        } else {
            self.below += u32::from(time < self.median);
        }
        self.settle();
    }

    /// Moves to the lower one of the two in the middle.
    fn settle(&mut self) {
        let rank = (self.total - 1) / 2;
        let here = self.counts.get(&self.median).copied().unwrap_or(0);
        if rank < self.below {
            if let Some((shorter, count)) = self.counts.range(..self.median).next_back() {
                (self.median, self.below) = (*shorter, self.below - count);
            }
        } else if rank >= self.below + here
            && let Some((longer, _)) = self.counts.range((Excluded(self.median), Unbounded)).next()
        {
            (self.median, self.below) = (*longer, self.below + here);
        }
    }

    /// `None` while there is none.
    pub(crate) fn median(&self) -> Option<Duration> {
        (self.total > 0).then(|| Duration::from_micros(self.median))
    }

    /// What `check_invariants` asks of this file.
    pub(crate) fn check(&self) -> Result<(), String> {
        let all: Vec<u64> = self.counts.iter().flat_map(|(time, n)| std::iter::repeat_n(*time, *n as usize)).collect();
        let median = all.get(all.len().saturating_sub(1) / 2).map(|micros| Duration::from_micros(*micros));
        match median == self.median() {
            true => Ok(()),
            false => Err(format!("the median is {median:?}, not {:?}", self.median())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_right_to_three_percent() {
        let mut durations = Durations::default();
        assert_eq!(durations.median(), None);
        let mut all = vec![];
        let mut state = 1u64;
        for n in 0..5_000u32 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let time = Duration::from_micros((state >> 40) % (1 + u64::from(n) * 1_000));
            durations.add(time);
            all.push(time);
            all.sort();
            let (exact, kept) = (all[(all.len() - 1) / 2], durations.median().unwrap());
            assert!(exact <= kept && kept.as_micros() <= exact.as_micros() * 33 / 32, "{exact:?} is kept as {kept:?}");
            durations.check().unwrap();
        }
        assert!(durations.counts.len() < 700);
    }

    #[test]
    fn absurd_times_do_no_harm() {
        let mut durations = Durations::default();
        durations.add(Duration::MAX);
        durations.add(Duration::ZERO);
        assert_eq!(durations.median(), Some(Duration::ZERO));
    }
}
