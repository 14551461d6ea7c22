//! Joins in which some keys have very many rows.
//!
//! All rows of a key go to one task, so a key that has a large part of all rows keeps one task busy while others idle. Such
//! keys are found by a sample; their rows stay where they are, and the other side's rows of these few keys are sent to all.
//! (Combining by key needs nothing of the kind: it combines before rows move.)

use super::{Key, Rdd, Row, Value};
use datafusion::common::{Result, plan_err};

/// A data set of which the keys that have very many rows are known; see [`Rdd::skew`].
#[must_use = "it is joined like a data set"]
pub struct Skewed<K: Row, V: Row> {
    rdd: Rdd<(K, V)>,
    /// In order.
    hot: Vec<K>,
}

impl<K: Key + Value + Clone, V: Row> Rdd<(K, V)> {
    /// Looks for keys that have so many rows that joining them would keep one task busy, in a sample of the given part of
    /// the rows, such as 0.1. Runs a job.
    pub async fn skew(&self, part: f64) -> Result<Skewed<K, V>> {
        if !(part > 0.0 && part <= 1.0) {
            return plan_err!("skew({part}): expected the part of the rows to look at, from 0 to 1");
        }
        let counts = self.aside()?.sample(part, 0).map_values(|_| 1u64).reduce_by_key(|a, b| a + b);
        let counts = counts.cache();
        let total = counts.values().fold(0, |a, b| a + b).await?;
        let partitions = self.partitions.unwrap_or_else(|| self.ctx.partitions()) as u64;
        // Half of what a task would have if all were even.
        let many = (total / (2 * partitions.max(1))).max(1);
        let hot = counts.with(&many).filter(|many, (_, rows)| rows > *many);
        let mut hot = hot.keys().collect().await?;
        counts.unpersist();
        hot.sort_by(|a, b| K::order(a.as_view(), b.as_view()));
        Ok(Skewed { rdd: self.clone(), hot })
    }
}

impl<K: Key + Value + Clone, V: Row> Skewed<K, V> {
    /// The keys that have very many rows, in order.
    pub fn hot(&self) -> &[K] {
        &self.hot
    }

    /// See [`Rdd::join`].
    pub fn join<W: Row>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (V, W))> {
        let few = self.part(&self.rdd, false).partitioned_as(self.rdd.partitions).join(&self.part(other, false));
        few.union(&self.part(&self.rdd, true).broadcast_join(&self.part(other, true)))
    }

    /// See [`Rdd::left_join`].
    pub fn left_join<W: Row>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (V, Option<W>))> {
        let few = self.part(&self.rdd, false).partitioned_as(self.rdd.partitions).left_join(&self.part(other, false));
        few.union(&self.part(&self.rdd, true).broadcast_left_join(&self.part(other, true)))
    }

    /// The rows whose keys have many, or those of the others.
    fn part<W: Row>(&self, of: &Rdd<(K, W)>, hot: bool) -> Rdd<(K, W)> {
        of.with(&(self.hot.clone(), hot)).filter(|(keys, hot), (key, _)| {
            let found = keys.binary_search_by(|other| K::order(other.as_view(), key));
            found.is_ok() == *hot
        })
    }
}
