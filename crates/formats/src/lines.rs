//! Text as lines, a MiB at a time.

use crate::chunk::{CHUNK, Chunk, Span};
use crate::error::FormatError;
use crate::input::{Edge, Input};
use crate::split::Split;
use bytes::Bytes;
use object_store::ObjectStore;
use std::sync::Arc;

/// What lines are to be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LineKind {
    /// UTF-8; anything else is an error.
    #[default]
    Text,
    /// Any bytes.
    Bytes,
}

/// The lines of a split: those that start in it, without their `\n` or `\r\n`.
pub struct LineReader {
    /// None when no line is left.
    input: Option<Input>,
    kind: LineKind,
    /// Bytes read but not handed out.
    buf: Vec<u8>,
    /// How many bytes lie before `buf`.
    base: u64,
    /// How much of `buf` has been searched for line ends.
    searched: usize,
    /// The end of a line that belongs to the split before is still to come.
    skip: bool,
}

impl LineReader {
    /// Finds the start of the split; `store` must be the one the split's file is in.
    pub async fn open(store: Arc<dyn ObjectStore>, split: &Split, kind: LineKind) -> Result<LineReader, FormatError> {
        let input = Input::open(store, split, Edge::Line).await?;
        let skip = input.as_ref().is_some_and(Input::mid);
        Ok(LineReader { input, kind, buf: Vec::new(), base: 0, searched: 0, skip })
    }

    /// The next lines, None after the last.
    pub async fn next_chunk(&mut self) -> Result<Option<Chunk>, FormatError> {
        let mut spans = Vec::new();
        // Start of the line whose end is looked for.
        let mut start = 0;
        while let Some(input) = &mut self.input {
            let want = CHUNK.saturating_sub(self.buf.len()).max(CHUNK / 4);
            let more = input.fill(&mut self.buf, want).await?;
            let limit = input.limit().unwrap_or(u64::MAX);
            if self.skip {
                let end = memchr::memchr(b'\n', &self.buf);
                let skipped = end.map_or(self.buf.len(), |end| end + 1);
                self.buf.drain(..skipped);
                self.base += skipped as u64;
                self.skip = end.is_none();
            }
            start =
                split_lines(&self.buf, self.searched, start, limit.saturating_sub(self.base), &mut spans).ok_or_else(
                    || FormatError::TooLong { path: input.path(), place: input.place(self.base + start as u64) },
                )?;
            self.searched = self.buf.len();
            let over = self.base + start as u64 >= limit;
            if !more && !over && start < self.buf.len() {
                spans.push(Span { start: start as u32, end: self.buf.len() as u32 });
                start = self.buf.len();
            }
            let full = self.buf.len() >= CHUNK && !spans.is_empty();
            if full || over || !more {
                let chunk = self.emit(spans, start)?;
                if over || !more {
                    self.input = None;
                }
                return Ok(chunk);
            }
        }
        Ok(None)
    }

    /// Hands out `buf` up to `upto`.
    fn emit(&mut self, spans: Vec<Span>, upto: usize) -> Result<Option<Chunk>, FormatError> {
        let Some(input) = self.input.as_ref().filter(|_| !spans.is_empty()) else { return Ok(None) };
        let mut rest = Vec::with_capacity(self.buf.len() - upto + CHUNK);
        rest.extend_from_slice(&self.buf[upto..]);
        self.buf.truncate(upto);
        let bytes = std::mem::replace(&mut self.buf, rest);
        self.searched = self.buf.len();
        if self.kind == LineKind::Text
            && let Err(e) = std::str::from_utf8(&bytes)
        {
            let line = memchr::memrchr(b'\n', &bytes[..e.valid_up_to()]).map_or(0, |i| i + 1);
            return Err(FormatError::NotUtf8 { path: input.path(), place: input.place(self.base + line as u64) });
        }
        let place = input.place(self.base);
        self.base += upto as u64;
        Ok(Some(Chunk { bytes: Bytes::from(bytes), spans, text: self.kind == LineKind::Text, place }))
    }
}

/// Adds the lines that end in `buf[from..]` and start before `limit`; the first starts at `start`. Returns where the
/// line after the last one starts; None if a line is too long for a span.
fn split_lines(buf: &[u8], from: usize, mut start: usize, limit: u64, spans: &mut Vec<Span>) -> Option<usize> {
    if buf.len() > u32::MAX as usize {
        return None;
    }
    for i in memchr::memchr_iter(b'\n', &buf[from..]) {
        if start as u64 >= limit {
            break;
        }
        let at = from + i;
        let end = if at > start && buf[at - 1] == b'\r' { at - 1 } else { at };
        spans.push(Span { start: start as u32, end: end as u32 });
        start = at + 1;
    }
    Some(start)
}
