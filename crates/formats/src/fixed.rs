//! Records that all have the same length.

use crate::chunk::{CHUNK, Chunk, Span};
use crate::error::FormatError;
use crate::input::{Edge, Input};
use crate::split::Split;
use bytes::Bytes;
use object_store::ObjectStore;
use std::sync::Arc;

/// The records of a split that `plan_fixed_splits` made.
pub struct FixedReader {
    input: Option<Input>,
    record: usize,
    buf: Vec<u8>,
    base: u64,
}

impl FixedReader {
    /// Opens the split for records of `record` bytes.
    pub async fn open(store: Arc<dyn ObjectStore>, split: &Split, record: u64) -> Result<FixedReader, FormatError> {
        let length = usize::try_from(record).ok().filter(|&n| n > 0 && n < u32::MAX as usize - CHUNK);
        let Some(length) = length else {
            return Err(FormatError::Invalid("the length of a record must be between 1 byte and 4 GiB"));
        };
        let input = Input::open(store, split, Edge::Exact).await?;
        Ok(FixedReader { input, record: length, buf: Vec::new(), base: 0 })
    }

    /// The next records, None after the last.
    pub async fn next_chunk(&mut self) -> Result<Option<Chunk>, FormatError> {
        let target = CHUNK.max(self.record);
        while let Some(input) = &mut self.input {
            let want = target.saturating_sub(self.buf.len()).max(1);
            let more = input.fill(&mut self.buf, want).await?;
            if more && self.buf.len() < target {
                continue;
            }
            let whole = self.buf.len() - self.buf.len() % self.record;
            if !more && whole < self.buf.len() {
                let size = self.base + self.buf.len() as u64;
                return Err(FormatError::NotWhole { path: input.path(), size, record: self.record as u64 });
            }
            let place = input.place(self.base);
            if !more {
                self.input = None;
            }
            if whole == 0 {
                continue;
            }
            let rest = self.buf.split_off(whole);
            let bytes = std::mem::replace(&mut self.buf, rest);
            self.base += whole as u64;
            let spans = (0..whole as u32).step_by(self.record);
            let spans = spans.map(|start| Span { start, end: start + self.record as u32 }).collect();
            return Ok(Some(Chunk { bytes: Bytes::from(bytes), spans, text: false, place }));
        }
        Ok(None)
    }
}
