//! [`Run`]: rows in memory that are sorted together.

use super::gather::{Column, column};
use super::keys::{Keys, Place};
use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use arrow::row::Rows;
use datafusion::common::Result;
use datafusion::common::utils::memory::RecordBatchMemoryCounter;
use dpark_shuffle::{batch_bytes, compact};
use std::sync::Arc;

/// Bytes of a place while places are sorted.
const PLACE: usize = 16;

/// See the module.
#[derive(Default)]
pub(super) struct Run {
    batches: Vec<RecordBatch>,
    keys: Keys,
    rows: usize,
    /// Bytes that the rows need.
    needed: usize,
    /// Bytes that are held for them, in buffers which batches may share.
    held: RecordBatchMemoryCounter,
    key_bytes: usize,
}

impl Run {
    pub(super) fn is_empty(&self) -> bool {
        self.batches.is_empty()
    }

    /// Bytes that the next batch takes, with its keys and while it is sorted. It counts as held from now on.
    pub(super) fn cost(&mut self, batch: &RecordBatch, keys: &Rows) -> usize {
        self.held.count_batch(batch) + keys.size() + batch.num_rows() * PLACE
    }

    /// Bytes that are free when the run is in order.
    pub(super) fn key_bytes(&self) -> usize {
        self.key_bytes
    }

    /// Adds a batch.
    pub(super) fn push(&mut self, batch: RecordBatch, keys: Rows) {
        self.rows += batch.num_rows();
        self.needed += batch_bytes(&batch);
        self.key_bytes += keys.size();
        self.keys.push(keys);
        self.batches.push(batch);
    }

    /// The rows in order, of `schema`, for which columns are `kept` if not all; in batches of at most `rows` rows and, as far as all
    /// rows are of about one size, of `bytes` bytes.
    pub(super) fn sorted(mut self, schema: SchemaRef, kept: Option<Vec<usize>>, rows: usize, bytes: usize) -> Sorted {
        let rows = rows_of(bytes, self.needed, self.rows).min(rows);
        let places = Box::new(self.keys.sorted());
        // What is not kept is not needed any more.
        self.keys = Keys::default();
        let kept = kept.unwrap_or_else(|| (0..schema.fields().len()).collect());
        let parts = |index: usize| self.batches.iter().map(|batch| Arc::clone(batch.column(index))).collect();
        let columns = kept.into_iter().map(|index| column(parts(index)));
        Sorted { schema, columns: columns.collect(), places, rows, next: vec![] }
    }
}

/// A run in order.
pub(super) struct Sorted {
    schema: SchemaRef,
    columns: Vec<Box<dyn Column>>,
    places: Box<dyn ExactSizeIterator<Item = Place> + Send>,
    rows: usize,
    /// Places that have been taken and are not given yet.
    next: Vec<(usize, usize)>,
}

impl Sorted {
    /// The next rows; none at the end.
    pub(super) fn next(&mut self) -> Result<Option<RecordBatch>> {
        let more = self.rows.saturating_sub(self.next.len());
        let places = self.places.by_ref().take(more);
        self.next.extend(places.map(|place| (place.batch as usize, place.row as usize)));
        let mut rows = self.next.len();
        while rows > 0 {
            match self.gather(&self.next[..rows]) {
                // A few rows are much longer than the others, and lie together.
                Err(ArrowError::OffsetOverflowError(_)) if rows > 1 => rows /= 2,
                batch => {
                    self.next.drain(..rows);
                    return Ok(Some(batch?));
                }
            }
        }
        Ok(None)
    }

    fn gather(&self, places: &[(usize, usize)]) -> Result<RecordBatch, ArrowError> {
        let columns = self.columns.iter().map(|column| column.gather(places));
        let columns: Vec<ArrayRef> = columns.collect::<Result<_, ArrowError>>()?;
        let options = RecordBatchOptions::new().with_row_count(Some(places.len()));
        // Views refer to the buffers of all batches their rows are from.
        compact(&RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

/// How many rows have about so many bytes, at least one, if `rows` have `all`.
pub(super) fn rows_of(bytes: usize, all: usize, rows: usize) -> usize {
    (bytes / (all / rows.max(1)).max(1)).max(1)
}

/// Some columns of a batch, as `schema` names them.
pub(super) fn project(batch: &RecordBatch, kept: &[usize], schema: &SchemaRef) -> Result<RecordBatch, ArrowError> {
    let columns = kept.iter().map(|column| Arc::clone(batch.column(*column))).collect();
    let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
    RecordBatch::try_new_with_options(Arc::clone(schema), columns, &options)
}
