//! What a row costs: nanoseconds for a closure over every row of a data set in memory, from columns to columns.
//!
//! `cargo run --release -p dpark-rows --example row_cost`

#![allow(clippy::print_stdout, clippy::unwrap_used, reason = "an example")]

use dpark_rows::batch::batches_of;
use dpark_rows::{BatchBuilder, Emit, Row, Rows, schema_of};
use std::hint::black_box;
use std::time::Instant;

const ROWS: usize = 1 << 20;

#[derive(Row)]
#[row(crate = "dpark_rows")]
struct Visit {
    user: String,
    n: u64,
}

/// The best of some runs.
fn each<T: Row, U: Row, F: Fn(T::View<'_>, &mut BatchBuilder<U>)>(name: &str, rows: &[T], f: F) {
    let batches = batches_of(rows, 8192).unwrap();
    let run = || {
        let start = Instant::now();
        let mut out = BatchBuilder::new(schema_of::<U>(), 8192);
        for batch in &batches {
            Rows::<T>::of(batch).unwrap().for_each(|row| f(row, &mut out));
            drop(black_box(out.take_full().unwrap()));
        }
        start.elapsed()
    };
    let best = (0..20).map(|_| run()).min().unwrap();
    println!("{name:<44} {:6.2} ns per row", best.as_nanos() as f64 / ROWS as f64);
}

fn map<T: Row, R: Emit, F: Fn(T::View<'_>) -> R>(name: &str, rows: &[T], f: F) {
    each::<T, R::Row, _>(name, rows, |row, out| out.push(f(row)));
}

fn main() {
    let numbers: Vec<(i64, f64)> = (0..ROWS).map(|i| (i as i64, i as f64)).collect();
    map("(i64, f64) -> (i64, f64)", &numbers, |(a, b)| (a + 1, b * 2.0));
    map("(i64, f64) -> f64", &numbers, |(a, b)| a as f64 * b);
    let texts: Vec<(String, u64)> = (0..ROWS).map(|i| (format!("user {}", i % 1000), i as u64)).collect();
    each("(String, u64) -> (&str, u64)", &texts, |(user, n), out: &mut BatchBuilder<(String, u64)>| {
        out.push((user, n + 1))
    });
    map("(String, u64) -> (String, u64)", &texts, |(user, n)| (user.to_owned(), n + 1));
    map("(String, u64) -> u64", &texts, |(user, n)| user.len() as u64 + n);
    let visits: Vec<Visit> = texts.into_iter().map(|(user, n)| Visit { user, n }).collect();
    each("Visit -> VisitView", &visits, |visit, out: &mut BatchBuilder<Visit>| {
        out.push(VisitView { n: visit.n + 1, ..visit })
    });
    let options: Vec<(Option<i64>, Option<f64>)> =
        numbers.iter().map(|(a, b)| (Some(*a), (a % 3 > 0).then_some(*b))).collect();
    map("(Option<i64>, Option<f64>), the same", &options, |row| row);
    let wide: Vec<[i64; 30]> = (0..ROWS as i64).map(|i| [i; 30]).collect();
    map("[i64; 30], the same", &wide, |row| row);
}
