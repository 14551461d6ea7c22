//! RecordIO, the framing of event streams: `LENGTH '\n' RECORD LENGTH '\n' RECORD …`, the length in decimal digits.
//!
//! Pure: bytes go in as they arrive, records come out. Memory grows with what has arrived, never with what was
//! announced, and a length above the limit is an error before any of the record is kept.

use bytes::{Buf, Bytes, BytesMut};

/// The records of real clusters stay far below: a thousand offers are about two megabytes.
pub const DEFAULT_LIMIT: usize = 128 << 20;

/// More digits than any length that fits 64 bits.
const MAX_DIGITS: usize = 20;

/// Why bytes are not a sequence of records.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// The length is not a line of digits.
    #[error("a record's length should be digits and a newline, not {found:?}")]
    BadLength {
        /// The start of what is there.
        found: String,
    },
    /// The length is above the decoder's limit.
    #[error("a record of {length} bytes is above the limit of {limit}")]
    TooLong {
        /// As announced.
        length: u64,
        /// As allowed.
        limit: usize,
    },
    /// The bytes end within a record or its length.
    #[error("the stream ends within a record, {missing}")]
    Truncated {
        /// What is not there.
        missing: String,
    },
}

/// Finds records in bytes that arrive in pieces of any size.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
    buffer: BytesMut,
    /// The length of the record whose bytes are awaited.
    length: Option<usize>,
    /// The error found, repeated from then on: behind it, nothing can be told apart.
    failed: Option<RecordError>,
}

impl Default for Decoder {
    fn default() -> Self {
        Self::new(DEFAULT_LIMIT)
    }
}

impl Decoder {
    /// Refuses records longer than `limit`.
    pub fn new(limit: usize) -> Self {
        Self { limit, buffer: BytesMut::new(), length: None, failed: None }
    }

    /// Takes the next bytes of the stream.
    pub fn push(&mut self, bytes: &[u8]) {
        if self.failed.is_none() {
            self.buffer.extend_from_slice(bytes);
        }
    }

    /// The next whole record; none if more bytes are needed.
    pub fn next_record(&mut self) -> Result<Option<Bytes>, RecordError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.advance().inspect_err(|error| {
            self.failed = Some(error.clone());
            self.buffer = BytesMut::new();
        })
    }

    /// Checks that the stream may end here.
    pub fn finish(&self) -> Result<(), RecordError> {
        let missing = match (self.length, &self.failed) {
            (_, Some(error)) => return Err(error.clone()),
            (Some(length), None) => format!("{} of its {length} bytes short", length - self.buffer.len().min(length)),
            (None, None) if self.buffer.is_empty() => return Ok(()),
            (None, None) => "before the end of its length".to_string(),
        };
        Err(RecordError::Truncated { missing })
    }

    fn advance(&mut self) -> Result<Option<Bytes>, RecordError> {
        let length = match self.length {
            Some(length) => length,
            None => match self.read_length()? {
                Some(length) => length,
                None => return Ok(None),
            },
        };
        if self.buffer.len() < length {
            self.length = Some(length);
            return Ok(None);
        }
        self.length = None;
        Ok(Some(self.buffer.split_to(length).freeze()))
    }

    fn read_length(&mut self) -> Result<Option<usize>, RecordError> {
        let head = &self.buffer[..self.buffer.len().min(MAX_DIGITS + 1)];
        let digits = head.iter().take_while(|b| b.is_ascii_digit()).count();
        let ended = match head.get(digits) {
            Some(b'\n') if digits > 0 => true,
            None if digits <= MAX_DIGITS => false,
            _ => return Err(RecordError::BadLength { found: String::from_utf8_lossy(head).into_owned() }),
        };
        if !ended {
            return Ok(None);
        }
        let value = head[..digits].iter().try_fold(0u64, |value, digit| {
            value.checked_mul(10).and_then(|value| value.checked_add(u64::from(digit - b'0')))
        });
        let value = value.unwrap_or(u64::MAX);
        self.buffer.advance(digits + 1);
        match usize::try_from(value) {
            Ok(length) if length <= self.limit => Ok(Some(length)),
            _ => Err(RecordError::TooLong { length: value, limit: self.limit }),
        }
    }
}

/// A record with its length before it.
pub fn encode(record: &[u8]) -> Vec<u8> {
    let mut out = format!("{}\n", record.len()).into_bytes();
    out.extend_from_slice(record);
    out
}
