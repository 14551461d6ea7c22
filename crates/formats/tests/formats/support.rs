//! Files in memory and on disk, reading all splits of one, texts that do not compress.

use bytes::Bytes;
use dpark_formats::{Chunk, Codec, FileEntry, FormatError, LineKind, LineReader, Split, TfRecordReader, plan_splits};
use object_store::local::LocalFileSystem;
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use std::io::Write;
use std::sync::Arc;

pub(crate) fn run<F: Future>(f: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(f)
}

/// A store with one file. On disk it is read as a file, in memory as a stream.
pub(crate) struct Stored {
    pub(crate) store: Arc<dyn ObjectStore>,
    pub(crate) file: FileEntry,
    _dir: Option<tempfile::TempDir>,
}

pub(crate) async fn stored(name: &str, bytes: &[u8], on_disk: bool) -> Stored {
    let dir = on_disk.then(|| tempfile::tempdir().unwrap());
    let store: Arc<dyn ObjectStore> = match &dir {
        Some(dir) => Arc::new(LocalFileSystem::new_with_prefix(dir.path()).unwrap()),
        None => Arc::new(InMemory::new()),
    };
    let location = Path::from(name);
    store.put(&location, Bytes::copy_from_slice(bytes).into()).await.unwrap();
    Stored { store, file: FileEntry { location, size: bytes.len() as u64 }, _dir: dir }
}

impl Stored {
    pub(crate) fn splits(&self, size: u64) -> Vec<Split> {
        plan_splits("memory:///", std::slice::from_ref(&self.file), None, Some(size))
    }

    /// The lines of each split.
    pub(crate) async fn lines(&self, size: u64) -> Result<Vec<Vec<Vec<u8>>>, FormatError> {
        let mut all = Vec::new();
        for split in self.splits(size) {
            let mut reader = LineReader::open(self.store.clone(), &split, LineKind::Bytes).await?;
            let mut lines = Vec::new();
            while let Some(chunk) = reader.next_chunk().await? {
                collect(&chunk, &mut lines);
            }
            assert!(reader.next_chunk().await?.is_none());
            all.push(lines);
        }
        Ok(all)
    }

    /// The TFRecords of each split.
    pub(crate) async fn tfrecords(&self, size: u64) -> Result<Vec<Vec<Vec<u8>>>, FormatError> {
        let mut all = Vec::new();
        for split in self.splits(size) {
            let mut reader = TfRecordReader::open(self.store.clone(), &split).await?;
            let mut records = Vec::new();
            while let Some(chunk) = reader.next_chunk().await? {
                collect(&chunk, &mut records);
            }
            all.push(records);
        }
        Ok(all)
    }
}

pub(crate) fn collect(chunk: &Chunk, into: &mut Vec<Vec<u8>>) {
    assert!(!chunk.is_empty());
    into.extend(chunk.iter().map(<[u8]>::to_vec));
}

/// What lines are, said in another way than the reader's.
pub(crate) fn lines_of(text: &[u8]) -> Vec<Vec<u8>> {
    let mut lines: Vec<Vec<u8>> = text.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect();
    let last = lines.pop().unwrap_or_default();
    lines.iter_mut().for_each(|line| {
        line.pop_if(|b| *b == b'\r');
    });
    if !last.is_empty() {
        lines.push(last);
    }
    lines
}

/// A small generator, so that large inputs come from one number.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let x = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    pub(crate) fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }

    /// Text that hardly compresses, with lines of up to `longest` bytes.
    pub(crate) fn text(&mut self, len: usize, longest: usize) -> Vec<u8> {
        let mut text = Vec::with_capacity(len);
        while text.len() < len {
            let line = self.below(longest);
            text.extend((0..line).map(|_| b' ' + (self.next() % 95) as u8));
            text.extend_from_slice(if self.below(4) == 0 { b"\r\n" } else { b"\n" });
        }
        text.truncate(len);
        text
    }

    /// Cuts into pieces of up to `longest` bytes, some of them empty.
    pub(crate) fn cut<'a>(&mut self, mut bytes: &'a [u8], longest: usize) -> Vec<&'a [u8]> {
        let mut pieces = Vec::new();
        while !bytes.is_empty() {
            let n = if self.below(10) == 0 { 0 } else { 1 + self.below(longest) };
            let (piece, rest) = bytes.split_at(n.min(bytes.len()));
            pieces.push(piece);
            bytes = rest;
        }
        pieces
    }
}

/// One member.
pub(crate) fn member(codec: Codec, data: &[u8], level: u32) -> Vec<u8> {
    match codec {
        Codec::Plain => data.to_vec(),
        Codec::Gzip => {
            let mut w = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(level));
            w.write_all(data).unwrap();
            w.finish().unwrap()
        }
        Codec::Bzip2 => {
            let mut w = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::new(level.max(1)));
            w.write_all(data).unwrap();
            w.finish().unwrap()
        }
        Codec::Zstd => zstd::encode_all(data, level as i32).unwrap(),
    }
}

pub(crate) const PACKED: [Codec; 3] = [Codec::Gzip, Codec::Bzip2, Codec::Zstd];
