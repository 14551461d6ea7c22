//! A loop over a cached data set: whether its 200th step costs what its second did, planning included.
//!
//! | loop | a step |
//! | --- | --- |
//! | `kept` | maps the result of the step before, caches and counts that, and frees the one before |
//! | `growing` | maps the result of the step before, which is not kept, and counts it: the n-th runs n closures |

use crate::engines::Engine;
use crate::machine::Machine;
use crate::stats::median;
use crate::{Result, results};
use dpark::Context;
use dpark::prelude::Rdd;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// Where the loops run.
const ENGINES: [Engine; 2] = [Engine::Local, Engine::Process];

/// Steps that are told.
const TOLD: [usize; 5] = [2, 10, 50, 100, 200];

/// Steps before and behind one that is told, which count for it.
const NEIGHBOURS: usize = 2;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rows of the data set.
    #[arg(long, default_value_t = 1_000_000)]
    rows: i64,
    /// Its partitions.
    #[arg(long, default_value_t = 8)]
    partitions: usize,
    /// Steps of each loop.
    #[arg(long, default_value_t = 200)]
    steps: usize,
    /// Threads or worker processes.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Writes the results as JSON.
    #[arg(long, default_value_os_t = results("iteration.json"))]
    out: PathBuf,
}

#[derive(Serialize)]
struct Report {
    machine: Machine,
    rows: i64,
    partitions: usize,
    threads: usize,
    loops: Vec<Loop>,
}

/// One loop in one engine.
#[derive(Serialize)]
struct Loop {
    engine: Engine,
    name: &'static str,
    /// Steps and their medians.
    told: Vec<(usize, f64)>,
    /// Of all steps.
    milliseconds: Vec<f64>,
}

impl Loop {
    fn of(engine: Engine, name: &'static str, milliseconds: Vec<f64>) -> Loop {
        // The first step is left out: it may still wait for something.
        let around = |step: usize| {
            let (from, to) = ((step - NEIGHBOURS.min(step)).max(2), (step + NEIGHBOURS).min(milliseconds.len()));
            median(milliseconds.get(from - 1..to)?).map(|middle| (step, middle))
        };
        let told = TOLD.into_iter().filter(|step| *step <= milliseconds.len()).filter_map(around).collect();
        Loop { engine, name, told, milliseconds }
    }

    fn print(&self) {
        let cells: String = self.told.iter().map(|(_, milliseconds)| format!("{milliseconds:>9.2}")).collect();
        println!("{:<8} {:<8}{cells}", self.engine.name(), self.name);
    }
}

/// Runs, prints and saves.
pub(crate) fn run(args: &Args) -> Result<()> {
    let machine = Machine::alone();
    println!("{}", machine.line());
    println!("{} rows in {} partitions; milliseconds of a step\n", args.rows, args.partitions);
    let head: String = TOLD.iter().filter(|step| **step <= args.steps).map(|step| format!("{step:>9}")).collect();
    println!("{:<8} {:<8}{head}", "engine", "loop");
    let (rows, partitions, threads) = (args.rows, args.partitions, args.threads.max(1));
    let mut report = Report { machine, rows, partitions, threads, loops: vec![] };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(threads).enable_all().build()?;
    for engine in ENGINES {
        let ctx = Context::builder().master(format!("{engine}[{threads}]")).build()?;
        for (name, keep) in [("kept", true), ("growing", false)] {
            let (context, steps) = (ctx.clone(), args.steps);
            let work = async move { repeat(&context, rows, partitions, steps, keep).await };
            let milliseconds = runtime.block_on(async { tokio::spawn(work).await })??;
            let of = Loop::of(engine, name, milliseconds);
            of.print();
            report.loops.push(of);
        }
        runtime.block_on(ctx.stop());
    }
    Ok(std::fs::write(&args.out, serde_json::to_string_pretty(&report)? + "\n")?)
}

/// The milliseconds of each step.
async fn repeat(ctx: &Context, rows: i64, partitions: usize, steps: usize, keep: bool) -> Result<Vec<f64>> {
    let start = ctx.range(0..rows, partitions).map(|n| (n, n as f64)).cache();
    start.count().await?;
    let (mut current, mut times) = (start.clone(), vec![]);
    for _ in 0..steps {
        let began = Instant::now();
        let mapped = current.map(|(key, x)| (key, next(x)));
        let made = if keep { mapped.cache() } else { mapped };
        let counted = made.count().await?;
        if keep {
            current.unpersist();
        }
        current = made;
        times.push(began.elapsed().as_secs_f64() * 1e3);
        if counted != rows.cast_unsigned() {
            return Err(format!("{counted} rows of {rows}").into());
        }
    }
    check(&current, rows, steps).await?;
    if keep {
        current.unpersist();
    }
    // Freed already where results are kept, but for a loop of no steps.
    start.unpersist();
    Ok(times)
}

/// The arithmetic of a step.
fn next(x: f64) -> f64 {
    x * 0.999 + 1.0
}

/// Whether every step was done, and once.
async fn check(last: &Rdd<(i64, f64)>, rows: i64, steps: usize) -> Result<()> {
    let sum = last.values().sum().await?;
    let expected: f64 = (0..rows).map(|n| (0..steps).fold(n as f64, |x, _| next(x))).sum();
    if (sum - expected).abs() > 1e-9 * expected.abs().max(1.0) {
        return Err(format!("the last step's values come to {sum}, not {expected}").into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_told_by_the_middle_of_their_neighbours() {
        let milliseconds = (1..=12).map(|step| if step == 1 { 99.0 } else { f64::from(step) }).collect();
        let of = Loop::of(Engine::Local, "kept", milliseconds);
        assert_eq!(of.told, [(2, 3.0), (10, 10.0)]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn loops_come_to_what_they_should() {
        let ctx = Context::builder().master("local[2]").build().unwrap();
        for keep in [true, false] {
            assert_eq!(repeat(&ctx, 1000, 3, 4, keep).await.unwrap().len(), 4);
        }
        ctx.stop().await;
    }
}
