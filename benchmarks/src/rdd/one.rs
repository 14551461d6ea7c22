//! A child, which does one task in one engine, so that its peak memory is its alone; and how the parent starts it.
//!
//! A time is that from the files to the answer, without the start of a session. Nothing runs before it but an
//! empty job, which starts Spark's workers of Python and DPark's worker processes: a task is a program, and a program is run once.

use super::answer::Answer;
use super::names::{Engine, Task};
use super::{dpark, single};
use crate::process::output;
use crate::{Result, memory};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct OneArgs {
    /// Which engine; Spark's are in `rdd_spark.py`.
    #[arg(long)]
    engine: Engine,
    /// Which task.
    #[arg(long)]
    task: Task,
    /// The directory with the files.
    #[arg(long)]
    data: PathBuf,
    /// Threads or worker processes of DPark.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

/// What a child prints. `rdd_spark.py` prints the same.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Measured {
    /// Of the task.
    pub(super) seconds: f64,
    /// Of the session's start.
    pub(super) startup_seconds: f64,
    /// The result.
    pub(super) answer: Answer,
    /// Peak resident bytes of this process, then of each below it.
    pub(super) peak_rss: Vec<u64>,
}

/// Measures and prints.
pub(crate) fn run(args: &OneArgs) -> Result<()> {
    let measured = match args.engine.own_api() {
        Some(api) => dpark::measure(args.engine, api, args.task, &args.data, args.threads)?,
        None if args.engine == Engine::Single => {
            let started = Instant::now();
            let answer = single::run(args.task, &args.data)?;
            let seconds = started.elapsed().as_secs_f64();
            Measured { seconds, startup_seconds: 0.0, answer, peak_rss: memory::peaks()? }
        }
        None => return Err("Spark runs in benchmarks/rdd_spark.py".into()),
    };
    println!("{}", serde_json::to_string(&measured)?);
    Ok(())
}

/// What all children of one run have in common.
pub(super) struct Setting<'a> {
    pub(super) data: &'a Path,
    pub(super) threads: usize,
    pub(super) python: &'a str,
    pub(super) spark_memory: &'a str,
    pub(super) timeout: Duration,
}

impl Setting<'_> {
    /// One engine and one task, in a process of their own.
    pub(super) fn measure(&self, engine: Engine, task: Task) -> Result<Measured> {
        let mut command = match engine.spark_api() {
            Some(api) => {
                let mut command = Command::new(self.python);
                command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("rdd_spark.py"));
                command.args(["--api", api, "--memory", self.spark_memory]);
                command
            }
            None => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["rdd-one", "--engine", engine.name()]);
                command
            }
        };
        command.args(["--task", task.name(), "--threads", &self.threads.to_string(), "--data"]).arg(self.data);
        memory::touch()?;
        let printed = output(command, self.timeout)?;
        let last = printed.lines().last().ok_or("printed nothing")?;
        Ok(serde_json::from_str(last).map_err(|error| format!("{error} in {last:?}"))?)
    }
}
