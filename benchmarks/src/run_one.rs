//! The child: one engine, one query, in a process of its own, so that its peak memory is its alone.
//!
//! A time is that from the text to all rows: parsing, planning, running, collecting. The first run is not counted.

use crate::answer::Answer;
use crate::engines::{Engine, Session};
use crate::{Result, memory, queries};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Instant;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Which engine.
    #[arg(long)]
    engine: Engine,
    /// The directory with the Parquet files.
    #[arg(long)]
    data: PathBuf,
    /// The scale of the data.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// 1 to 22.
    #[arg(long)]
    query: usize,
    /// Timed runs, after one that is not counted.
    #[arg(long, default_value_t = 1)]
    runs: usize,
    /// Threads or worker processes, and partitions.
    #[arg(long, default_value_t = 2)]
    partitions: usize,
    /// The master of a Mesos cluster, for the engine of that name.
    #[arg(long)]
    mesos: Option<String>,
}

/// What a child prints. `duckdb_run.py` prints the same.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Measured {
    /// Of each timed run.
    pub(crate) times_ms: Vec<f64>,
    /// Of the first run.
    pub(crate) first_ms: f64,
    /// From nothing to a session with all tables; for `process` the workers may still be on their way.
    pub(crate) startup_ms: f64,
    /// The result.
    #[serde(flatten)]
    pub(crate) answer: Answer,
    /// Peak resident bytes of this process, then of each worker.
    pub(crate) peak_rss: Vec<u64>,
}

/// Measures and prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(args.partitions.max(1)).enable_all().build()?;
    let measured = runtime.block_on(measure(args))?;
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

async fn measure(args: &Args) -> Result<Measured> {
    let sql = queries::text(args.query, args.scale)?;
    let started = Instant::now();
    let session = Session::open(args.engine, args.partitions, &args.data, args.mesos.as_deref()).await?;
    let startup_ms = milliseconds(started);
    // On a task of the runtime, as a server would, not on the thread that blocks.
    let session = std::sync::Arc::new(session);
    let mut times_ms = Vec::new();
    let mut rows = Vec::new();
    for _ in 0..=args.runs {
        drop(std::mem::take(&mut rows));
        let (session, sql) = (std::sync::Arc::clone(&session), sql.clone());
        let started = Instant::now();
        rows = tokio::spawn(async move { session.collect(&sql).await }).await??;
        times_ms.push(milliseconds(started));
    }
    let first_ms = times_ms.remove(0);
    let peak_rss = memory::peaks()?;
    let answer = Answer::of(&rows)?;
    if let Ok(session) = std::sync::Arc::try_unwrap(session) {
        session.close().await;
    }
    Ok(Measured { times_ms, first_ms, startup_ms, answer, peak_rss })
}

fn milliseconds(since: Instant) -> f64 {
    (since.elapsed().as_secs_f64() * 1e6).round() / 1e3
}
