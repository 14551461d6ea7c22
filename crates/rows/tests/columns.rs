//! Columns that others made: in other encodings, with NULLs where there may be none, of other types.

#![allow(clippy::unwrap_used, reason = "a test")]

use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray, Int64Array, ListArray, StructArray};
use arrow::array::{Date32Array, StringArray, TimestampNanosecondArray, TimestampSecondArray};
use arrow::buffer::{NullBuffer, OffsetBuffer};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Fields, Schema, TimeUnit};
use arrow::record_batch::RecordBatch;
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use dpark_rows::batch::batches_of;
use dpark_rows::{Mismatch, Row, Rows, check, schema_of};
use std::fmt::Debug;
use std::sync::Arc;

fn column_of<T: Row>(values: &[T]) -> ArrayRef {
    Arc::clone(batches_of(values, usize::MAX).unwrap()[0].column(0))
}

fn batch(columns: Vec<(&str, ArrayRef)>) -> RecordBatch {
    let columns = columns.into_iter().map(|(name, column)| (name, column, true));
    RecordBatch::try_from_iter_with_nullable(columns).unwrap()
}

fn read<T: Row>(column: &ArrayRef) -> Vec<T> {
    let batch = batch(vec![("x", Arc::clone(column))]);
    check::places::<T>(batch.schema_ref()).unwrap();
    Rows::<T>::of(&batch).unwrap().map(T::owned).collect()
}

/// Columns of another type, and slices of them, are read as the values.
fn reads<T: Row + PartialEq + Debug>(values: &[T], types: &[DataType]) {
    for data_type in types {
        let column = cast(&column_of(values), data_type).unwrap();
        assert_eq!(column.data_type(), data_type);
        for start in 0..values.len() {
            assert_eq!(read::<T>(&column.slice(start, 1)), values[start..=start], "{data_type}");
        }
        assert_eq!(read::<T>(&column), values, "{data_type}");
    }
}

fn item(data_type: DataType) -> Arc<Field> {
    Arc::new(Field::new("item", data_type, true))
}

#[test]
fn text_and_bytes_in_any_encoding() {
    let texts = ["", "short", "longer than what fits into a view itself"].map(String::from);
    reads(&texts, &[DataType::Utf8, DataType::LargeUtf8, DataType::Utf8View]);
    reads(&texts.clone().map(Some), &[DataType::LargeUtf8, DataType::Utf8View]);
    let bytes = texts.clone().map(Bytes::from);
    reads(&bytes, &[DataType::Binary, DataType::LargeBinary, DataType::BinaryView]);
}

#[test]
fn lists_in_any_encoding() {
    let lists = [vec!["a".to_owned(), "b".to_owned()], vec![], vec!["c".to_owned()]];
    let types = [DataType::LargeList(item(DataType::Utf8)), DataType::LargeList(item(DataType::LargeUtf8))];
    reads(&lists, &types);
    reads(&lists, &[DataType::List(item(DataType::Utf8View))]);
}

#[test]
fn times_in_any_unit() {
    use TimeUnit::{Microsecond, Millisecond, Nanosecond, Second};
    let times = [-1, 0, 1_700_000_000].map(|seconds| DateTime::<Utc>::from_timestamp(seconds, 0).unwrap());
    let units = [Second, Millisecond, Microsecond, Nanosecond];
    reads(&times, &units.map(|unit| DataType::Timestamp(unit, Some("+02:00".into()))));
    reads(&times.map(|time| time.naive_utc()), &units.map(|unit| DataType::Timestamp(unit, None)));
    let column: ArrayRef = Arc::new(TimestampNanosecondArray::from(vec![-1]));
    assert_eq!(read::<NaiveDateTime>(&column)[0].and_utc().timestamp_nanos_opt(), Some(-1));
}

#[test]
fn what_chrono_cannot_hold_is_read_as_the_nearest() {
    let column: ArrayRef = Arc::new(TimestampSecondArray::from(vec![i64::MIN, i64::MAX]));
    let ends = [DateTime::<Utc>::MIN_UTC.naive_utc(), DateTime::<Utc>::MAX_UTC.naive_utc()];
    assert_eq!(read::<NaiveDateTime>(&column), ends);
    let column: ArrayRef = Arc::new(Date32Array::from(vec![i32::MIN, i32::MAX]));
    assert_eq!(read::<NaiveDate>(&column), [NaiveDate::MIN, NaiveDate::MAX]);
}

#[derive(Row, Debug, PartialEq)]
#[row(crate = "dpark_rows")]
struct Point {
    x: i64,
    y: i64,
}

#[test]
fn structs_within_columns_are_read_by_name() {
    let numbers = |n: i64| Arc::new(Int64Array::from(vec![n])) as ArrayRef;
    let fields = Fields::from(["z", "y", "x"].map(|name| Field::new(name, DataType::Int64, true)).to_vec());
    let column: ArrayRef = Arc::new(StructArray::new(fields, vec![numbers(3), numbers(2), numbers(1)], None));
    assert_eq!(read::<(Point,)>(&column), [(Point { x: 1, y: 2 },)]);
    assert_eq!(read::<((i64, i64, i64),)>(&column), [((3, 2, 1),)]);
    let other = column_of(&[((1i64, 2i64),)]);
    let error = Rows::<(Point,)>::of(&batch(vec![("at", other)])).err().unwrap();
    assert_eq!(error, Mismatch::Missing { column: "at.x".into(), names: "_1, _2".into() });
}

/// The column and row that the error names when values of one type are read as another.
fn null_in<From: Row, To: Row>(values: &[From], start: usize) -> (String, usize) {
    let all = batches_of(values, usize::MAX).unwrap().remove(0);
    match Rows::<To>::of(&all.slice(start, values.len() - start)).err().unwrap() {
        Mismatch::Null { column, row } => (column, row),
        other => unreachable!("{other}"),
    }
}

#[derive(Row)]
#[row(crate = "dpark_rows")]
struct Holes {
    #[row(rename = "at")]
    place: Option<(String, Vec<Option<i64>>)>,
}

#[derive(Row)]
#[row(crate = "dpark_rows")]
struct NoHoles {
    at: Option<(String, Vec<i64>)>,
}

#[test]
fn a_null_is_an_error_that_names_its_column() {
    assert_eq!(null_in::<Option<i64>, i64>(&[Some(1), None], 0), ("_1".into(), 1));
    assert_eq!(null_in::<(i64, Option<String>), (i64, String)>(&[(1, None)], 0), ("_2".into(), 0));
    type Lists = (i64, Vec<Option<bool>>);
    let lists = [(0, vec![Some(true); 3]), (0, vec![]), (0, vec![Some(true), None])];
    assert_eq!(null_in::<Lists, (i64, Vec<bool>)>(&lists, 0), ("_2.item".into(), 2));
    assert_eq!(null_in::<Lists, (i64, Vec<bool>)>(&lists, 1), ("_2.item".into(), 1));
    type Arrays = [Option<i64>; 2];
    assert_eq!(null_in::<Arrays, [i64; 2]>(&[[Some(1); 2], [Some(1), None]], 0), ("_1.item".into(), 1));
    let holes = [Holes { place: None }, Holes { place: Some((String::new(), vec![None])) }];
    assert_eq!(null_in::<Holes, NoHoles>(&holes, 0), ("at._2.item".into(), 1));

    let named = batch(vec![("n", column_of(&[1i64])), ("user", column_of(&[None::<String>]))]);
    let error = Rows::<(i64, String)>::of(&named).err().unwrap();
    assert_eq!(error, Mismatch::Null { column: "user".into(), row: 0 });
    assert!(error.to_string().contains("take an Option, or filter first"));
}

#[test]
fn nulls_that_are_not_looked_at_are_no_errors() {
    // Below a NULL struct.
    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![None, Some(2)]));
    let below = Some(NullBuffer::from(vec![false, true]));
    let fields = Fields::from(vec![Field::new("_1", DataType::Int64, true)]);
    let column: ArrayRef = Arc::new(StructArray::new(fields, vec![Arc::clone(&numbers)], below.clone()));
    assert_eq!(read::<Option<(i64,)>>(&column), [None, Some((2,))]);
    // Below a NULL array, and below a NULL list with elements.
    let column: ArrayRef =
        Arc::new(FixedSizeListArray::new(item(DataType::Int64), 1, Arc::clone(&numbers), below.clone()));
    assert_eq!(read::<Option<[i64; 1]>>(&column), [None, Some([2])]);
    let ends = OffsetBuffer::new(vec![0, 1, 2].into());
    let column: ArrayRef = Arc::new(ListArray::new(item(DataType::Int64), ends, numbers, below));
    assert_eq!(read::<Option<Vec<i64>>>(&column), [None, Some(vec![2])]);
    // In what a slice left out.
    let lists = column_of(&[vec![None], vec![Some(1i64)], vec![None]]);
    assert_eq!(lists.slice(1, 1).as_list::<i32>().values().len(), 3);
    assert_eq!(read::<Vec<i64>>(&lists.slice(1, 1)), [vec![1]]);
    assert_eq!(read::<Vec<i64>>(&lists.slice(1, 0)), Vec::<Vec<i64>>::new());
}

#[test]
fn places_of_columns_and_what_differs() {
    let schema = |columns: &[(&str, DataType)]| {
        Schema::new(columns.iter().map(|(name, ty)| Field::new(*name, ty.clone(), true)).collect::<Vec<_>>())
    };
    let have = schema(&[("y", DataType::Int64), ("name", DataType::Utf8), ("x", DataType::Int64)]);
    assert_eq!(check::places::<Point>(&have), Ok(vec![2, 0]));
    assert_eq!(check::places::<(i64, String, i64)>(&have), Ok(vec![0, 1, 2]));

    let error = check::places::<(i64, String)>(&have).unwrap_err();
    assert_eq!(error, Mismatch::Count { have: 3, names: "y, name, x".into(), want: 2 });
    assert!(check::places::<i64>(&have).is_err());
    let error = check::places::<(i64, i64, i64)>(&have).unwrap_err();
    assert_eq!(error, Mismatch::Type { column: "name".into(), have: "Utf8".into(), want: "Int64".into() });
    let error = check::places::<Point>(&schema(&[("x", DataType::Int64)])).unwrap_err();
    assert_eq!(error, Mismatch::Missing { column: "y".into(), names: "x".into() });
}

#[test]
fn a_batch_of_other_columns_is_an_error() {
    let pairs = batch(vec![("a", column_of(&[1i64])), ("b", column_of(&["x".to_owned()]))]);
    let count = |want| Mismatch::Count { have: 2, names: "a, b".into(), want };
    assert_eq!(Rows::<(i64, String, i64)>::of(&pairs).err(), Some(count(3)));
    assert_eq!(Rows::<(i64,)>::of(&pairs).err(), Some(count(1)));
    assert_eq!(Rows::<i64>::of(&pairs).err(), Some(count(1)));
    let error = Rows::<(i64, i64)>::of(&pairs).err();
    assert_eq!(error, Some(Mismatch::Type { column: "b".into(), have: "Utf8".into(), want: "Int64".into() }));
    assert!(Rows::<Vec<i64>>::of(&batch(vec![("a", Arc::new(StringArray::from(vec![None::<&str>])))])).is_err());
    assert_eq!(schema_of::<Point>().field(1).name(), "y");
}
