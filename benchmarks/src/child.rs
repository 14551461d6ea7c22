//! The parent's side of a child process: start it, wait for it but not for ever, read what it printed.

use crate::engines::Engine;
use crate::run_one::Measured;
use crate::{Result, queries};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

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

/// The version of DuckDB that `python` can import, or why it cannot.
pub(crate) fn duckdb_version(python: &str) -> Result<String> {
    let mut command = Command::new(python);
    command.args(["-c", "import duckdb; print(duckdb.__version__)"]);
    Ok(output(command, Duration::from_secs(60))?.trim().to_owned())
}

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("duckdb_run.py")
}

/// What a command prints; an error has its last words.
fn output(mut command: Command, timeout: Duration) -> Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let (out, err) = (read(child.stdout.take()), read(child.stderr.take()));
    let started = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait()? {
            break status;
        }
        if started.elapsed() > timeout {
            child.kill()?;
            child.wait()?;
            return Err(format!("not finished after {} s", timeout.as_secs()).into());
        }
        std::thread::sleep(Duration::from_millis(2));
    };
    let (out, err) = (out.join().unwrap_or_default(), err.join().unwrap_or_default());
    if status.success() {
        return Ok(out);
    }
    let words: Vec<&str> = err.lines().filter(|line| !line.trim().is_empty()).collect();
    let last = words[words.len().saturating_sub(6)..].join(" | ");
    Err(format!("{status}: {last}").into())
}

/// Reads a pipe to its end beside everything else, so that a talkative child never waits.
fn read(pipe: Option<impl Read + Send + 'static>) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is still worth having.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
