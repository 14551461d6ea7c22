//! Word count: words are pieces of their lines until they are in a column.

use crate::Result;
use crate::rdd::answer::Answer;
use dpark::Context;
use dpark::prelude::Rdd;

pub(super) async fn run(ctx: &Context, path: &str) -> Result<Answer> {
    let lines = ctx.text_file(path).await?;
    let words: Rdd<(String, u64)> =
        lines.flat_map(|line, out| line.split_ascii_whitespace().for_each(|word| out.push((word, 1u64))));
    Ok(Answer::words(words.reduce_by_key(|one, two| one + two).collect().await?))
}
