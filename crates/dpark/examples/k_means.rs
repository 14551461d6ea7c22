//! Finds clusters of points: k-means (Lloyd, "Least squares quantization in PCM", 1982).
//!
//! ```text
//! cargo run --release --example k_means -- -m local[2] [FILE] [CLUSTERS]
//! ```
//!
//! The file has a point a line: its two coordinates. Prints the centres of the clusters (4, if nothing is said).

#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use dpark::Result;
use dpark::prelude::*;
use std::num::ParseFloatError;

type Point = [f64; 2];

/// The end is when no centre moves further.
const NEAR: f64 = 0.001;

fn main() -> Result<()> {
    dpark::main(run)
}

async fn run(ctx: Context) -> Result<()> {
    let mut args = ctx.args().iter().map(|arg| arg.to_string_lossy());
    let path = args.next().unwrap_or("crates/dpark/examples/data/clusters.txt".into());
    let clusters = args.next().and_then(|number| number.parse().ok()).unwrap_or(4);
    for [x, y] in compute(&ctx, &path, clusters).await? {
        println!("{x:.3} {y:.3}");
    }
    Ok(())
}

/// The centres. The first points of the file are what they start from.
pub(crate) async fn compute(ctx: &Context, path: &str, clusters: usize) -> Result<Vec<Point>> {
    let points = ctx.text_file(path).await?.try_map(parse).cache();
    let mut centres = points.take(clusters.max(1)).await?;
    loop {
        let nearest = points.with(&centres).map(|centres, point| (nearest(centres, point), (point, 1u64)));
        // Few keys, so what partitions have is combined here; nothing is shuffled.
        let sums = nearest.reduce_by_key_locally(|(a, n), (b, m)| ([a[0] + b[0], a[1] + b[1]], n + m)).await?;
        let mut moved: f64 = 0.0;
        for (cluster, (sum, count)) in sums {
            let centre = sum.map(|x| x / count as f64);
            moved = moved.max(distance(centres[cluster], centre));
            centres[cluster] = centre;
        }
        if moved < NEAR {
            points.unpersist();
            return Ok(centres);
        }
    }
}

fn nearest(centres: &[Point], point: Point) -> usize {
    let by_distance = (0..centres.len()).map(|i| (distance(centres[i], point), i));
    by_distance.min_by(|a, b| a.0.total_cmp(&b.0)).map_or(0, |(_, i)| i)
}

fn distance(a: Point, b: Point) -> f64 {
    (a[0] - b[0]).hypot(a[1] - b[1])
}

pub(crate) fn parse(line: &str) -> Result<Point, ParseFloatError> {
    let mut numbers = line.split_whitespace();
    let mut number = || numbers.next().unwrap_or_default().parse();
    Ok([number()?, number()?])
}
