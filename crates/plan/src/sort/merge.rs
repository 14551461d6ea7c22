//! Runs in files, merged within a sort's share of the memory.

use super::sorter::Shape;
use crate::spill_file::begin;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::common::utils::memory::get_record_batch_memory_size;
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

/// Rows in order, in a file.
pub(super) struct Spilled {
    file: Arc<dyn SpillFile>,
    bytes: usize,
    /// Bytes of the largest batch.
    largest: usize,
    /// Rows of the largest batch.
    rows: usize,
}

impl Spilled {
    /// Writes batches, which come in order, to a file.
    pub(super) fn writer(shape: &Shape) -> Result<impl FnMut(Option<&RecordBatch>) -> Result<Option<Spilled>> + use<>> {
        let mut write = begin(&shape.spills, "rows in order")?;
        let (mut bytes, mut largest, mut rows) = (0, 0, 0);
        Ok(move |batch: Option<&RecordBatch>| {
            let size = batch.map_or(0, get_record_batch_memory_size);
            (bytes, largest) = (bytes + size, largest.max(size));
            rows = rows.max(batch.map_or(0, RecordBatch::num_rows));
            Ok(write(batch)?.map(|file| Spilled { file, bytes, largest, rows }))
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
        runs.sort_by_key(|run| std::cmp::Reverse(run.bytes));
        let each = runs.iter().map(|run| run.largest).max().unwrap_or_default() * BATCHES;
        let at_once = runs.len().min(lent(reservation, each, runs.len().min(MAX_FILES)));
        if at_once == runs.len() {
            return stream(shape, runs);
        }
        // The smallest ones, and no more of them than needed, so that few rows are written again.
        let merged = at_once.min(runs.len() - at_once + 1).max(2);
        let mut rows = stream(shape, runs.split_off(runs.len() - merged))?;
        let mut write = Spilled::writer(shape)?;
        while let Some(batch) = rows.try_next().await? {
            write(Some(&batch))?;
        }
        runs.extend(write(None)?);
    }
}

/// How many files may be read at once that need `each` bytes: as many as there is memory for, and two in any case.
fn lent(reservation: &MemoryReservation, each: usize, mut files: usize) -> usize {
    while files > 2 {
        if reservation.try_resize(files * each).is_ok() {
            return files;
        }
        files = (files * 3 / 4).max(2);
    }
    reservation.resize(files * each);
    2
}

fn stream(shape: &Shape, runs: Vec<Spilled>) -> Result<SendableRecordBatchStream> {
    let largest = runs.iter().map(|run| run.largest).max();
    let rows = runs.iter().map(|run| run.rows).min().unwrap_or(1);
    let reader = shape.spills.clone().with_batch_read_buffer_capacity(1);
    let mut streams: Vec<_> =
        runs.into_iter().map(|run| reader.read_spill_as_stream(run.file, largest)).collect::<Result<_>>()?;
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
