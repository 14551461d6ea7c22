//! Separates two kinds of points by a line: logistic regression with gradient descent.
//!
//! ```text
//! cargo run --release --example logistic_regression -- -m local[2] [FILE]
//! ```
//!
//! The file has a point a line: its kind, 1 or -1, and its two coordinates. Prints the weights after ten steps.

#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use dpark::Result;
use dpark::prelude::*;
use std::num::ParseFloatError;

type Vector = [f64; 2];

fn main() -> Result<()> {
    dpark::main(run)
}

async fn run(ctx: Context) -> Result<()> {
    let path = ctx.args().first().map_or("crates/dpark/examples/data/points.txt".into(), |path| path.to_string_lossy());
    println!("weights: {:?}", compute(&ctx, &path, 10).await?);
    Ok(())
}

/// The weights after so many steps from 0.
pub(crate) async fn compute(ctx: &Context, path: &str, steps: usize) -> Result<Vector> {
    // Read and parsed once: the steps find the points in the executors' memory.
    let points = ctx.text_file(path).await?.try_map(parse).cache();
    let mut weights = [0.0; 2];
    for _ in 0..steps {
        let gradients = points.with(&weights).map(|weights, (kind, point)| gradient(*weights, kind, point));
        if let Some(sum) = gradients.reduce(|a, b| [a[0] + b[0], a[1] + b[1]]).await? {
            weights = [weights[0] - sum[0], weights[1] - sum[1]];
        }
    }
    points.unpersist();
    Ok(weights)
}

/// What a point adds to the gradient of the loss.
pub(crate) fn gradient(weights: Vector, kind: f64, point: Vector) -> Vector {
    let score = weights[0] * point[0] + weights[1] * point[1];
    let slope = (1.0 / (1.0 + (-kind * score).exp()) - 1.0) * kind;
    point.map(|x| slope * x)
}

/// A line of the file. Where it is no point, the job fails, and its error tells why.
pub(crate) fn parse(line: &str) -> Result<(f64, Vector), ParseFloatError> {
    let mut numbers = line.split_whitespace();
    let mut number = || numbers.next().unwrap_or_default().parse();
    Ok((number()?, [number()?, number()?]))
}
