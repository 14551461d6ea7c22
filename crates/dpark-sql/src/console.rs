//! What the shell says besides results: errors, tags, times. It goes to standard error, and when that is gone nobody is
//! there to be told.

use std::fmt::Display;
use std::io::{IsTerminal, Write};

/// Writes a line to standard error.
pub(crate) fn say(line: impl Display) {
    let mut err = std::io::stderr().lock();
    let _ = writeln!(err, "{line}");
}

/// Writes text as it is to standard error, for the progress line.
pub(crate) fn draw(text: &str) {
    let mut err = std::io::stderr().lock();
    let _ = err.write_all(text.as_bytes());
    let _ = err.flush();
}

/// Whether someone looks at standard error.
pub(crate) fn watched() -> bool {
    std::io::stderr().is_terminal() && !dumb()
}

/// A terminal without cursor movements.
pub(crate) fn dumb() -> bool {
    std::env::var_os("TERM").is_some_and(|term| term == "dumb")
}

/// Columns and lines of the terminal, if there is one.
pub(crate) fn terminal_size() -> Option<(usize, usize)> {
    // SAFETY: the kernel fills the struct it is given; zeroes are a valid value of it.
    let size = unsafe {
        let mut size: libc::winsize = std::mem::zeroed();
        let fds = [libc::STDOUT_FILENO, libc::STDERR_FILENO];
        fds.iter().any(|fd| libc::ioctl(*fd, libc::TIOCGWINSZ, &mut size) == 0).then_some(size)?
    };
    let from_env = |name: &str| std::env::var(name).ok()?.parse::<usize>().ok().filter(|n| *n > 0);
    let columns = Some(size.ws_col as usize).filter(|n| *n > 0).or_else(|| from_env("COLUMNS")).unwrap_or(80);
    let lines = Some(size.ws_row as usize).filter(|n| *n > 0).or_else(|| from_env("LINES")).unwrap_or(24);
    Some((columns, lines))
}
