//! Data sets side by side, by key. Inputs that are partitioned by key alike stay where they are.
//!
//! Keys that are `None` are equal to each other, as everywhere in data sets (and unlike NULLs in SQL's joins).

#![expect(
    clippy::type_complexity,
    reason = "what a join gives is told by its type: the key, and values that may be missing"
)]

use super::closure::Closure;
use super::{Argument, Key, Rdd, Row};
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use dpark_operators::cogroup::Cogroup;
use dpark_operators::grace;
use dpark_operators::join::{Kind, join};
use dpark_plan::dataset::mapping::Mapping;
use dpark_plan::dataset::{BatchTask, Dataset};
use dpark_rows::schema_of;
use std::sync::Arc;

/// The values of a key on two sides.
type Both<V, W> = (Vec<V>, Vec<W>);

impl<K: Row, V: Row> Rdd<(K, V)> {
    /// Each pair of values that have one key. Spills.
    pub fn join<W: Row>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (V, W))>
    where
        K: Key,
    {
        self.joined(other, move |task| join(Kind::Inner, task))
    }

    /// As [`join`](Self::join), and each value of the left that has no partner. Spills.
    pub fn left_join<W: Row>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (V, Option<W>))>
    where
        K: Key,
    {
        self.joined(other, move |task| join(Kind::Left, task))
    }

    /// As [`join`](Self::join), and each value of the right that has no partner. Spills.
    pub fn right_join<W: Row>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (Option<V>, W))>
    where
        K: Key,
    {
        self.joined(other, move |task| join(Kind::Right, task))
    }

    /// As [`join`](Self::join), and each value of either side that has no partner. Spills.
    #[expect(clippy::type_complexity, reason = "it is what it says: a value of each side, if there is one")]
    pub fn full_join<W: Row>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, (Option<V>, Option<W>))>
    where
        K: Key,
    {
        self.joined(other, move |task| join(Kind::Full, task))
    }

    /// As [`join`](Self::join), with `small` sent whole to every task: the rows of this data set stay where they are.
    pub fn broadcast_join<W: Row>(&self, small: &Rdd<(K, W)>) -> Rdd<(K, (V, W))>
    where
        K: Key,
    {
        self.beside(small, move |task| join(Kind::Inner, task))
    }

    /// As [`left_join`](Self::left_join), with `small` sent whole to every task.
    pub fn broadcast_left_join<W: Row>(&self, small: &Rdd<(K, W)>) -> Rdd<(K, (V, Option<W>))>
    where
        K: Key,
    {
        self.beside(small, move |task| join(Kind::Left, task))
    }

    /// For each key of any side, the values of each. The values of one key must fit into the task's memory. Spills.
    pub fn cogroup<W: Row>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, Both<V, W>)>
    where
        K: Key,
    {
        self.grouped(vec![self.joined_to(other)])
    }

    /// [`cogroup`](Self::cogroup) of three.
    #[expect(clippy::type_complexity, reason = "it is what it says: three lists a key")]
    pub fn cogroup3<W: Row, X: Row>(
        &self,
        second: &Rdd<(K, W)>,
        third: &Rdd<(K, X)>,
    ) -> Rdd<(K, (Vec<V>, Vec<W>, Vec<X>))>
    where
        K: Key,
    {
        self.grouped(vec![self.joined_to(second), self.joined_to(third)])
    }

    /// [`cogroup`](Self::cogroup) of four.
    pub fn cogroup4<W: Row, X: Row, Y: Row>(
        &self,
        second: &Rdd<(K, W)>,
        third: &Rdd<(K, X)>,
        fourth: &Rdd<(K, Y)>,
    ) -> Rdd<(K, (Vec<V>, Vec<W>, Vec<X>, Vec<Y>))>
    where
        K: Key,
    {
        self.grouped(vec![self.joined_to(second), self.joined_to(third), self.joined_to(fourth)])
    }

    /// The rows of `other`, and those of this data set whose key `other` does not have.
    pub fn update(&self, other: &Rdd<(K, V)>) -> Rdd<(K, V)>
    where
        K: Key,
    {
        self.cogroup(other).flat_map_values(|(old, new), out| {
            let values = if new.is_empty() { old } else { new };
            values.iter().for_each(|value| out.push(value));
        })
    }

    /// The rows of this data set; those whose key `other` has are replaced by those of `other`. Keys that only `other` has
    /// are left out.
    pub fn update_existing(&self, other: &Rdd<(K, V)>) -> Rdd<(K, V)>
    where
        K: Key,
    {
        self.cogroup(other).flat_map_values(|(old, new), out| {
            let values = if new.is_empty() || old.is_empty() { old } else { new };
            values.iter().for_each(|value| out.push(value));
        })
    }

    /// The rows whose key `other` does not have. Spills.
    pub fn subtract_by_key<W: Row>(&self, other: &Rdd<(K, W)>) -> Rdd<(K, V)>
    where
        K: Key,
    {
        // Only keys of the other side are of interest, each once.
        let keys = other.map_values(|_| 0u8).with_partitions_of(self).reduce_by_key(|a, _| a);
        self.joined(&keys, move |task| join(Kind::Anti, task))
    }

    fn joined<W: Row, U: Row, F>(&self, other: &Rdd<(K, W)>, body: F) -> Rdd<U>
    where
        K: Key,
        F: Fn(BatchTask) -> Result<SendableRecordBatchStream> + Closure,
    {
        let others = vec![self.joined_to(other)];
        self.with_others(others, Mapping::Keyed(self.partitions), body, &body, Argument::none(), true)
    }

    fn beside<W: Row, U: Row, F>(&self, small: &Rdd<(K, W)>, body: F) -> Rdd<U>
    where
        K: Key,
        F: Fn(BatchTask) -> Result<SendableRecordBatchStream> + Closure,
    {
        let whole = self.joined_to(&small.coalesce(1));
        self.with_others(vec![whole], Mapping::Product, body, &body, Argument::none(), true)
    }

    fn grouped<U: Row>(&self, others: Vec<Result<Arc<Dataset>>>) -> Rdd<U>
    where
        K: Key,
    {
        let body = move |task: BatchTask| {
            let schemas: Vec<_> = task.inputs.iter().map(|input| input.schema()).collect();
            let (schema, batch_size) = (schema_of::<U>(), task.batch_size);
            let make = move || Ok(Box::new(Cogroup::new(schemas.clone(), Arc::clone(&schema), batch_size)?) as _);
            Ok(grace::collect("cogroup", task, Box::new(make)))
        };
        self.with_others(others, Mapping::Keyed(self.partitions), body, &body, Argument::none(), true)
    }
}
