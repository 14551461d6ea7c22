//! Which things are liked by the same people: the cosine of the angle between the ratings of each two items.
//!
//! ```text
//! cargo run --release --example item_similarity -- -m local[2] [FILE]
//! ```
//!
//! The file has a rating a line: item, user and number. Prints for each item the three that are most like it.

#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use dpark::Result;
use dpark::prelude::*;
use std::cmp::Reverse;

/// Others and how similar they are, the most similar first.
pub(crate) type Similar = Vec<(String, f64)>;

fn main() -> Result<()> {
    dpark::main(run)
}

async fn run(ctx: Context) -> Result<()> {
    let path =
        ctx.args().first().map_or("crates/dpark/examples/data/ratings.txt".into(), |path| path.to_string_lossy());
    for (item, similar) in compute(&ctx, &path, 3).await? {
        let similar: Vec<_> = similar.iter().map(|(other, cosine)| format!("{other} {cosine:.3}")).collect();
        println!("{item}: {}", similar.join(", "));
    }
    Ok(())
}

/// Each item, in alphabetical order, with the `n` most similar ones.
pub(crate) async fn compute(ctx: &Context, path: &str, n: usize) -> Result<Vec<(String, Similar)>> {
    let ratings = ctx.text_file(path).await?.flat_map(|line, out| {
        if let Some((item, user, rating)) = parse(line) {
            out.push((user, (item, rating)));
        }
    });
    let ratings = ratings.cache();
    let squares = ratings.map(|(_, (item, rating))| (item.to_owned(), rating * rating)).reduce_by_key(|a, b| a + b);
    // Only items that somebody has rated both have a product; so users are met one by one, not items with each other.
    let products = ratings.group_by_key().flat_map(|(_, rated), out| {
        for (a, of_a) in rated {
            for (b, of_b) in rated.into_iter().filter(|(b, _)| a < *b) {
                out.push(((a, b), of_a * of_b));
            }
        }
    });
    // There are few items, so their lengths go along with the closure.
    let cosines = products.reduce_by_key(|a, b| a + b).with(&squares.collect_as_map().await?).flat_map(
        |squares, ((a, b), product), out| {
            if let (Some(of_a), Some(of_b)) = (squares.get(a), squares.get(b)) {
                let cosine = product / (of_a * of_b).sqrt();
                out.push((a, (b, cosine)));
                out.push((b, (a, cosine)));
            }
        },
    );
    // Floats have no order of their own, but the bits of those that are not negative have the same.
    let best = cosines.top_by_key(n, |(other, cosine)| (cosine.to_bits(), Reverse(other.to_owned())));
    let mut best = best.collect().await?;
    ratings.unpersist();
    best.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(best)
}

/// A line of the file; others are passed over.
pub(crate) fn parse(line: &str) -> Option<(&str, &str, f64)> {
    let mut words = line.split_whitespace();
    Some((words.next()?, words.next()?, words.next()?.parse().ok()?))
}
