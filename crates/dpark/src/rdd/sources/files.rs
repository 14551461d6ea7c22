//! Files of records: lines, whole files, records of one length, TFRecords, CSV. Tables (Parquet, CSV with types, JSON, Arrow,
//! Avro) are read as DataFrames and become data sets by [`Context::rdd`].

use super::super::closure::function;
use super::super::{Rdd, Row};
use crate::Context;
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result, plan_err};
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use dpark_formats::{
    Chunk, Codec, CsvDialect, CsvReader, FileEntry, FixedReader, FormatError, LineKind, LineReader, ListOptions, Place,
    Split, TfRecordReader, list_files, plan_csv_splits, plan_fixed_splits, plan_range, plan_splits, read_whole,
};
use dpark_operators::combine::external;
use dpark_plan::dataset::{BatchTask, Dataset};
use dpark_rows::{BatchBuilder, schema_of};
use futures::TryStreamExt;
use object_store::ObjectStore;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Pieces of files are not made smaller than that, however few there are.
const MIN_SPLIT: u64 = 1 << 20;

/// Pieces of files are not made larger than that, unless asked for.
const MAX_SPLIT: u64 = 64 << 20;

/// Files that are to be read: which, and in what pieces. See [`Context::files`].
#[derive(Clone)]
#[must_use = "nothing is read before a kind of record is named"]
pub struct Files {
    ctx: Context,
    paths: Vec<String>,
    options: ListOptions,
    codec: Option<Codec>,
    split_size: Option<u64>,
    range: Option<Range<u64>>,
}

/// The files of one store.
struct Found {
    url: String,
    store: Arc<dyn ObjectStore>,
    files: Vec<FileEntry>,
}

impl Context {
    /// The lines of text files, without their ends: a file, a directory with all below, a pattern, a URL of an object store.
    /// Files that end in `.gz`, `.bz2` or `.zst` are unpacked. See [`Files::lines`].
    pub async fn text_file(&self, path: impl Into<String>) -> Result<Rdd<String>> {
        self.files([path]).lines().await
    }

    /// Files, to be read in one of several ways: each path is a file, a directory with all below (but for names that begin
    /// with `.` or `_`), a pattern with `*`, `?` and `[…]`, or a URL of an object store with any of these.
    pub fn files<P: Into<String>>(&self, paths: impl IntoIterator<Item = P>) -> Files {
        Files {
            ctx: self.clone(),
            paths: paths.into_iter().map(Into::into).collect(),
            options: ListOptions::default(),
            codec: None,
            split_size: None,
            range: None,
        }
    }
}

impl Files {
    /// Only files below a directory whose names end so, such as `.log`.
    pub fn extension(mut self, extension: impl Into<String>) -> Self {
        self.options.extension = Some(extension.into());
        self
    }

    /// Only files at most so many levels below a directory; 1 is the directory itself.
    pub fn max_depth(mut self, levels: usize) -> Self {
        self.options.max_depth = Some(levels);
        self
    }

    /// How the files are packed, whatever their names say.
    pub fn codec(mut self, codec: Codec) -> Self {
        self.codec = Some(codec);
        self
    }

    /// The bytes of a file that make a partition, about; otherwise as many that there is one for each of the session's
    /// partitions, between 1 and 64 MiB.
    pub fn split_size(mut self, bytes: u64) -> Self {
        self.split_size = Some(bytes.max(1));
        self
    }

    /// Only the records that start in these bytes of the file, of which there must be one.
    pub fn range(mut self, bytes: Range<u64>) -> Self {
        self.range = Some(bytes);
        self
    }

    /// The lines, without their ends. A line belongs to the piece of a file in which it starts. Errors: a path that is not
    /// there; in tasks, text that is not UTF-8 (read [`byte_lines`](Self::byte_lines) then).
    pub async fn lines(self) -> Result<Rdd<String>> {
        let found = self.found().await?;
        self.source::<Lines>(self.splits(&found)?.into_iter().map(Piece::of).collect())
    }

    /// The lines as bytes, without their ends.
    pub async fn byte_lines(self) -> Result<Rdd<Bytes>> {
        let found = self.found().await?;
        self.source::<ByteLines>(self.splits(&found)?.into_iter().map(Piece::of).collect())
    }

    /// Records of `length` bytes each. Errors: a file of another size than a multiple of that.
    pub async fn fixed_records(self, length: u64) -> Result<Rdd<Bytes>> {
        self.whole_files()?;
        let found = self.found().await?;
        let size = self.size(&found);
        let mut pieces = vec![];
        for Found { url, files, .. } in &found {
            let splits = plan_fixed_splits(url, files, self.codec, length, Some(size)).map_err(external)?;
            pieces.extend(splits.into_iter().map(|split| Piece { record: length, ..Piece::of(split) }));
        }
        self.source::<FixedReader>(pieces)
    }

    /// The records of TFRecord files.
    pub async fn tf_records(self) -> Result<Rdd<Bytes>> {
        let found = self.found().await?;
        self.source::<TfRecordReader>(self.splits(&found)?.into_iter().map(Piece::of).collect())
    }

    /// The records of CSV files, as lists of their fields; a quoted field may hold newlines. There is no header and there are
    /// no types: for these, see [`Context::read_csv`]. Files of several pieces are read once before, to find where records
    /// start.
    pub async fn csv_records(self, dialect: CsvDialect) -> Result<Rdd<Vec<String>>> {
        self.whole_files()?;
        let found = self.found().await?;
        let size = self.size(&found);
        let mut pieces = vec![];
        for Found { url, store, files } in &found {
            let splits = plan_csv_splits(url, store, files, self.codec, Some(size), dialect).await.map_err(external)?;
            pieces.extend(splits.into_iter().map(|split| Piece { dialect, ..Piece::of(split) }));
        }
        self.source::<CsvRecords>(pieces)
    }

    /// One row for each file: its path and all its bytes, unpacked.
    pub async fn whole(self) -> Result<Rdd<(String, Bytes)>> {
        self.whole_files()?;
        let found = self.found().await?;
        let pieces = found.iter().flat_map(|Found { url, files, .. }| {
            files.iter().map(|file| Piece::of(Split::whole(url, file, self.codec)))
        });
        self.source::<Whole>(pieces.collect())
    }

    /// An error if only a range of bytes is asked for.
    fn whole_files(&self) -> Result<()> {
        match self.range {
            Some(_) => plan_err!("a range of bytes is of lines or TFRecords; other records are read from whole files"),
            None => Ok(()),
        }
    }

    /// The files, by store. Errors: a path that names nothing.
    async fn found(&self) -> Result<Vec<Found>> {
        let mut all: Vec<Found> = vec![];
        for path in &self.paths {
            let (url, within) = place(path)?;
            let store = self.ctx.driver.executor().runtime_env().object_store(&url)?;
            let files = list_files(&store, &within, &self.options).await.map_err(|error| match error {
                // As it was given, with its store.
                FormatError::NotFound { .. } if path.contains("://") => {
                    external(FormatError::NotFound { path: path.clone() })
                }
                error => external(error),
            })?;
            all.push(Found { url: url.as_str().to_owned(), store, files });
        }
        Ok(all)
    }

    /// How many bytes make a partition.
    fn size(&self, found: &[Found]) -> u64 {
        let total: u64 = found.iter().flat_map(|found| &found.files).map(|file| file.size).sum();
        let even = total.div_ceil(self.ctx.partitions().max(1) as u64);
        self.split_size.unwrap_or_else(|| even.clamp(MIN_SPLIT, MAX_SPLIT))
    }

    fn splits(&self, found: &[Found]) -> Result<Vec<Split>> {
        let size = Some(self.size(found));
        if let Some(range) = &self.range {
            let files: Vec<_> =
                found.iter().flat_map(|found| found.files.iter().map(move |file| (found, file))).collect();
            let [(Found { url, .. }, file)] = files.as_slice() else {
                return plan_err!("a range of bytes is of one file, not of {}", files.len());
            };
            return Ok(plan_range(url, file, self.codec, range.clone(), size));
        }
        Ok(found.iter().flat_map(|Found { url, files, .. }| plan_splits(url, files, self.codec, size)).collect())
    }

    fn source<R: Read>(&self, pieces: Vec<Piece>) -> Result<Rdd<R::Row>> {
        let mut payloads: Vec<Arc<[u8]>> = vec![];
        for piece in pieces {
            payloads.push(postcard::to_stdvec(&Some(piece)).map_err(external)?.into());
        }
        if payloads.is_empty() {
            payloads.push(postcard::to_stdvec(&None::<Piece>).map_err(external)?.into());
        }
        let body = move |task| read::<R>(task);
        Ok(Rdd::new(self.ctx.clone(), Dataset::source(schema_of::<R::Row>(), function::<R, _>(body), payloads)))
    }
}

/// The store of a path, and the path in it.
fn place(path: &str) -> Result<(ObjectStoreUrl, String)> {
    if !path.contains("://") {
        let mut within = folded(&std::path::absolute(path)?).to_string_lossy().into_owned();
        if path.ends_with('/') && !within.ends_with('/') {
            within.push('/');
        }
        return Ok((ObjectStoreUrl::local_filesystem(), within));
    }
    let url = ListingTableUrl::parse(path)?;
    let store = url.object_store();
    let within = path.split_once("://").map_or("", |(_, rest)| rest);
    let within = if url.scheme() == "file" { within } else { within.split_once('/').map_or("", |(_, rest)| rest) };
    Ok((store, within.to_owned()))
}

/// A path without `.` and `..`, which stores do not know.
fn folded(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut folded, part| {
        match part {
            Component::ParentDir => drop(folded.pop()),
            Component::CurDir => {}
            other => folded.push(other),
        }
        folded
    })
}

/// What a partition is made from.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Piece {
    split: Split,
    /// The length of records, where it is always the same.
    record: u64,
    dialect: CsvDialect,
}

impl Piece {
    fn of(split: Split) -> Self {
        Self { split, record: 0, dialect: CsvDialect::default() }
    }
}

/// Reads the records of a piece.
trait Read: Sized + Send + 'static {
    type Row: Row;
    fn open(store: Arc<dyn ObjectStore>, piece: Piece) -> impl Future<Output = Result<Self, FormatError>> + Send;
    /// Gives some records; `false` after the last.
    fn next(&mut self, out: &mut BatchBuilder<Self::Row>) -> impl Future<Output = Result<bool, FormatError>> + Send;
}

fn read<R: Read>(task: BatchTask) -> Result<SendableRecordBatchStream> {
    let Some(piece): Option<Piece> = postcard::from_bytes(&task.argument).map_err(external)? else {
        let nothing = futures::stream::empty();
        return Ok(Box::pin(RecordBatchStreamAdapter::new(task.schema, nothing)));
    };
    let out = BatchBuilder::<R::Row>::new(Arc::clone(&task.schema), task.batch_size);
    let url = ObjectStoreUrl::parse(&piece.split.store)?;
    let store = task.context.runtime_env().object_store(&url)?;
    let start = async move {
        let reader = R::open(store, piece).await.map_err(external)?;
        let state = (Some(reader), out, vec![].into_iter());
        Ok::<_, DataFusionError>(futures::stream::try_unfold(state, |(mut reader, mut out, mut ready)| async move {
            loop {
                if let Some(batch) = ready.next() {
                    return Ok(Some((batch, (reader, out, ready))));
                }
                let Some(open) = &mut reader else { return Ok(None) };
                let made = match open.next(&mut out).await.map_err(external)? {
                    true => out.take_full()?,
                    false => {
                        reader = None;
                        out.take_all()?
                    }
                };
                ready = made.into_iter();
            }
        }))
    };
    Ok(Box::pin(RecordBatchStreamAdapter::new(task.schema, futures::stream::once(start).try_flatten())))
}

fn push(chunk: Option<Chunk>, out: &mut BatchBuilder<Bytes>) -> bool {
    let Some(chunk) = chunk else { return false };
    chunk.iter().for_each(|record| out.push(record));
    true
}

struct Lines(LineReader);

impl Read for Lines {
    type Row = String;
    async fn open(store: Arc<dyn ObjectStore>, piece: Piece) -> Result<Self, FormatError> {
        LineReader::open(store, &piece.split, LineKind::Text).await.map(Self)
    }
    async fn next(&mut self, out: &mut BatchBuilder<String>) -> Result<bool, FormatError> {
        let chunk = self.0.next_chunk().await?;
        if let Some(lines) = chunk.as_ref().and_then(Chunk::strs) {
            lines.for_each(|line| out.push(line));
        }
        Ok(chunk.is_some())
    }
}

struct ByteLines(LineReader);

impl Read for ByteLines {
    type Row = Bytes;
    async fn open(store: Arc<dyn ObjectStore>, piece: Piece) -> Result<Self, FormatError> {
        LineReader::open(store, &piece.split, LineKind::Bytes).await.map(Self)
    }
    async fn next(&mut self, out: &mut BatchBuilder<Bytes>) -> Result<bool, FormatError> {
        Ok(push(self.0.next_chunk().await?, out))
    }
}

impl Read for FixedReader {
    type Row = Bytes;
    async fn open(store: Arc<dyn ObjectStore>, piece: Piece) -> Result<Self, FormatError> {
        FixedReader::open(store, &piece.split, piece.record).await
    }
    async fn next(&mut self, out: &mut BatchBuilder<Bytes>) -> Result<bool, FormatError> {
        Ok(push(self.next_chunk().await?, out))
    }
}

impl Read for TfRecordReader {
    type Row = Bytes;
    async fn open(store: Arc<dyn ObjectStore>, piece: Piece) -> Result<Self, FormatError> {
        TfRecordReader::open(store, &piece.split).await
    }
    async fn next(&mut self, out: &mut BatchBuilder<Bytes>) -> Result<bool, FormatError> {
        Ok(push(self.next_chunk().await?, out))
    }
}

struct CsvRecords {
    reader: CsvReader,
    path: String,
}

impl Read for CsvRecords {
    type Row = Vec<String>;
    async fn open(store: Arc<dyn ObjectStore>, piece: Piece) -> Result<Self, FormatError> {
        let path = piece.split.location.to_string();
        Ok(Self { reader: CsvReader::open(store, &piece.split, piece.dialect).await?, path })
    }
    async fn next(&mut self, out: &mut BatchBuilder<Vec<String>>) -> Result<bool, FormatError> {
        let Some(chunk) = self.reader.next_chunk().await? else { return Ok(false) };
        for (i, record) in chunk.iter().enumerate() {
            let fields = record.map(|field| std::str::from_utf8(field).map(str::to_owned));
            match fields.collect::<Result<Vec<_>, _>>() {
                Ok(fields) => out.push(fields),
                Err(_) => {
                    let place = chunk.place(i).unwrap_or(Place { unpacked_from: None, offset: 0 });
                    return Err(FormatError::NotUtf8 { path: self.path.clone(), place });
                }
            }
        }
        Ok(true)
    }
}

/// A whole file; there is one.
struct Whole {
    store: Arc<dyn ObjectStore>,
    split: Option<Split>,
}

impl Read for Whole {
    type Row = (String, Bytes);
    async fn open(store: Arc<dyn ObjectStore>, piece: Piece) -> Result<Self, FormatError> {
        Ok(Self { store, split: Some(piece.split) })
    }
    async fn next(&mut self, out: &mut BatchBuilder<(String, Bytes)>) -> Result<bool, FormatError> {
        let Some(Split { store, location, file_len, codec, .. }) = self.split.take() else { return Ok(false) };
        let file = FileEntry { location, size: file_len };
        let whole = read_whole(Arc::clone(&self.store), &file, Some(codec)).await?;
        let path = if store.starts_with("file:") {
            format!("/{}", file.location)
        } else {
            format!("{store}{}", file.location)
        };
        out.push((path, whole.bytes));
        Ok(true)
    }
}
