//! The tasks as plain programs on one thread: each what one would write if there were only this task and enough memory.

mod group;
mod join;
pub(super) mod kmeans;
pub(super) mod pagerank;
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
pub(super) const ROUNDS: usize = 10;

/// Does a task over the files of a directory.
pub(super) fn run(task: Task, dir: &Path) -> Result<Answer> {
    match task {
        Task::Words => words::run(&dir.join("words.txt")),
        Task::Sort => sort::run(&dir.join("records.bin")),
        Task::Join => join::run(&dir.join("left.parquet"), &dir.join("right.parquet")),
        Task::Group => group::run(&dir.join("groups.parquet")),
        Task::Kmeans => kmeans::run(&dir.join("points.parquet")),
        Task::Pagerank | Task::PagerankArrays => pagerank::run(&dir.join("edges.parquet")),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rdd::data;

    fn small() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        data::generate(dir.path(), 0.001).unwrap();
        dir
    }

    fn rows(path: &Path) -> Vec<(i64, i64)> {
        let mut rows = vec![];
        pairs(path, |one, two| rows.push((one, two))).unwrap();
        rows
    }

    #[test]
    fn data_is_the_same_each_time() {
        let (one, two) = (small(), small());
        for entry in std::fs::read_dir(one.path()).unwrap() {
            let name = entry.unwrap().file_name();
            let read = |dir: &tempfile::TempDir| std::fs::read(dir.path().join(&name)).unwrap();
            assert!(read(&one) == read(&two), "{name:?}");
        }
    }

    #[test]
    fn answers_are_those_of_the_slow_way() {
        let dir = small();
        let path = |name: &str| dir.path().join(name);
        let check = |task, slow: Answer| {
            let quick = run(task, dir.path()).unwrap();
            assert!(quick.agrees(&slow), "{task}: {quick:?}, {slow:?}");
        };

        let text = std::fs::read_to_string(path("words.txt")).unwrap();
        let mut counts = std::collections::BTreeMap::new();
        text.split_whitespace().for_each(|word| *counts.entry(word.to_owned()).or_insert(0) += 1);
        check(Task::Words, Answer::words(counts.into_iter().collect()));

        let (left, right) = (rows(&path("left.parquet")), rows(&path("right.parquet")));
        let same =
            |one: &(i64, i64)| right.iter().filter(|two| one.0 == two.0).map(|two| one.1 * two.1).collect::<Vec<_>>();
        let joined: Vec<i64> = left.iter().flat_map(same).collect();
        check(Task::Join, Answer::join(joined.len() as u64, joined.iter().sum::<i64>().cast_unsigned()));

        let mut groups = std::collections::BTreeMap::new();
        for (key, value) in rows(&path("groups.parquet")) {
            let (length, sum) = groups.entry(key).or_insert((0, 0));
            (*length, *sum) = (*length + 1, *sum + value.cast_unsigned());
        }
        check(Task::Group, Answer::group(groups.into_iter().map(|(key, (length, sum))| (key, length, sum))));
    }

    #[test]
    fn records_come_in_order() {
        let dir = small();
        let mut records = std::fs::read(dir.path().join("records.bin")).unwrap();
        let (records, _) = records.as_chunks_mut::<{ data::RECORD }>();
        records.sort();
        let slow = Answer::sort([crate::rdd::answer::Sorted::of(records.iter().map(|record| record.as_slice()))]);
        assert!(run(Task::Sort, dir.path()).unwrap().agrees(&slow));
    }

    #[test]
    fn ranks_add_up_to_the_vertices() {
        let dir = small();
        let answer = serde_json::to_value(run(Task::Pagerank, dir.path()).unwrap()).unwrap();
        assert_eq!(answer["exact"]["vertices"], "1000");
        assert!((answer["close"]["sum"][0].as_f64().unwrap() - 1000.0).abs() < 1e-6, "{answer}");
    }
}
