//! Signals: Ctrl-C cancels the running query; SIGTERM and SIGHUP end a script, with its workers and temporary files.

use crate::stop::Stop;
use futures::FutureExt;
use std::io;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Listens for signals while queries run.
pub(crate) struct Interrupts {
    interrupt: Signal,
    terminate: Option<Signal>,
    hangup: Option<Signal>,
}

impl Interrupts {
    /// For scripts: all three.
    pub(crate) fn script() -> io::Result<Self> {
        Ok(Interrupts {
            terminate: Some(signal(SignalKind::terminate())?),
            hangup: Some(signal(SignalKind::hangup())?),
            ..Self::interactive()?
        })
    }

    /// For the prompt: Ctrl-C only. The others keep their usual effect, also while a line is typed.
    pub(crate) fn interactive() -> io::Result<Self> {
        Ok(Interrupts { interrupt: signal(SignalKind::interrupt())?, terminate: None, hangup: None })
    }

    /// Waits for the next signal.
    pub(crate) async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupt.recv() => Stop::Interrupted,
            _ = arrival(&mut self.terminate) => Stop::Killed(libc::SIGTERM),
            _ = arrival(&mut self.hangup) => Stop::Killed(libc::SIGHUP),
        }
    }

    /// Forgets a Ctrl-C that came while nothing ran.
    pub(crate) fn forget(&mut self) {
        while self.interrupt.recv().now_or_never().flatten().is_some() {}
    }
}

async fn arrival(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
