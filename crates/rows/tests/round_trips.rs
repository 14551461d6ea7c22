//! Every kind of value comes back from the columns as it was, alone and within every other kind.

#![allow(clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use chrono::{DateTime, Datelike, NaiveDate, NaiveDateTime, Utc};
use dpark_rows::batch::batches_of;
use dpark_rows::{BatchBuilder, Row, Rows, schema_of};
use proptest::collection::vec;
use proptest::prelude::*;
use std::fmt::Debug;

fn read<T: Row>(batch: &arrow::record_batch::RecordBatch) -> Vec<T> {
    Rows::<T>::of(batch).unwrap().map(T::owned).collect()
}

/// Values, views of them, and slices of the columns.
fn check<T: Row + Clone + PartialEq + Debug>(values: &[T]) {
    let batches = batches_of(values, 3).unwrap();
    assert!(batches.iter().all(|batch| batch.num_rows() <= 3 && batch.schema() == schema_of::<T>()));
    assert_eq!(batches.iter().flat_map(read::<T>).collect::<Vec<_>>(), values);

    let whole = batches_of(values, usize::MAX).unwrap();
    let Some(batch) = whole.first() else { return };
    for start in 0..values.len() {
        for length in 0..=values.len() - start {
            let slice = batch.slice(start, length);
            assert_eq!(read::<T>(&slice), values[start..start + length]);
            let mut again = BatchBuilder::new(schema_of::<T>(), usize::MAX);
            Rows::<T>::of(&slice).unwrap().for_each(|view| again.push(view));
            assert_eq!(
                again.take_all().unwrap().iter().flat_map(read::<T>).collect::<Vec<_>>(),
                values[start..][..length]
            );
        }
    }
    let mut owned = BatchBuilder::new(schema_of::<T>(), usize::MAX);
    values.iter().for_each(|value| owned.push(value.clone()));
    assert_eq!(owned.take_all().unwrap(), whole);
}

/// The values themselves, and within everything.
fn everywhere<T: Row + Clone + PartialEq + Debug>(values: &[T], holes: &[bool]) {
    let option = |(value, hole): (&T, &bool)| hole.then(|| value.clone());
    let options: Vec<Option<T>> = values.iter().zip(holes.iter().cycle()).map(option).collect();
    let pairs: Vec<(T, Option<T>)> = values.iter().cloned().zip(options.iter().cloned()).collect();
    let chunks: Vec<Vec<Option<T>>> = options.chunks(2).flat_map(|chunk| [chunk.to_vec(), vec![]]).collect();
    check(values);
    check(&options);
    check(&pairs);
    check(&values.iter().cloned().map(|value| (value,)).collect::<Vec<_>>());
    check(&values.chunks(2).map(<[T]>::to_vec).collect::<Vec<_>>());
    check(&chunks);
    check(&chunks.iter().map(|chunk| (!chunk.is_empty()).then(|| chunk.clone())).collect::<Vec<_>>());
    check(&chunks.chunks(2).map(<[Vec<Option<T>>]>::to_vec).collect::<Vec<_>>());
    check(&pairs.iter().map(|pair| [[pair.clone(), pair.clone()], [pair.clone(), pair.clone()]]).collect::<Vec<_>>());
    check(&options.iter().map(|option| option.clone().map(|value| [value.clone(), value])).collect::<Vec<_>>());
    check(
        &pairs.iter().map(|(a, b)| b.is_some().then(|| (a.clone(), (b.clone(), vec![b.clone()])))).collect::<Vec<_>>(),
    );
}

#[derive(Row, Clone, Debug, PartialEq)]
#[row(crate = "dpark_rows")]
struct Visit {
    user: String,
    n: i64,
    tags: Vec<String>,
}

#[derive(Row, Clone, Debug, PartialEq)]
#[row(crate = "dpark_rows")]
struct Deep {
    maybe: Option<Visit>,
    visits: Vec<Visit>,
    holes: Vec<Option<Visit>>,
    both: (Visit, Option<String>),
    pair: [Visit; 2],
}

fn visit() -> impl Strategy<Value = Visit> {
    ("\\PC{0,6}", any::<i64>(), vec("[a-c]{0,3}", 0..3)).prop_map(|(user, n, tags)| Visit { user, n, tags })
}

fn deep() -> impl Strategy<Value = Deep> {
    let maybe = proptest::option::of(visit());
    let parts = (maybe, vec(visit(), 0..3), vec(proptest::option::of(visit()), 0..3), visit(), visit());
    parts.prop_map(|(maybe, visits, holes, a, b)| {
        let both = (a.clone(), maybe.as_ref().map(|visit| visit.user.clone()));
        Deep { maybe, visits, holes, both, pair: [b, a] }
    })
}

fn date() -> impl Strategy<Value = NaiveDate> {
    let days = NaiveDate::MIN.num_days_from_ce()..=NaiveDate::MAX.num_days_from_ce();
    days.prop_map(|days| NaiveDate::from_num_days_from_ce_opt(days).unwrap())
}

fn time() -> impl Strategy<Value = DateTime<Utc>> {
    let micros = DateTime::<Utc>::MIN_UTC.timestamp_micros()..=DateTime::<Utc>::MAX_UTC.timestamp_micros();
    micros.prop_map(|micros| DateTime::from_timestamp_micros(micros).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn numbers(rows in vec(any::<(i8, i16, i32, i64, u8, u16, u32, u64, f32, f64)>(), 0..6), holes in vec(any::<bool>(), 1..4)) {
        everywhere(&rows, &holes);
    }

    #[test]
    fn words_and_bits(rows in vec(any::<(usize, isize, bool)>(), 0..6), holes in vec(any::<bool>(), 1..4)) {
        everywhere(&rows, &holes);
        everywhere(&rows.iter().map(|row| row.2).collect::<Vec<_>>(), &holes);
    }

    #[test]
    fn texts(rows in vec("\\PC{0,8}", 0..6), holes in vec(any::<bool>(), 1..4)) {
        everywhere(&rows, &holes);
    }

    #[test]
    fn blobs(rows in vec(vec(any::<u8>(), 0..5), 0..6), holes in vec(any::<bool>(), 1..4)) {
        everywhere(&rows.into_iter().map(Bytes::from).collect::<Vec<_>>(), &holes);
    }

    #[test]
    fn dates_and_times(days in vec(date(), 0..6), times in vec(time(), 0..6), holes in vec(any::<bool>(), 1..4)) {
        everywhere(&days, &holes);
        everywhere(&times, &holes);
        everywhere(&times.iter().map(DateTime::naive_utc).collect::<Vec<NaiveDateTime>>(), &holes);
    }

    #[test]
    fn structs(rows in vec(visit(), 0..6), holes in vec(any::<bool>(), 1..4)) {
        everywhere(&rows, &holes);
    }

    #[test]
    fn structs_of_structs(rows in vec(deep(), 0..5), holes in vec(any::<bool>(), 1..4)) {
        everywhere(&rows, &holes);
    }
}

#[test]
fn the_ends_of_time() {
    check(&[NaiveDate::MIN, NaiveDate::MAX]);
    let cut =
        |time: NaiveDateTime| DateTime::from_timestamp_micros(time.and_utc().timestamp_micros()).unwrap().naive_utc();
    check(&[cut(NaiveDateTime::MIN), cut(NaiveDateTime::MAX)]);
}
