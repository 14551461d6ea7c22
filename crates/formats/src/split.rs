//! Files cut into splits: arithmetic only, no file is opened.
//!
//! A split is a range of bytes of the *stored* file. Which records are its own the reader finds out: a line or record
//! belongs to the split in which it starts, a compressed member to the split in which it starts. So ranges that lie
//! back to back give each record to exactly one split, wherever the borders are.

use crate::codec::Codec;
use crate::error::FormatError;
use crate::source::Object;
use object_store::ObjectStore;
use object_store::path::Path;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::ops::Range;
use std::sync::Arc;

/// Default size of a split of a plain file.
pub const SPLIT_SIZE: u64 = 64 << 20;
/// Default size of a split of a compressed file, which unpacks to several times that.
pub const PACKED_SPLIT_SIZE: u64 = 32 << 20;

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Its name in the store.
    #[serde(serialize_with = "path_out", deserialize_with = "path_in")]
    pub location: Path,
    /// Its length in bytes.
    pub size: u64,
}

/// A partition's piece of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Split {
    /// The store's address, for whoever opens stores. Not read here.
    pub store: String,
    /// The file's name in the store.
    #[serde(serialize_with = "path_out", deserialize_with = "path_in")]
    pub location: Path,
    /// Which of its bytes.
    pub range: Range<u64>,
    /// The length of the whole file when it was listed.
    pub file_len: u64,
    /// How it is compressed.
    pub codec: Codec,
}

impl Split {
    /// A whole file as one split.
    pub fn whole(store: &str, file: &FileEntry, codec: Option<Codec>) -> Split {
        Split {
            store: store.to_string(),
            location: file.location.clone(),
            range: 0..file.size,
            file_len: file.size,
            codec: codec.unwrap_or_else(|| Codec::of(file.location.as_ref())),
        }
    }

    pub(crate) fn object(&self, store: Arc<dyn ObjectStore>) -> Object {
        Object { store, location: self.location.clone(), len: self.file_len }
    }
}

fn path_out<S: Serializer>(path: &Path, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_str(path.as_ref())
}

fn path_in<'de, D: Deserializer<'de>>(from: D) -> Result<Path, D::Error> {
    Path::parse(String::deserialize(from)?).map_err(serde::de::Error::custom)
}

/// Splits for files in their order. Without a codec each file's suffix tells it; without a size the default for the
/// codec is taken. An empty file has no split.
pub fn plan_splits(store: &str, files: &[FileEntry], codec: Option<Codec>, split_size: Option<u64>) -> Vec<Split> {
    files.iter().flat_map(|file| plan_range(store, file, codec, 0..file.size, split_size)).collect()
}

/// Splits for some bytes of one file. Borders are at multiples of the size, so neighbouring ranges share them.
pub fn plan_range(
    store: &str,
    file: &FileEntry,
    codec: Option<Codec>,
    range: Range<u64>,
    split_size: Option<u64>,
) -> Vec<Split> {
    let whole = Split::whole(store, file, codec);
    let size = split_size.unwrap_or(if whole.codec == Codec::Plain { SPLIT_SIZE } else { PACKED_SPLIT_SIZE });
    cut(&whole, range, size.max(1))
}

/// Splits for files of records that all have the same length. Borders are between records. A compressed file is one
/// split: where its records lie is only known when all before has been unpacked.
pub fn plan_fixed_splits(
    store: &str,
    files: &[FileEntry],
    codec: Option<Codec>,
    record: u64,
    split_size: Option<u64>,
) -> Result<Vec<Split>, FormatError> {
    if record == 0 {
        return Err(FormatError::Invalid("records of 0 bytes cannot be told apart: give their length"));
    }
    let mut splits = Vec::new();
    for file in files.iter().filter(|f| f.size > 0) {
        let whole = Split::whole(store, file, codec);
        if whole.codec != Codec::Plain {
            splits.push(whole);
        } else if file.size % record != 0 {
            return Err(FormatError::NotWhole { path: file.location.to_string(), size: file.size, record });
        } else {
            let records = (split_size.unwrap_or(SPLIT_SIZE) / record).max(1);
            splits.extend(cut(&whole, 0..file.size, records.saturating_mul(record)));
        }
    }
    Ok(splits)
}

fn cut(whole: &Split, range: Range<u64>, size: u64) -> Vec<Split> {
    let end = range.end.min(whole.file_len);
    let mut start = range.start;
    let mut splits = Vec::new();
    while start < end {
        let border = (start / size).saturating_add(1).saturating_mul(size).min(end);
        splits.push(Split { range: start..border, ..whole.clone() });
        start = border;
    }
    splits
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(name: &str, size: u64) -> FileEntry {
        FileEntry { location: Path::from(name), size }
    }

    fn ranges(splits: &[Split]) -> Vec<Range<u64>> {
        splits.iter().map(|s| s.range.clone()).collect()
    }

    #[test]
    fn splits_tile_files() {
        let splits = plan_splits("file:///", &[file("a", 25), file("empty", 0), file("b.gz", 10)], None, Some(10));
        assert_eq!(ranges(&splits), [0..10, 10..20, 20..25, 0..10]);
        assert_eq!(splits[3].codec, Codec::Gzip);
        assert_eq!(plan_splits("", &[file("a", 65 << 20)], None, None).len(), 2);
        assert_eq!(plan_splits("", &[file("a.zst", 65 << 20)], None, None).len(), 3);
    }

    #[test]
    fn part_of_a_file_has_aligned_borders() {
        assert_eq!(ranges(&plan_range("", &file("a", 100), None, 7..35, Some(10))), [7..10, 10..20, 20..30, 30..35]);
        assert_eq!(ranges(&plan_range("", &file("a", 12), None, 5..50, Some(10))), [5..10, 10..12]);
        assert!(plan_range("", &file("a", 12), None, 12..50, Some(10)).is_empty());
    }

    #[test]
    fn fixed_records_are_not_cut() {
        let splits = plan_fixed_splits("", &[file("a", 21)], None, 3, Some(10)).unwrap();
        assert_eq!(ranges(&splits), [0..9, 9..18, 18..21]);
        assert_eq!(plan_fixed_splits("", &[file("a", 21)], None, 7, Some(2)).unwrap().len(), 3);
        let error = plan_fixed_splits("", &[file("dir/a", 22)], None, 3, None).unwrap_err().to_string();
        assert!(error.contains("dir/a") && error.contains("22") && error.contains('3'), "{error}");
    }

    #[test]
    fn a_split_travels() {
        let split = Split::whole("s3://b", &file("x/ä y.zst", 5), None);
        let bytes = postcard::to_stdvec(&split).unwrap();
        assert_eq!(postcard::from_bytes::<Split>(&bytes).unwrap(), split);
    }
}
