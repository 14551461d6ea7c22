//! Which partitions of its inputs a partition of a closure is made of.

use datafusion::common::{Result, plan_err};
use serde::{Deserialize, Serialize};

/// See the module.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mapping {
    /// Partition `p` of each input. All have the same number of partitions.
    Same,
    /// As `Same`, once every input is partitioned by the hash of its first column, in so many partitions or as many as
    /// one of them has already.
    Keyed(Option<usize>),
    /// Each partition of the first input with each of the second.
    Product,
    /// The partitions of the first input, then those of the second, and so on.
    Concat,
    /// Neighbours of the one input: partition `p` is `of[p].0 .. of[p].1`.
    Ranges(Vec<(u32, u32)>),
    /// Neighbours of the one input, in at most so many groups of about equal size.
    Coalesce(usize),
    /// Those of the one input that are there, from the first number to before the second.
    Slice(u32, u32),
}

impl Mapping {
    /// Whether each partition is made of those with the same number.
    pub(crate) fn is_same(&self) -> bool {
        matches!(self, Self::Same | Self::Keyed(_))
    }

    /// The same with all numbers known.
    pub(super) fn resolved(&self, inputs: &[usize]) -> Result<Self> {
        Ok(match (self, inputs) {
            (Self::Coalesce(groups), [count]) => {
                let groups = (*groups).clamp(1, (*count).max(1));
                let border = |group: usize| (group * count / groups) as u32;
                Self::Ranges((0..groups).map(|group| (border(group), border(group + 1))).collect())
            }
            (Self::Slice(from, to), [count]) => {
                let to = (*to).min(*count as u32);
                Self::Ranges((*from..to).map(|partition| (partition, partition + 1)).collect())
            }
            (Self::Same | Self::Keyed(_), [first, rest @ ..]) => {
                if let Some(other) = rest.iter().find(|other| *other != first) {
                    return plan_err!(
                        "data sets of {first} and of {other} partitions cannot be zipped: give both the same number first, \
                         with repartition(n) or coalesce(n)"
                    );
                }
                Self::Same
            }
            (other, _) => other.clone(),
        })
    }

    /// How many partitions there are, of inputs with so many.
    pub(super) fn partitions(&self, inputs: &[usize]) -> usize {
        match self {
            Self::Same | Self::Keyed(_) => inputs.first().copied().unwrap_or(0),
            Self::Product => inputs.iter().product(),
            Self::Concat => inputs.iter().sum(),
            Self::Ranges(ranges) => ranges.len(),
            Self::Coalesce(groups) => inputs.first().map_or(0, |count| (*groups).min(*count)),
            Self::Slice(from, to) => {
                let count = inputs.first().copied().unwrap_or(0) as u32;
                (*to).min(count).saturating_sub(*from) as usize
            }
        }
    }

    /// What partition `p` is made of: for each input, which of its partitions.
    pub(super) fn of(&self, p: usize, inputs: &[usize]) -> Vec<std::ops::Range<usize>> {
        match (self, inputs) {
            (Self::Product, [_, right]) => {
                let right = (*right).max(1);
                vec![p / right..p / right + 1, p % right..p % right + 1]
            }
            (Self::Concat, _) => {
                let mut before = 0;
                let ranges = inputs.iter().map(|count| {
                    let at = p.checked_sub(before).filter(|at| at < count);
                    before += count;
                    at.map_or(0..0, |at| at..at + 1)
                });
                ranges.collect()
            }
            (Self::Ranges(ranges), _) => {
                ranges.get(p).map(|(from, to)| *from as usize..*to as usize).into_iter().collect()
            }
            _ => inputs.iter().map(|_| p..p + 1).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Mapping;

    #[test]
    fn partitions_are_made_of_those_asked_for() {
        let coalesced = Mapping::Coalesce(3).resolved(&[10]).unwrap();
        assert_eq!(coalesced, Mapping::Ranges(vec![(0, 3), (3, 6), (6, 10)]));
        assert_eq!(Mapping::Coalesce(30).resolved(&[2]).unwrap(), Mapping::Ranges(vec![(0, 1), (1, 2)]));
        assert_eq!(Mapping::Slice(1, 9).resolved(&[3]).unwrap(), Mapping::Ranges(vec![(1, 2), (2, 3)]));
        assert_eq!(Mapping::Concat.of(3, &[2, 3]), [0..0, 1..2]);
        assert_eq!(Mapping::Product.of(5, &[2, 3]), [1..2, 2..3]);
        assert_eq!(Mapping::Product.partitions(&[2, 3]), 6);
        assert_eq!(Mapping::Same.of(4, &[5, 5]), [4..5, 4..5]);
        let error = Mapping::Same.resolved(&[2, 3]).unwrap_err().to_string();
        assert!(error.contains("2 and of 3 partitions cannot be zipped"), "{error}");
    }
}
