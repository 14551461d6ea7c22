//! One bucket of an output being written: dense batches, and a tail of small pieces that will be merged into one.
//!
//! Gathering works on a few batches at a time, while they are in the processor's cache, so with many buckets it yields
//! pieces of a hundred rows. Each is copied once more, in sequence, when a full batch of them has come.

use crate::encode::compact;
use arrow::array::RecordBatch;
use arrow::compute::concat_batches;
use arrow::error::ArrowError;

/// Batches in the order they came.
#[derive(Default)]
pub(crate) struct Bucket {
    done: Vec<RecordBatch>,
    tail: Vec<RecordBatch>,
    tail_rows: usize,
}

impl Bucket {
    /// Appends a batch. Those of at least half the `target` stay as they are, smaller ones wait to be merged.
    pub(crate) fn push(&mut self, batch: RecordBatch, target: usize) -> Result<(), ArrowError> {
        let rows = batch.num_rows();
        let large = rows * 2 >= target;
        if large || self.tail_rows + rows > target {
            self.settle()?;
        }
        if large {
            self.done.push(batch);
        } else {
            self.tail_rows += rows;
            self.tail.push(batch);
        }
        Ok(())
    }

    /// Merges the tail.
    fn settle(&mut self) -> Result<(), ArrowError> {
        self.tail_rows = 0;
        if self.tail.len() < 2 {
            self.done.append(&mut self.tail);
            return Ok(());
        }
        match concat_batches(self.tail[0].schema_ref(), &self.tail) {
            Ok(merged) => {
                self.tail.clear();
                self.done.push(compact(&merged)?);
            }
            // Dictionaries that together need more keys than their key type has: the pieces stay apart.
            Err(_) => self.done.append(&mut self.tail),
        }
        Ok(())
    }

    /// Everything, merged; the bucket is empty afterwards.
    pub(crate) fn take(&mut self) -> Result<Vec<RecordBatch>, ArrowError> {
        self.settle()?;
        Ok(std::mem::take(&mut self.done))
    }
}
