//! By key: rows of one key come together, combined or collected.
//!
//! How many partitions the result has is told by [`Rdd::with_partitions`] before; otherwise it is as many as the data set
//! has if it is partitioned by key already (and then nothing moves), or the session's `shuffle.partitions`.
//!
//! In which order the values of one key come is not specified.

use super::closure::{Closure, Records, Sink, Value, each_batch, with_value};
use super::narrow::{as_column, of_column};
use super::{Argument, Key, Rdd, Row, function};
use arrow::compute::SortOptions;
use arrow::record_batch::RecordBatch;
use dpark_operators::cogroup::Cogroup;
use dpark_operators::combine::{Combine, partial};
use dpark_operators::stepping::mapping;
use dpark_operators::{grace, pull, ranges};
use dpark_plan::dataset::mapping::Mapping;
use dpark_plan::dataset::{BatchTask, Dataset};
use dpark_rows::schema_of;
use std::sync::Arc;

impl<T: Row> Rdd<T> {
    /// Rows of one key together, whose key a closure gives.
    #[track_caller]
    pub fn group_by<R: super::Emit, F: Fn(T::View<'_>) -> R + Closure>(&self, closure: F) -> Rdd<(R::Row, Vec<T>)>
    where
        R::Row: Key,
    {
        self.key_by(closure).partitioned_as(self.partitions).group_by_key()
    }
}

impl<K: Row, V: Row> Rdd<(K, V)> {
    /// One combination a key: `first` makes one of a value, `next` adds a value, `merge` makes one of two. Values are combined
    /// within each partition first, then after an exchange by key; so `merge` must be associative and commutative. Spills.
    pub fn combine_by_key<C, A, B, M>(&self, first: A, next: B, merge: M) -> Rdd<(K, C)>
    where
        K: Key,
        C: Row,
        A: Fn(V::View<'_>) -> C + Closure,
        B: Fn(C, V::View<'_>) -> C + Closure,
        M: Fn(C, C) -> C + Closure,
    {
        let body = move |mut task: BatchTask| {
            let input = task.input()?;
            partial::<V, C, _, _>(input, first, next, task.schema, task.batch_size, &task.context)
        };
        self.step::<(K, C), _, _>(&next, body, Argument::none(), true).merged(merge, self.partitions)
    }

    /// One value a key, by a closure that makes one of two; it must be associative and commutative.
    pub fn reduce_by_key<F: Fn(V, V) -> V + Closure>(&self, closure: F) -> Rdd<(K, V)>
    where
        K: Key,
    {
        self.combine_by_key(|value| V::owned(value), move |sum, value| closure(sum, V::owned(value)), closure)
    }

    /// One value a key, as [`reduce_by_key`](Self::reduce_by_key), combined with `zero` once a key.
    pub fn fold_by_key<F: Fn(V, V) -> V + Closure>(&self, zero: &V, closure: F) -> Rdd<(K, V)>
    where
        K: Key,
        V: Value + Clone,
    {
        let reduced = self.reduce_by_key(closure);
        let body = move |task| {
            with_value::<V>(task, move |zero, task| {
                let schema = Arc::clone(&task.schema);
                each_batch(task, move |batch| {
                    let reader = V::reader(batch.column(1), None).map_err(dpark_operators::combine::external)?;
                    let mut values = V::Builder::default();
                    for row in 0..batch.num_rows() {
                        let value = closure(zero.clone(), V::owned(V::view(&reader, row)));
                        super::Emit::emit(value, &mut values);
                    }
                    let columns = vec![Arc::clone(batch.column(0)), V::finish(&mut values, None)];
                    Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
                })
            })
        };
        reduced.step(&closure, body, self.argument(zero), true)
    }

    /// One combination a key: `zero`, to which `next` adds values and `merge` others. `zero` is used once for each key and
    /// partition that has it, so it must be neutral.
    pub fn aggregate_by_key<C, B, M>(&self, zero: &C, next: B, merge: M) -> Rdd<(K, C)>
    where
        K: Key,
        C: Row + Value + Clone,
        B: Fn(C, V::View<'_>) -> C + Closure,
        M: Fn(C, C) -> C + Closure,
    {
        let body = move |task| {
            with_value::<C>(task, move |zero, mut task| {
                let input = task.input()?;
                let first = move |value: V::View<'_>| next(zero.clone(), value);
                partial::<V, C, _, _>(input, first, next, task.schema, task.batch_size, &task.context)
            })
        };
        self.step::<(K, C), _, _>(&next, body, self.argument(zero), true).merged(merge, self.partitions)
    }

    /// The `n` values of each key with the largest score, the largest first.
    pub fn top_by_key<S: Ord, F: Fn(V::View<'_>) -> S + Closure>(&self, n: usize, score: F) -> Rdd<(K, Vec<V>)>
    where
        K: Key,
    {
        let body = move |task| {
            with_value::<usize>(task, move |n, mut task| {
                let input = task.input()?;
                let next = move |mut best: Vec<V>, value: V::View<'_>| {
                    insert(&mut best, V::owned(value), n, score);
                    best
                };
                let first = move |value: V::View<'_>| next(Vec::new(), value);
                partial::<V, Vec<V>, _, _>(input, first, next, task.schema, task.batch_size, &task.context)
            })
        };
        let within: Rdd<(K, Vec<V>)> = self.step(&score, body, self.argument(&n), true);
        let body = move |task| {
            with_value::<usize>(task, move |n, task| {
                let (schema, batch_size) = (Arc::clone(&task.schema), task.batch_size);
                let merge = move |mut best: Vec<V>, other: Vec<V>| {
                    other.into_iter().for_each(|value| insert(&mut best, value, n, score));
                    best
                };
                let make = move || Ok(Box::new(Combine::new(merge, Arc::clone(&schema), batch_size)?) as _);
                Ok(grace::collect("top_by_key", task, Box::new(make)))
            })
        };
        within.mapped::<(K, Vec<V>), _, _>(Mapping::Keyed(self.partitions), body, &score, self.argument(&n), true)
    }

    /// All values of each key. Prefer [`reduce_by_key`](Self::reduce_by_key) where it will do: the values of one key must fit
    /// into the task's memory; for more, see [`map_groups`](Self::map_groups). Spills.
    pub fn group_by_key(&self) -> Rdd<(K, Vec<V>)>
    where
        K: Key,
    {
        let body = move |task: BatchTask| {
            let schemas: Vec<_> = task.inputs.iter().map(|input| input.schema()).collect();
            let (schema, batch_size) = (Arc::clone(&task.schema), task.batch_size);
            let make = move || Ok(Box::new(Cogroup::new(schemas.clone(), Arc::clone(&schema), batch_size)?) as _);
            Ok(grace::collect("group_by_key", task, Box::new(make)))
        };
        self.mapped(Mapping::Keyed(self.partitions), body, &body, Argument::none(), true)
    }

    /// Each key with its values, one after another, however many they are: rows are sorted by key, on disk if need be. What
    /// the closure pushes are the new rows.
    pub fn map_groups<U: Row, F>(&self, closure: F) -> Rdd<U>
    where
        K: Key,
        F: Fn(&K, &mut Group<'_, K, V>, &mut Sink<'_, U>) + Closure,
    {
        // Sorted by what DataFusion sorts, which need not be the key itself.
        let wrap = move |mut task: BatchTask| {
            let input = task.input()?;
            // Still with the key itself: the task's schema has what it is sorted by.
            let value = arrow::datatypes::Field::new("_2", <(K, V)>::data_type(), false);
            let schema = dpark_operators::combine::keyed_schema(input.schema().field(0), &value);
            let keyed = BatchTask { inputs: vec![input], schema: Arc::clone(&schema), ..task };
            let wrapped = each_batch(keyed, move |batch| {
                let columns = vec![Arc::clone(batch.column(0)), as_column::<(K, V)>(&batch)?];
                Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
            })?;
            ranges::with_sortable_key(wrapped)
        };
        let body = move |task: BatchTask| {
            let (schema, batch_size) = (Arc::clone(&task.schema), task.batch_size);
            let inputs = task.inputs.into_iter().map(|input| {
                let schema = schema_of::<(K, V)>();
                let made = Arc::clone(&schema);
                mapping(input, schema, Box::new(move |batch| of_column::<(K, V)>(&made, batch.column(1))))
            });
            Ok(pull::run(
                inputs.collect(),
                task.schema,
                Box::new(move |mut inputs, push| {
                    let Some(input) = inputs.pop() else { return Ok(()) };
                    let mut records = Records::<(K, V)>::new(input);
                    let mut sink = Sink::new(schema, batch_size, push);
                    let mut next = records.next();
                    while let Some((key, first)) = next.take() {
                        let mut group = Group { key: &key, first: Some(first), records: &mut records, after: None };
                        closure(&key, &mut group, &mut sink);
                        group.by_ref().for_each(drop);
                        next = group.after;
                    }
                    sink.finish()
                }),
            ))
        };
        let sortable = self.exchanged(self.partitions).made::<U>(|input| {
            let key = ranges::sortable(&K::data_type());
            let schema = dpark_operators::combine::keyed_schema(
                &arrow::datatypes::Field::new("_1", key, K::NULLABLE),
                &arrow::datatypes::Field::new("_2", <(K, V)>::data_type(), false),
            );
            let wrapped = Dataset::closure(
                vec![input],
                Mapping::Same,
                schema,
                function::<F, _>(wrap),
                Arc::from([]),
                !K::data_type().is_nested(),
            )?;
            Ok(Dataset::sorted(wrapped, vec![(0, SortOptions::default())]))
        });
        sortable.step(&closure, body, Argument::none(), false)
    }

    /// The same rows, those of one key in one partition: later operations by key do not move them again.
    pub fn partition_by_key(&self) -> Rdd<(K, V)>
    where
        K: Key,
    {
        self.exchanged(self.partitions)
    }

    /// Combinations of partitions, merged where their keys are.
    fn merged<M: Fn(V, V) -> V + Closure>(&self, merge: M, partitions: Option<usize>) -> Rdd<(K, V)>
    where
        K: Key,
    {
        let body = move |task: BatchTask| {
            let (schema, batch_size) = (Arc::clone(&task.schema), task.batch_size);
            let make = move || Ok(Box::new(Combine::new(merge, Arc::clone(&schema), batch_size)?) as _);
            Ok(grace::collect("combine_by_key", task, Box::new(make)))
        };
        self.mapped(Mapping::Keyed(partitions), body, &merge, Argument::none(), true)
    }
}

/// The values of one key, one after another.
pub struct Group<'a, K: Row, V: Row> {
    key: &'a K,
    first: Option<V>,
    records: &'a mut Records<(K, V)>,
    /// The first row of the next key.
    after: Option<(K, V)>,
}

impl<K: Key, V: Row> Iterator for Group<'_, K, V> {
    type Item = V;
    fn next(&mut self) -> Option<V> {
        if let Some(first) = self.first.take() {
            return Some(first);
        }
        if self.after.is_some() {
            return None;
        }
        let (key, value) = self.records.next()?;
        if K::same(key.as_view(), self.key.as_view()) {
            return Some(value);
        }
        self.after = Some((key, value));
        None
    }
}

/// Puts a value among the best, of which there are at most `n`, the best first; of equals, the first stays first.
fn insert<V: Row, S: Ord>(best: &mut Vec<V>, value: V, n: usize, score: impl Fn(V::View<'_>) -> S) {
    let of_value = score(value.as_view());
    let place = best.partition_point(|other| score(other.as_view()) >= of_value);
    if place < n {
        best.insert(place, value);
        best.truncate(n);
    }
}
