//! The TPC-H run: for each query, rounds; in each round every engine in turn, so that what disturbs the machine for a
//! while disturbs all of them.

use crate::child::Setting;
use crate::engines::{AGENT, Engine};
use crate::machine::Machine;
use crate::process::version;
use crate::report::{Outcome, QueryReport, Report};
use crate::{Result, data, queries};
use dpark_test_cluster::{Cluster, Options};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Scale factor: 1 is about 1 GB of text.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Threads (DataFusion, DuckDB, local) or worker processes, and partitions.
    #[arg(long, default_value_t = 2)]
    partitions: usize,
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Only these queries, e.g. 1,3,5.
    #[arg(long, value_delimiter = ',')]
    queries: Vec<usize>,
    /// Only these engines.
    #[arg(long, value_delimiter = ',')]
    engines: Vec<Engine>,
    /// The Parquet files; by default made below the build's target directory.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The Python that has the package `duckdb`.
    #[arg(long, env = "DPARK_BENCH_PYTHON", default_value = "python3")]
    python: String,
    /// The master of a Mesos cluster, `mesos://host:port`; without it one is started on this machine.
    #[arg(long)]
    mesos: Option<String>,
    /// Seconds after which a child is given up.
    #[arg(long, default_value_t = 900)]
    timeout: u64,
    /// Writes the results as JSON.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Runs, prints and saves. False if an engine failed or answers differ.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let dir = args.data.clone().map_or_else(|| data::default_dir(args.scale), Ok)?;
    make_data(args, &dir)?;
    let mut engines = if args.engines.is_empty() { Engine::ALL.to_vec() } else { args.engines.clone() };
    let mut skipped = BTreeMap::new();
    let duckdb = version(&args.python, "duckdb");
    if let (Err(error), Some(at)) = (&duckdb, engines.iter().position(|engine| *engine == Engine::Duckdb)) {
        let reason = format!("`{}` cannot import duckdb ({error})", args.python);
        eprintln!("SKIPPED duckdb: {reason}; pip install duckdb, or --python /path/to/python");
        skipped.insert(engines.remove(at), reason);
    }
    let cluster = match engines.contains(&Engine::Mesos) && args.mesos.is_none() {
        true => Some(start_cluster(args.partitions)),
        false => None,
    };
    if let (Some(Err(error)), Some(at)) = (&cluster, engines.iter().position(|engine| *engine == Engine::Mesos)) {
        eprintln!("SKIPPED mesos: no cluster could be started: {error}");
        skipped.insert(engines.remove(at), format!("no cluster could be started: {error}"));
    }
    let cluster = cluster.and_then(Result::ok);
    let wanted = if args.queries.is_empty() { (1..=queries::COUNT).collect() } else { args.queries.clone() };
    let mut report =
        Report::new(Machine::here("duckdb", duckdb.ok()), args.scale, args.partitions, args.runs, engines, skipped);
    let setting = Setting {
        data: &dir,
        scale: args.scale,
        partitions: args.partitions,
        python: &args.python,
        timeout: Duration::from_secs(args.timeout),
        mesos: args.mesos.clone().or_else(|| cluster.as_ref().map(Cluster::masters)),
    };
    report.print_head();
    for query in wanted {
        let measured = measure(&setting, &report.engines, query, args.runs);
        report.add(measured);
        // After each, so that a run that is broken off leaves what it has.
        if let Some(out) = &args.out {
            report.save(out)?;
        }
    }
    report.print_totals();
    Ok(report.is_clean())
}

/// A real Mesos on this machine: an agent with one core for each partition.
fn start_cluster(agents: usize) -> Result<Cluster> {
    Ok(Cluster::start(Options { agents, resources: vec![AGENT.to_owned()], ..Options::default() })?)
}

/// In a process of its own, so that the parent stays small.
fn make_data(args: &Args, dir: &std::path::Path) -> Result<()> {
    if data::is_complete(dir) {
        return Ok(());
    }
    println!("making TPC-H data at scale {} in {}", args.scale, dir.display());
    let status = Command::new(std::env::current_exe()?)
        .args(["generate", "--scale", &args.scale.to_string(), "--data"])
        .arg(dir)
        .args(["--threads", &args.partitions.to_string()])
        .status()?;
    if status.success() { Ok(()) } else { Err(format!("no data: {status}").into()) }
}

fn measure(setting: &Setting<'_>, engines: &[Engine], query: usize, rounds: usize) -> QueryReport {
    let mut outcomes: BTreeMap<Engine, Outcome> = engines.iter().map(|engine| (*engine, Outcome::default())).collect();
    for _ in 0..rounds.max(1) {
        for (engine, outcome) in &mut outcomes {
            // What failed once is not tried again.
            if outcome.error.is_some() {
                continue;
            }
            match setting.measure(*engine, query) {
                Ok(measured) => outcome.add(measured),
                Err(error) => {
                    eprintln!("FAILED: q{query:02} in {engine}: {error}");
                    outcome.error = Some(error.to_string());
                }
            }
        }
    }
    QueryReport::new(query, outcomes)
}
