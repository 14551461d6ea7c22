//! Names of things that travel between driver and executors. All are plain numbers, unique within one application.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub struct $name(pub u64);
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "{}"), self.0)
            }
        }
    };
}

id!(
    /// A stage, and with it the one output its tasks write: downstream stages and the driver fetch by this id.
    StageId, "stage "
);
id!(
    /// One action of the user: the run of one target stage and of what it needs.
    JobId, "job "
);
id!(
    /// A process (or, in `local[N]`, the driver itself) that runs tasks and serves their outputs.
    ExecutorId, "executor "
);
id!(
    /// A machine on which executors live, one after the other or side by side. A task that failed, and a second attempt
    /// at one that is slow, go to another machine and not only to another process.
    NodeId, "node "
);

/// One attempt at one partition of one stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct TaskId {
    /// The stage whose fragment the task runs.
    pub stage: StageId,
    /// The partition of the fragment's output, from 0.
    pub partition: u32,
    /// Counts the launches of this partition from 0; never used twice in an application.
    pub attempt: u32,
}

impl fmt::Display for TaskId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} partition {} attempt {}", self.stage, self.partition, self.attempt)
    }
}
