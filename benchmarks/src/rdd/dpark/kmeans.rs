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
        // A few sums of each partition: they need no exchange.
        let sums = points.with(&centres).map_partitions(|centres, points, out| {
            let mut sums = [(Point::default(), 0u64); CENTRES];
            for point in points {
                let (sum, count) = &mut sums[nearest(centres, &point)];
                (*sum, *count) = (added(*sum, &point), *count + 1);
            }
            (0u64..).zip(sums).for_each(|(centre, (sum, count))| out.push((centre, sum, count)));
        });
        let mut totals = [(Point::default(), 0u64); CENTRES];
        for (centre, sum, count) in sums.collect().await? {
            let total = &mut totals[centre as usize];
            *total = (added(total.0, &sum), total.1 + count);
        }
        for (centre, (sum, count)) in centres.iter_mut().zip(totals).filter(|(_, (_, count))| *count > 0) {
            *centre = sum.map(|sum| sum / count as f64);
        }
    }
    Ok(Answer::kmeans(centres.map(|centre| centre.to_vec())))
}

fn added(mut sum: Point, point: &Point) -> Point {
    sum.iter_mut().zip(point).for_each(|(sum, x)| *sum += x);
    sum
}
