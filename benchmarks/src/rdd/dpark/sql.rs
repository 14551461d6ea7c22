//! The tasks that are natural in SQL. What a closure does better is left to one: the sum of a list.

use super::group;
use crate::Result;
use crate::rdd::answer::Answer;
use datafusion::prelude::ParquetReadOptions;
use dpark::Context;

pub(super) async fn words(ctx: &Context, path: &str) -> Result<Answer> {
    ctx.register("lines", &ctx.text_file(path).await?)?;
    let counts = ctx
        .sql(
            "SELECT word, count(*) FROM (SELECT unnest(string_to_array(\"_1\", ' ')) AS word FROM lines) AS words \
             GROUP BY word",
        )
        .await?;
    let counts = ctx.rdd::<(String, i64)>(counts)?.collect().await?;
    Ok(Answer::words(counts.into_iter().map(|(word, count)| (word, count.cast_unsigned())).collect()))
}

pub(super) async fn join(ctx: &Context, left: &str, right: &str) -> Result<Answer> {
    table(ctx, "larger", left).await?;
    table(ctx, "smaller", right).await?;
    let sums =
        ctx.sql("SELECT count(*), sum(l.value * s.value) FROM larger AS l JOIN smaller AS s ON l.key = s.key").await?;
    // The sum of no rows is NULL.
    let sums = ctx.rdd::<(i64, Option<i64>)>(sums)?.first().await?.ok_or("an aggregate without a row")?;
    Ok(Answer::join(sums.0.cast_unsigned(), sums.1.unwrap_or(0).cast_unsigned()))
}

pub(super) async fn group(ctx: &Context, path: &str) -> Result<Answer> {
    table(ctx, "pairs", path).await?;
    let groups = ctx.sql("SELECT key, array_agg(value) FROM pairs GROUP BY key").await?;
    group::answer(&ctx.rdd(groups)?).await
}

async fn table(ctx: &Context, name: &str, path: &str) -> Result<()> {
    Ok(ctx.session().register_parquet(name, path, ParquetReadOptions::default()).await?)
}
