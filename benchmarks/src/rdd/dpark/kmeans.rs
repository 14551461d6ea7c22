//! k-means: points stay where they are; a round sends centres out and brings a sum for each back.

use crate::Result;
use crate::rdd::answer::Answer;
use crate::rdd::single::ROUNDS;
use crate::rdd::single::kmeans::{CENTRES, Point, nearest};
use dpark::Context;
use dpark::prelude::Rdd;

/// The file's columns.
type Columns = (f64, f64, f64, f64, f64, f64, f64, f64, f64, f64);

pub(super) async fn run(ctx: &Context, path: &str) -> Result<Answer> {
    let columns: Rdd<Columns> = ctx.rdd(ctx.read_parquet(path).await?)?;
    let points = columns.map(|(a, b, c, d, e, f, g, h, i, j)| [a, b, c, d, e, f, g, h, i, j]).cache();
    let first = points.take(CENTRES).await?;
    let mut centres = *first.first_chunk::<CENTRES>().ok_or("fewer points than centres")?;
    for _ in 0..ROUNDS {
        let assigned = points.with(&centres).map(|centres, point| (nearest(centres, &point) as u64, (point, 1u64)));
        // A few sums of each partition: they need no exchange.
        let sums = assigned.reduce_by_key_locally(|(one, n), (two, m)| (added(one, &two), n + m)).await?;
        for (centre, at) in centres.iter_mut().zip(0u64..) {
            if let Some((sum, count)) = sums.get(&at) {
                *centre = sum.map(|sum| sum / *count as f64);
            }
        }
    }
    Ok(Answer::kmeans(centres.map(|centre| centre.to_vec())))
}

fn added(mut sum: Point, point: &Point) -> Point {
    sum.iter_mut().zip(point).for_each(|(sum, x)| *sum += x);
    sum
}
