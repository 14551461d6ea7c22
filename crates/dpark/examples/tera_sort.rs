//! Sorts records of 100 bytes by their first 10, and checks that they are sorted and all there.
//!
//! ```text
//! cargo run --release --example tera_sort -- -m process[*] [RECORDS] [PARTITIONS]
//! ```
//!
//! Prints the number of records, the sum of their checksums before and after, and whether they are in order.

#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use bytes::Bytes;
use dpark::Result;
use dpark::prelude::*;

/// What the sorted records are like.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Sorted {
    pub(crate) records: u64,
    pub(crate) checksum: u64,
    pub(crate) in_order: bool,
}

fn main() -> Result<()> {
    dpark::main(run)
}

async fn run(ctx: Context) -> Result<()> {
    let mut args = ctx.args().iter().filter_map(|arg| arg.to_str()?.parse().ok());
    let (records, partitions) = (args.next().unwrap_or(1_000_000), args.next().unwrap_or(16) as usize);
    let checksums = ctx.range(0..records, partitions).map(|number| checksum(&record(number)));
    let before = checksums.reduce(u64::wrapping_add).await?.unwrap_or(0);
    let Sorted { records, checksum, in_order } = compute(&ctx, records, partitions).await?;
    println!("{records} records, checksum {before:016x} before and {checksum:016x} after, in order: {in_order}");
    Ok(())
}

/// Makes, sorts and checks records.
pub(crate) async fn compute(ctx: &Context, records: i64, partitions: usize) -> Result<Sorted> {
    let made = ctx.range(0..records, partitions).flat_map(|number, out| out.push(record(number).as_slice()));
    // A job ahead samples the keys, so that the partitions get about as many records each.
    let sorted = made.with_partitions(partitions).sort_by(|record| Bytes::copy_from_slice(key(record))).await?;
    // Each partition tells what only it can see; whether the partitions are in order is seen here.
    let parts = sorted.map_partitions(|records, out| {
        let Some(first) = records.next() else { return };
        let (mut last, mut count, mut sum, mut in_order) = (first.clone(), 1u64, checksum(&first), true);
        for record in records {
            in_order &= key(&last) <= key(&record);
            (count, sum) = (count + 1, sum.wrapping_add(checksum(&record)));
            last = record;
        }
        out.push((first, last, count, sum, in_order));
    });
    let mut all = Sorted { in_order: true, ..Sorted::default() };
    let mut before = Bytes::new();
    for (first, last, count, sum, in_order) in parts.collect().await? {
        all.in_order &= in_order && key(&before) <= key(&first);
        (all.records, all.checksum) = (all.records + count, all.checksum.wrapping_add(sum));
        before = last;
    }
    Ok(all)
}

fn key(record: &[u8]) -> &[u8] {
    record.get(..10).unwrap_or(record)
}

/// The record of a number: a key that looks random, and a value that tells the number.
pub(crate) fn record(number: i64) -> [u8; 100] {
    let mut record = [b' '; 100];
    record[..8].copy_from_slice(&mixed(number as u64).to_be_bytes());
    record[10..30].copy_from_slice(format!("{number:020}").as_bytes());
    record
}

pub(crate) fn checksum(record: &[u8]) -> u64 {
    record.iter().fold(0, |sum, byte| mixed(sum ^ u64::from(*byte)))
}

/// A number that looks random, the same each time (SplitMix64 by Steele, Lea and Flood).
fn mixed(number: u64) -> u64 {
    let x = number.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}
