//! The RDD tasks: DPark and its peers beside each other, on the same files, in one run.
//!
//! | module | what it does |
//! | --- | --- |
//! | `names` | the tasks and the engines |
//! | `data`, `random` | the files |
//! | `single` | the tasks as plain programs on one thread |
//! | `dpark` | the tasks for DPark, with data sets and in SQL |
//! | `answer` | what results come to, to be compared |
//! | `one` | the child: one engine, one task; and the parent's side of it |
//! | `report` | what is printed and saved |

mod answer;
mod data;
mod dpark;
mod names;
mod one;
mod random;
mod report;
mod single;

pub(crate) use one::{OneArgs, run as run_one};

use crate::machine::Machine;
use crate::process::version;
use crate::{Result, results};
use clap::ValueEnum;
use names::{Engine, Task};
use one::Setting;
use report::{Outcome, Report, TaskReport};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Scale factor: 1 is 1 GB of text and 10 M rows.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Threads of the engines that have more than one.
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Rounds; the median counts.
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Only these tasks.
    #[arg(long, value_delimiter = ',')]
    tasks: Vec<Task>,
    /// Only these engines.
    #[arg(long, value_delimiter = ',')]
    engines: Vec<Engine>,
    /// The files; by default made below the build's target directory.
    #[arg(long)]
    data: Option<PathBuf>,
    /// The Python that has the packages `pyspark` 4, `pyarrow`, `pandas` and `numpy`.
    #[arg(long, env = "DPARK_BENCH_PYTHON", default_value = "python3")]
    python: String,
    /// Memory of Spark's JVM; its Python workers come on top.
    #[arg(long, default_value = "6g")]
    spark_memory: String,
    /// Seconds after which a child is given up.
    #[arg(long, default_value_t = 1800)]
    timeout: u64,
    /// Writes the results as JSON.
    #[arg(long, default_value_os_t = results("rdd.json"))]
    out: PathBuf,
}

/// Runs, prints and saves. False if an engine failed or answers differ.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let dir = args.data.clone().map_or_else(|| data::default_dir(args.scale), Ok)?;
    data::generate(&dir, args.scale)?;
    let chosen = |all: &[Engine]| if args.engines.is_empty() { all.to_vec() } else { args.engines.clone() };
    let mut engines = chosen(Engine::value_variants());
    let mut skipped = BTreeMap::new();
    let pyspark = version(&args.python, "pyspark");
    if let Err(error) = &pyspark {
        let reason = format!("`{}` cannot import pyspark ({error})", args.python);
        for engine in engines.extract_if(.., |engine| engine.spark_api().is_some()) {
            eprintln!("SKIPPED {engine}: {reason}; pip install pyspark, or --python /path/to/python");
            skipped.insert(engine, reason.clone());
        }
    }
    let tasks = if args.tasks.is_empty() { Task::value_variants().to_vec() } else { args.tasks.clone() };
    let setting = Setting {
        data: &dir,
        threads: args.threads,
        python: &args.python,
        spark_memory: &args.spark_memory,
        timeout: Duration::from_secs(args.timeout),
    };
    let machine = Machine::here("pyspark", pyspark.ok());
    let mut report = Report::new(machine, args.scale, args.threads, args.runs, engines, skipped);
    report.print_head();
    for task in tasks {
        let measured = measure(&setting, &report.engines, task, args.runs);
        report.add(measured);
        // After each, so that a run that is broken off leaves what it has.
        report.save(&args.out)?;
    }
    report.print_end();
    Ok(report.is_clean())
}

/// Rounds, in which engines take turns, so that what disturbs the machine for a while disturbs all of them.
fn measure(setting: &Setting<'_>, engines: &[Engine], task: Task, rounds: usize) -> TaskReport {
    let engines = engines.iter().filter(|engine| engine.does(task));
    let mut outcomes: BTreeMap<Engine, Outcome> = engines.map(|engine| (*engine, Outcome::default())).collect();
    for _ in 0..rounds.max(1) {
        // What failed once is not tried again.
        for (engine, outcome) in outcomes.iter_mut().filter(|(_, outcome)| outcome.error.is_none()) {
            match setting.measure(*engine, task) {
                Ok(measured) => outcome.add(measured),
                Err(error) => {
                    eprintln!("FAILED: {task} in {engine}: {error}");
                    outcome.error = Some(error.to_string());
                }
            }
        }
    }
    TaskReport::new(task, outcomes)
}
