//! What runs a job: one each, unless said otherwise.

use super::closure::{Closure, Out, Records, Sink, Value, at_end, to_rows, with_value};
use super::partitions::{collect_rows, whole};
use super::{Argument, Key, Rdd, Row};
use bytes::Bytes;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use dpark_operators::combine::{external, partial};
use dpark_operators::mix;
use dpark_plan::dataset::BatchTask;
use dpark_rows::Rows;
use futures::{Stream, StreamExt, TryStreamExt};
use std::cmp::{Ordering, Reverse};
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;

impl<T: Row> Rdd<T> {
    /// All rows, in partition order.
    pub fn collect(&self) -> impl Future<Output = Result<Vec<T>>> + Send + use<T> {
        let df = self.to_df();
        async move {
            let mut rows = vec![];
            let mut batches = df?.execute_stream().await?;
            while let Some(batch) = batches.try_next().await? {
                rows.extend(Rows::<T>::of(&batch).map_err(external)?.map(T::owned));
            }
            Ok(rows)
        }
    }

    /// All rows, in partition order, as they come; at most about a partition is held here at a time. The job ends when the
    /// stream is dropped.
    pub async fn to_local_iterator(&self) -> Result<impl Stream<Item = Result<T>> + Unpin + use<T>> {
        let batches = self.to_df()?.execute_stream().await?;
        let rows = batches.map(|batch| {
            let rows = batch.and_then(|batch| {
                let rows = Rows::<T>::of(&batch).map_err(external)?;
                Ok(rows.map(T::owned).collect::<Vec<_>>())
            });
            let rows: Vec<Result<T>> = match rows {
                Ok(rows) => rows.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            };
            futures::stream::iter(rows)
        });
        Ok(rows.flatten())
    }

    /// Number of rows.
    pub fn count(&self) -> impl Future<Output = Result<u64>> + Send + use<T> {
        let counts = self.partition_counts();
        async move { Ok(counts.await?.into_iter().sum()) }
    }

    /// Number of rows of each partition.
    pub fn partition_counts(&self) -> impl Future<Output = Result<Vec<u64>>> + Send + use<T> {
        let body = move |task| {
            at_end::<u64, u64>(
                task,
                0,
                |count, batch| {
                    *count += batch.num_rows() as u64;
                    Ok(())
                },
                |count, out| {
                    out.push(count);
                    Ok(())
                },
            )
        };
        self.step::<u64, _, _>(&body, body, Argument::none(), false).collect()
    }

    /// Number of partitions. Runs no job.
    pub async fn partition_count(&self) -> Result<usize> {
        self.ctx.partitions_of(self.to_df()?).await
    }

    /// All rows combined by a closure that makes one of two, in their order; it must be associative, and behind a shuffle, where rows
    /// have no order, commutative too. `None` if there are no rows.
    pub async fn reduce<F: Fn(T, T) -> T + Closure>(&self, closure: F) -> Result<Option<T>> {
        Ok(self.reduced(closure).collect().await?.into_iter().reduce(closure))
    }

    /// [`reduce`](Self::reduce) in rounds: the results of partitions are reduced by tasks, not here, until `width` or fewer are
    /// left. For many partitions and large values. The closure must be associative and commutative.
    pub async fn tree_reduce<F: Fn(T, T) -> T + Closure>(&self, width: usize, closure: F) -> Result<Option<T>> {
        let (width, mut left) = (width.max(2), self.partition_count().await?);
        let mut reduced = self.reduced(closure);
        while left > width {
            left = left.div_ceil(width);
            reduced = reduced.repartition(left).reduced(closure);
        }
        reduced.reduce(closure).await
    }

    fn reduced<F: Fn(T, T) -> T + Closure>(&self, closure: F) -> Rdd<T> {
        let body = move |task| {
            at_end::<T, Option<T>>(
                task,
                None,
                move |state, batch| {
                    let rows = Rows::<T>::of(&batch).map_err(external)?.map(T::owned);
                    *state = state.take().into_iter().chain(rows).reduce(closure);
                    Ok(())
                },
                |state, out| {
                    state.into_iter().for_each(|row| out.push(row));
                    Ok(())
                },
            )
        };
        self.step(&closure, body, Argument::none(), false)
    }

    /// As [`reduce`](Self::reduce), combined with `zero`, which is used once.
    pub async fn fold<F: Fn(T, T) -> T + Closure>(&self, zero: T, closure: F) -> Result<T> {
        Ok(self.reduced(closure).collect().await?.into_iter().fold(zero, closure))
    }

    /// `zero`, to which `next` adds the rows of a partition, and `merge` the results of partitions. `zero` is used once for each
    /// partition and once here, so it must be neutral.
    pub async fn aggregate<A, F, M>(&self, zero: A, next: F, merge: M) -> Result<A>
    where
        A: Value + Clone,
        F: Fn(A, T::View<'_>) -> A + Closure,
        M: Fn(A, A) -> A,
    {
        let body = move |task| {
            with_value::<A>(task, move |zero, task| {
                at_end::<Bytes, Option<A>>(
                    task,
                    Some(zero),
                    move |state, batch| {
                        let rows = Rows::<T>::of(&batch).map_err(external)?;
                        *state = state.take().map(|state| rows.fold(state, next));
                        Ok(())
                    },
                    |state, out| {
                        let bytes = postcard::to_stdvec(&state).map_err(external)?;
                        out.push(bytes.as_slice());
                        Ok(())
                    },
                )
            })
        };
        let parts: Rdd<Bytes> = self.step(&next, body, self.argument(&zero), false);
        let mut sum = zero;
        for part in parts.collect().await? {
            let part: Option<A> = postcard::from_bytes(&part).map_err(external)?;
            sum = part.into_iter().fold(sum, &merge);
        }
        Ok(sum)
    }

    /// The first `n` rows, in partition order. The job ends as soon as they are there.
    pub async fn take(&self, n: usize) -> Result<Vec<T>> {
        if n == 0 {
            return Ok(vec![]);
        }
        let body = move |task| {
            with_value::<usize>(task, move |n, mut task| {
                let rows = futures::stream::try_unfold((task.input()?, n), |(mut input, left)| async move {
                    if left == 0 {
                        return Ok(None);
                    }
                    let batch = input.try_next().await?;
                    Ok(batch.map(|batch| {
                        let rows = batch.num_rows().min(left);
                        (batch.slice(0, rows), (input, left - rows))
                    }))
                });
                Ok(Box::pin(RecordBatchStreamAdapter::new(task.schema, rows)) as _)
            })
        };
        let limited: Rdd<T> = self.step(&body, body, self.argument(&n), false);
        let mut rows = limited.to_local_iterator().await?;
        let mut taken = vec![];
        while taken.len() < n
            && let Some(row) = rows.try_next().await?
        {
            taken.push(row);
        }
        Ok(taken)
    }

    /// The first row, in partition order.
    pub async fn first(&self) -> Result<Option<T>> {
        Ok(self.take(1).await?.pop())
    }

    /// The `n` rows with the largest score, the largest first; of equals, those of earlier partitions. Floats are scores as
    /// [`Total`](super::Total).
    pub async fn top_by<S: Ord + Send + 'static, F>(&self, n: usize, score: F) -> Result<Vec<T>>
    where
        F: Fn(T::View<'_>) -> S + Closure,
    {
        self.best(n, move |row| Reverse(score(row))).await
    }

    /// The `n` rows with the smallest score, the smallest first; of equals, those of earlier partitions.
    pub async fn take_ordered_by<S: Ord + Send + 'static, F>(&self, n: usize, score: F) -> Result<Vec<T>>
    where
        F: Fn(T::View<'_>) -> S + Closure,
    {
        self.best(n, score).await
    }

    /// The `n` rows with the smallest score.
    async fn best<S: Ord + Send + 'static, F>(&self, n: usize, score: F) -> Result<Vec<T>>
    where
        F: Fn(T::View<'_>) -> S + Closure,
    {
        let body = move |task| {
            with_value::<usize>(task, move |n, task| {
                at_end::<T, (BinaryHeap<Ranked<S, T>>, u64)>(
                    task,
                    (BinaryHeap::new(), 0),
                    move |(best, met), batch| {
                        for row in Rows::<T>::of(&batch).map_err(external)? {
                            let score = score(row);
                            if best.len() < n || best.peek().is_some_and(|worst| score < worst.score) {
                                best.push(Ranked { score, met: *met, row: T::owned(row) });
                            }
                            if best.len() > n {
                                best.pop();
                            }
                            *met += 1;
                        }
                        Ok(())
                    },
                    |(best, _), out| {
                        best.into_sorted_vec().into_iter().for_each(|ranked| out.push(ranked.row));
                        Ok(())
                    },
                )
            })
        };
        let parts: Rdd<T> = self.step(&score, body, self.argument(&n), false);
        let mut rows = parts.collect().await?;
        // Stable: of equals, those of earlier partitions come first.
        rows.sort_by_cached_key(|row| score(row.as_view()));
        rows.truncate(n);
        Ok(rows)
    }

    /// `n` rows at random, each as likely as the others (all, if there are fewer), in no order.
    pub async fn take_sample(&self, n: usize, seed: u64) -> Result<Vec<T>> {
        let numbered = self.zip_with_unique_id();
        // Rows get random numbers, the same each time; those with the smallest are a sample.
        let drawn = numbered.with(&seed).map(|seed, (id, row)| (mixed(*seed, id), T::owned(row)));
        let rows = drawn.take_ordered_by(n, |(drawn, _)| drawn).await?;
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    /// Runs a closure for each row, for what it does.
    pub async fn for_each<F: Fn(T::View<'_>) + Closure>(&self, closure: F) -> Result<()> {
        let body = move |task| {
            to_rows::<u8>(task, move |batch, _: &mut Out<u8>| {
                Rows::<T>::of(batch).map_err(external)?.for_each(closure);
                Ok(())
            })
        };
        self.step::<u8, _, _>(&closure, body, Argument::none(), false).collect().await.map(drop)
    }

    /// Runs a closure once for each partition, for what it does.
    pub async fn for_each_partition<F: Fn(usize, &mut Records<T>) + Closure>(&self, closure: F) -> Result<()> {
        let body = move |task| {
            whole(task, move |partition, rows: &mut Records<T>, _: &mut Sink<'_, u8>| {
                closure(partition, rows);
                rows.for_each(drop);
            })
        };
        self.step::<u8, _, _>(&closure, body, Argument::none(), false).collect().await.map(drop)
    }
}

impl<T: Row, K: Value> super::With<T, K> {
    /// See [`Rdd::for_each`].
    pub async fn for_each<F: Fn(&K, T::View<'_>) + Closure>(self, closure: F) -> Result<()> {
        let body = move |task| {
            with_value::<K>(task, move |value, task| {
                to_rows::<u8>(task, move |batch, _: &mut Out<u8>| {
                    Rows::<T>::of(batch).map_err(external)?.for_each(|row| closure(&value, row));
                    Ok(())
                })
            })
        };
        self.rdd.step::<u8, _, _>(&closure, body, self.argument, false).collect().await.map(drop)
    }

    /// See [`Rdd::for_each_partition`].
    pub async fn for_each_partition<F: Fn(&K, usize, &mut Records<T>) + Closure>(self, closure: F) -> Result<()> {
        let body = move |task| {
            with_value::<K>(task, move |value, task| {
                whole(task, move |partition, rows: &mut Records<T>, _: &mut Sink<'_, u8>| {
                    closure(&value, partition, rows);
                    rows.for_each(drop);
                })
            })
        };
        self.rdd.step::<u8, _, _>(&closure, body, self.argument, false).collect().await.map(drop)
    }
}

impl<T: Row> Rdd<T> {
    /// The `n` largest rows, the largest first.
    pub async fn top(&self, n: usize) -> Result<Vec<T>>
    where
        T: Key,
    {
        let rows = self.extreme(n, true).collect().await?;
        Ok(cut(rows, n, |a, b| T::order(b.as_view(), a.as_view())))
    }

    /// The `n` smallest rows, the smallest first.
    pub async fn take_ordered(&self, n: usize) -> Result<Vec<T>>
    where
        T: Key,
    {
        let rows = self.extreme(n, false).collect().await?;
        Ok(cut(rows, n, |a, b| T::order(a.as_view(), b.as_view())))
    }

    /// The `n` largest or smallest rows of each partition.
    fn extreme(&self, n: usize, largest: bool) -> Rdd<T>
    where
        T: Key,
    {
        let body = move |task| {
            with_value::<(usize, bool)>(task, move |(n, largest), task| {
                let order = move |a: &T, b: &T| match largest {
                    true => T::order(b.as_view(), a.as_view()),
                    false => T::order(a.as_view(), b.as_view()),
                };
                firsts(task, n, order)
            })
        };
        self.step(&body, body, self.argument(&(n, largest)), false)
    }

    /// The `n` most frequent rows and how often each is there, the most frequent first; of equally frequent ones, the
    /// smallest.
    pub async fn hot(&self, n: usize) -> Result<Vec<(T, u64)>>
    where
        T: Key,
    {
        let counts =
            self.flat_map(|row, out| out.push((row, 1u64))).with_partitions_of(self).reduce_by_key(|a, b| a + b);
        let mut rows = counts.frequent(n).collect().await?;
        rows.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| T::order(a.0.as_view(), b.0.as_view())));
        rows.truncate(n);
        Ok(rows)
    }

    /// How often each different row is there.
    pub async fn count_by_value(&self) -> Result<HashMap<T, u64>>
    where
        T: Key,
        T: Eq + Hash,
    {
        self.flat_map(|row, out| out.push((row, 1u64))).reduce_by_key_locally(|a, b| a + b).await
    }
}

impl<K: Key> Rdd<(K, u64)> {
    /// The `n` most frequent of each partition.
    fn frequent(&self, n: usize) -> Rdd<(K, u64)> {
        let body = move |task| {
            with_value::<usize>(task, move |n, task| {
                let order =
                    |a: &(K, u64), b: &(K, u64)| b.1.cmp(&a.1).then_with(|| K::order(a.0.as_view(), b.0.as_view()));
                firsts(task, n, order)
            })
        };
        self.step(&body, body, self.argument(&n), false)
    }
}

impl<K: Row, V: Row> Rdd<(K, V)> {
    /// The rows by key; of several values of a key, the one of the last partition.
    pub async fn collect_as_map(&self) -> Result<HashMap<K, V>>
    where
        K: Key,
        K: Eq + Hash,
    {
        Ok(self.collect().await?.into_iter().collect())
    }

    /// All values of a key, in partition order.
    pub async fn lookup(&self, key: &K) -> Result<Vec<V>>
    where
        K: Key,
        K: Value,
    {
        let found = self.with(key).filter(|wanted, (key, _)| K::same(key, wanted.as_view()));
        found.values().collect().await
    }

    /// How many values each key has.
    pub async fn count_by_key(&self) -> Result<HashMap<K, u64>>
    where
        K: Key,
        K: Eq + Hash,
    {
        self.map_values(|_| 1u64).reduce_by_key_locally(|a, b| a + b).await
    }

    /// One value a key, combined here of what each partition has: for few keys.
    pub async fn reduce_by_key_locally<F: Fn(V, V) -> V + Closure>(&self, closure: F) -> Result<HashMap<K, V>>
    where
        K: Key,
        K: Eq + Hash,
    {
        let body = move |mut task: BatchTask| {
            let input = task.input()?;
            let next = move |sum, value: V::View<'_>| closure(sum, V::owned(value));
            let first = |value: V::View<'_>| V::owned(value);
            partial::<V, V, _, _>(input, first, next, task.schema, task.batch_size, &task.context)
        };
        let parts: Rdd<(K, V)> = self.step(&closure, body, Argument::none(), true);
        let mut map: HashMap<K, V> = HashMap::new();
        for (key, value) in parts.collect().await? {
            let value = match map.remove(&key) {
                Some(before) => closure(before, value),
                None => value,
            };
            map.insert(key, value);
        }
        Ok(map)
    }
}

/// The first `n` rows of an order.
fn cut<T>(mut rows: Vec<T>, n: usize, order: impl Fn(&T, &T) -> Ordering) -> Vec<T> {
    rows.sort_by(order);
    rows.truncate(n);
    rows
}

/// The first `n` rows of a partition by an order.
fn firsts<T: Row>(
    task: BatchTask,
    n: usize,
    order: impl Fn(&T, &T) -> Ordering + Copy + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    at_end::<T, Vec<T>>(
        task,
        vec![],
        move |best, batch| {
            collect_rows(best, batch)?;
            // Sorted once in a while: a row costs the logarithm of what is kept.
            if best.len() > n.saturating_mul(2).saturating_add(8192) {
                *best = cut(std::mem::take(best), n, order);
            }
            Ok(())
        },
        move |best, out| {
            cut(best, n, order).into_iter().for_each(|row| out.push(row));
            Ok(())
        },
    )
}

/// A number that looks random, the same each time (SplitMix64).
fn mixed(seed: u64, id: u64) -> u64 {
    mix::mixed(seed.wrapping_add((id + 1).wrapping_mul(mix::STEP)))
}

/// A row and its score; the largest is the worst.
struct Ranked<S, T> {
    score: S,
    met: u64,
    row: T,
}

impl<S: Ord, T> PartialEq for Ranked<S, T> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl<S: Ord, T> Eq for Ranked<S, T> {}
impl<S: Ord, T> PartialOrd for Ranked<S, T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl<S: Ord, T> Ord for Ranked<S, T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.score.cmp(&other.score).then_with(|| self.met.cmp(&other.met))
    }
}
