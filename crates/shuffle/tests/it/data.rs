//! Stores, tasks and batches for the tests, and the ways to read an output back.

use arrow::array::*;
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::concat_batches;
use arrow::datatypes::*;
use dpark_lineage::{ExecutorId, FetchFailed, StageId, TaskId};
use dpark_shuffle::*;
use futures::StreamExt;
use std::net::SocketAddr;
use std::sync::Arc;
use tempfile::TempDir;

pub(crate) const STAGE: StageId = StageId(7);
pub(crate) const OWNER: ExecutorId = ExecutorId(3);
pub(crate) const TOKEN: &str = "a token with ünicode\n";

pub(crate) fn task(map: u32) -> TaskId {
    TaskId { stage: STAGE, partition: map, attempt: 0 }
}

pub(crate) fn config(dir: &TempDir, memory: bool) -> StoreConfig {
    StoreConfig { memory, ..StoreConfig::new(dir.path(), OWNER) }
}

pub(crate) fn rows_of(rows: impl IntoIterator<Item = usize>) -> UInt32Array {
    rows.into_iter().map(|r| r as u32).collect()
}

/// Writes `batches` scattered by `bucket(row)`, rows counted through all batches.
pub(crate) fn scatter(
    store: &Arc<BlockStore>,
    task: TaskId,
    batches: &[RecordBatch],
    buckets: usize,
    bucket: impl Fn(usize) -> usize,
) -> dpark_lineage::MapOutput {
    let mut writer = store.writer(task, batches[0].schema(), buckets);
    let mut first = 0;
    for batch in batches {
        for b in 0..buckets {
            let rows = rows_of((0..batch.num_rows()).filter(|r| bucket(first + r) == b));
            writer.push_indices(b, batch, rows.values()).unwrap();
        }
        first += batch.num_rows();
    }
    writer.finish().unwrap()
}

/// The rows of one bucket as they must come back.
pub(crate) fn expected(batches: &[RecordBatch], bucket: impl Fn(usize) -> bool) -> RecordBatch {
    let all = concat_batches(&batches[0].schema(), batches).unwrap();
    arrow::compute::take_record_batch(&all, &rows_of((0..all.num_rows()).filter(|&r| bucket(r)))).unwrap()
}

pub(crate) fn local(store: &BlockStore, map: u32, bucket: u32) -> Result<Vec<RecordBatch>, FetchFailed> {
    store.read(STAGE, map, 0, bucket)?.collect()
}

pub(crate) async fn serve(store: &Arc<BlockStore>) -> (SocketAddr, ServerHandle) {
    ShuffleServer::start(Arc::clone(store), "127.0.0.1:0".parse().unwrap(), TOKEN.into()).await.unwrap()
}

pub(crate) fn location(map: u32, addr: Option<SocketAddr>) -> MapLocation {
    MapLocation { map, attempt: 0, executor: OWNER, addr }
}

pub(crate) fn request(schema: &SchemaRef, buckets: std::ops::Range<u32>, maps: Vec<MapLocation>) -> FetchRequest {
    FetchRequest { stage: STAGE, buckets, maps, schema: Arc::clone(schema) }
}

pub(crate) async fn collect(stream: BlockStream) -> Result<Vec<RecordBatch>, FetchFailed> {
    stream.collect::<Vec<_>>().await.into_iter().collect()
}

pub(crate) fn one(schema: &SchemaRef, batches: &[RecordBatch]) -> RecordBatch {
    concat_batches(schema, batches).unwrap()
}

pub(crate) fn ints(range: std::ops::Range<i64>) -> RecordBatch {
    let schema = Schema::new(vec![Field::new("n", DataType::Int64, false)]);
    RecordBatch::try_new(Arc::new(schema), vec![Arc::new(Int64Array::from_iter_values(range))]).unwrap()
}

/// A column of each kind that is stored in its own way, with nulls.
pub(crate) fn columns(rows: usize) -> Vec<(&'static str, ArrayRef)> {
    let nulls = NullBuffer::from_iter((0..rows).map(|i| i % 7 != 3));
    let text = |i: usize| (i % 5 != 2).then(|| format!("row {i} {}", "x".repeat(i % 40)));
    let ints = Int32Array::from_iter((0..rows).map(|i| (i % 3 != 0).then_some(i as i32)));
    let offsets: Vec<i32> = (0..=rows).map(|i| (i * 2) as i32).collect();
    let items: ArrayRef = Arc::new(Int64Array::from_iter_values(0..2 * rows as i64));
    let view_items: ArrayRef = Arc::new(StringViewArray::from_iter((0..2 * rows).map(text)));
    let item = |t: DataType| Arc::new(Field::new("item", t, true));
    let list = |items: &ArrayRef| {
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets.clone()));
        ListArray::new(item(items.data_type().clone()), offsets, Arc::clone(items), Some(nulls.clone()))
    };
    let fields = Fields::from(vec![
        Field::new("a", DataType::Int32, true),
        Field::new("b", DataType::Utf8View, true),
        Field::new("c", DataType::Null, true),
    ]);
    let views: ArrayRef = Arc::new(StringViewArray::from_iter((0..rows).map(text)));
    let parts: Vec<ArrayRef> = vec![Arc::new(ints.clone()), Arc::clone(&views), Arc::new(NullArray::new(rows))];
    let structs = StructArray::new(fields.clone(), parts.clone(), Some(nulls.clone()));
    let entries =
        Fields::from(vec![Field::new("keys", DataType::Utf8, false), Field::new("values", DataType::Int32, true)]);
    let keys: ArrayRef = Arc::new(StringArray::from_iter_values((0..rows).map(|i| format!("key {i}"))));
    let map = MapArray::new(
        Arc::new(Field::new("entries", DataType::Struct(entries.clone()), false)),
        OffsetBuffer::from_lengths((0..rows).map(|_| 1)),
        StructArray::new(entries, vec![keys, Arc::new(ints.clone())], None),
        None,
        false,
    );
    let dictionary: DictionaryArray<Int8Type> =
        (0..rows).map(|i| (i % 9 != 1).then_some(["red", "green", "blue"][i % 3])).collect();
    let view_dictionary = DictionaryArray::<Int32Type>::new(
        Int32Array::from_iter_values((0..rows).map(|i| (i % 2) as i32)),
        Arc::new(StringViewArray::from(vec!["a value that is not inlined", "short"])),
    );
    let runs: Int32Array = (1..=rows).map(|i| Some(i as i32)).collect();
    let run_ends = RunArray::<Int32Type>::try_new(&runs, &ints).unwrap();
    let union_fields = UnionFields::try_new(
        vec![0, 1],
        vec![Field::new("i", DataType::Int32, true), Field::new("s", DataType::Utf8View, true)],
    )
    .unwrap();
    let types: ScalarBuffer<i8> = (0..rows).map(|i| (i % 2) as i8).collect();
    let sparse = UnionArray::try_new(union_fields.clone(), types.clone(), None, parts[..2].to_vec()).unwrap();
    let dense_at: ScalarBuffer<i32> = (0..rows).map(|i| i as i32).collect();
    let dense = UnionArray::try_new(union_fields, types, Some(dense_at), parts[..2].to_vec()).unwrap();
    let decimal = |i: usize| (i % 4 != 1).then_some(i as i128 * 1_000_000_007);
    let fixed = FixedSizeBinaryArray::try_from_sparse_iter_with_size(
        (0..rows).map(|i| (i % 6 != 0).then_some([i as u8; 5])),
        5,
    )
    .unwrap();
    let sizes: ScalarBuffer<i32> = vec![2; rows].into();
    let at: ScalarBuffer<i32> = (0..rows).map(|i| (rows - 1 - i) as i32 * 2).collect();
    let list_view = ListViewArray::new(item(DataType::Int64), at, sizes, Arc::clone(&items), Some(nulls.clone()));
    vec![
        ("i32", Arc::new(ints)),
        ("bool", Arc::new(BooleanArray::from_iter((0..rows).map(|i| (i % 3 != 1).then_some(i % 2 == 0))))),
        ("f64", Arc::new(Float64Array::from_iter_values((0..rows).map(|i| i as f64 / 3.0)))),
        ("utf8", Arc::new(StringArray::from_iter((0..rows).map(text)))),
        ("large utf8", Arc::new(LargeStringArray::from_iter((0..rows).map(text)))),
        ("binary", Arc::new(BinaryArray::from_iter((0..rows).map(text)))),
        ("utf8 view", views),
        ("binary view", Arc::new(BinaryViewArray::from_iter((0..rows).map(text)))),
        ("fixed binary", Arc::new(fixed)),
        (
            "decimal128",
            Arc::new(Decimal128Array::from_iter((0..rows).map(decimal)).with_precision_and_scale(38, 4).unwrap()),
        ),
        (
            "decimal256",
            Arc::new(
                Decimal256Array::from_iter((0..rows).map(|i| decimal(i).map(arrow::datatypes::i256::from_i128)))
                    .with_precision_and_scale(76, 10)
                    .unwrap(),
            ),
        ),
        (
            "timestamp",
            Arc::new(TimestampMicrosecondArray::from_iter_values(0..rows as i64).with_timezone("Europe/Berlin")),
        ),
        (
            "interval",
            Arc::new(IntervalMonthDayNanoArray::from_iter_values(
                (0..rows).map(|i| IntervalMonthDayNano::new(1, 2, i as i64)),
            )),
        ),
        ("null", Arc::new(NullArray::new(rows))),
        ("list", Arc::new(list(&items))),
        ("list of views", Arc::new(list(&view_items))),
        ("list view", Arc::new(list_view)),
        ("fixed list", Arc::new(FixedSizeListArray::new(item(DataType::Int64), 2, items, Some(nulls)))),
        ("struct", Arc::new(structs)),
        ("map", Arc::new(map)),
        ("dictionary", Arc::new(dictionary)),
        ("dictionary of views", Arc::new(view_dictionary)),
        ("run ends", Arc::new(run_ends)),
        ("sparse union", Arc::new(sparse)),
        ("dense union", Arc::new(dense)),
    ]
}

/// All of `columns` beside each other.
pub(crate) fn mixed(rows: usize) -> RecordBatch {
    RecordBatch::try_from_iter_with_nullable(columns(rows).into_iter().map(|(n, a)| (n, a, true))).unwrap()
}
