//! How fast outputs are written and read: `cargo run --release -p dpark-shuffle --example shuffle_throughput -- [MB] [DIR]`.
//!
//! Rates are per second of processor time, so they mean "per core" and hold on a machine that is busy with other things:
//! for "write" and "read local" the time of the one thread that does it, for "read remote" that of the whole process,
//! client and server together. Waiting for a disk is not in them. Bytes are those of the arrays, before any encoding,
//! so the columns compare.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use arrow::array::*;
use arrow::compute::BatchCoalescer;
use arrow::datatypes::*;
use dpark_lineage::{ExecutorId, StageId, TaskId};
use dpark_shuffle::*;
use futures::StreamExt;
use std::sync::Arc;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const ROWS: usize = 8192;
/// Different batches; more than the caches hold.
const DISTINCT: usize = 200;
/// Bytes each map task writes.
const MAP_MB: usize = 128;

struct Input {
    batches: Vec<RecordBatch>,
    /// Per batch and bucket the rows that go there.
    rows: Vec<Vec<Vec<u32>>>,
    bytes: usize,
}

/// A small generator: the numbers need only look arbitrary.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.0 >> 33
    }
}

fn input(buckets: usize) -> Input {
    let mut dice = Dice(1);
    let mut batches = Vec::new();
    let mut rows = Vec::new();
    for b in 0..DISTINCT {
        let keys: Vec<i64> = (0..ROWS).map(|_| (dice.roll() % 50_000_000) as i64).collect();
        let mut of = vec![Vec::new(); buckets];
        for (row, key) in keys.iter().enumerate() {
            of[((*key as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize % buckets].push(row as u32);
        }
        rows.push(of);
        let words = ["carefully", "final", "deposits", "sleep", "quickly", "across", "the", "ironic", "packages"];
        let comment = StringViewArray::from_iter_values((0..ROWS).map(|_| {
            let n = dice.roll() % 5;
            (0..=n).map(|_| words[dice.roll() as usize % words.len()]).collect::<Vec<_>>().join(" ")
        }));
        let flag = StringViewArray::from_iter_values((0..ROWS).map(|_| ["A", "N", "R"][dice.roll() as usize % 3]));
        let price = Decimal128Array::from_iter_values((0..ROWS).map(|_| i128::from(dice.roll() % 10_000_000)));
        let tax = Decimal128Array::from_iter_values((0..ROWS).map(|_| i128::from(dice.roll() % 9)));
        let columns: Vec<(&str, ArrayRef)> = vec![
            ("key", Arc::new(Int64Array::from(keys))),
            ("line", Arc::new(Int32Array::from_iter_values((0..ROWS).map(|r| ((b * ROWS + r) / 4) as i32)))),
            ("price", Arc::new(price.with_precision_and_scale(15, 2).unwrap())),
            ("tax", Arc::new(tax.with_precision_and_scale(15, 2).unwrap())),
            ("ratio", Arc::new(Float64Array::from_iter_values((0..ROWS).map(|_| dice.roll() as f64 / 1e9)))),
            ("day", Arc::new(Date32Array::from_iter_values((0..ROWS).map(|_| 8000 + (dice.roll() % 2500) as i32)))),
            ("flag", Arc::new(flag)),
            ("comment", Arc::new(comment)),
        ];
        batches.push(RecordBatch::try_from_iter(columns).unwrap());
    }
    let bytes = batches.iter().map(|b| b.columns().iter().map(column_bytes).sum::<usize>()).sum();
    Input { batches, rows, bytes }
}

fn column_bytes(column: &ArrayRef) -> usize {
    match column.data_type() {
        DataType::Utf8View => column.len() * 16 + column.as_string_view().total_buffer_bytes_used(),
        t => column.len() * t.primitive_width().unwrap(),
    }
}

/// Seconds of processor time of this thread so far.
fn thread_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    stat.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
}

/// Seconds of processor time of this process so far, in steps of 10 ms.
fn process_time() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    (fields[11].parse::<f64>().unwrap() + fields[12].parse::<f64>().unwrap()) / 100.0
}

fn rates(rows: usize, bytes: usize, s: f64) -> String {
    format!("{:6.2} Mrow/s {:6.0} MB/s", rows as f64 / s / 1e6, bytes as f64 / s / 1e6)
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let mut args = std::env::args().skip(1);
    let megabytes: usize = args.next().map_or(1024, |a| a.parse().unwrap());
    let dir = args.next().unwrap_or_else(|| std::env::temp_dir().display().to_string());
    println!("{:28} {:>8} | {:26} | {:26} | {:26}", "tier, buckets", "stored", "write", "read local", "read remote");
    for buckets in [8, 200] {
        let input = input(buckets);
        let per_map = (MAP_MB << 20) * DISTINCT / input.bytes;
        let maps = megabytes.div_ceil(MAP_MB) as u32;
        for (name, memory, compression) in [
            ("memory", true, Compression::None),
            ("disk none", false, Compression::None),
            ("disk lz4", false, Compression::Lz4),
            ("disk zstd", false, Compression::Zstd),
        ] {
            measure(&format!("{name}, {buckets}"), &dir, &input, per_map, maps, memory, compression, buckets).await;
        }
        coalescer(&input, per_map * maps as usize, buckets);
    }
}

#[allow(clippy::too_many_arguments)]
async fn measure(
    name: &str,
    dir: &str,
    input: &Input,
    per_map: usize,
    maps: u32,
    memory: bool,
    compression: Compression,
    buckets: usize,
) {
    let config = StoreConfig { memory, compression, ..StoreConfig::new(dir, ExecutorId(1)) };
    let store = BlockStore::open(config).unwrap();
    let schema = input.batches[0].schema();
    let (mut rows, mut bytes, mut stored) = (0, 0, 0);
    let begin = thread_time();
    for map in 0..maps {
        let task = TaskId { stage: StageId(1), partition: map, attempt: 0 };
        let mut writer = store.writer(task, Arc::clone(&schema), buckets);
        for i in 0..per_map {
            let at = (map as usize * per_map + i) % DISTINCT;
            for (bucket, rows) in input.rows[at].iter().enumerate() {
                writer.push_indices(bucket, &input.batches[at], rows).unwrap();
            }
            rows += ROWS;
            bytes += input.bytes / DISTINCT;
        }
        stored += writer.finish().unwrap().bytes();
    }
    let write = thread_time() - begin;
    let begin = thread_time();
    let mut read = 0;
    for bucket in 0..buckets as u32 {
        for map in 0..maps {
            for batch in store.read(StageId(1), map, 0, bucket).unwrap() {
                read += batch.unwrap().num_rows();
            }
        }
    }
    let local = thread_time() - begin;
    assert_eq!(read, rows);
    let (addr, _server) =
        ShuffleServer::start(Arc::clone(&store), "127.0.0.1:0".parse().unwrap(), "t".into()).await.unwrap();
    let fetcher = Fetcher::new(None, "t", FetchLimits::default());
    let begin = process_time();
    let mut read = 0;
    for bucket in 0..buckets as u32 {
        let maps =
            (0..maps).map(|map| MapLocation { map, attempt: 0, executor: ExecutorId(1), addr: Some(addr) }).collect();
        let request =
            FetchRequest { stage: StageId(1), buckets: bucket..bucket + 1, maps, schema: Arc::clone(&schema) };
        let mut stream = fetcher.fetch(request);
        while let Some(batch) = stream.next().await {
            read += batch.unwrap().num_rows();
        }
    }
    let remote = process_time() - begin;
    assert_eq!(read, rows);
    println!(
        "{name:28} {:5} MB | {} | {} | {}",
        stored / 1_000_000,
        rates(rows, bytes, write),
        rates(rows, bytes, local),
        rates(rows, bytes, remote)
    );
}

/// What gathering with one arrow `BatchCoalescer` per bucket would cost, beside the memory tier's "write".
fn coalescer(input: &Input, batches: usize, buckets: usize) {
    let schema = input.batches[0].schema();
    let mut coalescers: Vec<_> = (0..buckets).map(|_| BatchCoalescer::new(Arc::clone(&schema), ROWS)).collect();
    let mut done = Vec::new();
    let begin = thread_time();
    for i in 0..batches {
        let at = i % DISTINCT;
        for (bucket, rows) in input.rows[at].iter().enumerate() {
            coalescers[bucket]
                .push_batch_with_indices(input.batches[at].clone(), &UInt32Array::from(rows.clone()))
                .unwrap();
            done.extend(coalescers[bucket].next_completed_batch());
        }
    }
    for coalescer in &mut coalescers {
        coalescer.finish_buffered_batch().unwrap();
        done.extend(coalescer.next_completed_batch());
    }
    let bytes = input.bytes / DISTINCT * batches;
    let name = format!("(BatchCoalescer only, {buckets})");
    println!("{name:28} {:>8} | {}", "", rates(batches * ROWS, bytes, thread_time() - begin));
}
