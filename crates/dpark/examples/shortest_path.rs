//! The lengths of the shortest ways from one place to all others, by Pregel.
//!
//! ```text
//! cargo run --release --example shortest_path -- -m process[2] [FILE] [FROM]
//! ```
//!
//! The file has a road a line: from where, to where (both numbers), and how long. Prints each place and the length of the
//! shortest way to it.

#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use dpark::Result;
use dpark::prelude::*;
use dpark::rdd::pregel::Pregel;
use std::num::ParseIntError;

/// Where they lead to, and how long they are.
type Roads = Vec<(u64, u64)>;

fn main() -> Result<()> {
    dpark::main(run)
}

async fn run(ctx: Context) -> Result<()> {
    let mut args = ctx.args().iter().map(|arg| arg.to_string_lossy());
    let path = args.next().unwrap_or("crates/dpark/examples/data/roads.txt".into());
    let from = args.next().and_then(|from| from.parse().ok()).unwrap_or(0);
    for (place, length) in compute(&ctx, &path, from).await? {
        match length {
            Some(length) => println!("{place}: {length}"),
            None => println!("{place}: no way"),
        }
    }
    Ok(())
}

/// All places, in order, and the length of the shortest way to them, if there is one.
pub(crate) async fn compute(ctx: &Context, path: &str, from: u64) -> Result<Vec<(u64, Option<u64>)>> {
    let roads = ctx.text_file(path).await?.try_map(parse);
    // A place where no road begins is one too.
    let ends = roads.flat_map(|(from, to, length), out| {
        out.push((from, vec![(to, length)]));
        out.push((to, Roads::new()));
    });
    let places = ends.reduce_by_key(|mut a, b| {
        a.extend(b);
        a
    });
    // A state of None: no way is known yet.
    let outcome = Pregel::new(&places.map_values(|roads| (None::<u64>, roads.to_vec())))
        .with(from)
        .run(u64::min, |step, place, shortest, out| {
            let found = match step.number {
                0 => (place.id == *step.value).then_some(0),
                _ => shortest,
            };
            // Only news travel on.
            if let Some(length) = found.filter(|length| place.state.is_none_or(|known| *length < known)) {
                place.state = Some(length);
                place.edges.into_iter().for_each(|(to, road)| out.send(to, length + road));
            }
            place.halt();
        })
        .await?;
    let mut lengths = outcome.vertices.collect().await?;
    outcome.unpersist();
    lengths.sort();
    Ok(lengths)
}

pub(crate) fn parse(line: &str) -> Result<(u64, u64, u64), ParseIntError> {
    let mut numbers = line.split_whitespace();
    let mut number = || numbers.next().unwrap_or_default().parse();
    Ok((number()?, number()?, number()?))
}
