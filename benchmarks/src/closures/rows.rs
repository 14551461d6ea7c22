//! Nanoseconds a row of `map`, `filter`, `flat_map` and `reduce_by_key`.

use crate::Result;
use crate::stats::median;
use dpark::Context;
use dpark::prelude::Rdd;
use hashbrown::HashMap;
use serde::Serialize;
use std::hint::black_box;
use std::time::Instant;

/// Keys of `reduce_by_key`.
const KEYS: i64 = 10_000;

/// Words of a line.
const WORDS: i64 = 10;

/// A row of numbers.
type Row = (i64, f64);

/// Nanoseconds a row, or a word of `flat_map`.
#[derive(Serialize)]
pub(super) struct Operation {
    name: &'static str,
    /// Of the pipeline that ends with the operation.
    pipeline: f64,
    /// Of the pipeline without it.
    without: f64,
    /// Of the plain loop.
    plain: f64,
    /// What the operation adds to the pipeline, less the plain loop.
    beyond: f64,
}

impl Operation {
    fn of(name: &'static str, rows: i64, pipeline: &[f64], without: &[f64], plain: &[f64]) -> Operation {
        let each = |seconds: &[f64]| median(seconds).unwrap_or_default() * 1e9 / rows as f64;
        let (pipeline, without, plain) = (each(pipeline), each(without), each(plain));
        let beyond = pipeline - without - plain;
        println!("{name:<16}{pipeline:>10.2}{without:>10.2}{plain:>10.2}{beyond:>10.2}");
        Operation { name, pipeline, without, plain, beyond }
    }
}

/// Measures and prints all of them.
pub(super) fn measure(rows: i64, lines: i64, rounds: usize) -> Result<Vec<Operation>> {
    println!("nanoseconds a row (a word of flat_map), one thread\n");
    println!("{:<16}{:>10}{:>10}{:>10}{:>10}", "", "pipeline", "without", "plain", "beyond");
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let ctx = Context::builder().master("local[1]").conf("shuffle.keep", "0").build()?;
    let context = ctx.clone();
    let work = async move { all(&context, rows, lines, rounds).await };
    let operations = runtime.block_on(async { tokio::spawn(work).await })??;
    runtime.block_on(ctx.stop());
    Ok(operations)
}

async fn all(ctx: &Context, rows: i64, lines: i64, rounds: usize) -> Result<Vec<Operation>> {
    let pairs: Rdd<Row> = ctx.range(0..rows, 1).map(row);
    let numbers = Source { rows: &pairs, count: rows, rounds };
    let mapped = pairs.map(changed);
    let change = || {
        for n in 0..rows {
            black_box(changed(row(n)));
        }
    };
    let map = numbers.beside("map", &mapped, change).await?;
    let filtered = pairs.filter(wanted);
    let choose = || {
        for n in 0..rows {
            black_box(wanted(row(n)));
        }
    };
    let filter = numbers.beside("filter", &filtered, choose).await?;

    let texts: Rdd<String> = ctx.range(0..lines, 1).map(line).cache();
    texts.count().await?;
    let words: Rdd<String> = texts.flat_map(|line, out| line.split(' ').for_each(|word| out.push(word)));
    let plain: Vec<String> = (0..lines).map(line).collect();
    let split = || {
        for word in plain.iter().flat_map(|line| line.split(' ')) {
            black_box(word);
        }
    };
    let flat_map = Source { rows: &texts, count: lines * WORDS, rounds }.beside("flat_map", &words, split).await?;
    texts.unpersist();
    drop(plain);

    let keyed: Rdd<Row> = ctx.range(0..rows, 1).map(|n| (key(n), n as f64));
    let sums = keyed.reduce_by_key(|one, two| one + two);
    let add = || {
        let mut sums: HashMap<i64, f64> = HashMap::new();
        (0..rows).for_each(|n| *sums.entry(key(n)).or_default() += n as f64);
        black_box(sums.len());
    };
    let reduce = Source { rows: &keyed, count: rows, rounds }.beside("reduce_by_key", &sums, add).await?;
    Ok(vec![map, filter, flat_map, reduce])
}

/// What operations are put behind.
struct Source<'a, T> {
    rows: &'a Rdd<T>,
    count: i64,
    rounds: usize,
}

impl<T: dpark::prelude::Row> Source<'_, T> {
    /// The pipeline with the operation, that without it and the plain loop, by turns.
    async fn beside<U: dpark::prelude::Row>(
        &self,
        name: &'static str,
        made: &Rdd<U>,
        plain: impl Fn(),
    ) -> Result<Operation> {
        let mut times = [vec![], vec![], vec![]];
        for _ in 0..self.rounds {
            let began = Instant::now();
            black_box(made.count().await?);
            let with = Instant::now();
            black_box(self.rows.count().await?);
            let without = Instant::now();
            plain();
            let ends = [with - began, without - with, without.elapsed()];
            times.iter_mut().zip(ends).for_each(|(times, time)| times.push(time.as_secs_f64()));
        }
        let [pipeline, without, plain] = &times;
        Ok(Operation::of(name, self.count, pipeline, without, plain))
    }
}

fn row(n: i64) -> Row {
    (n, n as f64)
}

fn changed((key, value): Row) -> Row {
    (key ^ 1, value * 1.5 + 1.0)
}

/// Two rows of three, by turns.
fn wanted((key, value): Row) -> bool {
    value >= 0.0 && key % 3 != 0
}

/// Scattered, so that neighbours are of different keys.
fn key(n: i64) -> i64 {
    (n.wrapping_mul(0x9E37_79B9) & i64::MAX) % KEYS
}

/// Ten words of three to ten letters.
fn line(n: i64) -> String {
    let word = |at: i64| format!("w{}", (key(n * WORDS + at) + 10).pow(1 + (at % 2) as u32));
    (0..WORDS).map(word).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn all_operations_are_told() {
        let ctx = Context::builder().master("local[1]").conf("shuffle.keep", "0").build().unwrap();
        let operations = all(&ctx, 1000, 10, 1).await.unwrap();
        assert_eq!(operations.len(), 4);
        assert!(operations.iter().all(|operation| operation.pipeline > 0.0));
        ctx.stop().await;
    }

    #[test]
    fn lines_have_ten_words() {
        assert!((0..100).all(|n| line(n).split(' ').count() == WORDS as usize));
    }
}
