//! The files of one partition, in any of the formats.

use super::failed;
use arrow::array::AsArray;
use arrow::csv::{Writer as CsvWriter, WriterBuilder};
use arrow::ipc::writer::FileWriter;
use arrow::json::LineDelimitedWriter;
use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::SendableRecordBatchStream;
use dpark_formats::{Codec, LineWriter, TfRecordWriter};
use futures::TryStreamExt;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// Files kept open for keys; beyond that all are closed, and begun anew under other names.
const OPEN_FILES: usize = 256;

/// What a key may not have in the name of its directory.
const RESERVED: &AsciiSet = &CONTROLS.add(b'/').add(b'\\').add(b'%').add(b'.').add(b'_').add(b':').add(b'*').add(b'?');

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Format {
    Text,
    TextByKey,
    Csv,
    Json,
    Parquet,
    Arrow,
    TfRecord,
}

impl Format {
    /// The end of its files' names.
    pub(super) fn extension(self, codec: Codec) -> String {
        match self {
            Self::Text | Self::TextByKey => format!("txt{}", codec.suffix()),
            Self::TfRecord => format!("tfrecord{}", codec.suffix()),
            Self::Csv => "csv".into(),
            Self::Json => "json".into(),
            Self::Parquet => "parquet".into(),
            Self::Arrow => "arrow".into(),
        }
    }
}

/// Writes the rows of a partition below `dir`: the files' names there, and how many rows each has.
pub(super) async fn write(
    mut rows: SendableRecordBatchStream,
    dir: &Path,
    name: &str,
    format: Format,
    codec: Codec,
) -> Result<Vec<(String, u64)>> {
    if format == Format::TextByKey {
        return by_key(rows, dir, name, codec).await;
    }
    let path = dir.join(name);
    let file = File::create_new(&path).map_err(|error| failed(&path, error))?;
    let schema = rows.schema();
    let mut writer: Box<dyn Rows> = match format {
        Format::Text => Box::new(LineWriter::new(BufWriter::new(file), codec)?),
        Format::TfRecord => Box::new(TfRecordWriter::new(BufWriter::new(file), codec)?),
        Format::Csv => {
            let mut writer: CsvWriter<_> = WriterBuilder::new().with_header(true).build(BufWriter::new(file));
            // The header, also where there are no rows.
            writer.write(&RecordBatch::new_empty(schema))?;
            Box::new(writer)
        }
        Format::Json => Box::new(LineDelimitedWriter::new(BufWriter::new(file))),
        Format::Parquet => {
            let compression = Compression::ZSTD(ZstdLevel::try_new(1)?);
            let properties = WriterProperties::builder().set_compression(compression).build();
            Box::new(ArrowWriter::try_new(file, schema, Some(properties))?)
        }
        Format::Arrow => Box::new(FileWriter::try_new_buffered(file, &schema)?),
        Format::TextByKey => return internal_err!("text by key has a file a key"),
    };
    let mut count = 0;
    while let Some(batch) = rows.try_next().await? {
        count += batch.num_rows() as u64;
        writer.batch(&batch).map_err(|error| at(&path, error))?;
    }
    writer.end().map_err(|error| at(&path, error))?;
    Ok(vec![(name.to_owned(), count)])
}

async fn by_key(
    mut rows: SendableRecordBatchStream,
    dir: &Path,
    name: &str,
    codec: Codec,
) -> Result<Vec<(String, u64)>> {
    let (stem, rest) = name.split_once('.').unwrap_or((name, ""));
    let mut open: Open = HashMap::new();
    let mut done: Vec<(String, u64)> = vec![];
    let mut generation = 0;
    while let Some(batch) = rows.try_next().await? {
        let (keys, lines) = (batch.column(0).as_string::<i32>(), batch.column(1).as_string::<i32>());
        for (key, line) in keys.iter().zip(lines) {
            let (key, line) = (key.unwrap_or_default(), line.unwrap_or_default());
            if !open.contains_key(key) {
                if open.len() >= OPEN_FILES {
                    generation += 1;
                    close(&mut open, &mut done, dir)?;
                }
                let folder = folder_of(key);
                match std::fs::create_dir(dir.join(&folder)) {
                    // Not what it stands in: an attempt that comes too late must not make that anew.
                    Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                        return Err(failed(&dir.join(&folder), error));
                    }
                    _ => {}
                }
                let file = match generation {
                    0 => format!("{folder}/{stem}.{rest}"),
                    _ => format!("{folder}/{stem}-{generation}.{rest}"),
                };
                let path = dir.join(&file);
                let created = File::create_new(&path).map_err(|error| failed(&path, error))?;
                open.insert(key.to_owned(), (LineWriter::new(BufWriter::new(created), codec)?, file, 0));
            }
            if let Some((writer, _, count)) = open.get_mut(key) {
                writer.line(line)?;
                *count += 1;
            }
        }
    }
    close(&mut open, &mut done, dir)?;
    done.sort();
    Ok(done)
}

/// By key: the file, its name and its rows.
type Open = HashMap<String, (LineWriter<BufWriter<File>>, String, u64)>;

fn close(open: &mut Open, done: &mut Vec<(String, u64)>, dir: &Path) -> Result<()> {
    for (_, (writer, file, count)) in open.drain() {
        let mut written = writer.finish()?;
        written.flush().and_then(|()| written.get_ref().sync_all()).map_err(|error| failed(&dir.join(&file), error))?;
        done.push((file, count));
    }
    Ok(())
}

/// The directory of a key. An empty key has one too.
fn folder_of(key: &str) -> String {
    match key {
        "" => "%".into(),
        key => utf8_percent_encode(key, RESERVED).to_string(),
    }
}

fn at(path: &Path, error: DataFusionError) -> DataFusionError {
    error.context(format!("cannot write {}", PathBuf::from(path).display()))
}

/// Writes batches, and makes them safe at the end.
trait Rows: Send {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()>;
    fn end(self: Box<Self>) -> Result<()>;
}

fn safe(mut file: BufWriter<File>) -> Result<()> {
    file.flush()?;
    Ok(file.get_ref().sync_all()?)
}

impl Rows for LineWriter<BufWriter<File>> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        for line in batch.column(0).as_string::<i32>().iter() {
            self.line(line.unwrap_or_default())?;
        }
        Ok(())
    }
    fn end(self: Box<Self>) -> Result<()> {
        safe(self.finish()?)
    }
}

impl Rows for TfRecordWriter<BufWriter<File>> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        for record in batch.column(0).as_binary::<i32>().iter() {
            self.record(record.unwrap_or_default())?;
        }
        Ok(())
    }
    fn end(self: Box<Self>) -> Result<()> {
        safe(self.finish()?)
    }
}

impl Rows for CsvWriter<BufWriter<File>> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.write(batch)?)
    }
    fn end(self: Box<Self>) -> Result<()> {
        safe(self.into_inner())
    }
}

impl Rows for LineDelimitedWriter<BufWriter<File>> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.write(batch)?)
    }
    fn end(mut self: Box<Self>) -> Result<()> {
        self.finish()?;
        safe(self.into_inner())
    }
}

impl Rows for ArrowWriter<File> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.write(batch)?)
    }
    fn end(self: Box<Self>) -> Result<()> {
        Ok(self.into_inner()?.sync_all()?)
    }
}

impl Rows for FileWriter<BufWriter<File>> {
    fn batch(&mut self, batch: &RecordBatch) -> Result<()> {
        Ok(self.write(batch)?)
    }
    fn end(mut self: Box<Self>) -> Result<()> {
        self.finish()?;
        safe(self.into_inner()?)
    }
}
