//! A program as users write them, for the trials of `dpark::main`: the most frequent words of a play.
//!
//! ```text
//! program [-m MASTER] [--conf KEY=VALUE] [--err PART] [--top N] FILE...
//! ```
//!
//! A line of the files is who speaks, a colon, and what they say.

#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use dpark::prelude::*;
use dpark::{Error, Result};
use std::cmp::Reverse;

fn main() -> Result<()> {
    dpark::main(run)
}

async fn run(ctx: Context) -> Result<()> {
    let (top, files) = arguments(&ctx)?;
    let (lines, elsewhere) = (ctx.accumulator(0u64), ctx.accumulator(0u64));
    let given = (lines.clone(), elsewhere.clone(), std::process::id());
    let speeches = ctx.files(files).lines().await?.with(&given).try_map(|(lines, elsewhere, driver), line| {
        let (_, speech) = line.split_once(": ").ok_or_else(|| format!("nobody says {line:?}"))?;
        lines.add(1);
        elsewhere.add(u64::from(std::process::id() != *driver));
        Ok::<_, String>(speech.to_owned())
    });
    let words = speeches.flat_map(|speech, out| speech.split(' ').for_each(|word| out.push((word, 1u64))));
    let counts = words.reduce_by_key(|a, b| a + b);
    for (word, count) in counts.take_ordered_by(top, |(word, count)| (Reverse(count), word.to_owned())).await? {
        println!("{word} {count}");
    }
    let (lines, elsewhere, left_out) = (lines.value()?, elsewhere.value()?, speeches.bad_records()?.bad());
    println!("{lines} lines, {elsewhere} of them read by others, {left_out} left out");
    println!("{} partitions", counts.partition_count().await?);
    Ok(())
}

/// How many words, and the files.
fn arguments(ctx: &Context) -> Result<(usize, Vec<String>)> {
    let usage = || Error::Usage("usage: program [--top N] FILE...".into());
    let (mut top, mut files) = (4, vec![]);
    let mut args = ctx.args().iter().map(|arg| arg.to_string_lossy().into_owned());
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--top" => top = args.next().and_then(|number| number.parse().ok()).ok_or_else(usage)?,
            option if option.starts_with('-') => return Err(Error::Usage(format!("unknown option {option}"))),
            _ => files.push(arg),
        }
    }
    if files.is_empty() { Err(usage()) } else { Ok((top, files)) }
}
