//! Small deterministic columns with NULLs, duplicates and skew.
//!
//! Numbers are multiples of a quarter: their sums are exact in floating point whatever the order of the terms, so a
//! comparison need not forgive anything.

use arrow::array::{
    ArrayRef, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array, Int32Array, Int64Array,
    StringArray, TimestampMicrosecondArray,
};
use std::sync::Arc;

/// A number that looks random, the same on every machine and in every run.
pub fn mix(seed: u64, row: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(row).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 30)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// Every `nth` row is NULL (by chance); 0 for never.
fn null(seed: u64, row: u64, nth: u64) -> bool {
    nth != 0 && mix(seed ^ 0xdead, row).is_multiple_of(nth)
}

/// `row`, which is unique.
pub fn ids(rows: std::ops::Range<u64>) -> ArrayRef {
    Arc::new(Int64Array::from_iter_values(rows.map(|row| row as i64)))
}

/// Integers in `low..high`; a third of them is the one value `heavy`.
pub fn keys(rows: std::ops::Range<u64>, seed: u64, span: (i32, i32), heavy: i32, nulls: u64) -> ArrayRef {
    let value = |row| match mix(seed, row) {
        z if z % 3 == 0 => heavy,
        z => span.0 + ((z >> 8) % (span.1 - span.0) as u64) as i32,
    };
    Arc::new(Int32Array::from_iter(rows.map(|row| (!null(seed, row, nulls)).then(|| value(row)))))
}

/// Short words in several scripts and cases, the empty one among them.
pub fn words(rows: std::ops::Range<u64>, seed: u64, nulls: u64) -> ArrayRef {
    const WORDS: [&str; 12] =
        ["", "a", "A", "ant", "bee", "Bee ", "cat%", "d_g", "über", "日本", "a longer text beyond twelve bytes", "ant"];
    let value = |row| WORDS[(mix(seed, row) % 12) as usize];
    Arc::new(StringArray::from_iter(rows.map(|row| (!null(seed, row, nulls)).then(|| value(row)))))
}

/// Multiples of a quarter in -250..250.
pub fn quarters(rows: std::ops::Range<u64>, seed: u64, nulls: u64) -> ArrayRef {
    let value = |row| (mix(seed, row) % 2000) as f64 / 4.0 - 250.0;
    Arc::new(Float64Array::from_iter(rows.map(|row| (!null(seed, row, nulls)).then(|| value(row)))))
}

/// NaN of two payloads and both signs, both zeros, both infinities, tiny and plain numbers, NULL.
pub fn odd_floats(rows: std::ops::Range<u64>, seed: u64) -> (ArrayRef, ArrayRef) {
    const VALUES: [f64; 10] =
        [f64::NAN, -0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, 1.5, -1.5, f64::MIN_POSITIVE, 1.5, 7.0];
    let pick = move |seed: u64, row: u64| (mix(seed, row) % 11) as usize;
    let wide = rows.clone().map(|row| VALUES.get(pick(seed, row)).copied());
    let narrow = rows.map(|row| VALUES.get(pick(seed + 1, row)).map(|value| *value as f32));
    (Arc::new(Float64Array::from_iter(wide)), Arc::new(Float32Array::from_iter(narrow)))
}

/// Cents, as DECIMAL(12, 2).
pub fn money(rows: std::ops::Range<u64>, seed: u64, nulls: u64) -> ArrayRef {
    let value = |row| (mix(seed, row) % 2_000_000) as i128 - 1_000_000;
    let array = Decimal128Array::from_iter(rows.map(|row| (!null(seed, row, nulls)).then(|| value(row))));
    Arc::new(array.with_data_type(arrow::datatypes::DataType::Decimal128(12, 2)))
}

/// Moments in the first quarter of 2024, some of them equal.
pub fn moments(rows: std::ops::Range<u64>, seed: u64, nulls: u64) -> ArrayRef {
    let value = |row| 1_704_067_200_000_000 + (mix(seed, row) % 2160) as i64 * 3_600_000_000;
    let array = TimestampMicrosecondArray::from_iter(rows.map(|row| (!null(seed, row, nulls)).then(|| value(row))));
    Arc::new(array)
}

/// Days around the epoch, before and after.
pub fn days(rows: std::ops::Range<u64>, seed: u64, nulls: u64) -> ArrayRef {
    let value = |row| (mix(seed, row) % 400) as i32 - 200;
    Arc::new(Date32Array::from_iter(rows.map(|row| (!null(seed, row, nulls)).then(|| value(row)))))
}

/// True, false and NULL.
pub fn flags(rows: std::ops::Range<u64>, seed: u64, nulls: u64) -> ArrayRef {
    let value = |row| mix(seed, row) & 4 == 0;
    Arc::new(BooleanArray::from_iter(rows.map(|row| (!null(seed, row, nulls)).then(|| value(row)))))
}
