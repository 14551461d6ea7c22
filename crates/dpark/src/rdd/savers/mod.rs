//! Data sets as files: each partition one file, all committed together.
//!
//! Tasks write files under temporary names; when all are done the driver renames them and writes `_SUCCESS`, so a reader
//! that waits for that never sees half a data set, however often a task ran. See [`Rdd::save`].

mod format;

use super::{Rdd, Row};
use crate::shared::from_argument;
use crate::write::directory::Attempt;
use arrow::datatypes::DataType;
use bytes::Bytes;
use datafusion::common::{DataFusionError, Result, plan_err};
use dpark_formats::Codec;
use dpark_operators::stepping::at_once;
use dpark_plan::dataset::BatchTask;
use dpark_rows::{BatchBuilder, schema_of};
use format::{Format, write};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A data set that is to be written; see [`Rdd::save`].
#[must_use = "nothing is written before a format is named"]
pub struct Save<T> {
    rdd: Rdd<T>,
    dir: PathBuf,
    overwrite: bool,
    codec: Codec,
    rows: PhantomData<fn() -> T>,
}

/// A data set that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The files, in partition order. A partition without rows has one too, except of text by key.
    pub files: Vec<PathBuf>,
    /// How many rows they hold.
    pub rows: u64,
}

/// What tasks are told.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Order {
    dir: PathBuf,
    format: Format,
    codec: Codec,
}

impl<T: Row> Rdd<T> {
    /// The rows as files in a directory, which must not be there yet, or be empty. On a cluster it must be one that all
    /// machines share. Nothing is written before one of the formats is chosen:
    ///
    /// ```no_run
    /// # async fn example(words: dpark::rdd::Rdd<String>) -> dpark::Result<()> {
    /// let saved = words.save("out").overwrite().text().await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn save(&self, dir: impl Into<PathBuf>) -> Save<T> {
        Save { rdd: self.clone(), dir: dir.into(), overwrite: false, codec: Codec::Plain, rows: PhantomData }
    }
}

impl<T: Row> Save<T> {
    /// Replaces a data set that was written here before, once the new one is complete. Only files that it wrote are removed;
    /// a directory with anything else in the place of new files is refused.
    pub fn overwrite(mut self) -> Self {
        self.overwrite = true;
        self
    }

    /// Packs text and TFRecords. Such files can be split when they are read again.
    pub fn compression(mut self, codec: Codec) -> Self {
        self.codec = codec;
        self
    }

    /// As Parquet files, compressed with Zstandard.
    pub async fn parquet(self) -> Result<Saved> {
        self.run(Format::Parquet).await
    }

    /// As Arrow IPC files.
    pub async fn arrow(self) -> Result<Saved> {
        self.run(Format::Arrow).await
    }

    /// As CSV files with a header. Errors: columns that hold lists, structs or bytes. CSV does not tell `None` from an empty text, and
    /// has no types: whoever reads it guesses them.
    pub async fn csv(self) -> Result<Saved> {
        let schema = schema_of::<T>();
        let has_none = |kind: &DataType| kind.is_nested() || *kind == DataType::Binary;
        if let Some(field) = schema.fields().iter().find(|field| has_none(field.data_type())) {
            return plan_err!(
                "column {} is {}, which CSV has no form for: save JSON, Parquet or Arrow, or map it to text",
                field.name(),
                field.data_type()
            );
        }
        self.run(Format::Csv).await
    }

    /// As files of JSON objects, one a line.
    pub async fn json(self) -> Result<Saved> {
        self.run(Format::Json).await
    }

    async fn run(self, format: Format) -> Result<Saved> {
        let dir = local(&self.dir)?;
        let attempt = Attempt::begin(&dir, self.overwrite)?;
        let order = Order { dir: attempt.temporary(), format, codec: self.codec };
        let body = move |mut task: BatchTask| {
            let (input, schema) = (task.input()?, Arc::clone(&task.schema));
            let saved = async move {
                let order = from_argument::<Order>(&task.argument, &task.context).await?;
                let attempt = task.context.task_id().unwrap_or_default().replace(' ', "-");
                let name = format!("part-{:05}.{attempt}.{}", task.partition, order.format.extension(order.codec));
                let files = write(input, &order.dir, &name, order.format, order.codec).await?;
                let mut out = BatchBuilder::<(String, u64)>::new(task.schema, task.batch_size);
                files.into_iter().for_each(|(file, rows)| out.push((file, rows)));
                Ok(out.take_all()?)
            };
            Ok(at_once(schema, Box::pin(saved)))
        };
        let written: Rdd<(String, u64)> = self.rdd.step(&body, body, self.rdd.argument(&order), false);
        let written = written.collect().await?;
        let rows = written.iter().map(|(_, rows)| rows).sum();
        let names: Vec<String> = written.into_iter().map(|(file, _)| file).collect();
        let files = attempt.commit(&names)?;
        Ok(Saved { files, rows })
    }
}

impl Save<String> {
    /// As text files, a line a row.
    pub async fn text(self) -> Result<Saved> {
        self.run(Format::Text).await
    }
}

impl Save<(String, String)> {
    /// As text files of the values, a line a row, in a directory for each key. What a key has that no name of a directory
    /// may have is written as `%` and two digits.
    pub async fn text_by_key(self) -> Result<Saved> {
        self.run(Format::TextByKey).await
    }
}

impl Save<Bytes> {
    /// As TFRecord files.
    pub async fn tf_records(self) -> Result<Saved> {
        self.run(Format::TfRecord).await
    }
}

/// A directory of the file system.
pub(super) fn local(dir: &Path) -> Result<PathBuf> {
    let text = dir.to_string_lossy();
    match text.split_once("://") {
        Some(("file", path)) => Ok(PathBuf::from(path)),
        Some((scheme, _)) => plan_err!(
            "cannot write to {text}: data sets are saved to directories that all machines share, not to {scheme}; write there with \
             DataFrames (to_df) instead"
        ),
        None => Ok(std::path::absolute(dir)?),
    }
}

/// A path as it stands in an error.
fn failed(path: &Path, error: std::io::Error) -> DataFusionError {
    DataFusionError::IoError(std::io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display())))
}
