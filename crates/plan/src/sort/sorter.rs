//! [`sort`]: a stream of batches in order.

use super::keys::Encoder;
use super::merge::{Spilled, merge};
use super::run::{Run, project};
use arrow::compute::concat_batches;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::MemoryReservation;
use datafusion::physical_plan::metrics::{BaselineMetrics, RecordOutput};
use datafusion::physical_plan::spill::SpillManager;
use futures::stream::BoxStream;
use futures::{StreamExt, TryStreamExt};
use std::sync::Arc;

/// Bytes of a batch that is given, at most.
const GIVEN: usize = 2 << 20;

/// Bytes of a batch in a file, at most: several of each file are in memory at once.
const WRITTEN: usize = 256 << 10;

/// Bytes that a run takes even if there is no memory left, so that files do not become tiny.
const FLOOR: usize = 1 << 20;

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
    let mut sorter = Sorter { shape, reservation, small: vec![], run: Run::default(), spilled: vec![] };
    while let Some(batch) = input.try_next().await? {
        sorter.push(batch)?;
    }
    drop(input);
    sorter.finish().await
}

struct Sorter {
    shape: Shape,
    reservation: MemoryReservation,
    /// Batches of a few rows, which are put together: all batches of a run are looked at for each that is given.
    small: Vec<RecordBatch>,
    run: Run,
    spilled: Vec<Spilled>,
}

impl Sorter {
    fn push(&mut self, batch: RecordBatch) -> Result<()> {
        let is_small = |rows, bytes| rows < self.shape.rows / 2 && bytes < GIVEN;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if !is_small(batch.num_rows(), 0) {
            return self.add(batch);
        }
        self.small.push(batch);
        let rows = self.small.iter().map(RecordBatch::num_rows).sum();
        let bytes = self.small.iter().map(get_record_batch_memory_size).sum();
        if is_small(rows, bytes) { Ok(()) } else { self.add_small() }
    }

    fn add_small(&mut self) -> Result<()> {
        let batch = match self.small.len() {
            0 => return Ok(()),
            1 => self.small.remove(0),
            _ => concat_batches(&self.shape.schema, &std::mem::take(&mut self.small))?,
        };
        self.add(batch)
    }

    fn add(&mut self, batch: RecordBatch) -> Result<()> {
        let time = self.shape.metrics.elapsed_compute().clone();
        let _timer = time.timer();
        let keys = self.shape.keys.encode(&batch)?;
        let cost = self.run.cost(&batch, &keys);
        if !self.lends(cost) {
            self.spill()?;
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
    fn spill(&mut self) -> Result<()> {
        let run = std::mem::take(&mut self.run);
        if !run.is_empty() {
            let mut sorted = run.sorted(Arc::clone(&self.shape.schema), None, self.shape.rows, WRITTEN);
            let mut write = Spilled::writer(&self.shape)?;
            while let Some(batch) = sorted.next()? {
                write(Some(&batch))?;
            }
            self.spilled.extend(write(None)?);
        }
        self.reservation.free();
        Ok(())
    }

    async fn finish(mut self) -> Result<BoxStream<'static, Result<RecordBatch>>> {
        self.add_small()?;
        let time = self.shape.metrics.elapsed_compute().clone();
        if self.spilled.is_empty() {
            let sorted = {
                let _timer = time.timer();
                self.run.sorted(Arc::clone(&self.shape.output), self.shape.kept, self.shape.rows, GIVEN)
            };
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
        self.spill()?;
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
    async fn sorted(memory: usize, lengths: impl Iterator<Item = usize>) -> (Vec<i64>, Vec<i64>, usize) {
        let (mut all, mut batches) = (vec![], vec![]);
        for length in lengths {
            let from = all.len() as i64;
            let numbers: Vec<i64> = (from..from + length as i64).map(|n| n * 7919 % 10_007).collect();
            let texts: Vec<String> = numbers.iter().map(|n| format!("a common beginning, then {n:07}")).collect();
            let columns = [
                ("text", Arc::new(StringArray::from_iter_values(&texts)) as ArrayRef),
                ("number", Arc::new(Int64Array::from(numbers.clone()))),
                ("view", Arc::new(StringViewArray::from_iter_values(&texts))),
            ];
            batches.push(RecordBatch::try_from_iter(columns).unwrap());
            all.extend(numbers);
        }
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
        all.sort();
        (found, all, sort.metrics().unwrap().spill_count().unwrap_or(0))
    }

    #[tokio::test]
    async fn with_and_without_memory() {
        for (memory, spills) in [(100 << 20, 0..=0), (8 << 20, 1..=100), (1 << 10, 30..=500)] {
            let lengths = (0..300).map(|n| [1, 700, 2, 0, 999, 3][n % 6]);
            let (found, expected, files) = sorted(memory, lengths).await;
            assert_eq!(found, expected);
            assert!(spills.contains(&files), "{files} files with {memory} bytes");
            assert!(sorted(memory, [0].into_iter()).await.0.is_empty());
        }
    }
}
