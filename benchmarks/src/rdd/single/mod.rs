//! The tasks as plain programs on one thread: each what one would write if there were only this task and enough memory.

mod group;
mod join;
mod kmeans;
mod pagerank;
mod sort;
mod words;

use super::answer::Answer;
use super::names::Task;
use crate::Result;
use arrow::array::{AsArray, PrimitiveArray, RecordBatch};
use arrow::datatypes::{ArrowPrimitiveType, Int64Type};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use std::fs::File;
use std::path::Path;

/// Rounds of k-means and PageRank.
const ROUNDS: usize = 10;

/// Does a task over the files of a directory.
pub(super) fn run(task: Task, dir: &Path) -> Result<Answer> {
    match task {
        Task::Words => words::run(&dir.join("words.txt")),
        Task::Sort => sort::run(&dir.join("records.bin")),
        Task::Join => join::run(&dir.join("left.parquet"), &dir.join("right.parquet")),
        Task::Group => group::run(&dir.join("groups.parquet")),
        Task::Kmeans => kmeans::run(&dir.join("points.parquet")),
        Task::Pagerank => pagerank::run(&dir.join("edges.parquet")),
    }
}

/// Hands on a Parquet file's rows in batches.
fn batches(path: &Path, mut each: impl FnMut(&RecordBatch) -> Result<()>) -> Result<()> {
    let file = File::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    for batch in ParquetRecordBatchReaderBuilder::try_new(file)?.with_batch_size(8192).build()? {
        each(&batch?)?;
    }
    Ok(())
}

/// Hands on the rows of a file of two columns.
fn pairs(path: &Path, mut each: impl FnMut(i64, i64)) -> Result<()> {
    batches(path, |batch| {
        let (first, second) = (column::<Int64Type>(batch, 0)?, column::<Int64Type>(batch, 1)?);
        for (one, two) in first.values().iter().zip(second.values()) {
            each(*one, *two);
        }
        Ok(())
    })
}

fn column<T: ArrowPrimitiveType>(batch: &RecordBatch, at: usize) -> Result<&PrimitiveArray<T>> {
    let array = batch.columns().get(at).and_then(|column| column.as_primitive_opt::<T>());
    Ok(array.ok_or_else(|| format!("column {at} is not {}: {:?}", T::DATA_TYPE, batch.schema()))?)
}
