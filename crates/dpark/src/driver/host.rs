//! Where an executor runs and what it wrote there, for people who read an error.

use super::mesos::Sandbox;
use std::fmt;
use std::time::Duration;

/// How long the agent of a failed task is asked for the last lines; the error waits for that.
const PATIENCE: Duration = Duration::from_secs(1);

/// The place of one executor.
#[derive(Debug, Clone)]
pub(crate) struct Host {
    /// The executor, its process and its machine in words.
    name: String,
    /// Where a cluster keeps what it writes. Elsewhere that is the driver's own terminal.
    sandbox: Option<Sandbox>,
}

impl Host {
    /// A process of this machine, whose output everybody sees.
    pub(crate) fn here(name: String) -> Self {
        Self { name, sandbox: None }
    }

    /// A process whose output is in a sandbox.
    pub(crate) fn with_sandbox(name: String, sandbox: Sandbox) -> Self {
        Self { name, sandbox: Some(sandbox) }
    }

    /// Whether there is more to tell than the name.
    pub(crate) fn has_sandbox(&self) -> bool {
        self.sandbox.is_some()
    }

    /// The place with the last lines that were written there, as far as they can be had.
    pub(crate) async fn last_words(&self) -> String {
        let lines = match &self.sandbox {
            Some(sandbox) => sandbox.last_words(PATIENCE).await,
            None => String::new(),
        };
        format!("{self}{lines}")
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match &self.sandbox {
            Some(sandbox) => write!(f, ", {sandbox}"),
            None => Ok(()),
        }
    }
}
