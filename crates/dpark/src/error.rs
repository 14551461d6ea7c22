//! What can go wrong outside of a query. A query's own errors are DataFusion's.

use datafusion::common::DataFusionError;
use dpark_executor::shared::SharedError;
use dpark_lineage::JobError;
use std::fmt;

/// The result of an operation on a context.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong.
#[derive(thiserror::Error)]
pub enum Error {
    /// The master string is not one of the known forms.
    #[error(
        "unknown master '{0}': use local[N], local[*], process[N], process[*], mesos://host:port or zk://host:port/path"
    )]
    Master(String),
    /// The address of a cluster is not one.
    #[error("{0}")]
    Address(String),
    /// An option's value cannot be read.
    #[error("option {key} = '{value}': expected {expected}")]
    Option {
        /// The option.
        key: String,
        /// What was given.
        value: String,
        /// What would be right.
        expected: String,
    },
    /// There is no such option.
    #[error("unknown option '{key}': known are {known}, and datafusion.*")]
    UnknownOption {
        /// What was given.
        key: String,
        /// What there is.
        known: String,
    },
    /// The configuration file cannot be read.
    #[error("configuration file {path}: {detail}")]
    ConfigFile {
        /// The file.
        path: String,
        /// What is wrong.
        detail: String,
    },
    /// The driver or a worker could not be started.
    #[error("cannot start {what}: {detail}")]
    Start {
        /// The driver, an executor, a worker.
        what: &'static str,
        /// The error underneath.
        detail: String,
    },
    /// A job failed for a reason that one process would not know.
    #[error("{error}{}", host.as_ref().map(|host| format!("\n{host}")).unwrap_or_default())]
    Job {
        /// The scheduler's reason.
        error: JobError,
        /// Which process and machine the executor that it names was.
        host: Option<String>,
    },
    /// The command line cannot be read.
    #[error("{0}")]
    Usage(String),
    /// A program's own error.
    #[error("{0}")]
    Program(Box<dyn std::error::Error + Send + Sync>),
    /// The context was stopped while the job ran or before it started.
    #[error("the context is stopped")]
    Stopped,
    /// A broadcast or an accumulator cannot be used so.
    #[error(transparent)]
    Shared(#[from] SharedError),
    /// Planning or execution failed.
    #[error("{}", crate::sql::message(.0))]
    DataFusion(DataFusionError),
}

/// The words of the message: a `main` that returns an error prints it so.
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The error's words are all told: it is no source, which would be told once more.
impl From<DataFusionError> for Error {
    fn from(error: DataFusionError) -> Self {
        Self::DataFusion(error)
    }
}

impl From<std::io::Error> for Error {
    fn from(error: std::io::Error) -> Self {
        Self::Program(error.into())
    }
}

impl From<Error> for DataFusionError {
    fn from(error: Error) -> Self {
        match error {
            Error::DataFusion(error) => error,
            // Found again where a task's error is told from others.
            Error::Shared(error) => DataFusionError::External(Box::new(error)),
            other => DataFusionError::External(Box::new(other)),
        }
    }
}
