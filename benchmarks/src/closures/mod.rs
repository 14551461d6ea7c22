//! What closures over rows cost beyond themselves, and what a job does.
//!
//! Each operation runs in `local[1]` at the end of a pipeline and the pipeline without it runs beside it: the difference
//! is the operation. A plain loop has the same arithmetic over the same rows, and what is left when its time is taken off
//! is what the engine adds to a closure. Medians of rounds in which the three take turns.

mod round_trip;
mod rows;

use crate::machine::Machine;
use crate::{Result, results};
use serde::Serialize;
use std::path::PathBuf;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Rows of the numbers.
    #[arg(long, default_value_t = 50_000_000)]
    rows: i64,
    /// Lines of ten words.
    #[arg(long, default_value_t = 2_000_000)]
    lines: i64,
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Jobs of which the round trip is the median.
    #[arg(long, default_value_t = 200)]
    jobs: usize,
    /// Writes the results as JSON.
    #[arg(long, default_value_os_t = results("closures.json"))]
    out: PathBuf,
}

#[derive(Serialize)]
struct Report {
    machine: Machine,
    rows: i64,
    lines: i64,
    rounds: usize,
    jobs: usize,
    operations: Vec<rows::Operation>,
    round_trips: Vec<round_trip::RoundTrip>,
}

/// Runs, prints and saves.
pub(crate) fn run(args: &Args) -> Result<()> {
    let machine = Machine::alone();
    println!("{}\n", machine.line());
    let (rounds, jobs) = (args.rounds.max(1), args.jobs.max(1));
    let operations = rows::measure(args.rows.max(1), args.lines.max(1), rounds)?;
    let round_trips = round_trip::measure(jobs)?;
    let report = Report { machine, rows: args.rows, lines: args.lines, rounds, jobs, operations, round_trips };
    Ok(std::fs::write(&args.out, serde_json::to_string_pretty(&report)? + "\n")?)
}
