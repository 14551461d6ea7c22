//! What can go wrong between a file and its records: always which file, where in it, and what to do.

use std::fmt;

/// A position in a file's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Where in the file decompression began; None if the file is not compressed.
    pub unpacked_from: Option<u64>,
    /// Bytes from there on, or from the start of the file.
    pub offset: u64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.unpacked_from {
            None => write!(f, "byte {}", self.offset),
            Some(from) => write!(f, "byte {} of what unpacks from byte {from} of the file on", self.offset),
        }
    }
}

/// Why files could not be listed, split or read.
#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    /// The store refused.
    #[error("{action} {path}: {source}")]
    Store {
        /// What was being done.
        action: &'static str,
        /// To which file or folder.
        path: String,
        /// The store's answer.
        source: object_store::Error,
    },
    /// A local file could not be read.
    #[error("reading {path} at byte {offset}: {source}")]
    Io {
        /// Which file.
        path: String,
        /// Where in it.
        offset: u64,
        /// The system's answer.
        source: std::io::Error,
    },
    /// Nothing is there.
    #[error("{path} does not exist, matches nothing or is an empty folder: check the path")]
    NotFound {
        /// The path or pattern as given.
        path: String,
    },
    /// Not a path or pattern at all.
    #[error("{path} cannot be used as a path: {detail}")]
    BadPath {
        /// The path or pattern as given.
        path: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The file got shorter after its splits were planned.
    #[error("{path} ends at byte {offset} but had {expected} bytes when it was listed: list it again")]
    Shrunk {
        /// Which file.
        path: String,
        /// Its length when it was listed.
        expected: u64,
        /// Where it ends now.
        offset: u64,
    },
    /// A line is not UTF-8.
    #[error("{path}: the line at {place} is not UTF-8: read the file as bytes, or convert it")]
    NotUtf8 {
        /// Which file.
        path: String,
        /// Where the line starts.
        place: Place,
    },
    /// A line or record is larger than what is read as one piece.
    #[error("{path}: the record at {place} has more than 4 GiB: is this the right format for the file?")]
    TooLong {
        /// Which file.
        path: String,
        /// Where the record starts.
        place: Place,
    },
    /// The bytes are not what the format says.
    #[error("{path} is damaged at {place}: {detail}; restore the file or leave it out")]
    Corrupt {
        /// Which file.
        path: String,
        /// Where the damaged member or record starts.
        place: Place,
        /// What does not fit.
        detail: String,
    },
    /// The file ends within a member or a record.
    #[error("{path} ends in the middle of the {what} at {place}: it was not written to the end")]
    Truncated {
        /// Which file.
        path: String,
        /// What is incomplete.
        what: &'static str,
        /// Where it starts.
        place: Place,
    },
    /// What looks like a start of records lies within a record. Splitting here would read records twice.
    #[error("{path}: {place} looks like a start but lies within a record or member: read the file in one split")]
    FalseStart {
        /// Which file.
        path: String,
        /// Where it looks like a start.
        place: Place,
    },
    /// A file of fixed-length records has a part of a record.
    #[error(
        "{path} has {size} bytes, not a multiple of the record length {record}: wrong length or an incomplete file"
    )]
    NotWhole {
        /// Which file.
        path: String,
        /// Its size, unpacked.
        size: u64,
        /// The length of a record.
        record: u64,
    },
    /// An argument that cannot be meant.
    #[error("{0}")]
    Invalid(&'static str),
}
