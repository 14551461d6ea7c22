//! A worker is killed while it sends an output to another one.
//!
//! Gates make this certain. Each of two map tasks waits until the other one runs, so both workers hold one output. Every
//! row carries the process that made it. A reducer that has received rows of the *other* process says so and waits; as
//! fetches do not run ahead of their readers, and a bucket is larger than all socket buffers together, the other worker
//! is in the middle of sending when it is killed.

use crate::story::{Story, executor_of, kill, on, open, wait_for, wait_until};
use arrow::array::{AsArray, Int64Array, StringArray, UInt32Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema, SchemaRef, UInt32Type};
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use dpark::Context;
use dpark_lineage::ExecutorId;
use dpark_plan::dataset::mapping::Mapping;
use dpark_plan::dataset::{BatchFunction, BatchTask, Dataset, DatasetNode, function_ref};
use futures::{StreamExt, stream};
use libtest_mimic::{Failed, Trial};
use std::path::{Path, PathBuf};
use std::sync::Arc;

const BATCHES: i64 = 64;
const ROWS: i64 = 4096;
/// With [`BATCHES`] and [`ROWS`], 128 MiB a bucket.
const BALLAST: usize = 1024;

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("chaos::kill::while_serving", kill_while_serving)]
}

/// What the trial needs of a context.
pub(crate) const CONF: [(&str, &str); 2] = [("shuffle.partitions", "2"), ("shuffle.compression", "none")];

fn kill_while_serving() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let gates = dir.path().join("gates");
    std::fs::create_dir(&gates)?;
    let work = dir.path().join("work");
    on("process[2]", &work, &CONF, async |ctx| kill_the_server(ctx, &gates, |_, pid| executor_of(&work, pid)).await)
}

/// The trial on a context of two executors, which `executor_of` knows by their processes.
pub(crate) async fn kill_the_server(
    ctx: &Context,
    gates: &Path,
    executor_of: impl Fn(&Story, u32) -> ExecutorId,
) -> Result<(), Failed> {
    let mut story = Story::of(ctx);
    let seeds = ctx.parallelize(0..2i64, 2).to_df()?;
    let made = node(seeds, make, gates, heavy(), Mapping::Same)?;
    let taken = node(made, take, gates, light(), Mapping::Keyed(None))?;
    let query = tokio::spawn(taken.collect());

    // `reads-<reader>-<holder>`
    let mut pair = None;
    let watched = gates.to_path_buf();
    let (reader, holder) = tokio::task::spawn_blocking(move || {
        wait_until("a reducer should read from another worker", || {
            pair = names(&watched).iter().find_map(|name| {
                let (reader, holder) = name.strip_prefix("reads-")?.split_once('-')?;
                Some((reader.parse::<u32>().ok()?, holder.parse::<u32>().ok()?))
            });
            pair.is_some()
        });
        pair.unwrap()
    })
    .await?;
    story.catch_up();
    let (reader, killed) = (executor_of(&story, reader), executor_of(&story, holder));
    let held: Vec<_> = story.finished.iter().filter(|(_, executor)| *executor == killed).collect();
    let [(lost, _)] = held[..] else { panic!("each worker holds one output: {held:?}") };
    let (lost, maps) = (*lost, story.stages[0]);
    assert_eq!(lost.stage, maps);
    kill(holder);
    open(&gates.join("go"));

    let batches = query.await??;
    let keys = batches.iter().flat_map(|batch| batch.column(0).as_primitive::<Int64Type>().values().to_vec());
    let (count, sum) = keys.fold((0, 0), |(count, sum), key| (count + 1, sum + key));
    let all = 2 * BATCHES * ROWS;
    assert_eq!((count, sum), (all, all * (all - 1) / 2));

    story.catch_up();
    let wanted = format!("cannot fetch the output of {maps} partition {} attempt 0 from {killed}", lost.partition);
    let broke = story
        .failed
        .iter()
        .any(|(task, on, error)| *on == reader && task.stage == story.stages[1] && error.contains(&wanted));
    assert!(broke, "{reader} was reading from {killed} when that was killed: {:?}", story.failed);
    assert_eq!(story.removed.len(), 1, "{:?}", story.removed);
    assert_eq!(story.removed[0].0, killed);
    let [(None, recomputed)] = &story.ended[..] else { panic!("one job, without error: {:?}", story.ended) };
    assert_eq!(*recomputed, [(maps, lost.partition)], "only what was lost is computed again");
    Ok(())
}

fn node(
    df: DataFrame,
    function: BatchFunction,
    gates: &Path,
    schema: SchemaRef,
    mapping: Mapping,
) -> Result<DataFrame> {
    let (state, plan) = df.into_parts();
    let argument = Arc::from(gates.display().to_string().into_bytes());
    let function = function_ref(function, "gated");
    let made = Dataset::closure(vec![Dataset::rows(plan)?], mapping, schema, function, argument, false)?;
    Ok(DataFrame::new(state, DatasetNode::plan(&made)))
}

fn light() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("key", DataType::Int64, false)]))
}

fn heavy() -> SchemaRef {
    let maker = Field::new("maker", DataType::UInt32, false);
    let ballast = Field::new("ballast", DataType::Utf8, false);
    Arc::new(Schema::new(vec![Field::new("key", DataType::Int64, false), maker, ballast]))
}

fn gates(task: &BatchTask) -> PathBuf {
    PathBuf::from(String::from_utf8_lossy(&task.argument).into_owned())
}

fn names(gates: &Path) -> Vec<String> {
    std::fs::read_dir(gates).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The map side: many batches, once both workers are here.
fn make(task: BatchTask) -> Result<SendableRecordBatchStream> {
    let (gates, schema, partition) = (gates(&task), task.schema, task.partition as i64);
    open(&gates.join(format!("makes-{}", std::process::id())));
    wait_until("both workers should make rows", || {
        names(&gates).iter().filter(|name| name.starts_with("makes-")).count() >= 2
    });
    let wanted = Arc::clone(&schema);
    let batches = (0..BATCHES).map(move |batch| {
        let first = (partition * BATCHES + batch) * ROWS;
        let ballast = "b".repeat(BALLAST);
        let keys = Int64Array::from_iter_values(first..first + ROWS);
        let makers = UInt32Array::from_value(std::process::id(), ROWS as usize);
        let ballast = StringArray::from_iter_values(std::iter::repeat_n(&ballast, ROWS as usize));
        Ok(RecordBatch::try_new(Arc::clone(&wanted), vec![Arc::new(keys), Arc::new(makers), Arc::new(ballast)])?)
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, stream::iter(batches))))
}

/// The reduce side: says when it has rows of another process, and waits.
fn take(mut task: BatchTask) -> Result<SendableRecordBatchStream> {
    let gates = gates(&task);
    let batches = task.input()?.map(move |batch| {
        let batch = batch?;
        let makers = batch.column(1).as_primitive::<UInt32Type>().values();
        if let Some(holder) = makers.iter().find(|maker| **maker != std::process::id()) {
            open(&gates.join(format!("reads-{}-{holder}", std::process::id())));
            wait_for(&gates.join("go"));
        }
        Ok(batch.project(&[0])?)
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(task.schema, batches)))
}
