//! Why the shell ends early, and the exit status that tells.

use datafusion::error::DataFusionError;
use std::error::Error;
use std::io;

/// A reason to stop running statements. What the user must know has been said already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// A statement failed.
    Failed,
    /// The command line or the settings are wrong.
    Usage,
    /// Whoever read our output went away: `dpark-sql … | head`.
    Closed,
    /// Ctrl-C.
    Interrupted,
    /// SIGTERM or SIGHUP, by number.
    Killed(i32),
    /// `\q`.
    Quit,
}

impl Stop {
    /// The exit status of the process.
    pub(crate) fn status(self) -> u8 {
        match self {
            Stop::Failed => 1,
            Stop::Usage => 2,
            Stop::Closed | Stop::Quit => 0,
            Stop::Interrupted => 130,
            Stop::Killed(signal) => 128 + signal as u8,
        }
    }
}

/// Whether an error is, somewhere below, a closed pipe.
pub(crate) fn is_closed_pipe(error: &DataFusionError) -> bool {
    let mut next: Option<&(dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if error.downcast_ref::<io::Error>().is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe) {
            return true;
        }
        next = error.source();
    }
    false
}
