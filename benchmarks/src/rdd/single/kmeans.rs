//! k-means: points side by side in memory, rounds from the first points as centres.

use super::{ROUNDS, batches, column};
use crate::Result;
use crate::rdd::answer::Answer;
use crate::rdd::data::DIMENSIONS;
use arrow::datatypes::Float64Type;
use std::path::Path;

pub(in crate::rdd) const CENTRES: usize = 10;

pub(in crate::rdd) type Point = [f64; DIMENSIONS];

pub(super) fn run(path: &Path) -> Result<Answer> {
    let points = read(path)?;
    let mut centres = *points.first_chunk::<CENTRES>().ok_or("fewer points than centres")?;
    for _ in 0..ROUNDS {
        let mut sums = [([0.0; DIMENSIONS], 0u32); CENTRES];
        for point in &points {
            let (sum, count) = &mut sums[nearest(&centres, point)];
            *count += 1;
            for (sum, x) in sum.iter_mut().zip(point) {
                *sum += x;
            }
        }
        for (centre, (sum, count)) in centres.iter_mut().zip(&sums).filter(|(_, (_, count))| *count > 0) {
            *centre = sum.map(|sum| sum / f64::from(*count));
        }
    }
    Ok(Answer::kmeans(centres.map(|centre| centre.to_vec())))
}

/// The first of the nearest.
pub(in crate::rdd) fn nearest(centres: &[Point; CENTRES], point: &Point) -> usize {
    let (mut best, mut least) = (0, f64::INFINITY);
    for (at, centre) in centres.iter().enumerate() {
        let distance: f64 = centre.iter().zip(point).map(|(c, x)| (c - x) * (c - x)).sum();
        if distance < least {
            (best, least) = (at, distance);
        }
    }
    best
}

fn read(path: &Path) -> Result<Vec<Point>> {
    let mut points: Vec<Point> = vec![];
    batches(path, |batch| {
        let start = points.len();
        points.resize(start + batch.num_rows(), [0.0; DIMENSIONS]);
        for at in 0..DIMENSIONS {
            let values = column::<Float64Type>(batch, at)?.values();
            for (point, x) in points[start..].iter_mut().zip(values) {
                point[at] = *x;
            }
        }
        Ok(())
    })?;
    Ok(points)
}
