//! Order: all rows by a key that a closure gives.
//!
//! Sorting runs one job ahead that samples the keys, and divides them into ranges of about equal size. In which order rows
//! of one key come is not specified. `None` comes first and NaN last, or, with its sign set, before all
//! numbers (the other way round when descending).

use super::closure::{Closure, each_batch, with_value};
use super::narrow::{as_column, column};
use super::partitions::targeted;
use super::{Argument, Emit, Rdd, Row, function};
use arrow::compute::SortOptions;
use arrow::datatypes::Field;
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use datafusion::common::Result;
use dpark_operators::ranges::{self, Ranges};
use dpark_operators::stepping::at_once;
use dpark_plan::dataset::mapping::Mapping;
use dpark_plan::dataset::{BatchTask, Dataset, Scheme};
use dpark_rows::{BatchBuilder, schema_of};
use std::sync::Arc;

/// Keys sampled of each partition.
const SAMPLE: usize = 1024;

impl<T: Row> Rdd<T> {
    /// The rows in ascending order of a key. Spills. Runs a job that samples the keys.
    #[track_caller]
    pub fn sort_by<R: Emit, F: Fn(T::View<'_>) -> R + Closure>(
        &self,
        key: F,
    ) -> impl Future<Output = Result<Rdd<T>>> + Send {
        self.sorted(self.key_by(key), key, false)
    }

    /// The rows in descending order of a key. Spills. Runs a job that samples the keys.
    #[track_caller]
    pub fn sort_by_descending<R: Emit, F: Fn(T::View<'_>) -> R + Closure>(
        &self,
        key: F,
    ) -> impl Future<Output = Result<Rdd<T>>> + Send {
        self.sorted(self.key_by(key), key, true)
    }

    /// Sorts rows by the keys beside them, which `key` gave.
    async fn sorted<K: Row, F: Closure>(&self, keyed: Rdd<(K, T)>, key: F, descending: bool) -> Result<Rdd<T>> {
        let partitions = self.partitions.unwrap_or_else(|| self.ctx.partitions()).max(1);
        let ranged = if partitions == 1 {
            keyed.coalesce(1)
        } else {
            let borders = ranges::borders(&keyed.aside()?.sampled(partitions).await?, partitions);
            keyed.ranged(&borders, descending, &key)
        };
        Ok(ranged.sorted_within::<F>(descending).values_of_sorted())
    }
}

impl<K: Row, T: Row> Rdd<(K, T)> {
    /// In so many partitions by a closure (see [`Rdd::partition_by`]), each sorted by key.
    pub fn repartition_and_sort<F: Fn(K::View<'_>) -> usize + Closure>(
        &self,
        partitions: usize,
        closure: F,
    ) -> Rdd<(K, T)> {
        let moved = self.partition_by(partitions, move |(key, _)| closure(key));
        // The value that is kept beside the key is the whole row.
        let whole: Rdd<(K, (K, T))> = moved.key_of_pair();
        whole.sorted_within::<F>(false).values_of_sorted()
    }

    fn key_of_pair(&self) -> Rdd<(K, (K, T))> {
        let body = move |task: BatchTask| {
            let schema = Arc::clone(&task.schema);
            each_batch(task, move |batch| {
                let columns = vec![Arc::clone(batch.column(0)), as_column::<(K, T)>(&batch)?];
                Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
            })
        };
        self.step(&body, body, Argument::none(), true)
    }

    /// Keys of each partition, and how many rows they stand for.
    async fn sampled(&self, partitions: usize) -> Result<Vec<(Vec<Vec<u8>>, u64)>> {
        let size = SAMPLE.max(20 * partitions);
        let body = move |task| {
            with_value::<usize>(task, move |size, mut task| {
                let (input, schema) = (task.input()?, Arc::clone(&task.schema));
                let sampled = async move {
                    let (keys, rows) = ranges::sample(input, size, task.partition as u64).await?;
                    let mut out = BatchBuilder::<(Vec<Bytes>, u64)>::new(task.schema, 1);
                    out.push((keys.into_iter().map(Bytes::from).collect::<Vec<_>>(), rows));
                    Ok(out.take_all()?)
                };
                Ok(at_once(schema, Box::pin(sampled)))
            })
        };
        let samples: Rdd<(Vec<Bytes>, u64)> = self.step(&body, body, self.argument(&size), false);
        let samples = samples.collect().await?;
        let bytes = |keys: Vec<Bytes>| keys.into_iter().map(Vec::from).collect();
        Ok(samples.into_iter().map(|(keys, rows)| (bytes(keys), rows)).collect())
    }

    fn ranged<F>(&self, borders: &Vec<Vec<u8>>, descending: bool, _named_after: &F) -> Rdd<(K, T)> {
        let body = move |task| {
            with_value::<(Vec<Vec<u8>>, bool)>(task, move |(borders, descending), task| {
                let ranges = Ranges::new(&K::data_type(), borders, descending)?;
                targeted(task, move |batch| ranges.of(batch.column(0)))
            })
        };
        let argument = self.argument(&(borders, descending));
        let partitions = borders.len() + 1;
        self.made(|input| {
            let schema = ranges::with_target(&schema_of::<(K, T)>());
            let function = function::<F, _>(body);
            let ranged = Dataset::closure(vec![input], Mapping::Same, schema, function, argument.bytes?, false)?;
            Dataset::exchange(ranged, Scheme::Bucket { partitions })
        })
    }

    /// Each partition sorted by key; the key may be in another form then.
    fn sorted_within<F>(&self, descending: bool) -> Sorted<T> {
        let body = move |mut task: BatchTask| ranges::with_sortable_key(task.input()?);
        Sorted(self.made(|input| {
            let key = Field::new("_1", ranges::sortable(&K::data_type()), K::NULLABLE);
            let value = Field::new("_2", T::data_type(), T::NULLABLE);
            let schema = dpark_operators::combine::keyed_schema(&key, &value);
            let ready =
                Dataset::closure(vec![input], Mapping::Same, schema, function::<F, _>(body), Arc::from([]), false)?;
            Dataset::sorted_keeping(ready, vec![(0, SortOptions { descending, nulls_first: !descending })], vec![1])
        }))
    }
}

/// Batches of one column, the values.
struct Sorted<T>(Rdd<T>);

impl<T: Row> Sorted<T> {
    fn values_of_sorted(self) -> Rdd<T> {
        let body = move |task| column::<T>(task, 0);
        self.0.step(&body, body, Argument::none(), false)
    }
}
