//! The parent's side of a child that runs one query in one engine.

use crate::engines::Engine;
use crate::process::output;
use crate::run_one::Measured;
use crate::{Result, queries};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// What all children of one benchmark have in common.
pub(crate) struct Setting<'a> {
    pub(crate) data: &'a Path,
    pub(crate) scale: f64,
    pub(crate) partitions: usize,
    pub(crate) python: &'a str,
    pub(crate) timeout: Duration,
    /// The master of a Mesos cluster.
    pub(crate) mesos: Option<String>,
}

impl Setting<'_> {
    /// One engine and one query: a first run and a timed one, in a process of their own.
    pub(crate) fn measure(&self, engine: Engine, query: usize) -> Result<Measured> {
        let mut command = match engine {
            Engine::Duckdb => {
                let mut command = Command::new(self.python);
                command.arg(script()).arg("--sql").arg(queries::text(query, self.scale)?);
                command.arg("--threads").arg(self.partitions.to_string());
                command
            }
            _ => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["run-one", "--engine", engine.name(), "--query", &query.to_string()]);
                command.args(["--scale", &self.scale.to_string(), "--partitions", &self.partitions.to_string()]);
                if let Some(master) = self.mesos.as_ref().filter(|_| engine == Engine::Mesos) {
                    command.args(["--mesos", master]);
                }
                command
            }
        };
        command.arg("--data").arg(self.data).args(["--runs", "1"]);
        let printed = output(command, self.timeout)?;
        let last = printed.lines().last().ok_or("printed nothing")?;
        Ok(serde_json::from_str(last).map_err(|error| format!("{error} in {last:?}"))?)
    }
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("duckdb_run.py")
}
