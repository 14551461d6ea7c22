//! Memory bandwidth: how fast one core copies, the limit for everything that moves rows.

use super::Figure;
use super::clock::thread_time;
use crate::Result;
use std::hint::black_box;

/// Beyond every cache.
const BYTES: usize = 256 << 20;
const TIMES: usize = 10;

/// Bytes copied per second (the bus carries each twice: read and written).
pub(super) fn measure() -> Result<Figure> {
    let from = vec![1u8; BYTES];
    let mut to = vec![0u8; BYTES];
    let begin = thread_time()?;
    for _ in 0..TIMES {
        to.copy_from_slice(black_box(&from));
        black_box(&mut to);
    }
    let seconds = thread_time()? - begin;
    let rate = (BYTES * TIMES) as f64 / seconds / 1e9;
    Ok(Figure { name: "memcpy".into(), value: rate, unit: "GB/s", rows: None })
}
