//! The shuffle as a task drives it: rows are dealt to buckets by hash, written to the store, and read back by bucket.

use super::clock::thread_time;
use super::{Figure, Input};
use crate::Result;
use dpark_executor::scatter::Scatter;
use dpark_lineage::{ExecutorId, StageId, TaskId};
use dpark_plan::Output;
use dpark_shuffle::{BlockStore, Compression, StoreConfig};
use std::path::Path;
use std::sync::Arc;

/// A tier of the store: name, in memory, compression.
pub(super) type Tier = (&'static str, bool, Compression);
/// What is measured.
pub(super) const TIERS: [Tier; 3] = [
    ("memory", true, Compression::None),
    ("disk, not compressed", false, Compression::None),
    ("disk, lz4", false, Compression::Lz4),
];
const STAGE: StageId = StageId(1);

/// Writing, reading, and both together, which is what `RepartitionExec` does. The second time counts: the first also
/// asks the system for memory, which a running executor has long done.
pub(super) fn measure(input: &Input, dir: &Path, tier: Tier) -> Result<[Figure; 3]> {
    once(input, dir, tier)?;
    once(input, dir, tier)
}

fn once(input: &Input, dir: &Path, (name, memory, compression): Tier) -> Result<[Figure; 3]> {
    let store = BlockStore::open(StoreConfig { memory, compression, ..StoreConfig::new(dir, ExecutorId(1)) })?;
    let begin = thread_time()?;
    for map in 0..input.passes {
        write(input, &store, u32::try_from(map)?)?;
    }
    let written = thread_time()? - begin;
    let begin = thread_time()?;
    let rows = read(input, &store)?;
    let red = thread_time()? - begin;
    if rows != input.rows * input.passes {
        return Err(format!("the shuffle ({name}) gave {rows} rows").into());
    }
    Ok([
        input.rate(format!("shuffle, {name}: write"), written),
        input.rate(format!("shuffle, {name}: read"), red),
        input.rate(format!("shuffle, {name}: write and read"), written + red),
    ])
}

fn write(input: &Input, store: &Arc<BlockStore>, map: u32) -> Result<()> {
    let schema = input.batches.first().ok_or("no rows")?.schema();
    let task = TaskId { stage: STAGE, partition: map, attempt: 0 };
    let mut scatter = Scatter::new(&Output::Exchange(input.partitioning()), 0, 1)?;
    let mut writer = store.writer(task, schema, input.buckets);
    for batch in &input.batches {
        scatter.write(batch.clone(), &mut writer)?;
    }
    writer.finish()?;
    Ok(())
}

fn read(input: &Input, store: &Arc<BlockStore>) -> Result<usize> {
    let mut rows = 0;
    for bucket in 0..u32::try_from(input.buckets)? {
        for map in 0..u32::try_from(input.passes)? {
            for batch in store.read(STAGE, map, 0, bucket)? {
                rows += batch?.num_rows();
            }
        }
    }
    Ok(rows)
}
