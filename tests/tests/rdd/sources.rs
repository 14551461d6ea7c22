//! Rows of the program itself.

use super::fixture::{Done, Trials, chunks, equal, pairs};
use bytes::Bytes;
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use dpark::Context;
use dpark::prelude::Rdd;

pub(crate) fn add(trials: &mut Trials) {
    trials.add("sources::parallelize", parallelize);
    trials.add("sources::range", range);
    trials.add("sources::every_type", every_type);
}

async fn parallelize(ctx: Context) -> Done {
    let rows = pairs(1, 1000);
    for partitions in [1, 3, 7] {
        let data = ctx.parallelize(rows.clone(), partitions);
        equal(&data.collect().await?, &rows)?;
        equal(&data.glom().collect().await?, &chunks(&rows, partitions))?;
    }
    // More partitions than rows: some are empty. None at all becomes one.
    let few = ctx.parallelize(rows[..3].to_vec(), 5);
    assert_eq!(few.partition_counts().await?, [0, 1, 0, 1, 1]);
    assert_eq!(ctx.parallelize(rows[..3].to_vec(), 0).partition_counts().await?, [3]);
    Ok(())
}

async fn range(ctx: Context) -> Done {
    let numbers = ctx.range(-7..10_000, 3);
    equal(&numbers.collect().await?, &(-7..10_000).collect::<Vec<_>>())?;
    equal(&numbers.glom().collect().await?, &chunks(&(-7..10_000).collect::<Vec<_>>(), 3))?;
    #[expect(clippy::reversed_empty_ranges, reason = "that is what is tried")]
    let nothing = ctx.range(5..-5, 4);
    assert_eq!(nothing.partition_counts().await?, [0, 0, 0, 0]);
    assert_eq!(ctx.range(0..2, 0).partition_counts().await?, [2]);
    let ends: Rdd<i64> = ctx.range(i64::MIN..i64::MIN + 2, 1).union(&ctx.range(i64::MAX - 2..i64::MAX, 1));
    equal(&ends.collect().await?, &[i64::MIN, i64::MIN + 1, i64::MAX - 2, i64::MAX - 1])
}

/// Every type that can be a row, there and back, also below `Option`s and lists.
async fn every_type(ctx: Context) -> Done {
    type Numbers = (i8, i16, i32, i64, u8, u16, u32, u64, usize, isize);
    type Texts = (String, Bytes, bool, [i32; 4], (f32, f64));
    type Times = (NaiveDate, NaiveDateTime, DateTime<Utc>);
    type Lists = (Vec<Option<String>>, Option<Vec<(i64, Option<bool>)>>, Option<(i64, Option<String>)>);
    let numbers: Vec<Numbers> = vec![
        (i8::MIN, i16::MIN, i32::MIN, i64::MIN, 0, 0, 0, 0, 0, isize::MIN),
        (i8::MAX, i16::MAX, i32::MAX, i64::MAX, u8::MAX, u16::MAX, u32::MAX, u64::MAX, usize::MAX, isize::MAX),
    ];
    let texts: Vec<Texts> = vec![
        (String::new(), Bytes::new(), true, [0, 0, 0, 0], (-0.0, f64::INFINITY)),
        ("日本 🦀\0".into(), Bytes::from_static(&[0, 255]), false, [-1, 2, -3, 4], (f32::MIN_POSITIVE, f64::MAX)),
    ];
    let day = NaiveDate::from_ymd_opt(1969, 12, 31).unwrap();
    let time = day.and_hms_micro_opt(23, 59, 59, 999_999).unwrap();
    let times: Vec<Times> = vec![(day, time, time.and_utc()), (NaiveDate::default(), time, DateTime::UNIX_EPOCH)];
    let lists: Vec<Lists> = vec![
        (vec![], None, None),
        (vec![None, Some(String::new())], Some(vec![(1, None), (2, Some(true))]), Some((7, None))),
        (vec![Some("x".into())], Some(vec![]), Some((8, Some("y".into())))),
    ];
    equal(&ctx.parallelize(numbers.clone(), 2).collect().await?, &numbers)?;
    equal(&ctx.parallelize(texts.clone(), 2).collect().await?, &texts)?;
    equal(&ctx.parallelize(times.clone(), 2).collect().await?, &times)?;
    equal(&ctx.parallelize(lists.clone(), 2).collect().await?, &lists)
}
