//! [`sort`]: a stream of batches in order.

use super::keys::Encoder;
use super::merge::{Spilled, limit, merge};
use super::run::{Run, project};
use arrow::array::UInt32Array;
use arrow::compute::{concat_batches, take_record_batch};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::metrics::{BaselineMetrics, RecordOutput};
use datafusion::physical_plan::spill::SpillManager;
use dpark_shuffle::{batch_bytes, compact};
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use std::sync::Arc;

/// Bytes of a batch that is given, at most.
const GIVEN: usize = 2 << 20;

/// Bytes of a batch in a file, at most: several of each file are in memory at once.
pub(super) const WRITTEN: usize = 256 << 10;

/// Bytes that a run takes even if there is no memory left, so that files do not become tiny.
const FLOOR: usize = 1 << 20;

/// Bytes that a batch may hold beyond twice what its rows need.
const SLACK: usize = 64 << 10;

/// What is sorted, and how.
pub(super) struct Shape {
    pub(super) schema: SchemaRef,
    /// What is given, and which columns that are, if not all.
    pub(super) output: SchemaRef,
    pub(super) kept: Option<Vec<usize>>,
    pub(super) keys: Encoder,
    /// Rows of a batch.
    pub(super) rows: usize,
    pub(super) spills: SpillManager,
    pub(super) metrics: BaselineMetrics,
}

/// Reads all rows and gives them in order. What is read and does not fit into `reservation` goes to files.
pub(super) async fn sort(
    shape: Shape,
    mut input: SendableRecordBatchStream,
    reservation: MemoryReservation,
) -> Result<BoxStream<'static, Result<RecordBatch>>> {
    let small = Small::default();
    let mut sorter = Sorter { shape, reservation, small, run: Run::default(), spilled: vec![] };
    while let Some(batch) = input.try_next().await? {
        sorter.push(batch).await?;
    }
    drop(input);
    sorter.finish().await
}

/// Batches of a few rows, which are put together: all batches of a run are looked at for each that is given.
#[derive(Default)]
struct Small {
    batches: Vec<RecordBatch>,
    rows: usize,
    bytes: usize,
}

struct Sorter {
    shape: Shape,
    reservation: MemoryReservation,
    small: Small,
    run: Run,
    spilled: Vec<Spilled>,
}

impl Sorter {
    async fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let (rows, bytes) = (batch.num_rows(), batch_bytes(&batch));
        if rows == 0 {
            return Ok(());
        }
        if rows >= self.shape.rows / 2 || bytes >= GIVEN {
            return self.add(batch, bytes).await;
        }
        self.small.batches.push(batch);
        self.small.rows += rows;
        self.small.bytes += bytes;
        if self.small.rows >= self.shape.rows / 2 || self.small.bytes >= GIVEN {
            self.add_small().await
        } else {
            Ok(())
        }
    }

    async fn add_small(&mut self) -> Result<()> {
        let Small { mut batches, bytes, .. } = std::mem::take(&mut self.small);
        let batch = match batches.len() {
            0 => return Ok(()),
            1 => batches.remove(0),
            _ => concat_batches(&self.shape.schema, &batches)?,
        };
        self.add(batch, bytes).await
    }

    async fn add(&mut self, mut batch: RecordBatch, needed: usize) -> Result<()> {
        if get_record_batch_memory_size(&batch) > 2 * needed + SLACK {
            // A piece of a large batch would keep all of it, and each run would be charged for it.
            let all = UInt32Array::from_iter_values(0..batch.num_rows() as u32);
            batch = compact(&take_record_batch(&batch, &all)?)?;
        }
        let keys = self.shape.keys.encode(&batch)?;
        let cost = self.run.cost(&batch, &keys);
        if !self.lends(cost) {
            self.spill().await?;
            let cost = self.run.cost(&batch, &keys);
            if !self.lends(cost) {
                // One batch is sorted in any case: it is in memory already.
                self.reservation.grow(cost);
            }
        }
        self.run.push(batch, keys);
        Ok(())
    }

    fn lends(&self, bytes: usize) -> bool {
        if self.reservation.size() + bytes <= FLOOR {
            self.reservation.grow(bytes);
            return true;
        }
        self.reservation.try_grow(bytes).is_ok()
    }

    /// Writes the run to a file.
    async fn spill(&mut self) -> Result<()> {
        let run = std::mem::take(&mut self.run);
        if !run.is_empty() {
            let mut sorted = run.sorted(Arc::clone(&self.shape.schema), None, self.shape.rows, WRITTEN);
            let mut write = Spilled::writer(&self.shape)?;
            while let Some(batch) = sorted.next()? {
                write(Some(&batch))?;
                // The task may be cancelled.
                tokio::task::consume_budget().await;
            }
            self.spilled.extend(write(None)?);
        }
        limit(&self.shape, &mut self.spilled, &self.reservation).await?;
        self.reservation.free();
        Ok(())
    }

    async fn finish(mut self) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        self.add_small().await?;
        if self.spilled.is_empty() {
            let keys = self.run.key_bytes();
            let sorted = {
                let _timer = self.shape.metrics.elapsed_compute().timer();
                self.run.sorted(Arc::clone(&self.shape.output), self.shape.kept, self.shape.rows, GIVEN)
            };
            self.reservation.shrink(keys.min(self.reservation.size()));
            let state = (sorted, self.reservation, self.shape.metrics);
            let batches = futures::stream::try_unfold(state, |(mut sorted, memory, metrics)| async move {
                let batch = {
                    let _timer = metrics.elapsed_compute().timer();
                    sorted.next()?
                };
                Ok(batch.map(|batch| (batch.record_output(&metrics), (sorted, memory, metrics))))
            });
            return Ok(Box::pin(batches));
        }
        self.spill().await?;
        let merged = merge(&self.shape, self.spilled, &self.reservation).await?;
        let Shape { output, kept, metrics, .. } = self.shape;
        // What the merge takes is given back when its last batch was taken.
        let memory = self.reservation;
        Ok(Box::pin(merged.map(move |batch| {
            let _ = &memory;
            let batch = match &kept {
                Some(kept) => project(&batch?, kept, &output)?,
                None => batch?,
            };
            let batch = compact(&batch)?;
            Ok(batch.record_output(&metrics))
        })))
    }
}

#[cfg(test)]
mod tests {
    use super::super::SortRunsExec;
    use super::*;
    use arrow::array::{ArrayRef, AsArray, Int64Array, StringArray, StringViewArray};
    use arrow::compute::SortOptions;
    use arrow::datatypes::Int64Type;
    use datafusion::datasource::memory::MemorySourceConfig;
    use datafusion::execution::TaskContext;
    use datafusion::execution::runtime_env::RuntimeEnvBuilder;
    use datafusion::physical_expr::expressions::Column;
    use datafusion::physical_expr::{LexOrdering, PhysicalSortExpr};
    use datafusion::physical_plan::ExecutionPlan;
    use datafusion::physical_plan::sorts::sort::SortExec;
    use datafusion::prelude::SessionConfig;

    /// Numbers, some of them the same, as text and themselves, in batches of different lengths, sorted with so much memory. Also
    /// how often rows went to files.
    async fn sorted(memory: usize, lengths: &[usize]) -> (Vec<i64>, Vec<i64>, usize) {
        let mut from = 0;
        let batches = lengths.iter().map(|length| {
            from += length;
            batch(from - length, *length)
        });
        sorted_batches(memory, batches.collect()).await
    }

    fn batch(from: usize, length: usize) -> RecordBatch {
        let numbers: Vec<i64> = (from..from + length).map(|n| (n * 7919 % 10_007) as i64).collect();
        let texts: Vec<String> = numbers.iter().map(|n| format!("a common beginning, then {n:07}")).collect();
        let columns = [
            ("text", Arc::new(StringArray::from_iter_values(&texts)) as ArrayRef),
            ("number", Arc::new(Int64Array::from(numbers))),
            ("view", Arc::new(StringViewArray::from_iter_values(&texts))),
        ];
        RecordBatch::try_from_iter(columns).unwrap()
    }

    async fn sorted_batches(memory: usize, batches: Vec<RecordBatch>) -> (Vec<i64>, Vec<i64>, usize) {
        let numbers = |batch: &RecordBatch| batch.column(1).as_primitive::<Int64Type>().values().to_vec();
        let mut all: Vec<i64> = batches.iter().flat_map(numbers).collect();
        let schema = batches[0].schema();
        let input = MemorySourceConfig::try_new_exec(&[batches], schema, None).unwrap();
        let by = PhysicalSortExpr::new(Arc::new(Column::new("text", 0)), SortOptions::default());
        let sort = SortRunsExec::over(&SortExec::new(LexOrdering::new([by]).unwrap(), input)).unwrap();
        let runtime = RuntimeEnvBuilder::new().with_memory_limit(memory, 1.0).build_arc().unwrap();
        let config = SessionConfig::new().with_batch_size(1000);
        let context = TaskContext::default().with_session_config(config).with_runtime(runtime);
        let rows: Vec<RecordBatch> = sort.execute(0, Arc::new(context)).unwrap().try_collect().await.unwrap();
        let mut found = vec![];
        for batch in &rows {
            assert!(batch.num_rows() <= 1000);
            let (texts, views) = (batch.column(0).as_string::<i32>(), batch.column(2).as_string_view());
            assert!(texts.iter().eq(views.iter()));
            let numbers = batch.column(1).as_primitive::<Int64Type>().values();
            assert!(texts.iter().zip(numbers).all(|(text, number)| text.unwrap().ends_with(&format!("{number:07}"))));
            found.extend_from_slice(numbers);
        }
        // Nearly all batches are full, or as large as they may be.
        assert!(rows.len() <= 2 + all.len() / 500, "{} batches of {} rows", rows.len(), all.len());
        all.sort();
        (found, all, sort.metrics().unwrap().spill_count().unwrap_or(0))
    }

    #[tokio::test]
    async fn with_and_without_memory() {
        for (memory, spills) in [(100 << 20, 0..=0), (8 << 20, 1..=100), (1 << 10, 10..=500)] {
            let lengths: Vec<usize> = (0..300).map(|n| [1, 700, 2, 0, 999, 3][n % 6]).collect();
            let (found, expected, files) = sorted(memory, &lengths).await;
            assert_eq!(found, expected);
            assert!(spills.contains(&files), "{files} files with {memory} bytes");
            assert!(sorted(memory, &[0]).await.0.is_empty());
        }
    }

    #[tokio::test]
    async fn the_last_run_may_be_tiny() {
        for last in [1, 2, 400] {
            let lengths: Vec<usize> = std::iter::repeat_n(1000, 100).chain([last]).collect();
            let (found, expected, files) = sorted(4 << 20, &lengths).await;
            assert_eq!(found, expected);
            assert!(files > 2);
        }
    }

    #[tokio::test]
    async fn pieces_of_one_large_batch() {
        let whole = batch(0, 100_000);
        let pieces = (0..100).map(|piece| whole.slice(piece * 1000, 1000)).collect();
        let (found, expected, files) = sorted_batches(8 << 20, pieces).await;
        assert_eq!(found, expected);
        assert!((1..20).contains(&files), "{files} files");
    }

    #[tokio::test]
    async fn more_files_than_are_held_open() {
        let lengths = vec![500; 2400];
        let (found, expected, files) = sorted(1 << 10, &lengths).await;
        assert_eq!(found, expected);
        assert!(files > 256, "{files} files");
    }
}
