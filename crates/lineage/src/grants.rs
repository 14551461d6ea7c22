//! How much memory the tasks of a stage turned out to need.
//!
//! Where every tenth task first fails for want of memory, the next ones will too. So when some tasks of a stage have
//! finished, later ones start with what nine in ten of those had.

/// Fewer finished tasks than this say nothing about the others.
const ENOUGH: u32 = 5;

/// What finished tasks were given. There are few different amounts: the stage's own, and its doubles.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    /// Each amount and how often it was enough, the least first.
    counts: Vec<(u64, u32)>,
    total: u32,
    /// What the next task should start with; 0 if nothing is known.
    start: u64,
}

impl Grants {
    /// A task finished with so many MiB.
    pub(crate) fn add(&mut self, memory: u64) {
        let at = self.counts.partition_point(|(amount, _)| *amount < memory);
        match self.counts.get_mut(at) {
            Some((amount, count)) if *amount == memory => *count += 1,
            _ => self.counts.insert(at, (memory, 1)),
        }
        self.total += 1;
        self.start = self.ninety_percent();
    }

    /// What the next task should start with, unless its stage asks for more; 0 if nothing is known.
    pub(crate) fn start(&self) -> u64 {
        self.start
    }

    fn ninety_percent(&self) -> u64 {
        if self.total < ENOUGH {
            return 0;
        }
        let rank = (u64::from(self.total) * 9).div_ceil(10);
        let mut sum = 0;
        let reaches = |(_, count): &&(u64, u32)| {
            sum += u64::from(*count);
            sum >= rank
        };
        self.counts.iter().find(reaches).map_or(0, |(memory, _)| *memory)
    }
}
