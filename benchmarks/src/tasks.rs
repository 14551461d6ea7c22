//! What a task and a job cost beyond what they compute: jobs of empty tasks, and a job of one task over a cached data set.

use crate::Result;
use crate::engines::{AGENT, Engine};
use crate::stats::median;
use dpark::Context;
use dpark_test_cluster::{Cluster, Options};
use std::time::Instant;

/// Before counting, so that workers and executors are there.
const WARM: usize = 3;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Tasks a job.
    #[arg(long, default_value_t = 1000)]
    tasks: usize,
    /// Jobs that are counted.
    #[arg(long, default_value_t = 9)]
    rounds: usize,
}

/// Runs and prints.
pub(crate) fn run(args: &Args) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    for engine in Engine::OURS {
        let cluster = match engine {
            Engine::Mesos => {
                let resources = vec![AGENT.to_owned()];
                Some(Cluster::start(Options { agents: 2, resources, ..Options::default() })?)
            }
            _ => None,
        };
        let ctx = context(engine, cluster.as_ref())?;
        runtime.block_on(measure(engine, &ctx, args))?;
        runtime.block_on(ctx.stop());
    }
    Ok(())
}

fn context(engine: Engine, cluster: Option<&Cluster>) -> Result<Context> {
    let builder = Context::builder();
    Ok(match cluster {
        None => builder.master(format!("{engine}[2]")),
        Some(cluster) => builder
            .master(cluster.masters())
            .conf("mesos.executor.path", std::env::current_exe()?.display().to_string())
            .conf("task.memory", "1GB"),
    }
    .build()?)
}

async fn measure(engine: Engine, ctx: &Context, args: &Args) -> Result<()> {
    let mut times = vec![];
    for round in 0..WARM + args.rounds {
        let start = Instant::now();
        let rows = ctx.parallelize(0..args.tasks as i64, args.tasks).map(|n| n).count().await?;
        if rows != args.tasks as u64 {
            return Err(format!("{engine}: {rows} rows of {}", args.tasks).into());
        }
        if round >= WARM {
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    println!("{engine:<8} {:>9.1} ms for a job of {} empty tasks", median(&times).unwrap_or_default(), args.tasks);
    let kept = ctx.parallelize(0..100i64, 1).map(|n| n).cache();
    let mut times = vec![];
    for round in 0..WARM + args.rounds {
        let start = Instant::now();
        if kept.map(|n| n + 1).collect().await?.len() != 100 {
            return Err(format!("{engine}: rows were lost").into());
        }
        if round >= WARM {
            times.push(start.elapsed().as_secs_f64() * 1e3);
        }
    }
    println!("{engine:<8} {:>9.1} ms for a job of one task over cached rows", median(&times).unwrap_or_default());
    Ok(())
}
