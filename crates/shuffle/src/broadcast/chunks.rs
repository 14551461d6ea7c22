//! Where a value is cut, and the digests by which its chunks are checked.

use serde::{Deserialize, Serialize};
use std::ops::Range;

/// Bytes of every chunk but the last.
pub const CHUNK: usize = 1 << 20;

/// What a value's bytes are, without the bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Manifest {
    bytes: u64,
    digests: Vec<[u8; 32]>,
}

impl Manifest {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let digests = bytes.chunks(CHUNK).map(|chunk| *blake3::hash(chunk).as_bytes()).collect();
        Self { bytes: bytes.len() as u64, digests }
    }

    /// Whether it has a digest for every chunk; one that was sent might not.
    pub(crate) fn is_sound(&self) -> bool {
        usize::try_from(self.bytes).is_ok_and(|bytes| bytes.div_ceil(CHUNK) == self.digests.len())
    }

    /// Bytes of the value.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes as usize
    }

    /// Number of chunks.
    pub(crate) fn chunks(&self) -> usize {
        self.digests.len()
    }

    /// Where a chunk lies; empty for one that is not there.
    pub(crate) fn range(&self, chunk: usize) -> Range<usize> {
        let end = |chunk: usize| chunk.saturating_mul(CHUNK).min(self.bytes());
        end(chunk)..end(chunk.saturating_add(1))
    }

    /// Whether these are the chunk's bytes.
    pub(crate) fn check(&self, chunk: usize, bytes: &[u8]) -> bool {
        self.digests.get(chunk).is_some_and(|digest| blake3::hash(bytes) == *digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_cover_the_value_and_know_their_bytes() {
        let value: Vec<u8> = (0..2 * CHUNK + 5).map(|i| (i % 251) as u8).collect();
        let manifest = Manifest::of(&value);
        assert_eq!((manifest.chunks(), manifest.bytes()), (3, value.len()));
        assert!(manifest.is_sound());
        let mut end = 0;
        for chunk in 0..3 {
            let range = manifest.range(chunk);
            assert_eq!(range.start, end);
            end = range.end;
            assert!(manifest.check(chunk, &value[range.clone()]));
            let mut damaged = value[range.clone()].to_vec();
            damaged[1] ^= 1;
            assert!(!manifest.check(chunk, &damaged));
            assert!(!manifest.check(chunk, &value[range.start..range.end - 1]));
        }
        assert_eq!(end, value.len());
        assert!(manifest.range(3).is_empty() && !manifest.check(3, &[]));
        assert!(!Manifest { bytes: 1, digests: vec![] }.is_sound());
    }

    #[test]
    fn an_empty_value_has_no_chunks() {
        let manifest = Manifest::of(&[]);
        assert_eq!((manifest.chunks(), manifest.bytes()), (0, 0));
        assert!(manifest.is_sound());
    }
}
