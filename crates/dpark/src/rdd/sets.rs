//! Data sets as sets.

use super::{Key, Rdd, Row};

impl<T: Row> Rdd<T> {
    /// Each different row once. Spills.
    pub fn distinct(&self) -> Rdd<T>
    where
        T: Key,
    {
        self.marked().with_partitions_of(self).reduce_by_key(|mark, _| mark).keys()
    }

    /// The different rows that both data sets have.
    pub fn intersection(&self, other: &Rdd<T>) -> Rdd<T>
    where
        T: Key,
    {
        // Both sides are partitioned alike, so the join moves nothing.
        let [ours, theirs] =
            [self, other].map(|rows| rows.marked().with_partitions_of(self).reduce_by_key(|mark, _| mark));
        ours.join(&theirs).keys()
    }

    /// The rows, as often as they are there, that the other data set does not have.
    pub fn subtract(&self, other: &Rdd<T>) -> Rdd<T>
    where
        T: Key,
    {
        self.marked().with_partitions_of(self).subtract_by_key(&other.marked()).keys()
    }

    /// Rows as keys.
    pub(super) fn marked(&self) -> Rdd<(T, u8)>
    where
        T: Key,
    {
        self.flat_map(|row, out| out.push((row, 1u8)))
    }
}
