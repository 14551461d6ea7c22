//! TFRecord files: length, its checksum, data, its checksum.
//!
//! ```text
//! length   u64, little endian
//! crc      u32, masked CRC32C of the 8 bytes of the length
//! data     length bytes
//! crc      u32, masked CRC32C of the data
//! ```
//! A split that starts inside the file looks for the first place whose length and checksum agree. Data can hold such
//! places too (a TFRecord file as a record), so the split before, which knows where its last record ends, makes sure
//! that none lies in what that record has of the next split.

use crate::chunk::{CHUNK, Chunk, Span};
use crate::error::FormatError;
use crate::input::{Edge, Input};
use crate::split::Split;
use bytes::Bytes;
use object_store::ObjectStore;
use std::sync::Arc;

const HEAD: usize = 12;
const AROUND: u64 = HEAD as u64 + 4;
/// No record is taken to be longer where the size of the file is not known.
const LONGEST: u64 = 1 << 40;

/// The checksum as it is stored: rotated and shifted, so that checksums of data with checksums stay good.
pub(crate) fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The head of a record.
pub(crate) fn head(len: u64) -> [u8; HEAD] {
    let mut head = [0; HEAD];
    head[..8].copy_from_slice(&len.to_le_bytes());
    let crc = masked(&head[..8]);
    head[8..].copy_from_slice(&crc.to_le_bytes());
    head
}

/// The length of the data, if a record can start here that is not longer than `longest` with all around it.
fn parse(bytes: &[u8], longest: u64) -> Option<u64> {
    let bytes = bytes.first_chunk::<HEAD>()?;
    let len = u64::from_le_bytes(*bytes.first_chunk::<8>()?);
    (len.saturating_add(AROUND) <= longest && head(len) == *bytes).then_some(len)
}

/// The records of a split: those that start in it.
pub struct TfRecordReader {
    input: Option<Input>,
    buf: Vec<u8>,
    /// How many bytes lie before `buf`.
    base: u64,
    search: bool,
}

impl TfRecordReader {
    /// Finds the start of the split.
    pub async fn open(store: Arc<dyn ObjectStore>, split: &Split) -> Result<TfRecordReader, FormatError> {
        let input = Input::open(store, split, Edge::Record).await?;
        let search = input.as_ref().is_some_and(Input::mid);
        Ok(TfRecordReader { input, buf: Vec::new(), base: 0, search })
    }

    /// The next records, None after the last.
    pub async fn next_chunk(&mut self) -> Result<Option<Chunk>, FormatError> {
        let mut spans = Vec::new();
        let mut start = 0;
        let mut ended = false;
        while let Some(input) = &mut self.input {
            if self.search {
                let found = search(&self.buf, self.base, 0, self.buf.len(), longest(input));
                let past = found.unwrap_or(self.buf.len().saturating_sub(HEAD - 1));
                self.buf.drain(..past);
                self.base += past as u64;
                self.search = found.is_none();
            }
            let limit = input.limit().unwrap_or(u64::MAX);
            let at = self.base + start as u64;
            let rest = &self.buf[start..];
            if at >= limit || ended && (rest.is_empty() || self.search) {
                if at >= limit && !self.search {
                    if rest.len() < HEAD && !ended {
                        ended = !input.fill(&mut self.buf, HEAD).await?;
                        continue;
                    }
                    // If the next split's first head were damaged, it would look on behind it and nobody would read it.
                    if !rest.is_empty() && parse(rest, longest(input)(at)).is_none() {
                        return Err(bad_head(input, at));
                    }
                }
                return Ok(self.emit(spans, start, true));
            }
            let record = if self.search || rest.len() < HEAD {
                None
            } else {
                Some(parse(rest, longest(input)(at)).ok_or_else(|| bad_head(input, at))?)
            };
            if let Some(len) = record.filter(|&len| rest.len() as u64 >= len + AROUND) {
                let data = HEAD + len as usize;
                let end = start + data + 4;
                if end > u32::MAX as usize {
                    return Err(FormatError::TooLong { path: input.path(), place: input.place(at) });
                }
                if rest[data..data + 4] != masked(&rest[HEAD..data]).to_le_bytes() {
                    return Err(corrupt(input, at, "the checksum of the record's data does not fit"));
                }
                if self.base + end as u64 > limit {
                    let from = (limit - self.base) as usize;
                    if let Some(i) = search(&self.buf, self.base, from, end, longest(input)) {
                        let place = input.place(self.base + i as u64);
                        return Err(FormatError::FalseStart { path: input.path(), place });
                    }
                }
                spans.push(Span { start: (start + HEAD) as u32, end: (end - 4) as u32 });
                start = end;
                if start >= CHUNK {
                    return Ok(self.emit(spans, start, false));
                }
                continue;
            }
            if ended {
                let place = input.place(at);
                return Err(FormatError::Truncated { path: input.path(), what: "record", place });
            }
            ended = !input.fill(&mut self.buf, CHUNK).await?;
        }
        Ok(None)
    }

    fn emit(&mut self, spans: Vec<Span>, upto: usize, last: bool) -> Option<Chunk> {
        let input = self.input.as_ref()?;
        let place = input.place(self.base);
        if last {
            self.input = None;
        }
        let rest = self.buf.split_off(upto);
        let bytes = std::mem::replace(&mut self.buf, rest);
        self.base += upto as u64;
        (!spans.is_empty()).then(|| Chunk { bytes: Bytes::from(bytes), spans, text: false, place })
    }
}

/// How long a record can be that starts after so many bytes.
fn longest(input: &Input) -> impl Fn(u64) -> u64 + use<> {
    let total = input.total();
    move |at| total.map_or(LONGEST, |total| total.saturating_sub(at))
}

/// The first place in `buf[from..upto]` where a record may start.
fn search(buf: &[u8], base: u64, from: usize, upto: usize, longest: impl Fn(u64) -> u64) -> Option<usize> {
    (from..upto).find(|&i| parse(&buf[i..], longest(base + i as u64)).is_some())
}

fn bad_head(input: &Input, at: u64) -> FormatError {
    corrupt(input, at, "no record starts there, or the checksum of its length does not fit")
}

fn corrupt(input: &Input, at: u64, detail: &str) -> FormatError {
    FormatError::Corrupt { path: input.path(), place: input.place(at), detail: detail.into() }
}
