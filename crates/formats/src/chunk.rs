//! Many records in one buffer: no allocation per record on the way to the caller.

use crate::error::Place;
use bytes::Bytes;
use std::ops::Range;

/// About as many bytes are handed out at a time.
pub(crate) const CHUNK: usize = 1 << 20;

/// Where a record lies in its chunk's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its first byte.
    pub start: u32,
    /// Behind its last byte.
    pub end: u32,
}

impl Span {
    fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// Consecutive records: about a MiB of them, or a single larger one.
#[derive(Debug, Clone)]
pub struct Chunk {
    pub(crate) bytes: Bytes,
    pub(crate) spans: Vec<Span>,
    pub(crate) text: bool,
    /// Of the buffer's first byte.
    pub(crate) place: Place,
}

impl Chunk {
    /// How many records.
    pub fn len(&self) -> usize {
        self.spans.len()
    }

    /// Whether there are none. Readers hand out no such chunk.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The buffer: records with whatever stands between them.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// Where the records lie in the buffer, in order.
    pub fn spans(&self) -> &[Span] {
        &self.spans
    }

    /// A record; empty if there is no such record.
    pub fn record(&self, i: usize) -> &[u8] {
        self.spans.get(i).map_or(&[], |span| &self.bytes[span.range()])
    }

    /// All records.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        self.spans.iter().map(|span| &self.bytes[span.range()])
    }

    /// All records as text. None if the reader was not asked for text.
    pub fn strs(&self) -> Option<impl ExactSizeIterator<Item = &str>> {
        let bytes: &[u8] = &self.bytes;
        // SAFETY: a reader sets `text` only after it has validated the whole buffer, and its spans end at ASCII bytes.
        self.text.then(|| self.spans.iter().map(|span| unsafe { std::str::from_utf8_unchecked(&bytes[span.range()]) }))
    }

    /// Where a record starts in its file.
    pub fn place(&self, i: usize) -> Place {
        let within = self.spans.get(i).map_or(self.bytes.len() as u64, |span| u64::from(span.start));
        Place { offset: self.place.offset + within, ..self.place }
    }
}
