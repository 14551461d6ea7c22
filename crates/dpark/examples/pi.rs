//! Estimates pi by throwing points at a square: the share of those in the inscribed circle is pi / 4.
//!
//! ```text
//! cargo run --release --example pi -- -m local[2] [POINTS]
//! ```
//!
//! Prints the estimate, for ten million points `pi is about 3.141…`.

#![allow(clippy::print_stdout, reason = "a program that prints its result")]

use dpark::Result;
use dpark::prelude::*;

fn main() -> Result<()> {
    dpark::main(run)
}

async fn run(ctx: Context) -> Result<()> {
    let points = ctx.args().first().and_then(|points| points.to_str()?.parse().ok()).unwrap_or(10_000_000);
    println!("pi is about {}", compute(&ctx, points, 8).await?);
    Ok(())
}

/// The estimate, the same for any number of partitions.
pub(crate) async fn compute(ctx: &Context, points: i64, partitions: usize) -> Result<f64> {
    let inside = ctx.range(0..points, partitions).filter(|number| {
        let (x, y) = (uniform(2 * number as u64), uniform(2 * number as u64 + 1));
        x * x + y * y < 1.0
    });
    Ok(4.0 * inside.count().await? as f64 / points as f64)
}

/// A number from 0 to 1 that looks random. Each point draws its own, so a task that is run again throws the same points. (The
/// mixing is that of SplitMix64 by Steele, Lea and Flood.)
pub(crate) fn uniform(number: u64) -> f64 {
    let x = (number + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    ((x ^ (x >> 31)) >> 11) as f64 / (1u64 << 53) as f64
}
