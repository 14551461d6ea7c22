//! Files as single records.

use crate::chunk::CHUNK;
use crate::codec::Codec;
use crate::error::FormatError;
use crate::input::{Edge, Input};
use crate::split::{FileEntry, Split};
use bytes::Bytes;
use object_store::ObjectStore;
use object_store::path::Path;
use std::sync::Arc;

/// A file and all that is in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WholeFile {
    /// Its name in the store.
    pub location: Path,
    /// Its contents, unpacked.
    pub bytes: Bytes,
}

/// Reads a file into memory. Without a codec its suffix tells it; `Codec::Plain` leaves the bytes as they are.
pub async fn read_whole(
    store: Arc<dyn ObjectStore>,
    file: &FileEntry,
    codec: Option<Codec>,
) -> Result<WholeFile, FormatError> {
    let split = Split::whole("", file, codec);
    let mut bytes = Vec::new();
    if let Some(mut input) = Input::open(store, &split, Edge::Exact).await? {
        // A plain file is read at once, an unpacked one grows.
        let want = input.total().map_or(CHUNK, |total| (total as usize).max(1));
        while input.fill(&mut bytes, want).await? {}
    }
    Ok(WholeFile { location: file.location.clone(), bytes: Bytes::from(bytes) })
}
