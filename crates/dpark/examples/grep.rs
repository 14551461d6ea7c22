//! Finds lines in files, on all executors at once.
//!
//! ```text
//! cargo run --release --example grep -- -m process[2] WORD FILE...
//! ```
//!
//! Prints the lines that have the word in them; behind the file's name, if there are several files.

#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use dpark::prelude::*;
use dpark::{Error, Result};
use futures::TryStreamExt;

fn main() -> Result<()> {
    dpark::main(run)
}

async fn run(ctx: Context) -> Result<()> {
    let args: Vec<String> = ctx.args().iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
    let [word, files @ ..] = args.as_slice() else {
        return Err(Error::Usage("usage: grep WORD FILE...".into()));
    };
    // Lines are printed as they come: the result need not fit into this program's memory.
    let mut lines = compute(&ctx, word, files).await?.to_local_iterator().await?;
    while let Some((file, line)) = lines.try_next().await? {
        match files {
            [_] => println!("{line}"),
            _ => println!("{file}:{line}"),
        }
    }
    Ok(())
}

/// Files and their lines that have `word` in them. Lazy.
pub(crate) async fn compute(ctx: &Context, word: &str, files: &[String]) -> Result<Rdd<(String, String)>> {
    let mut found = vec![];
    for file in files {
        // The closure runs elsewhere: what it needs goes along as a value.
        let lines = ctx.text_file(file).await?.with(&(word.to_owned(), file.clone()));
        found.push(lines.flat_map(|(word, file), line, out| {
            if line.contains(word.as_str()) {
                out.push((file, line));
            }
        }));
    }
    match found.split_first() {
        Some((first, others)) => Ok(first.union_all(others)),
        None => Err(Error::Usage("grep needs a file to look into".into())),
    }
}
