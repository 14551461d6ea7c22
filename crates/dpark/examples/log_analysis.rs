//! Closures and SQL in one plan: which parts of a web site fail how often.
//!
//! ```text
//! cargo run --release --example log_analysis -- -m process[2] [FILE]
//! ```
//!
//! The file has a request a line: time, method, path, status, bytes. Prints for each section of the site (the first name of
//! its paths) the number of requests, of pages, the bytes sent and the share of failures, the most visited section first.

#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use dpark::Result;
use dpark::prelude::*;

/// Requests, pages, bytes, failures.
pub(crate) type Numbers = (i64, i64, i64, i64);

fn main() -> Result<()> {
    dpark::main(run)
}

async fn run(ctx: Context) -> Result<()> {
    let path = ctx.args().first().map_or("crates/dpark/examples/data/access.log".into(), |path| path.to_string_lossy());
    for (section, (requests, pages, bytes, failures)) in compute(&ctx, &path).await? {
        let share = 100.0 * failures as f64 / requests as f64;
        println!("{section:<12} {requests:>4} requests of {pages} pages, {bytes} bytes, {share:.1} % failed");
    }
    Ok(())
}

/// Sections, the most visited first.
pub(crate) async fn compute(ctx: &Context, path: &str) -> Result<Vec<(String, Numbers)>> {
    // What SQL is bad at: lines in a format of their own, with some that are broken.
    let requests = ctx.text_file(path).await?.flat_map(|line, out| {
        if let Some((path, status, bytes)) = parse(line) {
            out.push((path, status, bytes));
        }
    });
    ctx.register("requests", &requests)?;
    // What closures are bad at: several numbers for each group.
    let pages = ctx
        .sql(
            "SELECT _1 AS path, count(*) AS requests, sum(_3) AS bytes, count(*) FILTER (WHERE _2 >= 500) AS failures \
             FROM requests WHERE _2 <> 304 GROUP BY _1",
        )
        .await?;
    // And closures again. All of it is one job: rows go from the one to the other as columns.
    let pages = ctx.rdd::<(String, i64, i64, i64)>(pages)?;
    let sections = pages.map(|(path, requests, bytes, failures)| {
        let section = path.split('/').nth(1).filter(|name| !name.is_empty()).unwrap_or("/");
        (section.to_owned(), (requests, 1i64, bytes, failures))
    });
    let sums = sections.reduce_by_key(|a, b| (a.0 + b.0, a.1 + b.1, a.2 + b.2, a.3 + b.3));
    let mut sums = sums.collect().await?;
    sums.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    Ok(sums)
}

/// Path without its query, status, bytes.
pub(crate) fn parse(line: &str) -> Option<(&str, u16, i64)> {
    let mut words = line.split_whitespace().skip(2);
    let path = words.next()?.split('?').next()?;
    Some((path, words.next()?.parse().ok()?, words.next()?.parse().ok()?))
}
