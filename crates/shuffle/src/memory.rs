//! Memory accounting: the budget the executor lends, a reservation that gives back what it holds when dropped, and
//! how many bytes a batch really needs.

use arrow::array::{Array, ArrayData, ArrayRef, AsArray, RecordBatch};
use arrow::datatypes::DataType;
use parking_lot::Mutex;
use std::sync::Arc;

/// Where the bytes come from. The executor adapts its memory pool to this; tests use [`FixedBudget`].
pub trait MemoryBudget: Send + Sync {
    /// Takes `bytes` if they are there. Never blocks.
    fn try_grow(&self, bytes: usize) -> bool;
    /// Gives back `bytes` that an earlier `try_grow` took.
    fn shrink(&self, bytes: usize);
}

/// Grants everything.
#[derive(Debug, Default, Clone, Copy)]
pub struct Unlimited;

impl MemoryBudget for Unlimited {
    fn try_grow(&self, _bytes: usize) -> bool {
        true
    }
    fn shrink(&self, _bytes: usize) {}
}

/// A fixed number of bytes.
#[derive(Debug)]
pub struct FixedBudget {
    limit: usize,
    used: Mutex<usize>,
}

impl FixedBudget {
    /// A budget of `limit` bytes.
    pub fn new(limit: usize) -> Self {
        FixedBudget { limit, used: Mutex::new(0) }
    }
    /// Bytes taken and not yet given back.
    pub fn used(&self) -> usize {
        *self.used.lock()
    }
}

impl MemoryBudget for FixedBudget {
    fn try_grow(&self, bytes: usize) -> bool {
        let mut used = self.used.lock();
        let fits = used.saturating_add(bytes) <= self.limit;
        if fits {
            *used += bytes;
        }
        fits
    }
    fn shrink(&self, bytes: usize) {
        let mut used = self.used.lock();
        *used = used.saturating_sub(bytes);
    }
}

/// Bytes taken from a budget; dropping it gives them back.
pub(crate) struct Reservation {
    budget: Arc<dyn MemoryBudget>,
    bytes: usize,
}

impl Reservation {
    pub(crate) fn new(budget: Arc<dyn MemoryBudget>) -> Self {
        Reservation { budget, bytes: 0 }
    }
    pub(crate) fn try_grow(&mut self, bytes: usize) -> bool {
        let ok = bytes == 0 || self.budget.try_grow(bytes);
        if ok {
            self.bytes += bytes;
        }
        ok
    }
    /// Gives back all but `bytes`; does nothing when less is held.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        if self.bytes > bytes {
            self.budget.shrink(self.bytes - bytes);
            self.bytes = bytes;
        }
    }
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
    /// Moves everything held into a new reservation, which then answers for it.
    pub(crate) fn take(&mut self) -> Reservation {
        let bytes = std::mem::take(&mut self.bytes);
        Reservation { budget: Arc::clone(&self.budget), bytes }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.budget.shrink(self.bytes);
        }
    }
}

/// Bytes the rows of a batch need. A slice counts only its own rows: a stream of 8192-row slices of one large batch
/// must not be charged the large batch each time.
pub fn batch_bytes(batch: &RecordBatch) -> usize {
    batch.columns().iter().map(array_bytes).sum::<usize>().max(1)
}

fn array_bytes(array: &ArrayRef) -> usize {
    match array.data_type() {
        DataType::Utf8View => array.len() * 16 + array.as_string_view().total_buffer_bytes_used() + array.len() / 8,
        DataType::BinaryView => array.len() * 16 + array.as_binary_view().total_buffer_bytes_used() + array.len() / 8,
        t if t.is_primitive() => {
            array.len() * t.primitive_width().unwrap_or(8) + array.nulls().map_or(0, |_| array.len() / 8)
        }
        _ => data_bytes(&array.to_data()),
    }
}

fn data_bytes(data: &ArrayData) -> usize {
    // Some layouts have no slice size; charging the whole buffers is then the safe side.
    data.get_slice_memory_size().unwrap_or_else(|_| data.get_buffer_memory_size())
}

/// Whether keeping this batch as it is would keep much more memory alive than its rows need.
pub(crate) fn drags_memory(batch: &RecordBatch, needed: usize) -> bool {
    let held: usize = batch.columns().iter().map(|c| c.get_buffer_memory_size()).sum();
    held > needed.saturating_mul(2).saturating_add(4096)
}
