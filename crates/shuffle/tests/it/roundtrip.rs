//! What is written comes back: every type, both tiers, every compression, on and off the network.

use crate::data::*;
use arrow::array::*;
use arrow::datatypes::*;
use dpark_lineage::FetchCause;
use dpark_shuffle::*;
use std::sync::Arc;

async fn check(batches: &[RecordBatch], memory: bool, compression: Compression, name: &str) {
    let dir = tempfile::tempdir().unwrap();
    // Gathered batch by batch, so that pieces are merged too.
    let config = StoreConfig { compression, batch_rows: 100, buffer_bytes: 1, ..config(&dir, memory) };
    let store = BlockStore::open(config).unwrap();
    let output = scatter(&store, task(0), batches, 3, |row| row * 5 % 3);
    assert_eq!(output.rows(), batches.iter().map(|b| b.num_rows() as u64).sum::<u64>());
    let (addr, _server) = serve(&store).await;
    let remote = Fetcher::new(None, TOKEN, FetchLimits::default());
    let schema = batches[0].schema();
    for bucket in 0..3u32 {
        let want = expected(batches, |row| row * 5 % 3 == bucket as usize);
        let got = local(&store, 0, bucket).unwrap();
        assert!(got.iter().all(|b| b.num_rows() <= 100));
        assert_eq!(one(&schema, &got), want, "{name}, memory {memory}, {compression:?}");
        assert_eq!(output.buckets[bucket as usize].rows, want.num_rows() as u64);
        let stream = remote.fetch(request(&schema, bucket..bucket + 1, vec![location(0, Some(addr))]));
        assert_eq!(one(&schema, &collect(stream).await.unwrap()), want, "{name} from afar");
    }
    let all = collect(remote.fetch(request(&schema, 0..3, vec![location(0, Some(addr))]))).await.unwrap();
    assert_eq!(all.iter().map(|b| b.num_rows() as u64).sum::<u64>(), output.rows());
}

#[tokio::test]
async fn every_type_alone() {
    for (name, column) in columns(500) {
        let batch = RecordBatch::try_from_iter_with_nullable([(name, column, true)]).unwrap();
        // Slices: offsets other than zero must not confuse anything.
        let batches = [batch.slice(3, 200), batch.slice(250, 1), batch.slice(251, 90), batch.slice(341, 159)];
        for memory in [true, false] {
            check(&batches, memory, Compression::Lz4, name).await;
        }
    }
}

#[tokio::test]
async fn every_type_beside_the_others() {
    let batch = mixed(300);
    for compression in [Compression::None, Compression::Lz4, Compression::Zstd] {
        for memory in [true, false] {
            check(&[batch.slice(0, 120), batch.slice(120, 180)], memory, compression, "mixed").await;
        }
    }
}

#[tokio::test]
async fn columns_that_are_not_there() {
    let empty = |rows| {
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        RecordBatch::try_new_with_options(Arc::new(Schema::empty()), vec![], &options).unwrap()
    };
    for memory in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let store = BlockStore::open(config(&dir, memory)).unwrap();
        let mut writer = store.writer(task(0), empty(0).schema(), 3);
        writer.push(0, empty(100_000)).unwrap();
        writer.push(0, empty(5)).unwrap();
        writer.push(2, empty(0)).unwrap();
        writer.push_indices(2, &empty(10), &[1, 2, 2]).unwrap();
        assert_eq!(writer.finish().unwrap().buckets.iter().map(|b| b.rows).collect::<Vec<_>>(), [100_005, 0, 3]);
        let (addr, _server) = serve(&store).await;
        let fetcher = Fetcher::new(None, TOKEN, FetchLimits::default());
        for (bucket, rows) in [(0, 100_005), (1, 0), (2, 3)] {
            let count = |batches: Vec<RecordBatch>| batches.iter().map(|b| b.num_rows()).sum::<usize>();
            assert_eq!(count(local(&store, 0, bucket).unwrap()), rows);
            let request = request(&empty(0).schema(), bucket..bucket + 1, vec![location(0, Some(addr))]);
            assert_eq!(count(collect(fetcher.fetch(request)).await.unwrap()), rows);
        }
    }
}

#[tokio::test]
async fn nothing_at_all() {
    for memory in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let store = BlockStore::open(config(&dir, memory)).unwrap();
        let schema = mixed(1).schema();
        assert_eq!(store.writer(task(0), schema.clone(), 4).finish().unwrap().rows(), 0);
        assert_eq!(store.writer(task(1), schema.clone(), 0).finish().unwrap().buckets.len(), 0);
        assert_eq!(local(&store, 0, 3).unwrap().len(), 0);
        // A bucket that does not exist is not an empty bucket.
        assert_eq!(local(&store, 0, 4).unwrap_err().cause, FetchCause::Gone);
        assert_eq!(local(&store, 1, 0).unwrap_err().cause, FetchCause::Gone);
        let (addr, _server) = serve(&store).await;
        let fetcher = Fetcher::new(None, TOKEN, FetchLimits::default());
        let maps = vec![location(0, Some(addr))];
        assert!(collect(fetcher.fetch(request(&schema, 0..4, maps.clone()))).await.unwrap().is_empty());
        let error = collect(fetcher.fetch(request(&schema, 4..5, maps))).await.unwrap_err();
        assert_eq!(error.cause, FetchCause::Gone);
        assert!(collect(fetcher.fetch(request(&schema, 0..4, vec![]))).await.unwrap().is_empty());
    }
}

#[test]
fn whole_batches_keep_their_memory_and_their_order() {
    let dir = tempfile::tempdir().unwrap();
    let store = BlockStore::open(config(&dir, true)).unwrap();
    let mut writer = store.writer(task(0), ints(0..1).schema(), 1);
    let large = ints(0..8000);
    writer.push(0, large.clone()).unwrap();
    for small in [8000..8010, 8010..8500, 8500..16500, 16500..16501] {
        writer.push(0, ints(small)).unwrap();
    }
    writer.finish().unwrap();
    let got = local(&store, 0, 0).unwrap();
    assert!(Arc::ptr_eq(got[0].column(0), large.column(0)), "a large batch is not copied");
    assert_eq!(one(&large.schema(), &got), ints(0..16501));
}

#[tokio::test]
async fn wide_rows_make_small_blocks() {
    let wide = StringArray::from_iter_values((0..8192).map(|i| format!("{i:04096}")));
    let batch = RecordBatch::try_from_iter([("s", Arc::new(wide) as ArrayRef)]).unwrap();
    let largest = |batches: &[RecordBatch]| batches.iter().map(|b| b.num_rows()).max();
    for memory in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let store = BlockStore::open(config(&dir, memory)).unwrap();
        let mut writer = store.writer(task(0), batch.schema(), 1);
        writer.push(0, batch.clone()).unwrap();
        writer.finish().unwrap();
        let got = local(&store, 0, 0).unwrap();
        assert_eq!(one(&batch.schema(), &got), batch);
        // In memory nothing is decoded, so nothing is cut.
        assert_eq!(largest(&got) == Some(8192), memory, "{:?}", largest(&got));
        assert!(memory || largest(&got) <= Some(512), "2 MB of rows of 4 KB: {:?}", largest(&got));
        let (addr, _server) = serve(&store).await;
        let fetcher = Fetcher::new(None, TOKEN, FetchLimits::default());
        let got = collect(fetcher.fetch(request(&batch.schema(), 0..1, vec![location(0, Some(addr))]))).await.unwrap();
        assert_eq!(one(&batch.schema(), &got), batch);
        assert!(largest(&got) <= Some(512), "{:?}", largest(&got));
    }
}

#[test]
fn views_do_not_drag_their_buffers() {
    let long = StringViewArray::from_iter_values((0..10_000).map(|i| format!("{i} {}", "z".repeat(200))));
    let batch = RecordBatch::try_from_iter([("s", Arc::new(long) as ArrayRef)]).unwrap();
    for memory in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let store = BlockStore::open(StoreConfig { compression: Compression::None, ..config(&dir, memory) }).unwrap();
        let output = scatter(&store, task(0), std::slice::from_ref(&batch), 100, |row| row % 100);
        assert!(output.bytes() < 3_000_000, "{} bytes for 2.1 MB of strings", output.bytes());
        let got = local(&store, 0, 5).unwrap();
        assert!(got.iter().map(|b| b.get_array_memory_size()).sum::<usize>() < 60_000);
    }
}

#[test]
fn dictionaries_that_together_overflow_their_keys() {
    let batch = |first: usize| {
        let values: Vec<String> = (first..first + 100).map(|i| format!("value {i}")).collect();
        let array: DictionaryArray<Int8Type> = values.iter().map(|s| Some(s.as_str())).collect();
        RecordBatch::try_from_iter([("d", Arc::new(array) as ArrayRef)]).unwrap()
    };
    let batches = [batch(0), batch(100), batch(200)];
    for memory in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let store = BlockStore::open(config(&dir, memory)).unwrap();
        scatter(&store, task(0), &batches, 1, |_| 0);
        let texts: Vec<String> = local(&store, 0, 0)
            .unwrap()
            .iter()
            .flat_map(|b| {
                let column = arrow::compute::cast(b.column(0), &DataType::Utf8).unwrap();
                column.as_string::<i32>().iter().map(|s| s.unwrap().to_owned()).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(texts, (0..300).map(|i| format!("value {i}")).collect::<Vec<_>>());
    }
}

#[test]
fn the_writer_refuses_what_does_not_fit() {
    let dir = tempfile::tempdir().unwrap();
    let store = BlockStore::open(config(&dir, true)).unwrap();
    let mut writer = store.writer(task(0), ints(0..1).schema(), 2);
    assert!(matches!(writer.push(2, ints(0..1)), Err(StoreError::Invalid { .. })));
    assert!(matches!(writer.push(0, mixed(5)), Err(StoreError::Invalid { .. })));
    assert!(matches!(writer.push_indices(0, &ints(0..3), &[3]), Err(StoreError::Invalid { .. })));
    writer.finish().unwrap();
    for memory in [true, false] {
        let store = BlockStore::open(config(&dir, memory)).unwrap();
        scatter(&store, task(0), &[ints(0..3)], 2, |_| 0);
        let again = store.writer(task(0), ints(0..1).schema(), 2).finish();
        assert!(matches!(again, Err(StoreError::Exists(t)) if t == task(0)));
        assert_eq!(store.output(STAGE, 0, 0).unwrap().rows(), 3);
    }
}

#[test]
fn a_reader_gets_its_own_schema_or_an_error() {
    let renamed = Arc::new(Schema::new(vec![Field::new("other", DataType::Int64, true)]));
    let wrong = Arc::new(Schema::new(vec![Field::new("n", DataType::Int32, false)]));
    for memory in [true, false] {
        let dir = tempfile::tempdir().unwrap();
        let store = BlockStore::open(config(&dir, memory)).unwrap();
        scatter(&store, task(0), &[ints(0..3)], 1, |_| 0);
        let mut read = store.read_buckets(task(0), 0..1, Some(&renamed)).unwrap();
        assert_eq!(read.next().unwrap().unwrap().schema(), renamed);
        let error = store.read_buckets(task(0), 0..1, Some(&wrong)).err().unwrap();
        assert_eq!(error.cause, FetchCause::Corrupt);
    }
}

#[test]
fn handles_can_move_between_threads() {
    fn send<T: Send>() {}
    fn shared<T: Send + Sync>() {}
    send::<MapWriter>();
    send::<LocalBlocks>();
    send::<BlockStream>();
    shared::<BlockStore>();
    shared::<Fetcher>();
    shared::<ServerHandle>();
}
