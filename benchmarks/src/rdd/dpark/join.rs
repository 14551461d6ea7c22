//! Join: both sides by key, then counted where they have met.

use super::pairs;
use crate::Result;
use crate::rdd::answer::Answer;
use dpark::Context;

pub(super) async fn run(ctx: &Context, left: &str, right: &str) -> Result<Answer> {
    let joined = pairs(ctx, left).await?.join(&pairs(ctx, right).await?);
    let (rows, products) = joined
        .aggregate(
            (0u64, 0u64),
            |(rows, products), (_, (one, two))| (rows + 1, products.wrapping_add((one * two).cast_unsigned())),
            |one, two| (one.0 + two.0, one.1.wrapping_add(two.1)),
        )
        .await?;
    Ok(Answer::join(rows, products))
}
