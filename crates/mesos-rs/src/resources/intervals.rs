//! Sets of whole numbers as ranges: ports.

use crate::proto::{Range, Ranges};
use std::fmt;

/// Disjoint ranges in ascending order, both ends included, none touching the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intervals(Vec<(u64, u64)>);

impl Intervals {
    /// Sorts and merges; ranges that end before they begin are empty.
    pub fn new(ranges: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let mut ranges: Vec<_> = ranges.into_iter().filter(|(begin, end)| begin <= end).collect();
        ranges.sort_unstable();
        let mut merged: Vec<(u64, u64)> = Vec::with_capacity(ranges.len());
        for (begin, end) in ranges {
            match merged.last_mut() {
                Some(last) if begin <= last.1.saturating_add(1) => last.1 = last.1.max(end),
                _ => merged.push((begin, end)),
            }
        }
        Self(merged)
    }

    /// The ranges.
    pub fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0.iter().copied()
    }

    /// Whether there is no number in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many numbers there are in it.
    pub fn count(&self) -> u64 {
        self.iter().fold(0, |sum, (begin, end)| sum.saturating_add((end - begin).saturating_add(1)))
    }

    /// Whether all of `other` is in it.
    pub fn contains(&self, other: &Self) -> bool {
        other.iter().all(|(begin, end)| self.iter().any(|(b, e)| b <= begin && end <= e))
    }

    /// What is in both.
    pub fn intersection(&self, other: &Self) -> Self {
        let pairs = self.iter().flat_map(|(b, e)| other.iter().map(move |(x, y)| (b.max(x), e.min(y))));
        Self::new(pairs)
    }

    /// What is in either.
    pub fn union(&self, other: &Self) -> Self {
        Self::new(self.iter().chain(other.iter()))
    }

    /// What is in this one only.
    pub fn difference(&self, other: &Self) -> Self {
        let mut left = Vec::new();
        for (begin, end) in self.iter() {
            let mut from = Some(begin);
            for (x, y) in other.iter().filter(|&(x, y)| x <= end && y >= begin) {
                if let Some(start) = from
                    && x > start
                {
                    left.push((start, x - 1));
                }
                from = y.checked_add(1);
            }
            if let Some(start) = from {
                left.push((start, end));
            }
        }
        Self::new(left)
    }

    /// The lowest `count` numbers, or none if there are fewer.
    pub fn lowest(&self, count: u64) -> Option<Self> {
        let mut left = count;
        let mut taken = Vec::new();
        for (begin, end) in self.iter() {
            if left == 0 {
                break;
            }
            let last = end.min(begin.saturating_add(left - 1));
            left -= last - begin + 1;
            taken.push((begin, last));
        }
        (left == 0).then(|| Self::new(taken))
    }
}

impl From<&Ranges> for Intervals {
    fn from(ranges: &Ranges) -> Self {
        Self::new(ranges.range.iter().map(|r| (r.begin, r.end)))
    }
}

impl From<&Intervals> for Ranges {
    fn from(intervals: &Intervals) -> Self {
        Self { range: intervals.iter().map(|(begin, end)| Range { begin, end }).collect() }
    }
}

impl fmt::Display for Intervals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ranges: Vec<_> = self.iter().map(|(begin, end)| format!("{begin}-{end}")).collect();
        write!(f, "[{}]", ranges.join(", "))
    }
}
