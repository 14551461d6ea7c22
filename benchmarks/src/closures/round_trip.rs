//! Milliseconds from the call of a small job to its rows here: planning, launching, running, bringing back.
//!
//! On Mesos it is measured by `tasks`, which starts a cluster.

use crate::Result;
use crate::engines::Engine;
use crate::stats::median;
use dpark::Context;
use serde::Serialize;
use std::time::Instant;

/// Before counting.
const WARM: usize = 20;

/// Rows of the data set, which is one partition.
const ROWS: i64 = 100;

/// Of one engine.
#[derive(Serialize)]
pub(super) struct RoundTrip {
    engine: Engine,
    median_ms: f64,
    /// In the order in which they came.
    milliseconds: Vec<f64>,
}

/// Measures and prints.
pub(super) fn measure(jobs: usize) -> Result<Vec<RoundTrip>> {
    println!();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let mut trips = vec![];
    for engine in [Engine::Local, Engine::Process] {
        let ctx = Context::builder().master(format!("{engine}[2]")).build()?;
        let context = ctx.clone();
        let work = async move { times(&context, jobs).await };
        let milliseconds = runtime.block_on(async { tokio::spawn(work).await })??;
        runtime.block_on(ctx.stop());
        let median_ms = median(&milliseconds).unwrap_or_default();
        println!("{engine:<8} {median_ms:>9.2} ms for a job of one task over cached rows");
        trips.push(RoundTrip { engine, median_ms, milliseconds });
    }
    Ok(trips)
}

async fn times(ctx: &Context, jobs: usize) -> Result<Vec<f64>> {
    let kept = ctx.range(0..ROWS, 1).cache();
    let mut times = vec![];
    for job in 0..WARM + jobs {
        let began = Instant::now();
        let rows = kept.map(|n| n + 1).collect().await?;
        if rows.len() != ROWS as usize {
            return Err(format!("{} rows of {ROWS}", rows.len()).into());
        }
        if job >= WARM {
            times.push(began.elapsed().as_secs_f64() * 1e3);
        }
    }
    Ok(times)
}
