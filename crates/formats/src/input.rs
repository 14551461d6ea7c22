//! The bytes in which a split's records lie, unpacked if need be, and which records are its own.

use crate::codec::Codec;
use crate::error::{FormatError, Place};
use crate::source::Source;
use crate::split::Split;
use crate::unpack::Unpacker;
use object_store::ObjectStore;
use std::sync::Arc;

/// Which records belong to a split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Edge {
    /// Lines that start in it. Only the byte before a border tells whether a line starts at the border. In a plain file
    /// that byte is read; in a compressed one it is at the end of another split's member, so there a line that starts
    /// with a split's first member belongs to the split before.
    Line,
    /// Records that start in it.
    Record,
    /// Its borders are borders of records.
    Exact,
}

enum Bytes {
    Plain(Source),
    Packed(Box<Unpacker>),
}

pub(crate) struct Input {
    bytes: Bytes,
    edge: Edge,
    path: String,
    /// Where the first byte lies in the file.
    start: u64,
    /// For a plain file: how many bytes from `start` on records of this split start in.
    own: u64,
    /// The length of a plain file.
    len: Option<u64>,
    mid: bool,
}

impl Input {
    /// None if nothing can start in the split.
    pub(crate) async fn open(
        store: Arc<dyn ObjectStore>,
        split: &Split,
        edge: Edge,
    ) -> Result<Option<Input>, FormatError> {
        let object = split.object(store);
        let path = object.name();
        let range = split.range.start..split.range.end.min(split.file_len);
        if range.start >= range.end {
            return Ok(None);
        }
        let mid = range.start > 0 && edge != Edge::Exact;
        if split.codec == Codec::Plain {
            let start = if mid && edge == Edge::Line { range.start - 1 } else { range.start };
            let own = range.end - start;
            let bytes = Bytes::Plain(Source::new(object, start, range.end));
            return Ok(Some(Input { bytes, edge, path, start, own, len: Some(split.file_len), mid }));
        }
        let Some(unpacker) = Unpacker::open(object, split.codec, range).await? else { return Ok(None) };
        let start = unpacker.start();
        Ok(Some(Input { bytes: Bytes::Packed(Box::new(unpacker)), edge, path, start, own: 0, len: None, mid }))
    }

    /// Appends at most about `want` bytes. Returns false at the end of the file; an `Exact` input ends with the split.
    pub(crate) async fn fill(&mut self, out: &mut Vec<u8>, want: usize) -> Result<bool, FormatError> {
        match &mut self.bytes {
            Bytes::Plain(source) => {
                let left = (self.start + self.own).saturating_sub(source.pos());
                let want = if self.edge == Edge::Exact { want.min(left as usize) } else { want };
                Ok(source.fill(out, want).await? > 0)
            }
            Bytes::Packed(unpacker) => {
                if self.edge == Edge::Exact && unpacker.own().is_some() {
                    return Ok(false);
                }
                unpacker.fill(out, want).await
            }
        }
    }

    /// Records that start before this many bytes are the split's own. None while all that have been read are.
    pub(crate) fn limit(&self) -> Option<u64> {
        match &self.bytes {
            Bytes::Plain(_) => Some(self.own),
            Bytes::Packed(unpacker) => unpacker.own().map(|own| own + u64::from(self.edge == Edge::Line)),
        }
    }

    /// Whether the first bytes may belong to a record that started before.
    pub(crate) fn mid(&self) -> bool {
        self.mid
    }

    /// How many bytes there are altogether, if that is known.
    pub(crate) fn total(&self) -> Option<u64> {
        self.len.map(|len| len - self.start)
    }

    pub(crate) fn path(&self) -> String {
        self.path.clone()
    }

    /// The place of the byte that `offset` bytes lie before.
    pub(crate) fn place(&self, offset: u64) -> Place {
        match self.bytes {
            Bytes::Plain(_) => Place { unpacked_from: None, offset: self.start + offset },
            Bytes::Packed(_) => Place { unpacked_from: Some(self.start), offset },
        }
    }
}
