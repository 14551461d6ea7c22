//! Rows through another program.

use super::closure::{Records, Sink, with_value};
use super::{Argument, Rdd};
use datafusion::common::{DataFusionError, Result, exec_datafusion_err};
use dpark_operators::pull;
use dpark_plan::dataset::{BatchTask, ClosureError};
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};
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
                        let Some(input) = inputs.pop() else { return Ok(vec![]) };
                        let mut rows = Records::<String>::new(input);
                        let mut out = Sink::<String>::new(schema, batch_size, push);
                        through(&line, &mut rows, &mut out)?;
                        out.finish()?;
                        Ok(vec![rows.into_pull()])
                    }),
                ))
            })
        };
        let argument: Argument = self.argument(&line);
        self.step(&body, body, argument, false)
    }
}

fn through(line: &[String], rows: &mut Records<String>, out: &mut Sink<'_, String>) -> Result<()> {
    let (program, args) = line.split_first().ok_or_else(|| exec_datafusion_err!("pipe: no program"))?;
    let failed = |error: &dyn std::fmt::Display| ClosureError::of(format!("pipe: {program}: {error}"));
    let mut child = Command::new(program)
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| failed(&format!("cannot be started: {error}")))?;
    let (Some(mut stdin), Some(stdout), Some(mut stderr)) =
        (child.stdin.take(), child.stdout.take(), child.stderr.take())
    else {
        return Err(failed(&"its pipes are missing"));
    };
    let said = std::thread::scope(|threads| -> Result<String> {
        // What it prints is read while it is given rows; otherwise both would wait for each other.
        let printed = threads.spawn(move || BufReader::new(stdout).lines().collect::<std::io::Result<Vec<String>>>());
        let complained = threads.spawn(move || {
            let mut said = vec![];
            let _ = stderr.read_to_end(&mut said);
            String::from_utf8_lossy(&said).into_owned()
        });
        for row in rows {
            // A program that has read enough closes its input, and is not asked to read more.
            if stdin.write_all(row.as_bytes()).and_then(|()| stdin.write_all(b"\n")).is_err() {
                break;
            }
        }
        drop(stdin);
        let died = || failed(&"reading what it prints panicked");
        for row in printed.join().map_err(|_| died())?.map_err(|error| failed(&error))? {
            out.push(row);
        }
        complained.join().map_err(|_| died())
    })?;
    let status = child.wait().map_err(|error| failed(&error))?;
    if status.success() {
        return Ok(());
    }
    let start = said.char_indices().rev().nth(LAST_WORDS).map_or(0, |(at, _)| at);
    let words = said.get(start..).unwrap_or_default().trim();
    Err::<(), DataFusionError>(failed(&format!("ended with {status}: {words}")))
}
