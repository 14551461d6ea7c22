//! Data sets that outlive their program: rows in files, read again instead of computed.

use super::closure::function;
use super::{Rdd, Row};
use crate::Context;
use crate::write::directory;
use arrow::ipc::reader::FileReader;
use datafusion::common::{Result, exec_err};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use dpark_operators::combine::external;
use dpark_plan::dataset::{BatchTask, Dataset};
use dpark_rows::schema_of;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl<T: Row> Rdd<T> {
    /// The same rows in the same partitions, written to a directory that all machines share and read from there: the way in
    /// which they came to be is forgotten. If a checkpoint of that name is there already, of an earlier run of the program
    /// say, nothing is computed and its rows are taken. Errors: one of other columns.
    pub async fn checkpoint(&self, dir: impl AsRef<Path>) -> Result<Rdd<T>> {
        let dir = super::savers::local(dir.as_ref())?;
        if !directory::is_complete(&dir) {
            self.save(&dir).arrow().await?;
        }
        self.ctx.read_checkpoint(&dir)
    }
}

impl Context {
    /// The rows of a [checkpoint](Rdd::checkpoint).
    pub fn read_checkpoint<T: Row>(&self, dir: impl AsRef<Path>) -> Result<Rdd<T>> {
        let dir = super::savers::local(dir.as_ref())?;
        if !directory::is_complete(&dir) {
            return exec_err!("there is no checkpoint in {}: nothing was written there to its end", dir.display());
        }
        let files: Vec<PathBuf> = directory::manifest(&dir)?.into_iter().map(|file| dir.join(file)).collect();
        let want = schema_of::<T>();
        if files.is_empty() && directory::has_parts(&dir) {
            return exec_err!(
                "{} was written by another program: it is no checkpoint; read it with the reader of its format, or choose another \
                 directory",
                dir.display()
            );
        }
        if let Some(first) = files.first() {
            let have = open(first)?.schema();
            if have != want {
                return exec_err!(
                    "the checkpoint {} has other columns ({have}) than the data set ({want}); remove it, or choose another \
                     directory",
                    dir.display()
                );
            }
        }
        let mut payloads: Vec<Arc<[u8]>> = vec![];
        for file in &files {
            payloads.push(postcard::to_stdvec(file).map_err(external)?.into());
        }
        let body = move |task: BatchTask| {
            let file: PathBuf = postcard::from_bytes(&task.argument).map_err(external)?;
            let batches = futures::stream::iter(open(&file)?.map(|batch| Ok(batch?)));
            Ok(Box::pin(RecordBatchStreamAdapter::new(task.schema, batches)) as _)
        };
        Ok(Rdd::new(self.clone(), Dataset::source(want, function::<T, _>(body), payloads)))
    }
}

fn open(path: &Path) -> Result<FileReader<BufReader<File>>> {
    let failed = |error: &dyn std::fmt::Display| {
        datafusion::common::exec_datafusion_err!(
            "cannot read {} of a checkpoint: {error}; remove the checkpoint to compute it again",
            path.display()
        )
    };
    let file = File::open(path).map_err(|error| failed(&error))?;
    FileReader::try_new_buffered(file, None).map_err(|error| failed(&error))
}
