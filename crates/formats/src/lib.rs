//! Record formats: bytes of files in, records out, and back. Knows stores, but nothing of tables or queries.
//!
//! ```text
//!   list ──► split ──► input ──► lines · tfrecord · fixed · csv · whole ──► records
//!  which files  │        ▲
//!               │        ├── source             bytes of a plain file
//!               │        └── unpack ◄─ members   bytes of a compressed one
//!               │               ▲         ▲
//!               └── codec ──► starts ─────┘      where it can be split
//!
//!   records ──► write ──► pack ──► bytes         files that can be split again
//! ```
//!
//! Rooms, in the order of the data's way:
//! - `list`: folders, patterns and names to files; `split`: files to splits;
//! - `source`: reading a file in large pieces; `codec`: what each compression looks like; `members`: unpacking one
//!   member after another; `starts`: proving where a member starts; `unpack`: a split's members;
//! - `input`: both as one, and which records are a split's own; `chunk`: records side by side in a buffer;
//! - `lines`, `tfrecord`, `fixed`, `csv_read`, `whole`: the formats; `csv_split`: where CSV records start;
//! - `pack`: compression that can be split again; `write`: lines and TFRecords.
//!
//! Each record is read by exactly one split of its file. Where that cannot be made sure, reading fails with a
//! [`FormatError`] that says where and what to do; no record is ever left out or read twice in silence.

mod chunk;
mod codec;
mod csv_read;
mod csv_split;
mod error;
mod fixed;
mod input;
mod lines;
mod list;
mod members;
mod pack;
mod source;
mod split;
mod starts;
mod tfrecord;
mod unpack;
mod whole;
mod write;

pub use chunk::{Chunk, Span};
pub use codec::Codec;
pub use csv_read::{CsvChunk, CsvReader};
pub use csv_split::{CsvDialect, csv_record_starts, plan_csv_splits};
pub use error::{FormatError, Place};
pub use fixed::FixedReader;
pub use lines::{LineKind, LineReader};
pub use list::{ListOptions, list_all, list_files};
pub use pack::PackedWriter;
pub use split::{FileEntry, PACKED_SPLIT_SIZE, SPLIT_SIZE, Split, plan_fixed_splits, plan_range, plan_splits};
pub use tfrecord::TfRecordReader;
pub use whole::{WholeFile, read_whole};
pub use write::{LineWriter, TfRecordWriter};
