//! PageRank: links are grouped by source and kept, ranks come to where their vertex's links are.

use super::pairs;
use crate::Result;
use crate::rdd::answer::Answer;
use crate::rdd::single::ROUNDS;
use dpark::Context;
use dpark::prelude::Rdd;

/// A vertex and its rank.
type Ranked = (i64, f64);

pub(super) async fn run(ctx: &Context, path: &str) -> Result<Answer> {
    let links = pairs(ctx, path).await?.group_by_key().cache();
    let mut ranks: Rdd<Ranked> = links.map_values(|_| 1.0);
    for _ in 0..ROUNDS {
        // Both are partitioned by vertex: the join moves nothing, the sums of shares do.
        let shares: Rdd<Ranked> = links.join(&ranks).flat_map(|(_, (targets, rank)), out| {
            let share = rank / targets.len() as f64;
            targets.as_slice().iter().for_each(|target| out.push((*target, share)));
        });
        ranks = shares.reduce_by_key(|one, two| one + two).map_values(|sum| 0.15 + 0.85 * sum);
    }
    let (vertices, sum, top) = ranks
        .aggregate(
            (0u64, 0.0, (0i64, 0.0)),
            |(vertices, sum, top), vertex| (vertices + 1, sum + vertex.1, greater(top, vertex)),
            |one, two| (one.0 + two.0, one.1 + two.1, greater(one.2, two.2)),
        )
        .await?;
    Ok(Answer::pagerank(vertices, sum, top))
}

/// The one with the greater rank.
fn greater(one: Ranked, two: Ranked) -> Ranked {
    if two.1 > one.1 { two } else { one }
}
