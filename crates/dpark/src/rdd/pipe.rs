//! Rows through another program.

use super::closure::{Records, Sink, with_value};
use super::{Argument, Rdd};
use datafusion::common::{Result, exec_datafusion_err};
use dpark_operators::pull;
use dpark_plan::dataset::{BatchTask, ClosureError};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;

/// Of what the program says of its failure, the end.
const LAST_WORDS: usize = 2000;

impl Rdd<String> {
    /// The lines that a program prints when it is given the rows of a partition as lines; it runs once for each partition, on the
    /// machine that computes it. Errors: it cannot be started, it ends with another status than 0, it prints what is no text.
    pub fn pipe<A: Into<String>>(&self, program: impl Into<String>, args: impl IntoIterator<Item = A>) -> Rdd<String> {
        let line: Vec<String> = std::iter::once(program.into()).chain(args.into_iter().map(Into::into)).collect();
        let body = move |task: BatchTask| {
            with_value::<Vec<String>>(task, move |line, task| {
                let (schema, batch_size) = (Arc::clone(&task.schema), task.batch_size);
                Ok(pull::run(
                    task.inputs,
                    task.schema,
                    Box::new(move |mut inputs, push| {
                        let Some(input) = inputs.pop() else { return Ok(()) };
                        let mut rows = Records::<String>::new(input);
                        let mut out = Sink::<String>::new(schema, batch_size, push);
                        through(&line, &mut rows, &mut out)?;
                        out.finish()
                    }),
                ))
            })
        };
        let argument: Argument = self.argument(&line);
        self.step(&body, body, argument, false)
    }
}

/// Ends the program when its rows are no longer wanted, so that nobody waits for it.
struct Running<'a>(&'a mut Child);

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let _ = self.0.kill();
    }
}

fn through(line: &[String], rows: &mut Records<String>, out: &mut Sink<'_, String>) -> Result<()> {
    let (program, args) = line.split_first().ok_or_else(|| exec_datafusion_err!("pipe: no program"))?;
    let failed = |error: &dyn std::fmt::Display| ClosureError::of(format!("pipe: {program}: {error}"));
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| failed(&format!("cannot be started: {error}")))?;
    let (Some(mut stdin), Some(stdout), Some(mut stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed(&"its pipes are missing"));
    };
    let (status, said) = std::thread::scope(|threads| -> Result<(ExitStatus, String)> {
        let running = Running(&mut child);
        let complaints = threads.spawn(move || {
            let mut said = vec![];
            let _ = stderr.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        });
        // What it prints is read while it is given rows; otherwise both would wait for each other.
        let feeding = threads.spawn(move || {
            for row in rows {
                // A program that has read enough closes its input, and is not asked to read more.
                if stdin.write_all(row.as_bytes()).and_then(|()| stdin.write_all(b"\n")).is_err() {
                    break;
                }
            }
        });
        for line in BufReader::new(stdout).lines() {
            out.push(line.map_err(|error| failed(&error))?);
        }
        if let Err(left) = feeding.join() {
            // The rows have failed, or are not wanted.
            std::panic::resume_unwind(left);
        }
        let status = running.0.wait().map_err(|error| failed(&error))?;
        Ok((status, complaints.join().unwrap_or_default()))
    })?;
    if status.success() {
        return Ok(());
    }
    let start = said.char_indices().rev().nth(LAST_WORDS).map_or(0, |(at, _)| at);
    let words = said.get(start..).unwrap_or_default().trim();
    Err(failed(&format!("ended with {status}: {words}")))
}
