//! Scattered rows to dense batches.
//!
//! A writer gets a batch and, for each bucket, the rows that go there. The input batches are kept, each bucket only
//! notes (batch, row) pairs, and after a few megabytes every bucket is gathered with arrow's `interleave`: each value is
//! copied into an array of exactly the right size while its batch is still in the processor's cache. (Waiting for more
//! makes larger pieces but costs more than merging small ones: measured, half the speed at 32 MB. One `BatchCoalescer`
//! per bucket is as fast, but reserves a full target batch for each bucket from the first row on.)

use crate::encode::compact;
use crate::error::StoreError;
use arrow::array::{Array, RecordBatch, RecordBatchOptions};
use arrow::compute::interleave;
use arrow::datatypes::SchemaRef;
use arrow::error::ArrowError;
use std::sync::Arc;

/// Input batches that wait, and which of their rows each bucket wants, in order.
pub(crate) struct Pending {
    schema: SchemaRef,
    batches: Vec<RecordBatch>,
    rows: Vec<Vec<(u32, u32)>>,
    input_rows: usize,
    bytes: usize,
}

impl Pending {
    pub(crate) fn new(schema: SchemaRef, buckets: usize) -> Pending {
        Pending { schema, batches: Vec::new(), rows: vec![Vec::new(); buckets], input_rows: 0, bytes: 0 }
    }

    pub(crate) fn batches(&self) -> usize {
        self.batches.len()
    }
    /// Rows of the batches that wait.
    pub(crate) fn input_rows(&self) -> usize {
        self.input_rows
    }
    /// Bytes of the batches that wait.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
    pub(crate) fn has_rows(&self, bucket: usize) -> bool {
        !self.rows[bucket].is_empty()
    }

    /// Whether `batch` is the one admitted last: a caller scatters one batch with one call per bucket.
    pub(crate) fn is_last(&self, batch: &RecordBatch) -> bool {
        self.batches.last().is_some_and(|last| {
            last.num_rows() == batch.num_rows()
                && last.columns().iter().zip(batch.columns()).all(|(a, b)| Arc::ptr_eq(a, b))
        })
    }

    pub(crate) fn admit(&mut self, batch: RecordBatch, bytes: usize) {
        self.input_rows += batch.num_rows();
        self.batches.push(batch);
        self.bytes += bytes;
    }

    /// Notes rows of the batch admitted last.
    pub(crate) fn note(&mut self, bucket: usize, rows: impl Iterator<Item = u32>) {
        let batch = self.batches.len().saturating_sub(1) as u32;
        self.rows[bucket].extend(rows.map(|row| (batch, row)));
    }

    /// Gives the rows of each bucket, in bucket order, as batches of at most `target` rows. Nothing waits afterwards, also
    /// after an error.
    pub(crate) fn drain(&mut self, target: usize, sink: &mut dyn Sink) -> Result<(), StoreError> {
        let batches = std::mem::take(&mut self.batches);
        (self.bytes, self.input_rows) = (0, 0);
        let columns: Vec<Vec<&dyn Array>> = (0..self.schema.fields().len())
            .map(|c| batches.iter().map(|b| b.column(c).as_ref() as &dyn Array).collect())
            .collect();
        let mut result = Ok(());
        for (bucket, rows) in self.rows.iter_mut().enumerate() {
            if result.is_ok() {
                result =
                    sink.begin(bucket).and_then(|()| drain_bucket(&self.schema, &columns, bucket, rows, target, sink));
            }
            rows.clear();
        }
        result
    }
}

/// Takes the buckets in order, each announced before its batches.
pub(crate) trait Sink {
    fn begin(&mut self, _bucket: usize) -> Result<(), StoreError> {
        Ok(())
    }
    fn take(&mut self, bucket: usize, batch: RecordBatch) -> Result<(), StoreError>;
}

fn drain_bucket(
    schema: &SchemaRef,
    columns: &[Vec<&dyn Array>],
    bucket: usize,
    rows: &[(u32, u32)],
    target: usize,
    sink: &mut dyn Sink,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    // Even parts: 8500 rows are better as two batches of 4250 than as one of 8192 and a crumb.
    let parts = rows.len().div_ceil(target.max(1));
    let mut at: Vec<(usize, usize)> = Vec::new();
    for part in rows.chunks(rows.len().div_ceil(parts)) {
        at.clear();
        at.extend(part.iter().map(|&(b, r)| (b as usize, r as usize)));
        match gather(schema, columns, &at) {
            Ok(batch) => sink.take(bucket, batch)?,
            // Dictionaries of several batches may together need more keys than their key type has. The rows of one
            // batch always fit.
            Err(_) if at.first().map(|r| r.0) != at.last().map(|r| r.0) => {
                for run in at.chunk_by(|a, b| a.0 == b.0) {
                    let Some(&(source, _)) = run.first() else { continue };
                    let single: Vec<Vec<&dyn Array>> = columns.iter().map(|c| vec![c[source]]).collect();
                    let run: Vec<(usize, usize)> = run.iter().map(|&(_, row)| (0, row)).collect();
                    sink.take(bucket, gather(schema, &single, &run)?)?;
                }
            }
            Err(e) => return Err(e.into()),
        }
    }
    Ok(())
}

/// The place of the first row, if the rows follow each other in one batch.
fn sequence(rows: &[(usize, usize)]) -> Option<(usize, usize)> {
    let &(batch, first) = rows.first()?;
    rows.iter().enumerate().all(|(at, row)| *row == (batch, first + at)).then_some((batch, first))
}

fn gather(schema: &SchemaRef, columns: &[Vec<&dyn Array>], rows: &[(usize, usize)]) -> Result<RecordBatch, ArrowError> {
    let column = |column: &Vec<&dyn Array>| {
        let gathered = interleave(column, rows)?;
        // Lists of fixed size 0 have no values to count, and arrow loses their number.
        let lost = gathered.len() != rows.len();
        Ok(sequence(rows).filter(|_| lost).map_or(gathered, |(batch, row)| column[batch].slice(row, rows.len())))
    };
    let arrays = columns.iter().map(column).collect::<Result<_, ArrowError>>()?;
    let options = RecordBatchOptions::new().with_row_count(Some(rows.len()));
    // `interleave` keeps the buffers of view columns: without this the input batches would stay alive whole.
    compact(&RecordBatch::try_new_with_options(Arc::clone(schema), arrays, &options)?)
}
