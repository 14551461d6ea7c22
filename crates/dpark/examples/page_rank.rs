//! Ranks pages by the pages that link to them, by Pregel (Brin and Page, "The anatomy of a large-scale hypertextual web
//! search engine", 1998).
//!
//! ```text
//! cargo run --release --example page_rank -- -m process[2] [FILE]
//! ```
//!
//! The file has a page a line, and behind it the pages that it links to. Prints each page and its rank, the highest first;
//! their sum is 1, if every page links somewhere.

#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use dpark::Result;
use dpark::prelude::*;
use dpark::rdd::pregel::{Pregel, Sum};

/// The share of a rank that is passed on along links.
pub(crate) const DAMPING: f64 = 0.85;
/// The end is when ranks have changed by less, all together.
pub(crate) const NEAR: f64 = 1e-6;

fn main() -> Result<()> {
    dpark::main(run)
}

async fn run(ctx: Context) -> Result<()> {
    let path = ctx.args().first().map_or("crates/dpark/examples/data/pages.txt".into(), |path| path.to_string_lossy());
    let mut ranks = compute(&ctx, &path).await?;
    ranks.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (page, rank) in ranks {
        println!("{rank:.6} {page}");
    }
    Ok(())
}

/// Pages and their ranks, in no order.
pub(crate) async fn compute(ctx: &Context, path: &str) -> Result<Vec<(String, f64)>> {
    let pages = ctx.text_file(path).await?.flat_map(|line, out| {
        let mut names = line.split_whitespace();
        if let Some(page) = names.next() {
            out.push((page, (0.0, names.collect::<Vec<_>>())));
        }
    });
    let count = pages.count().await? as f64;
    let outcome = Pregel::new(&pages)
        .with(count)
        .aggregate::<Sum<f64>>()
        .max_supersteps(100)
        .run(
            |a, b| a + b,
            |step, page, received, out| {
                let (count, before) = (step.value, page.state);
                page.state = match step.number {
                    0 => 1.0 / count,
                    _ => (1.0 - DAMPING) / count + DAMPING * received.unwrap_or(0.0),
                };
                out.aggregate(Sum((page.state - before).abs()));
                // All pages see the same sum of the step before, so all halt together.
                if step.number > 0 && step.aggregated.0 < NEAR {
                    page.halt();
                    return;
                }
                let share = page.state / page.edges.len() as f64;
                page.edges.into_iter().for_each(|link| out.send(link, share));
            },
        )
        .await?;
    let ranks = outcome.vertices.collect().await?;
    outcome.unpersist();
    Ok(ranks)
}
