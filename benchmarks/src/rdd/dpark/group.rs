//! Grouping: a list of values for each key, of which the tasks tell length and sum.

use super::pairs;
use crate::Result;
use crate::rdd::answer::Answer;
use dpark::Context;
use dpark::prelude::Rdd;

pub(super) async fn run(ctx: &Context, path: &str) -> Result<Answer> {
    answer(&pairs(ctx, path).await?.group_by_key()).await
}

pub(super) async fn answer(groups: &Rdd<(i64, Vec<i64>)>) -> Result<Answer> {
    let sums = groups.map(|(key, values)| {
        let sum: i64 = values.as_slice().iter().sum();
        (key, values.len() as u64, sum.cast_unsigned())
    });
    Ok(Answer::group(sums.collect().await?))
}
