//! What a finished task left behind.

use serde::{Deserialize, Serialize};

/// Size of one bucket of a map output.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BucketSize {
    /// Rows in the bucket.
    pub rows: u64,
    /// Bytes of the bucket as stored (encoded on disk, or the arrays' memory in the memory tier).
    pub bytes: u64,
}

/// The output of one task: one block list per bucket of the stage's partitioning.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MapOutput {
    /// Per bucket, in bucket order.
    pub buckets: Vec<BucketSize>,
    /// Bytes written to disk before the end because memory was short.
    pub spilled_bytes: u64,
}

impl MapOutput {
    /// Rows in all buckets.
    pub fn rows(&self) -> u64 {
        self.buckets.iter().map(|b| b.rows).sum()
    }
    /// Stored bytes in all buckets.
    pub fn bytes(&self) -> u64 {
        self.buckets.iter().map(|b| b.bytes).sum()
    }
}
