//! A child process: start it, wait for it but not for ever, read what it printed.

use crate::Result;
use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// The version of a package that `python` can import, or why it cannot.
pub(crate) fn version(python: &str, package: &str) -> Result<String> {
    let mut command = Command::new(python);
    command.args(["-c", &format!("import {package}; print({package}.__version__)")]);
    Ok(output(command, Duration::from_secs(60))?.trim().to_owned())
}

/// What a command prints; an error has its last words.
pub(crate) fn output(mut command: Command, timeout: Duration) -> Result<String> {
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
