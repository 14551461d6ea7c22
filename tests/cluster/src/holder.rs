//! The testbed's process that holds a cluster: it gets commands as lines of JSON, and answers with such lines.

use crate::Error;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Killing is quick; a machine under load is slow.
const DOWN_WITHIN: Duration = Duration::from_secs(60);

pub(crate) struct Holder {
    child: Child,
    /// Closing it takes the cluster down.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

fn testbed() -> PathBuf {
    // Where the tests run counts, not where they were compiled: a target directory may serve several clones.
    let here = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).or_else(|| std::env::current_dir().ok());
    let found = here.iter().flat_map(|here| here.ancestors()).map(|dir| dir.join("tests/mesos-testbed/mesos-testbed"));
    let compiled = Path::new(env!("CARGO_MANIFEST_DIR")).with_file_name("mesos-testbed").join("mesos-testbed");
    found.into_iter().find(|program| program.exists()).unwrap_or(compiled)
}

impl Holder {
    /// Starts it, with the cluster, in `directory`, and gives its first answer too.
    pub(crate) fn start(directory: &Path, arguments: &[String]) -> Result<(Self, Value), Error> {
        let program = testbed();
        let mut child = Command::new(&program)
            .arg("--dir")
            .arg(directory)
            .args(["serve", "--remove"])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(Error::io(format!("cannot start {}", program.display())))?;
        let (Some(commands), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Error::Testbed("no pipes".to_owned()));
        };
        let mut holder = Self { child, commands: Some(commands), answers: BufReader::new(answers) };
        match holder.answer() {
            Ok(first) => Ok((holder, first)),
            Err(error) => {
                holder.end(directory, false)?;
                Err(error)
            }
        }
    }

    /// Has it carry out a command.
    pub(crate) fn command(&mut self, words: &[&str]) -> Result<Value, Error> {
        let line = format!("{}\n", Value::from(words));
        let Some(commands) = &mut self.commands else { return Err(Error::Testbed("the cluster is down".to_owned())) };
        commands.write_all(line.as_bytes()).map_err(Error::io("mesos-testbed has ended"))?;
        self.answer()
    }

    fn answer(&mut self) -> Result<Value, Error> {
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(Error::io("mesos-testbed has ended"))?;
        let mut answer: Value = serde_json::from_str(&line)
            .map_err(|_| Error::Testbed(format!("it ended, or gave no answer: {}", line.trim_end())))?;
        match answer.get("error").and_then(Value::as_str) {
            Some(error) => Err(Error::Testbed(error.trim_start_matches("mesos-testbed: ").to_owned())),
            None => Ok(answer["ok"].take()),
        }
    }

    /// Takes the cluster down, also when it is not the first time or the process has been killed.
    pub(crate) fn end(&mut self, directory: &Path, keep: bool) -> Result<(), Error> {
        if self.commands.is_none() {
            return Ok(());
        }
        // It may be dead already, which the exit status tells.
        let kept = !keep || self.command(&["keep"]).is_ok();
        self.commands = None;
        let start = Instant::now();
        let status = loop {
            match self.child.try_wait().map_err(Error::io("cannot wait for mesos-testbed"))? {
                None if start.elapsed() < DOWN_WITHIN => std::thread::sleep(Duration::from_millis(5)),
                status => break status,
            }
        };
        if kept && status.is_some_and(|status| status.success()) {
            return Ok(());
        }
        if status.is_none() {
            self.child.kill().and_then(|()| self.child.wait()).map_err(Error::io("cannot kill mesos-testbed"))?;
        }
        // What it held is known from the directory.
        let mut down = Command::new(testbed());
        down.arg("--dir").arg(directory).arg("down").args(keep.then_some("--keep"));
        let status = down.status().map_err(Error::io("cannot take the cluster down"))?;
        if !keep {
            std::fs::remove_dir_all(directory).or_else(|error| match error.kind() {
                std::io::ErrorKind::NotFound => Ok(()),
                _ => Err(Error::io("cannot remove the cluster's directory")(error)),
            })?;
        }
        if status.success() { Ok(()) } else { Err(Error::Testbed("cannot take the cluster down".to_owned())) }
    }
}
