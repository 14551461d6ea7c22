//! Runs in files, merged within a sort's share of the memory.

use super::run::rows_of;
use super::sorter::{Shape, WRITTEN};
use crate::spill_file::begin;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation, UnboundedMemoryPool};
use datafusion::execution::spill_file::SpillFile;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet};
use datafusion::physical_plan::sorts::streaming_merge::StreamingMergeBuilder;
use futures::TryStreamExt;
use std::sync::Arc;

/// Files that are read at once, at most.
const MAX_FILES: usize = 128;

/// Batches of a file that are in memory at once: one that is read, one that waits, and two that are merged.
const BATCHES: usize = 4;

/// What several keys of two of these take beside them, as batches.
const KEYS: usize = 2;

/// Rows in order, in a file.
pub(super) struct Spilled {
    file: Arc<dyn SpillFile>,
    bytes: usize,
    rows: usize,
    /// Bytes of the largest batch.
    largest: usize,
}

impl Spilled {
    /// Writes batches, which come in order, to a file.
    pub(super) fn writer(shape: &Shape) -> Result<impl FnMut(Option<&RecordBatch>) -> Result<Option<Spilled>> + use<>> {
        let mut write = begin(&shape.spills, "rows in order")?;
        let (mut bytes, mut rows, mut largest) = (0, 0, 0);
        Ok(move |batch: Option<&RecordBatch>| {
            let (size, file) = write(batch)?;
            (bytes, largest) = (bytes + size, largest.max(size));
            rows += batch.map_or(0, RecordBatch::num_rows);
            Ok(file.map(|file| Spilled { file, bytes, rows, largest }))
        })
    }
}

/// The rows of all `runs` in order.
pub(super) async fn merge(
    shape: &Shape,
    mut runs: Vec<Spilled>,
    reservation: &MemoryReservation,
) -> Result<SendableRecordBatchStream> {
    loop {
        let at_once = lent(shape, &mut runs, reservation);
        if at_once >= runs.len() {
            return stream(shape, runs);
        }
        // No more than needed, so that few rows are written again.
        let few = at_once.min(runs.len() - at_once + 1);
        merge_smallest(shape, &mut runs, few).await?;
    }
}

/// Makes one file of the smallest if there are very many: each is held open.
pub(super) async fn limit(shape: &Shape, runs: &mut Vec<Spilled>, reservation: &MemoryReservation) -> Result<()> {
    if runs.len() >= 2 * MAX_FILES {
        let at_once = lent(shape, runs, reservation);
        merge_smallest(shape, runs, at_once).await?;
    }
    Ok(())
}

/// How many of the smallest files may be read at once: as many as there is memory for, and two in any case. Sorts the files, the smallest
/// last.
fn lent(shape: &Shape, runs: &mut [Spilled], reservation: &MemoryReservation) -> usize {
    runs.sort_by_key(|run| std::cmp::Reverse(run.bytes));
    let held = BATCHES + if shape.keys.order().len() > 1 { KEYS } else { 0 };
    let need = |files: usize| runs.iter().rev().take(files).map(|run| run.largest * held).sum();
    let mut files = runs.len().min(MAX_FILES);
    while files > 2 {
        if reservation.try_resize(need(files)).is_ok() {
            return files;
        }
        files = (files * 3 / 4).max(2);
    }
    reservation.resize(need(files));
    2
}

async fn merge_smallest(shape: &Shape, runs: &mut Vec<Spilled>, files: usize) -> Result<()> {
    let files = files.clamp(2, runs.len());
    let mut rows = stream(shape, runs.split_off(runs.len() - files))?;
    let mut write = Spilled::writer(shape)?;
    while let Some(batch) = rows.try_next().await? {
        write(Some(&batch))?;
    }
    runs.extend(write(None)?);
    Ok(())
}

fn stream(shape: &Shape, runs: Vec<Spilled>) -> Result<SendableRecordBatchStream> {
    let (bytes, rows) = runs.iter().fold((0, 0), |(bytes, rows), run| (bytes + run.bytes, rows + run.rows));
    let rows = rows_of(WRITTEN, bytes, rows).min(shape.rows);
    let reader = shape.spills.clone().with_batch_read_buffer_capacity(1);
    let read = |run: Spilled| reader.read_spill_as_stream(run.file, Some(run.largest));
    let mut streams: Vec<_> = runs.into_iter().map(read).collect::<Result<_>>()?;
    if streams.len() == 1
        && let Some(only) = streams.pop()
    {
        return Ok(only);
    }
    // Its memory is counted here, by file.
    let pool: Arc<dyn MemoryPool> = Arc::new(UnboundedMemoryPool::default());
    StreamingMergeBuilder::new()
        .with_streams(streams)
        .with_schema(Arc::clone(&shape.schema))
        .with_expressions(shape.keys.order())
        .with_metrics(BaselineMetrics::new(&ExecutionPlanMetricsSet::new(), 0))
        .with_batch_size(rows)
        .with_reservation(MemoryConsumer::new("merge").register(&pool))
        .build()
}
