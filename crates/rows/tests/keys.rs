//! Keys are equal, ordered and hashed as the Rust values are, as values and as views of columns.

#![allow(clippy::unwrap_used, reason = "a test")]

use bytes::Bytes;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use dpark_rows::batch::batches_of;
use dpark_rows::{Key, Row, Rows};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use std::hash::{DefaultHasher, Hasher};

fn hash<K: Key>(view: K::View<'_>) -> u64 {
    let mut state = DefaultHasher::new();
    K::hash(view, &mut state);
    state.finish()
}

fn laws<K: Key + Ord>(values: &[K]) {
    let batches = batches_of(values, usize::MAX).unwrap();
    let stored: Vec<K::View<'_>> = batches.iter().flat_map(|batch| Rows::<K>::of(batch).unwrap()).collect();
    for (a, a_stored) in values.iter().zip(&stored) {
        assert_eq!(hash::<K>(a.as_view()), hash::<K>(*a_stored));
        for (b, b_stored) in values.iter().zip(&stored) {
            assert_eq!(K::same(a.as_view(), b.as_view()), a == b);
            assert_eq!(K::same(a.as_view(), *b_stored), a == b);
            assert_eq!(K::order(*a_stored, *b_stored), a.cmp(b));
            assert!(a != b || hash::<K>(a.as_view()) == hash::<K>(*b_stored));
        }
    }
}

#[derive(Row, Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
#[row(key, crate = "dpark_rows")]
struct Visit {
    user: String,
    n: Option<i64>,
    tags: Vec<Option<String>>,
    place: (bool, [u8; 2]),
}

type Parts = (String, Option<i64>, Vec<Option<String>>, (bool, [u8; 2]));

fn parts() -> impl Strategy<Value = Parts> {
    ("[ab]{0,1}", option::of(0..2i64), vec(option::of("[ab]{0,1}"), 0..2), (any::<bool>(), [0..2u8, 0..2u8]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn tuples_and_structs(rows in vec(parts(), 0..12)) {
        let visit = |(user, n, tags, place): Parts| Visit { user, n, tags, place };
        laws(&rows);
        let rows: Vec<Visit> = rows.into_iter().map(visit).collect();
        laws(&rows);
        laws(&rows.iter().cloned().map(Some).chain([None]).collect::<Vec<_>>());
        laws(&rows.chunks(2).map(<[Visit]>::to_vec).collect::<Vec<_>>());
    }

    #[test]
    fn numbers(a in vec(any::<(i8, i16, i32, i64, isize)>(), 0..5), b in vec(any::<(u8, u16, u32, u64, usize)>(), 0..5)) {
        laws(&a);
        laws(&b);
    }

    #[test]
    fn bytes(rows in vec(vec(0..3u8, 0..3), 0..12)) {
        laws(&rows.into_iter().map(Bytes::from).collect::<Vec<_>>());
    }

    #[test]
    fn times(micros in vec(-3..3i64, 0..8)) {
        let times: Vec<DateTime<Utc>> = micros.iter().map(|n| DateTime::from_timestamp_micros(*n).unwrap()).collect();
        laws(&times);
        laws(&times.iter().map(DateTime::naive_utc).collect::<Vec<NaiveDateTime>>());
        laws(&micros.iter().map(|n| NaiveDate::MIN + chrono::Days::new(n.unsigned_abs())).collect::<Vec<_>>());
    }
}

#[test]
fn times_that_are_stored_alike_are_the_same_key() {
    let [a, b] = [1, 2].map(|nanos| DateTime::<Utc>::from_timestamp(0, nanos).unwrap());
    assert_ne!(a, b);
    assert!(<DateTime<Utc>>::same(a, b) && <DateTime<Utc>>::order(a, b).is_eq());
    assert_eq!(hash::<DateTime<Utc>>(a), hash::<DateTime<Utc>>(b));
    assert_eq!(hash::<NaiveDateTime>(a.naive_utc()), hash::<NaiveDateTime>(b.naive_utc()));
}
