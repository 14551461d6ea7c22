//! The frame: the one unit of both the file and the wire, so that a file's bytes can be sent without being understood.
//!
//! ```text
//! offset  0     4     8      12        16         20
//!         kind  len   rows   body crc  head crc   body (len bytes) …      all little endian
//! ```
//! The head has its own checksum: a damaged length must be noticed before memory is allocated or bytes are awaited
//! by it.

use std::fmt;

/// Bytes of a frame's head.
pub(crate) const HEAD: usize = 20;

/// What a frame's body is. The numbers are part of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// An encapsulated Arrow IPC schema message; holds for the blocks after it.
    Schema,
    /// One record batch; `rows` is its row count.
    Block,
    /// The index at the end of a file (see `index.rs`).
    Index,
    /// Wire: the answer for one requested map output begins (see `wire.rs`).
    Answer,
    /// Wire: the blocks of the current map output are complete.
    OutputEnd,
    /// Wire: the response is complete.
    ResponseEnd,
}

const KINDS: [(Kind, u32); 6] = [
    (Kind::Schema, 0x4d48_4353),
    (Kind::Block, 0x4b4f_4c42),
    (Kind::Index, 0x5845_4449),
    (Kind::Answer, 0x5753_4e41),
    (Kind::OutputEnd, 0x444e_454f),
    (Kind::ResponseEnd, 0x444e_4552),
];

impl Kind {
    fn code(self) -> u32 {
        KINDS.iter().find(|(k, _)| *k == self).map_or(0, |(_, c)| *c)
    }
    fn from_code(code: u32) -> Option<Kind> {
        KINDS.iter().find(|(_, c)| *c == code).map(|(k, _)| *k)
    }
}

/// Bytes that are not what was written, in words.
#[derive(Debug)]
pub(crate) struct Corrupt(pub(crate) String);

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The head of a frame.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) len: u32,
    pub(crate) rows: u32,
    pub(crate) crc: u32,
}

impl Head {
    pub(crate) fn of(kind: Kind, rows: u32, body: &[u8]) -> Head {
        Head { kind, len: body.len() as u32, rows, crc: crc32c::crc32c(body) }
    }

    pub(crate) fn to_bytes(self) -> [u8; HEAD] {
        let mut out = [0; HEAD];
        for (at, word) in [self.kind.code(), self.len, self.rows, self.crc].into_iter().enumerate() {
            out[at * 4..at * 4 + 4].copy_from_slice(&word.to_le_bytes());
        }
        let crc = crc32c::crc32c(&out[..16]);
        out[16..].copy_from_slice(&crc.to_le_bytes());
        out
    }

    pub(crate) fn parse(bytes: &[u8; HEAD]) -> Result<Head, Corrupt> {
        let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
        if word(16) != crc32c::crc32c(&bytes[..16]) {
            return Err(Corrupt("checksum of a frame head differs".into()));
        }
        let kind = Kind::from_code(word(0)).ok_or_else(|| Corrupt("unknown frame kind".into()))?;
        Ok(Head { kind, len: word(4), rows: word(8), crc: word(12) })
    }

    pub(crate) fn check(&self, body: &[u8]) -> Result<(), Corrupt> {
        if body.len() == self.len as usize && crc32c::crc32c(body) == self.crc {
            Ok(())
        } else {
            Err(Corrupt(format!("checksum of a {:?} frame of {} bytes differs", self.kind, self.len)))
        }
    }
}

/// A whole frame with a small body.
pub(crate) fn frame(kind: Kind, rows: u32, body: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD + body.len());
    out.extend_from_slice(&Head::of(kind, rows, body).to_bytes());
    out.extend_from_slice(body);
    out
}
