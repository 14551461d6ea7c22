//! Results longer than the screen go through the user's pager; shorter ones are just printed.

use crate::console;
use std::io::{self, Write};
use std::process::{Child, Command, Stdio};

/// Output that may turn out to need a pager.
pub(crate) struct Pager {
    command: String,
    held: Vec<u8>,
    lines: usize,
    running: Option<Child>,
}

impl Pager {
    /// Uses a shell command as pager.
    pub(crate) fn new(command: String) -> Self {
        Pager { command, held: Vec::new(), lines: 0, running: None }
    }

    /// The command.
    pub(crate) fn command(&self) -> &str {
        &self.command
    }

    fn start(&mut self) -> io::Result<()> {
        let mut command = Command::new("sh");
        command.arg("-c").arg(&self.command).stdin(Stdio::piped());
        if std::env::var_os("LESS").is_none() {
            command.env("LESS", "FRSX"); // quit if one screen, colours, no wrapping, leave the screen alone
        }
        let mut child = command.spawn()?;
        let held = std::mem::take(&mut self.held);
        let sent = child.stdin.as_mut().map_or(Ok(()), |stdin| stdin.write_all(&held));
        self.running = Some(child);
        sent
    }

    /// Ends one result: waits until the pager is closed, or prints what was short.
    pub(crate) fn end(&mut self) -> io::Result<()> {
        self.lines = 0;
        match self.running.take() {
            Some(mut child) => {
                drop(child.stdin.take());
                child.wait().map(|_| ())
            }
            None => {
                let held = std::mem::take(&mut self.held);
                let mut out = io::stdout().lock();
                out.write_all(&held)?;
                out.flush()
            }
        }
    }
}

impl Write for Pager {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(stdin) = self.running.as_mut().and_then(|child| child.stdin.as_mut()) {
            return stdin.write(bytes);
        }
        self.held.extend_from_slice(bytes);
        self.lines += bytes.iter().filter(|byte| **byte == b'\n').count();
        let screen = console::terminal_size().map_or(24, |(_, lines)| lines);
        if self.lines >= screen {
            self.start()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
