//! The index at the end of a file: where each bucket lies and how many rows it must yield.

use crate::frame::Corrupt;
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// One bucket's place in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct BucketEntry {
    /// Bytes of its Block frames.
    pub(crate) len: u64,
    /// Rows of all its blocks.
    pub(crate) rows: u64,
}

/// The buckets in order; they lie back to back from `start` on, so lengths are enough.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Index {
    /// Offset of the first block.
    pub(crate) start: u64,
    pub(crate) buckets: Vec<BucketEntry>,
}

/// Where a range of buckets lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Extent {
    pub(crate) start: u64,
    pub(crate) end: u64,
    pub(crate) rows: u64,
}

impl Index {
    pub(crate) fn to_bytes(&self) -> Result<Vec<u8>, postcard::Error> {
        postcard::to_stdvec(self)
    }

    /// `end` is where the blocks must end: the buckets must fill the file up to there.
    pub(crate) fn parse(body: &[u8], start: u64, end: u64) -> Result<Index, Corrupt> {
        let index: Index = postcard::from_bytes(body).map_err(|e| Corrupt(format!("index: {e}")))?;
        let mut at = Some(index.start);
        for bucket in &index.buckets {
            at = at.and_then(|at| at.checked_add(bucket.len));
        }
        if index.start != start || at != Some(end) {
            return Err(Corrupt("index does not fit the file".into()));
        }
        Ok(index)
    }

    /// The extent of some buckets; None if the range is not within the output.
    pub(crate) fn extent(&self, buckets: &Range<u32>) -> Option<Extent> {
        let before = self.buckets.get(..buckets.start as usize)?;
        let within = self.buckets.get(buckets.start as usize..buckets.end as usize)?;
        let start = self.start + before.iter().map(|b| b.len).sum::<u64>();
        let len = within.iter().map(|b| b.len).sum::<u64>();
        Some(Extent { start, end: start + len, rows: within.iter().map(|b| b.rows).sum() })
    }
}
