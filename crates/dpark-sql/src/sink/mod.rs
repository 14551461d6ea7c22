//! Where results go: standard output, a pager, a file.

mod atomic;
mod pager;

pub(crate) use atomic::AtomicFile;
pub(crate) use pager::Pager;

use std::fs::File;
use std::io::{self, BufWriter, Stdout, Write};
use std::path::Path;

const BUFFER: usize = 64 * 1024;

/// The target of results.
pub(crate) enum Sink {
    /// Standard output.
    Stdout(BufWriter<Stdout>),
    /// The terminal, through a pager when a result is longer than the screen.
    Paged(Pager),
    /// `--output`: appears when everything succeeded.
    Atomic(AtomicFile),
    /// `\o`, and things like `/dev/null`: written as we go.
    Plain(BufWriter<File>),
}

impl Sink {
    /// Standard output.
    pub(crate) fn stdout() -> Self {
        Sink::Stdout(BufWriter::with_capacity(BUFFER, io::stdout()))
    }

    /// The terminal through a pager.
    pub(crate) fn paged(command: String) -> Self {
        Sink::Paged(Pager::new(command))
    }

    /// A file that appears only on [`Sink::commit`]. What is there and is no regular file (a device, a pipe) is written
    /// to directly.
    pub(crate) fn output(path: &Path) -> io::Result<Self> {
        match std::fs::metadata(path) {
            Ok(found) if found.is_dir() => Err(io::Error::from(io::ErrorKind::IsADirectory)),
            Ok(found) if !found.is_file() => {
                Ok(Sink::Plain(BufWriter::with_capacity(BUFFER, File::options().write(true).open(path)?)))
            }
            _ => Ok(Sink::Atomic(AtomicFile::create(path)?)),
        }
    }

    /// A file written as we go.
    pub(crate) fn plain(path: &Path) -> io::Result<Self> {
        Ok(Sink::Plain(BufWriter::with_capacity(BUFFER, File::create(path)?)))
    }

    /// Whether results are seen on a terminal.
    pub(crate) fn on_screen(&self) -> bool {
        match self {
            Sink::Stdout(_) => io::IsTerminal::is_terminal(&io::stdout()),
            Sink::Paged(_) => true,
            Sink::Atomic(_) | Sink::Plain(_) => false,
        }
    }

    /// Starts the output of one statement.
    pub(crate) fn begin(&mut self) -> io::Result<()> {
        match self {
            Sink::Atomic(file) => file.mark(),
            _ => Ok(()),
        }
    }

    /// Ends the output of one statement; of a failed one nothing stays in an `--output` file.
    pub(crate) fn end(&mut self, succeeded: bool) -> io::Result<()> {
        match self {
            Sink::Stdout(out) => out.flush(),
            Sink::Plain(out) => out.flush(),
            Sink::Paged(pager) => pager.end(),
            Sink::Atomic(_) if succeeded => Ok(()),
            Sink::Atomic(file) => file.back_to_mark(),
        }
    }

    /// Makes an `--output` file appear.
    pub(crate) fn commit(&mut self) -> io::Result<()> {
        match self {
            Sink::Atomic(file) => file.commit(),
            other => other.flush(),
        }
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::Stdout(out) => out.write(bytes),
            Sink::Paged(out) => out.write(bytes),
            Sink::Atomic(out) => out.write(bytes),
            Sink::Plain(out) => out.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::Stdout(out) => out.flush(),
            Sink::Paged(out) => out.flush(),
            Sink::Atomic(out) => out.flush(),
            Sink::Plain(out) => out.flush(),
        }
    }
}
