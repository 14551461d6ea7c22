//! The tables of the query corpus, with empty files among theirs.
//!
//! | table | rows | what it is for |
//! |---|---|---|
//! | `l`, `r` | 300, 200 | joins: keys with NULLs, duplicates, a heavy value, and some on one side only |
//! | `nn` | 60 | `r` without NULL in its keys |
//! | `nul` | 40 | `r` with nothing but NULL keys |
//! | `none` | 0 | two files, no row |
//! | `one` | 1 | a single row between two empty files |
//! | `nums` | 20,000 | many groups, long partitions |
//! | `odd` | 500 | NaN, both zeros, infinities, NULL |
//! | `typed` | 120 | a column of every kind of type |
//! | `nested` | 80 | lists, structs, a map, lists of structs; NULL and empty at every level |
//! | `wide` | 200,000 | about 40 MB in memory: what the forced spills spill |

use super::column::{days, flags, ids, keys, mix, moments, money, odd_floats, quarters, words};
use super::{Result, once};
use arrow::array::builder::{Int32Builder, ListBuilder, MapBuilder, StringBuilder};
use arrow::array::{Array, ArrayRef, ListArray, RecordBatch, StringArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, TimeUnit};
use parquet::arrow::ArrowWriter;
use std::fs::{self, File};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Every table.
pub const TABLES: [&str; 11] = ["l", "r", "nn", "nul", "none", "one", "nums", "odd", "typed", "nested", "wide"];

/// A directory with one directory of Parquet files per table, made on first use below `root`.
pub fn data(root: &Path) -> Result<PathBuf> {
    let source = concat!(include_str!("tables.rs"), include_str!("column.rs"));
    once::dir(root, "corpus", source, |dir| TABLES.iter().try_for_each(|table| write(&dir.join(table), table)))
}

/// Rows of each file of a table.
fn files(table: &str) -> &'static [u64] {
    match table {
        "l" => &[100, 0, 150, 49, 1],
        "r" => &[120, 80, 0],
        "nn" => &[30, 30],
        "nul" => &[40],
        "none" => &[0, 0],
        "one" => &[0, 1, 0],
        "nums" => &[6000, 0, 9000, 5000],
        "odd" => &[200, 300],
        "typed" => &[50, 70],
        "nested" => &[30, 0, 50],
        _ => &[100_000, 100_000],
    }
}

fn write(dir: &Path, table: &str) -> Result<()> {
    fs::create_dir(dir)?;
    let mut start = 0;
    for (index, rows) in files(table).iter().enumerate() {
        let batch = batch(table, start..start + rows)?;
        let mut writer =
            ArrowWriter::try_new(File::create(dir.join(format!("{index}.parquet")))?, batch.schema(), None)?;
        writer.write(&batch)?;
        writer.close()?;
        start += rows;
    }
    Ok(())
}

fn batch(table: &str, rows: Range<u64>) -> Result<RecordBatch> {
    let at = || rows.clone();
    let side = |seed: u64, span, nulls| {
        vec![
            ("id", ids(at())),
            ("k", keys(at(), seed, span, 7, nulls)),
            ("s", words(at(), seed + 1, if nulls == 0 { 0 } else { 6 })),
            ("v", quarters(at(), seed + 2, 9)),
            ("d", money(at(), seed + 3, 8)),
            ("t", moments(at(), seed + 4, 10)),
        ]
    };
    let columns: Vec<(&str, ArrayRef)> = match table {
        "l" => side(10, (0, 40), 8),
        "r" => side(20, (20, 60), 7),
        "nn" | "one" => side(30, (10, 30), 0),
        "nul" => side(40, (0, 10), 1),
        "none" => side(50, (0, 10), 0),
        "nums" => vec![
            ("id", ids(at())),
            ("g", keys(at(), 60, (0, 5000), 0, 50)),
            ("h", keys(at(), 61, (0, 6), 3, 0)),
            ("s", words(at(), 62, 20)),
            ("v", quarters(at(), 63, 30)),
            ("d", money(at(), 64, 30)),
            ("t", moments(at(), 65, 0)),
        ],
        "odd" => {
            let (wide, narrow) = odd_floats(at(), 70);
            vec![("id", ids(at())), ("x", wide), ("y", narrow), ("k", keys(at(), 71, (0, 5), 1, 9))]
        }
        "typed" => typed(rows)?,
        "nested" => nested(rows)?,
        _ => vec![
            ("id", ids(at())),
            ("k", keys(at(), 90, (0, 150_000), 1, 0)),
            ("u", Arc::new(Int32Builder::from_scrambled(at()).finish())),
            ("pad", pad(at())),
        ],
    };
    // Also columns without NULL are nullable: the files of one table must agree.
    Ok(RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(name, array)| (name, array, true)))?)
}

/// `wide.u`: unique numbers in no order.
trait Scrambled {
    fn from_scrambled(rows: Range<u64>) -> Self;
}
impl Scrambled for Int32Builder {
    fn from_scrambled(rows: Range<u64>) -> Self {
        let mut builder = Self::new();
        builder.append_slice(&rows.map(|row| ((row * 48_271) % 2_147_483_647) as i32).collect::<Vec<_>>());
        builder
    }
}

/// `wide.pad`: 160 characters that do not compress well.
fn pad(rows: Range<u64>) -> ArrayRef {
    let text = |row| (0..10).map(|part| format!("{:016x}", mix(91 + part, row))).collect::<String>();
    Arc::new(StringArray::from_iter_values(rows.map(text)))
}

fn typed(rows: Range<u64>) -> Result<Vec<(&'static str, ArrayRef)>> {
    let at = || rows.clone();
    let small = keys(at(), 80, (0, 100), 9, 10);
    let text = words(at(), 81, 7);
    let money = money(at(), 82, 9);
    let moment = moments(at(), 83, 9);
    let to = |array: &ArrayRef, kind: DataType| cast(array, &kind);
    Ok(vec![
        ("id", ids(at())),
        ("i8", to(&small, DataType::Int8)?),
        ("i16", to(&small, DataType::Int16)?),
        ("u8", to(&small, DataType::UInt8)?),
        ("u32", to(&small, DataType::UInt32)?),
        ("u64", to(&small, DataType::UInt64)?),
        ("f32", to(&quarters(at(), 84, 9), DataType::Float32)?),
        ("b", flags(at(), 85, 6)),
        ("utf8", Arc::clone(&text)),
        ("large", to(&text, DataType::LargeUtf8)?),
        ("vw", to(&text, DataType::Utf8View)?),
        ("dict", to(&text, DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)))?),
        ("bin", to(&text, DataType::Binary)?),
        ("day", days(at(), 86, 9)),
        (
            "ts_s",
            to(
                &to(&moment, DataType::Timestamp(TimeUnit::Second, None))?,
                DataType::Timestamp(TimeUnit::Millisecond, None),
            )?,
        ),
        ("ts_ns", to(&moment, DataType::Timestamp(TimeUnit::Nanosecond, None))?),
        ("ts_utc", to(&moment, DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into())))?),
        ("dec9", to(&money, DataType::Decimal128(9, 2))?),
        ("dec38", to(&money, DataType::Decimal128(38, 10))?),
        ("dec50", to(&money, DataType::Decimal256(50, 12))?),
    ])
}

fn nested(rows: Range<u64>) -> Result<Vec<(&'static str, ArrayRef)>> {
    let mut numbers = ListBuilder::new(Int32Builder::new());
    let mut map = MapBuilder::new(None, StringBuilder::new(), Int32Builder::new());
    let mut lengths = Vec::new();
    for row in rows.clone() {
        let z = mix(95, row);
        for item in 0..z % 4 {
            numbers
                .values()
                .append_option((!mix(96, row * 4 + item).is_multiple_of(5)).then_some((row + item) as i32 % 10));
        }
        numbers.append(!z.is_multiple_of(7));
        for entry in 0..(z >> 8) % 3 {
            map.keys().append_value(["x", "y", "z"][entry as usize]);
            map.values().append_option((!mix(97, row + entry).is_multiple_of(4)).then_some(row as i32 % 11));
        }
        map.append(!z.is_multiple_of(5))?;
        lengths.push((z >> 16) as usize % 3);
    }
    let pair = |rows: Range<u64>| {
        let fields = vec![Field::new("a", DataType::Int32, true), Field::new("b", DataType::Utf8, true)];
        let columns = vec![keys(rows.clone(), 98, (0, 10), 2, 6), words(rows.clone(), 99, 6)];
        let valid = NullBuffer::from_iter(rows.map(|row| !mix(100, row).is_multiple_of(6)));
        StructArray::try_new(fields.into(), columns, Some(valid))
    };
    let items = pair(0..lengths.iter().sum::<usize>() as u64)?;
    let field = Arc::new(Field::new("item", items.data_type().clone(), true));
    let offsets = arrow::buffer::OffsetBuffer::from_lengths(lengths);
    Ok(vec![
        ("id", ids(rows.clone())),
        ("k", keys(rows.clone(), 94, (0, 8), 3, 8)),
        ("xs", Arc::new(numbers.finish())),
        ("st", Arc::new(pair(rows)?)),
        ("m", Arc::new(map.finish())),
        ("sts", Arc::new(ListArray::try_new(field, offsets, Arc::new(items), None)?)),
    ])
}
