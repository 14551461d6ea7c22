//! Sort: keys and positions are sorted, then each record is moved once.

use crate::Result;
use crate::rdd::answer::{Answer, Sorted};
use crate::rdd::data::{KEY, RECORD};
use std::path::Path;

pub(super) fn run(path: &Path) -> Result<Answer> {
    let records = std::fs::read(path)?;
    let (records, rest) = records.as_chunks::<RECORD>();
    if !rest.is_empty() {
        return Err(format!("{}: {} bytes after the last record", path.display(), rest.len()).into());
    }
    let mut order = Vec::with_capacity(records.len());
    for (at, record) in records.iter().enumerate() {
        order.push((key(record), u32::try_from(at)?));
    }
    order.sort_unstable();
    let mut sorted = Vec::with_capacity(records.len());
    sorted.extend(order.iter().map(|(_, at)| records[*at as usize]));
    Ok(Answer::sort([Sorted::of(sorted.iter().map(<[u8; RECORD]>::as_slice))]))
}

/// In two numbers, which compare faster than bytes.
fn key(record: &[u8; RECORD]) -> (u64, u16) {
    let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
    (number(&record[..8]), number(&record[8..KEY]) as u16)
}
