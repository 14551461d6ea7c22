//! Partition by partition, and how many there are.

use super::closure::{Closure, Records, Sink, Value, at_end, each_batch, to_rows, with_value};
use super::with::With;
use super::{Argument, Rdd, Row};
use arrow::array::{ArrayRef, UInt32Array, UInt64Array};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::hash_utils::create_hashes;
use datafusion::common::{Result, exec_err, plan_err};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::physical_plan::repartition::REPARTITION_RANDOM_STATE;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use dpark_operators::combine::external;
use dpark_operators::stepping::later;
use dpark_operators::{pull, ranges};
use dpark_plan::dataset::mapping::Mapping;
use dpark_plan::dataset::{BatchTask, Dataset, Scheme};
use dpark_plan::needs::Needs;
use dpark_rows::{Rows, schema_of};
use futures::{StreamExt, TryStreamExt};
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::ops::Range;
use std::sync::Arc;

impl<T: Row> Rdd<T> {
    /// All rows of a partition through one call of a closure, which takes them one after another and gives any number of rows.
    pub fn map_partitions<U: Row, F: Fn(&mut Records<T>, &mut Sink<'_, U>) + Closure>(&self, closure: F) -> Rdd<U> {
        let body = move |task| whole(task, move |_, rows, out| closure(rows, out));
        self.step(&closure, body, Argument::none(), false)
    }

    /// [`map_partitions`](Self::map_partitions) with the partition's index.
    pub fn map_partitions_with_index<U: Row, F>(&self, closure: F) -> Rdd<U>
    where
        F: Fn(usize, &mut Records<T>, &mut Sink<'_, U>) + Closure,
    {
        let body = move |task| whole(task, closure);
        self.step(&closure, body, Argument::none(), false)
    }

    /// One row for each partition: all its rows.
    pub fn glom(&self) -> Rdd<Vec<T>> {
        let body = move |task: BatchTask| {
            let start: Vec<T> = vec![];
            at_end::<Vec<T>, _>(task, start, collect_rows, |rows, out| {
                out.push(rows);
                Ok(())
            })
        };
        self.step(&body, body, Argument::none(), false)
    }

    /// Lists of `size` neighbours of a partition; the last of a partition may be shorter.
    pub fn batch(&self, size: usize) -> Rdd<Vec<T>> {
        let body = move |task| {
            with_value::<usize>(task, move |size, task| {
                whole(task, move |_, rows: &mut Records<T>, out: &mut Sink<'_, Vec<T>>| {
                    loop {
                        let list: Vec<T> = rows.by_ref().take(size.max(1)).collect();
                        if list.is_empty() {
                            break;
                        }
                        out.push(list);
                    }
                })
            })
        };
        self.settled().step(&body, body, self.argument(&size), false)
    }

    /// Each row with the index of its partition.
    pub fn enumerate_partitions(&self) -> Rdd<(u64, T)> {
        let body = move |task: BatchTask| {
            let partition = task.partition as u64;
            to_rows::<(u64, T)>(task, move |batch, out| {
                Rows::<T>::of(batch).map_err(external)?.for_each(|row| out.push((partition, row)));
                Ok(())
            })
        };
        self.step(&body, body, Argument::none(), false)
    }

    /// Each row with its number, from 0, in partition order. Runs a job that counts the rows of the partitions.
    pub async fn enumerate(&self) -> Result<Rdd<(u64, T)>> {
        self.settled().numbered().await
    }

    async fn numbered(&self) -> Result<Rdd<(u64, T)>> {
        let counts = self.aside()?.partition_counts().await?;
        let mut starts = vec![0u64];
        starts.extend(counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        }));
        let body = move |task| {
            with_value::<Vec<u64>>(task, move |starts, task| {
                let Some(mut next) = starts.get(task.partition).copied() else {
                    return exec_err!("partition {} was not there when rows were counted", task.partition);
                };
                to_rows::<(u64, T)>(task, move |batch, out| {
                    for row in Rows::<T>::of(batch).map_err(external)? {
                        out.push((next, row));
                        next += 1;
                    }
                    Ok(())
                })
            })
        };
        Ok(self.step(&body, body, self.argument(&starts), false))
    }

    /// Each row with a number that no other has, without a job: row `i` of partition `p` of `n` gets `i * n + p`.
    pub fn zip_with_unique_id(&self) -> Rdd<(u64, T)> {
        let body = move |task: BatchTask| {
            let (mut next, step) = (task.partition as u64, task.partitions as u64);
            to_rows::<(u64, T)>(task, move |batch, out| {
                for row in Rows::<T>::of(batch).map_err(external)? {
                    out.push((next, row));
                    next += step;
                }
                Ok(())
            })
        };
        self.settled().step(&body, body, Argument::none(), false)
    }

    /// Each row with the given probability, independently. The same seed chooses the same rows of the same data set. Errors: a fraction
    /// that is not from 0 to 1.
    pub fn sample(&self, fraction: f64, seed: u64) -> Rdd<T> {
        let body = move |task| {
            with_value::<(f64, u64)>(task, move |(fraction, seed), task| {
                let mut random = random(seed, task.partition);
                each_batch(task, move |batch| {
                    let rows = (0..batch.num_rows() as u32).filter(|_| random.random::<f64>() < fraction);
                    let rows = UInt32Array::from_iter_values(rows);
                    Ok(arrow::compute::take_record_batch(&batch, &rows)?)
                })
            })
        };
        let checked =
            self.checked((0.0..=1.0).contains(&fraction), "sample", fraction, "a part of the rows, from 0 to 1");
        checked.settled().step(&body, body, self.argument(&(fraction, seed)), true)
    }

    /// Each row any number of times, `rate` times on average (by a Poisson distribution): sampling with replacement. Errors: a rate that
    /// is negative or no number.
    pub fn sample_with_replacement(&self, rate: f64, seed: u64) -> Rdd<T> {
        let body = move |task| {
            with_value::<(f64, u64)>(task, move |(rate, seed), task| {
                let mut random = random(seed, task.partition);
                each_batch(task, move |batch| {
                    let rows = (0..batch.num_rows() as u32)
                        .flat_map(|row| std::iter::repeat_n(row, poisson(rate, &mut random)));
                    let rows = UInt32Array::from_iter_values(rows);
                    Ok(arrow::compute::take_record_batch(&batch, &rows)?)
                })
            })
        };
        let is_rate = rate.is_finite() && rate >= 0.0;
        let checked =
            self.checked(is_rate, "sample_with_replacement", rate, "how often a row is there on average, from 0 on");
        checked.settled().step(&body, body, self.argument(&(rate, seed)), true)
    }

    /// The partitions of this data set, then those of the other.
    pub fn union(&self, other: &Rdd<T>) -> Rdd<T> {
        self.union_all([other])
    }

    /// The partitions of this data set, then those of each of the others.
    pub fn union_all<'a>(&self, others: impl IntoIterator<Item = &'a Rdd<T>>) -> Rdd<T> {
        let others = others.into_iter().map(|other| self.joined_to(other)).collect();
        let body = move |task: BatchTask| {
            let rows = futures::stream::iter(task.inputs).flatten();
            Ok(Box::pin(RecordBatchStreamAdapter::new(task.schema, rows)) as _)
        };
        self.with_others(others, Mapping::Concat, body, &body, Argument::none(), false)
    }

    /// Some of the partitions, by their indices; those that are not there are left out.
    pub fn slice(&self, partitions: Range<usize>) -> Rdd<T> {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        self.mapped(
            Mapping::Slice(number(partitions.start), number(partitions.end)),
            pass,
            &(),
            Argument::none(),
            false,
        )
    }

    /// At most so many partitions, each made of neighbours. No rows move between machines, so less of them may compute.
    pub fn coalesce(&self, partitions: usize) -> Rdd<T> {
        self.mapped(Mapping::Coalesce(partitions.max(1)), pass, &(), Argument::none(), false)
    }

    /// So many partitions of about equal size: rows are dealt round.
    pub fn repartition(&self, partitions: usize) -> Rdd<T> {
        let partitions = partitions.max(1);
        let body = move |task| {
            with_value::<usize>(task, move |partitions, task| {
                let mut next = task.partition % partitions;
                targeted(task, move |batch| {
                    let start = next;
                    next = (next + batch.num_rows()) % partitions;
                    Ok((0..batch.num_rows()).map(|row| ((start + row) % partitions) as u32).collect())
                })
            })
        };
        self.settled().dealt(partitions, body, &body, self.argument(&partitions))
    }

    /// So many partitions; the closure tells to which a row goes (modulo their number).
    pub fn partition_by<F: Fn(T::View<'_>) -> usize + Closure>(&self, partitions: usize, closure: F) -> Rdd<T> {
        let partitions = partitions.max(1);
        let body = move |task| {
            with_value::<usize>(task, move |partitions, task| {
                targeted(task, move |batch| {
                    let rows = Rows::<T>::of(batch).map_err(external)?;
                    Ok(rows.map(|row| (closure(row) % partitions) as u32).collect())
                })
            })
        };
        self.dealt(partitions, body, &closure, self.argument(&partitions))
    }

    /// Rows of two data sets, side by side: the first with the first and so on. Both must have the same number of partitions,
    /// and each two partitions the same number of rows; otherwise it is an error.
    pub fn zip<U: Row>(&self, other: &Rdd<U>) -> Rdd<(T, U)> {
        let body = move |task: BatchTask| {
            let (schema, batch_size, partition) = (Arc::clone(&task.schema), task.batch_size, task.partition);
            Ok(pull::run(
                task.inputs,
                task.schema,
                Box::new(move |mut inputs, push| {
                    let (Some(right), Some(left)) = (inputs.pop(), inputs.pop()) else { return Ok(()) };
                    let (mut left, mut right) = (Records::<T>::new(left), Records::<U>::new(right));
                    let mut out = Sink::<(T, U)>::new(schema, batch_size, push);
                    let mut rows = 0u64;
                    let differ = loop {
                        match (left.next(), right.next()) {
                            (Some(left), Some(right)) => out.push((left, right)),
                            (None, None) => break None,
                            (left, _) => break Some(if left.is_some() { "second" } else { "first" }),
                        }
                        rows += 1;
                    };
                    if let Some(which) = differ {
                        left.fail(datafusion::common::exec_datafusion_err!(
                        "zip: partition {partition} has only {rows} rows in the {which} data set; zip needs partitions of equal \
                         lengths (a join by enumerate() does not)"
                    ));
                    }
                    out.finish()
                }),
            ))
        };
        let ordered = |dataset: &Arc<Dataset>| dataset.is_ordered();
        let both = self.dataset.as_ref().map_or(true, ordered) && other.dataset.as_ref().map_or(true, ordered);
        let other = match both {
            true => self.joined_to(&other.with_settled_ties()),
            false => plan_err!(
                "zip: rows that come from a shuffle are in no known order, so they cannot be zipped: sort them, or checkpoint() both \
                 data sets, or join them by a key (kept rows may be computed again, in another order)"
            ),
        };
        self.with_settled_ties().with_others(vec![other], Mapping::Same, body, &body, Argument::none(), false)
    }

    /// Each row with each row of the other data set: `n * m` partitions.
    pub fn cartesian<U: Row>(&self, other: &Rdd<U>) -> Rdd<(T, U)> {
        let body = move |mut task: BatchTask| {
            let mut rows = task.input()?;
            let schema = Arc::clone(&task.schema);
            let reservation = MemoryConsumer::new("cartesian").register(task.context.memory_pool());
            let start = async move {
                let mut right: Vec<RecordBatch> = vec![];
                while let Some(batch) = rows.try_next().await? {
                    reservation.try_grow(batch.get_array_memory_size())?;
                    right.push(batch);
                }
                to_rows::<(T, U)>(task, move |batch, out| {
                    // As long as its rows are read.
                    let _held = &reservation;
                    for left in Rows::<T>::of(batch).map_err(external)? {
                        for batch in &right {
                            Rows::<U>::of(batch).map_err(external)?.for_each(|right| out.push((left, right)));
                        }
                    }
                    Ok(())
                })
            };
            Ok(later(schema, Box::pin(start)))
        };
        self.with_others(vec![self.joined_to(other)], Mapping::Product, body, &body, Argument::none(), false)
    }

    /// The stage that computes these rows asks a cluster for so many cores a task, whatever `task.cpus` says.
    pub fn with_cpus(&self, cores: f64) -> Self {
        self.needing(Needs::cpus(cores))
    }

    /// The stage that computes these rows asks a cluster for so many MiB a task, whatever `task.memory` says.
    pub fn with_memory(&self, mib: u64) -> Self {
        self.needing(Needs::memory(mib))
    }

    /// The same rows in an order that is the same whenever a partition is computed. What counts on the places of rows needs that: a
    /// partition that is lost and computed again must not deal, number or choose them differently. (Sorted by a hash of the row, as
    /// Spark's SQL does before it deals rows round. Equal rows may change places, which nobody can tell.)
    fn settled(&self) -> Self {
        if self.dataset.as_ref().map_or(true, |dataset| dataset.is_ordered()) {
            return self.with_settled_ties();
        }
        let hashed = |task: BatchTask| {
            with_column(task, |batch| {
                let mut hashes = vec![0; batch.num_rows()];
                create_hashes(batch.columns(), REPARTITION_RANDOM_STATE.random_state(), &mut hashes)?;
                Ok(Arc::new(UInt64Array::from(hashes)))
            })
        };
        let mut settled: Self = self.made(|input| {
            let rows = schema_of::<T>();
            let hash = [Arc::new(Field::new("_hash", DataType::UInt64, false))];
            // Behind the others, so that the first column stays the key.
            let schema = Schema::new(rows.fields().iter().cloned().chain(hash).collect::<Vec<_>>());
            let function = super::function::<T, _>(hashed);
            let none = || Arc::from([]);
            let hashed = Dataset::closure(vec![input], Mapping::Same, Arc::new(schema), function, none(), true)?;
            let hash = rows.fields().len();
            Dataset::sorted_keeping(hashed, vec![(hash, SortOptions::default())], (0..hash).collect())
        });
        settled.partitions = self.partitions;
        settled
    }

    /// Rows that are in a known order but for those of equal keys behind a sort, with these in one, too.
    fn with_settled_ties(&self) -> Self {
        let dataset = self.dataset.clone().map(|dataset| dataset.with_settled_ties());
        Self { dataset, ..self.clone() }
    }

    fn needing(&self, needs: Needs) -> Self {
        self.made(|input| Ok(Dataset::needing(input, needs)))
    }

    /// Rows to which `body` has added where they go.
    fn dealt<F, B>(&self, partitions: usize, body: B, _named_after: &F, argument: Argument) -> Rdd<T>
    where
        B: Fn(BatchTask) -> Result<SendableRecordBatchStream> + Closure,
    {
        self.made(|input| {
            let schema = ranges::with_target(&dpark_rows::schema_of::<T>());
            let function = super::function::<F, B>(body);
            let dealt = Dataset::closure(vec![input], Mapping::Same, schema, function, argument.bytes?, false)?;
            Dataset::exchange(dealt, Scheme::Bucket { partitions })
        })
    }
}

impl<T: Row, K: Value> With<T, K> {
    /// See [`Rdd::map_partitions`].
    pub fn map_partitions<U: Row, F: Fn(&K, &mut Records<T>, &mut Sink<'_, U>) + Closure>(self, closure: F) -> Rdd<U> {
        let body = move |task| {
            with_value::<K>(task, move |value, task| whole(task, move |_, rows, out| closure(&value, rows, out)))
        };
        self.rdd.step(&closure, body, self.argument, false)
    }

    /// See [`Rdd::map_partitions_with_index`].
    pub fn map_partitions_with_index<U: Row, F>(self, closure: F) -> Rdd<U>
    where
        F: Fn(&K, usize, &mut Records<T>, &mut Sink<'_, U>) + Closure,
    {
        let body = move |task| {
            with_value::<K>(task, move |value, task| {
                whole(task, move |partition, rows, out| closure(&value, partition, rows, out))
            })
        };
        self.rdd.step(&closure, body, self.argument, false)
    }
}

/// A partition's rows as they are.
fn pass(mut task: BatchTask) -> Result<SendableRecordBatchStream> {
    task.input()
}

/// All rows of a partition through one call.
pub(super) fn whole<T: Row, U: Row>(
    task: BatchTask,
    closure: impl Fn(usize, &mut Records<T>, &mut Sink<'_, U>) + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    let (schema, batch_size, partition) = (Arc::clone(&task.schema), task.batch_size, task.partition);
    Ok(pull::run(
        task.inputs,
        task.schema,
        Box::new(move |mut inputs, push| {
            let Some(input) = inputs.pop() else { return Ok(()) };
            let mut rows = Records::<T>::new(input);
            let mut out = Sink::<U>::new(schema, batch_size, push);
            closure(partition, &mut rows, &mut out);
            out.finish()
        }),
    ))
}

/// Batches with one more column, which tells where each row goes.
pub(super) fn targeted(
    task: BatchTask,
    mut targets: impl FnMut(&RecordBatch) -> Result<Vec<u32>> + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    with_column(task, move |batch| Ok(Arc::new(UInt32Array::from(targets(batch)?))))
}

/// Batches with one more column, behind the others.
fn with_column(
    task: BatchTask,
    mut column: impl FnMut(&RecordBatch) -> Result<ArrayRef> + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    let schema = Arc::clone(&task.schema);
    each_batch(task, move |batch| {
        let columns = batch.columns().iter().cloned().chain([column(&batch)?]).collect();
        Ok(RecordBatch::try_new(Arc::clone(&schema), columns)?)
    })
}

/// Adds the rows of a batch.
pub(super) fn collect_rows<T: Row>(rows: &mut Vec<T>, batch: RecordBatch) -> Result<()> {
    rows.extend(Rows::<T>::of(&batch).map_err(external)?.map(T::owned));
    Ok(())
}

/// A number by a Poisson distribution: how many uniform numbers can be multiplied before e^-rate is reached (Knuth). Large rates
/// are drawn in parts, whose e^-rate is still a number.
fn poisson(rate: f64, random: &mut SmallRng) -> usize {
    let (mut left, mut times) = (rate, 0);
    while left > 0.0 {
        let part = left.min(500.0);
        let (limit, mut product) = ((-part).exp(), random.random::<f64>());
        while product > limit {
            product *= random.random::<f64>();
            times += 1;
        }
        left -= part;
    }
    times
}

/// Each partition draws other numbers, the same each time.
fn random(seed: u64, partition: usize) -> SmallRng {
    SmallRng::seed_from_u64(seed ^ (partition as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}
