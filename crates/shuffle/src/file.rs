//! One map output as a file: writing it bucket after bucket, opening it, reading its blocks.
//!
//! ```text
//! magic "DPSHUF01"   8 bytes
//! Schema frame
//! Block frames       bucket 0, bucket 1, … back to back
//! Index frame        start, then (length, rows) per bucket
//! index length       8 bytes, of the Index frame with its head
//! magic "DPSHUF01"   8 bytes
//! ```
//! Bucket-major, so any range of buckets is one range of bytes. Written beside its final name and renamed when
//! complete: a file that has the name is whole.

use crate::counters::Counters;
use crate::encode::{EncodedBlock, parse_schema, schema_frame};
use crate::error::StoreError;
use crate::frame::{Corrupt, HEAD, Head, Kind, frame};
use crate::index::{BucketEntry, Extent, Index};
use arrow::buffer::{Buffer, MutableBuffer};
use arrow::datatypes::SchemaRef;
use dpark_lineage::FetchCause;
use std::fs::{File, OpenOptions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

const MAGIC: &[u8; 8] = b"DPSHUF01";
const TAIL: u64 = 16;
/// Blocks are mostly larger and go past the buffer; heads and small blocks are collected.
const WRITE_BUFFER: usize = 256 << 10;

/// A file name that is removed again unless the file is kept.
pub(crate) struct Temporary {
    pub(crate) path: PathBuf,
    keep: bool,
}

impl Temporary {
    /// Creates the file; it must not exist.
    pub(crate) fn create(path: PathBuf) -> Result<(Temporary, File), StoreError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .open(&path)
            .map_err(StoreError::io("creating", &path))?;
        Ok((Temporary { path, keep: false }, file))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // A failure leaves a file in a directory that is removed as a whole later.
        if !self.keep {
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// Writes one output file. Dropped before `finish`, it leaves nothing.
pub(crate) struct FileWriter {
    file: BufWriter<File>,
    temporary: Temporary,
    path: PathBuf,
    at: u64,
    index: Index,
    open: BucketEntry,
}

impl FileWriter {
    /// `temporary` and `path` must be in one directory.
    pub(crate) fn create(temporary: PathBuf, path: PathBuf, schema: &SchemaRef) -> Result<FileWriter, StoreError> {
        let (temporary, file) = Temporary::create(temporary)?;
        let mut writer = FileWriter {
            file: BufWriter::with_capacity(WRITE_BUFFER, file),
            temporary,
            path,
            at: 0,
            index: Index { start: 0, buckets: Vec::new() },
            open: BucketEntry { len: 0, rows: 0 },
        };
        writer.put(MAGIC)?;
        writer.put(&schema_frame(schema)?)?;
        writer.index.start = writer.at;
        Ok(writer)
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).map_err(StoreError::io("writing", &self.temporary.path))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    /// Appends a block to the bucket being written.
    pub(crate) fn block(&mut self, block: &EncodedBlock, rows: usize) -> Result<(), StoreError> {
        self.put(&block.head)?;
        for piece in &block.body {
            self.put(piece)?;
        }
        self.open.len += block.len as u64;
        self.open.rows += rows as u64;
        Ok(())
    }

    /// Appends frames that were encoded before, byte by byte.
    pub(crate) fn frames(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.open.len += bytes.len() as u64;
        self.put(bytes)
    }

    pub(crate) fn add_rows(&mut self, rows: u64) {
        self.open.rows += rows;
    }

    pub(crate) fn end_bucket(&mut self) {
        self.index.buckets.push(self.open);
        self.open = BucketEntry { len: 0, rows: 0 };
    }

    /// Writes the index and gives the file its name. Returns the buckets as stored and the length of the file.
    pub(crate) fn finish(mut self) -> Result<(Vec<BucketEntry>, u64), StoreError> {
        let path = self.temporary.path.clone();
        let index = self.index.to_bytes().map_err(|e| StoreError::io("indexing", &path)(std::io::Error::other(e)))?;
        let index = frame(Kind::Index, 0, &index);
        self.put(&index)?;
        self.put(&(index.len() as u64).to_le_bytes())?;
        self.put(MAGIC)?;
        self.file.flush().map_err(StoreError::io("writing", &path))?;
        std::fs::rename(&path, &self.path).map_err(StoreError::io("renaming", &path))?;
        self.temporary.keep = true;
        Ok((std::mem::take(&mut self.index.buckets), self.at))
    }
}

/// Why bytes could not be read, before it is known whose they are.
#[derive(Debug)]
pub(crate) struct Bad {
    pub(crate) cause: FetchCause,
    pub(crate) detail: String,
}

impl From<Corrupt> for Bad {
    fn from(c: Corrupt) -> Bad {
        Bad { cause: FetchCause::Corrupt, detail: c.0 }
    }
}

impl Bad {
    pub(crate) fn gone(detail: impl Into<String>) -> Bad {
        Bad { cause: FetchCause::Gone, detail: detail.into() }
    }
    fn io(path: &Path, e: std::io::Error) -> Bad {
        // A file that is not there is gone; one that cannot be read, or ends early, is as good as damaged.
        let cause = if e.kind() == std::io::ErrorKind::NotFound { FetchCause::Gone } else { FetchCause::Corrupt };
        Bad { cause, detail: format!("reading {}: {e}", path.display()) }
    }
}

/// An open output file whose ends have been checked. Cheap to share; reads are positioned and need no lock.
pub(crate) struct ShuffleFile {
    file: File,
    path: PathBuf,
    pub(crate) schema: SchemaRef,
    index: Index,
    counters: Arc<Counters>,
}

impl ShuffleFile {
    pub(crate) fn open(path: &Path, counters: Arc<Counters>) -> Result<ShuffleFile, Bad> {
        let io = |e| Bad::io(path, e);
        let file = File::open(path).map_err(io)?;
        let len = file.metadata().map_err(io)?.len();
        let start = MAGIC.len() as u64;
        if len < start + 2 * HEAD as u64 + TAIL {
            return Err(Corrupt(format!("{} is too short", path.display())).into());
        }
        let mut magic = [0; 8];
        let mut tail = [0; TAIL as usize];
        file.read_exact_at(&mut magic, 0).map_err(io)?;
        file.read_exact_at(&mut tail, len - TAIL).map_err(io)?;
        let (index_len, end_magic) = tail.split_at(8);
        if magic != *MAGIC || end_magic != MAGIC {
            return Err(Corrupt(format!("{} has no magic", path.display())).into());
        }
        let index_len = index_len.iter().rev().fold(0u64, |n, &b| n << 8 | u64::from(b));
        let index_at = (len - TAIL)
            .checked_sub(index_len)
            .filter(|&at| at > start)
            .ok_or_else(|| Corrupt("index length does not fit the file".into()))?;
        let schema = read_frame(&file, path, Kind::Schema, start, index_at)?;
        let blocks_at = start + (HEAD + schema.len()) as u64;
        let index = read_frame(&file, path, Kind::Index, index_at, len - TAIL)?;
        if index_at + (HEAD + index.len()) as u64 != len - TAIL {
            return Err(Corrupt("index does not end the file".into()).into());
        }
        let index = Index::parse(&index, blocks_at, index_at)?;
        let schema = parse_schema(&schema)?;
        counters.files_open.fetch_add(1, Relaxed);
        Ok(ShuffleFile { file, path: path.to_path_buf(), schema, index, counters })
    }

    pub(crate) fn extent(&self, buckets: &std::ops::Range<u32>) -> Result<Extent, Bad> {
        self.index
            .extent(buckets)
            .ok_or_else(|| Bad::gone(format!("it has {} buckets, not {buckets:?}", self.index.buckets.len())))
    }

    pub(crate) fn read(&self, buf: &mut [u8], at: u64) -> Result<(), Bad> {
        self.file.read_exact_at(buf, at).map_err(|e| Bad::io(&self.path, e))
    }
}

impl Drop for ShuffleFile {
    fn drop(&mut self) {
        self.counters.files_open.fetch_sub(1, Relaxed);
    }
}

/// Reads a small frame that must end by `limit`.
fn read_frame(file: &File, path: &Path, kind: Kind, at: u64, limit: u64) -> Result<Vec<u8>, Bad> {
    let io = |e| Bad::io(path, e);
    let mut head = [0; HEAD];
    file.read_exact_at(&mut head, at).map_err(io)?;
    let head = Head::parse(&head)?;
    if head.kind != kind || at + HEAD as u64 + u64::from(head.len) > limit {
        return Err(Corrupt(format!("{:?} frame where {kind:?} was expected", head.kind)).into());
    }
    let mut body = vec![0; head.len as usize];
    file.read_exact_at(&mut body, at + HEAD as u64).map_err(io)?;
    head.check(&body)?;
    Ok(body)
}

/// The Block frames of an extent, read one by one, their checksums verified. Ends with an error unless exactly the
/// rows that the index promises have been seen.
pub(crate) struct RawBlocks {
    pub(crate) file: Arc<ShuffleFile>,
    pub(crate) extent: Extent,
    /// Read together with the block before it: one system call a block.
    head: Option<[u8; HEAD]>,
    seen: u64,
}

impl RawBlocks {
    pub(crate) fn new(file: Arc<ShuffleFile>, extent: Extent) -> RawBlocks {
        RawBlocks { file, extent, head: None, seen: 0 }
    }

    /// Whether all bytes have been read; `next_block` then only checks the number of rows.
    pub(crate) fn ended(&self) -> bool {
        self.extent.start == self.extent.end
    }

    pub(crate) fn next_block(&mut self) -> Result<Option<(u32, Buffer)>, Bad> {
        let left = self.extent.end - self.extent.start;
        if left == 0 {
            return if self.seen == self.extent.rows {
                Ok(None)
            } else {
                Err(Corrupt(format!("{} rows instead of {}", self.seen, self.extent.rows)).into())
            };
        }
        let head = match self.head.take() {
            Some(head) => head,
            None => {
                let mut head = [0; HEAD];
                self.file.read(&mut head, self.extent.start)?;
                head
            }
        };
        let head = Head::parse(&head)?;
        let len = head.len as usize;
        let after = left.checked_sub(HEAD as u64 + len as u64);
        let Some(after) = after.filter(|_| head.kind == Kind::Block) else {
            return Err(Corrupt("block crosses the end of its bucket".into()).into());
        };
        let with_next = if after >= HEAD as u64 { len + HEAD } else { len };
        // MutableBuffer aligns for every array type, so an uncompressed body is used in place.
        let mut body = MutableBuffer::from_len_zeroed(with_next);
        self.file.read(body.as_slice_mut(), self.extent.start + HEAD as u64)?;
        if with_next > len {
            let mut next = [0; HEAD];
            next.copy_from_slice(&body.as_slice()[len..]);
            self.head = Some(next);
            body.truncate(len);
        }
        head.check(body.as_slice())?;
        self.extent.start += (HEAD + len) as u64;
        self.seen += u64::from(head.rows);
        crate::counters::add(&self.file.counters.read_local, HEAD + len);
        Ok(Some((head.rows, body.into())))
    }
}
