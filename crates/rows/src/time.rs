//! Dates and times of the `chrono` crate. Times are written in microseconds and read in any unit.

use crate::check::{Mismatch, no_nulls};
use crate::primitive::{finished, key, values};
use crate::row::{Emit, Key, Row};
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType, Date32Type, TimeUnit, TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType,
    TimestampSecondType,
};
use chrono::{DateTime, NaiveDate, NaiveDateTime, Utc};
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};

/// From 0001-01-01, where `chrono` counts from, to 1970-01-01.
const EPOCH: i32 = 719_163;

impl Row for NaiveDate {
    type View<'a> = NaiveDate;
    type Reader<'a> = &'a [i32];
    type Builder = Vec<i32>;
    fn data_type() -> DataType {
        DataType::Date32
    }
    fn reader<'a>(array: &'a ArrayRef, parents: Option<&NullBuffer>) -> Result<Self::Reader<'a>, Mismatch> {
        values::<Date32Type>(array, parents)
    }
    fn view<'a>(reader: &Self::Reader<'a>, row: usize) -> Self::View<'a> {
        let days = reader[row].saturating_add(EPOCH);
        let ends = if days < 0 { NaiveDate::MIN } else { NaiveDate::MAX };
        NaiveDate::from_num_days_from_ce_opt(days).unwrap_or(ends)
    }
    fn owned(view: Self::View<'_>) -> Self {
        view
    }
    fn as_view(&self) -> Self::View<'_> {
        *self
    }
    fn emit_default(builder: &mut Self::Builder) {
        builder.push(0);
    }
    fn finish(builder: &mut Self::Builder, nulls: Option<NullBuffer>) -> ArrayRef {
        finished::<Date32Type>(builder, nulls)
    }
    #[inline]
    fn size(builder: &Self::Builder) -> usize {
        builder.len() * 4
    }
}

impl Emit for NaiveDate {
    type Row = NaiveDate;
    fn emit(self, builder: &mut Vec<i32>) {
        builder.push(chrono::Datelike::num_days_from_ce(&self) - EPOCH);
    }
}

/// A column of times and its unit.
#[derive(Debug, Clone, Copy)]
pub struct Times<'a> {
    values: &'a [i64],
    /// Seconds have 1, microseconds a million.
    per_second: i64,
}

impl<'a> Times<'a> {
    fn new(array: &'a ArrayRef, parents: Option<&NullBuffer>, want: &DataType) -> Result<Self, Mismatch> {
        let (DataType::Timestamp(unit, zone), DataType::Timestamp(_, wanted)) = (array.data_type(), want) else {
            return Err(Mismatch::of_type(array.data_type(), want));
        };
        if zone.is_some() != wanted.is_some() {
            return Err(Mismatch::of_type(array.data_type(), want));
        }
        no_nulls(array, parents)?;
        let (values, per_second): (&[i64], i64) = match unit {
            TimeUnit::Second => (array.as_primitive::<TimestampSecondType>().values(), 1),
            TimeUnit::Millisecond => (array.as_primitive::<TimestampMillisecondType>().values(), 1_000),
            TimeUnit::Microsecond => (array.as_primitive::<TimestampMicrosecondType>().values(), 1_000_000),
            TimeUnit::Nanosecond => (array.as_primitive::<TimestampNanosecondType>().values(), 1_000_000_000),
        };
        Ok(Self { values, per_second })
    }

    fn at(&self, row: usize) -> DateTime<Utc> {
        let value = self.values[row];
        let nanoseconds = value.rem_euclid(self.per_second) * (1_000_000_000 / self.per_second);
        let time = DateTime::from_timestamp(value.div_euclid(self.per_second), nanoseconds as u32);
        time.unwrap_or(if value < 0 { DateTime::<Utc>::MIN_UTC } else { DateTime::<Utc>::MAX_UTC })
    }
}

macro_rules! time {
    ($rust:ty, $zone:expr, $from:expr, $micros:expr) => {
        impl Row for $rust {
            type View<'a> = $rust;
            type Reader<'a> = Times<'a>;
            type Builder = Vec<i64>;
            fn data_type() -> DataType {
                DataType::Timestamp(TimeUnit::Microsecond, $zone)
            }
            fn reader<'a>(array: &'a ArrayRef, parents: Option<&NullBuffer>) -> Result<Self::Reader<'a>, Mismatch> {
                Times::new(array, parents, &Self::data_type())
            }
            fn view<'a>(reader: &Self::Reader<'a>, row: usize) -> Self::View<'a> {
                $from(reader.at(row))
            }
            fn owned(view: Self::View<'_>) -> Self {
                view
            }
            fn as_view(&self) -> Self::View<'_> {
                *self
            }
            fn emit_default(builder: &mut Self::Builder) {
                builder.push(0);
            }
            fn finish(builder: &mut Self::Builder, nulls: Option<NullBuffer>) -> ArrayRef {
                let array = arrow::array::PrimitiveArray::<TimestampMicrosecondType>::new(
                    std::mem::take(builder).into(),
                    nulls,
                );
                std::sync::Arc::new(array.with_data_type(Self::data_type()))
            }
            #[inline]
            fn size(builder: &Self::Builder) -> usize {
                builder.len() * 8
            }
        }
        impl Emit for $rust {
            type Row = $rust;
            fn emit(self, builder: &mut Vec<i64>) {
                builder.push($micros(self));
            }
        }
    };
}

time!(NaiveDateTime, None, |time: DateTime<Utc>| time.naive_utc(), naive_micros);
time!(DateTime<Utc>, Some("UTC".into()), |time| time, micros);

key!(NaiveDate);

/// Times are compared as they are written, in microseconds: else two keys could become the same one by being stored.
macro_rules! time_key {
    ($($rust:ty, $micros:expr;)*) => {$(
        impl Key for $rust {
            fn same(a: Self::View<'_>, b: Self::View<'_>) -> bool {
                $micros(a) == $micros(b)
            }
            fn order(a: Self::View<'_>, b: Self::View<'_>) -> Ordering {
                $micros(a).cmp(&$micros(b))
            }
            fn hash<H: Hasher>(view: Self::View<'_>, state: &mut H) {
                state.write_i64($micros(view));
            }
        }
    )*};
}

time_key! {
    NaiveDateTime, naive_micros;
    DateTime<Utc>, micros;
}

fn naive_micros(time: NaiveDateTime) -> i64 {
    micros(time.and_utc())
}

fn micros(time: DateTime<Utc>) -> i64 {
    time.timestamp_micros()
}
