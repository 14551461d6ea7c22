//! Counts the words of a text.
//!
//! ```text
//! cargo run --release --example word_count -- -m local[2] [FILE] [HOW_MANY]
//! ```
//!
//! Prints the most frequent words (10, if nothing is said) and how often each is there, the most frequent first.

#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use dpark::Result;
use dpark::prelude::*;
use std::cmp::Reverse;

fn main() -> Result<()> {
    dpark::main(run)
}

async fn run(ctx: Context) -> Result<()> {
    let mut args = ctx.args().iter().map(|arg| arg.to_string_lossy());
    let path = args.next().unwrap_or("crates/dpark/examples/data/text.txt".into());
    let how_many = args.next().and_then(|number| number.parse().ok()).unwrap_or(10);
    for (word, count) in compute(&ctx, &path, how_many).await? {
        println!("{count:>8} {word}");
    }
    Ok(())
}

/// The most frequent words; of equally frequent ones, those that come first in the alphabet.
pub(crate) async fn compute(ctx: &Context, path: &str, how_many: usize) -> Result<Vec<(String, u64)>> {
    let words = ctx.text_file(path).await?.flat_map(|line, out| {
        for word in line.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
            out.push((word.to_lowercase(), 1u64));
        }
    });
    // Counted within each partition first, so no more than one row a word and partition moves.
    let counts = words.reduce_by_key(|a, b| a + b);
    Ok(counts.take_ordered_by(how_many, |(word, count)| (Reverse(count), word.to_owned())).await?)
}
