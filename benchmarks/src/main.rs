//! `dpark-benchmarks`: DPark beside its peers, on the same files, in one run.
//!
//! ```text
//!  tpch ──► data (once) ──► for each query, round, engine:  child process ──► times, answer, peak memory
//!    │                                                      (run-one of this binary, or duckdb_run.py)
//!    └────► report: table, ratios, totals; JSON
//!  rdd ───► the same with tasks instead of queries (rdd-one of this binary, or rdd_spark.py)
//!  micro ─► memcpy, shuffle, RepartitionExec, scheduler, start-up
//! ```
//!
//! | module | what it does |
//! | --- | --- |
//! | `data`, `queries` | TPC-H as Parquet; the query texts of `sql/tpch` |
//! | `engines` | the engines that are compared, and a session of each Rust engine |
//! | `run_one` | the child: one engine, one query |
//! | `child` | the parent's side of it |
//! | `process` | start a child process, wait, read |
//! | `answer`, `memory`, `stats`, `machine` | result fingerprints, peak memory, medians, what it ran on |
//! | `tpch`, `report` | rounds over queries and engines; what is printed and saved |
//! | `rdd` | word count, sort, join, grouping, k-means and PageRank beside PySpark and plain programs |
//! | `micro` | parts measured alone |
//! | `tasks` | what a task and a job cost beyond what they compute |
//! | `closures` | what a closure costs a row, and a small job |
//! | `iteration` | whether a loop's late steps cost what its early ones do |
//! | `soak` | queries on a Mesos cluster while its parts are killed |
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a command-line tool")]

mod answer;
mod child;
mod closures;
mod data;
mod engines;
mod iteration;
mod machine;
mod memory;
mod micro;
mod process;
mod queries;
mod rdd;
mod report;
mod run_one;
mod soak;
mod stats;
mod tasks;
mod tpch;

use clap::{Parser, Subcommand};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// One allocator for every Rust engine, so that it does not decide the comparison.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;
/// Its name, for the report.
const ALLOCATOR_NAME: &str = "mimalloc (all Rust engines)";

type Result<T, E = Box<dyn std::error::Error + Send + Sync>> = std::result::Result<T, E>;

#[derive(Parser)]
#[command(name = "dpark-benchmarks", version, about = "DPark beside its peers")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The TPC-H queries in every engine: medians of interleaved runs, ratios, answers compared, peak memory.
    Tpch(tpch::Args),
    /// Word count, sort, join, grouping, k-means and PageRank beside PySpark and plain programs on one thread.
    Rdd(rdd::Args),
    /// Shuffle, scheduler and start-up alone.
    Micro(micro::Args),
    /// TPC-H on a Mesos cluster while its parts are killed.
    Soak(soak::Args),
    /// Empty tasks, and a small job over cached rows, in threads, processes and on Mesos.
    Tasks(tasks::Args),
    /// Nanoseconds a row of map, filter, flat_map and reduce_by_key beyond a plain loop, and the round trip of a small job.
    Closures(closures::Args),
    /// A loop of 200 steps over a cached data set, and how long its steps take.
    Iteration(iteration::Args),
    /// Makes the TPC-H files; `tpch` does it when they are missing.
    Generate(data::Args),
    /// One engine and one query in this process, as JSON; what `tpch` starts.
    RunOne(run_one::Args),
    /// One engine and one RDD task in this process, as JSON; what `rdd` starts.
    RddOne(rdd::OneArgs),
}

/// A file of results, beside those that are part of the documentation.
fn results(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("results").join(name)
}

fn main() -> ExitCode {
    // First of all: in a worker process this never returns.
    dpark::init();
    let done = match Cli::parse().command {
        Command::Tpch(args) => tpch::run(&args),
        Command::Rdd(args) => rdd::run(&args),
        Command::Micro(args) => micro::run(&args),
        Command::Soak(args) => soak::run(&args),
        Command::Tasks(args) => tasks::run(&args).map(|()| true),
        Command::Closures(args) => closures::run(&args).map(|()| true),
        Command::Iteration(args) => iteration::run(&args).map(|()| true),
        Command::Generate(args) => data::generate(&args).map(|()| true),
        Command::RunOne(args) => run_one::run(&args).map(|()| true),
        Command::RddOne(args) => rdd::run_one(&args).map(|()| true),
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
