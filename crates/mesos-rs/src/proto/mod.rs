//! The messages of Mesos' v1 API, as far as they are used here, with Mesos' own names and field numbers.
//!
//! They are written down for `prost`, so that no `protoc` is needed; `tests/proto.rs` compares their encoding with
//! bytes written out by hand. Fields that are left out are dropped when decoding; each message that leaves out some
//! says which. Enumerations are plain `i32` in the structs, since a newer Mesos may send values not known here: ask
//! with the accessor of the same name, which gives the default for those.
//!
//! - [`ids`](FrameworkId): identifiers; `value`: typed values, attributes, labels; `resource`: amounts of something;
//! - `machine`: masters and agents; `framework`: the scheduler about itself; `command`: what to run, executors;
//! - `task`: tasks and their states; `offer`: offers and operations on them;
//! - [`scheduler`] and [`executor`]: the calls and events of the two APIs; `debug`: how messages look as JSON.
// The fields' names say what Mesos' documentation says about them at length.
#![allow(missing_docs)]

mod command;
mod debug;
pub mod executor;
mod framework;
mod ids;
mod machine;
mod offer;
mod resource;
pub mod scheduler;
mod task;
mod value;

pub use command::*;
pub use debug::json;
pub use framework::*;
pub use ids::*;
pub use machine::*;
pub use offer::*;
pub use resource::*;
pub use task::*;
pub use value::*;

use std::fmt;
use std::time::Duration;

macro_rules! ids {
    ($($name:ident $(with $parent:ident)?),*) => {$(
        impl From<&str> for $name {
            fn from(value: &str) -> Self {
                value.to_string().into()
            }
        }

        impl From<String> for $name {
            fn from(value: String) -> Self {
                Self { value $(, $parent: None)? }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.value)
            }
        }
    )*};
}
ids!(FrameworkId, OfferId, AgentId, TaskId, ExecutorId, ContainerId with parent, OperationId, ResourceProviderId);

impl TaskState {
    /// Whether nothing more will happen to the task. An unreachable task may come back, and of an unknown one nothing
    /// can be said, so these two are not terminal; `Lost` is, for frameworks that are not partition-aware.
    pub fn is_terminal(self) -> bool {
        match self {
            Self::Finished | Self::Failed | Self::Killed | Self::Error | Self::Lost => true,
            Self::Dropped | Self::Gone | Self::GoneByOperator => true,
            Self::Staging | Self::Starting | Self::Running | Self::Killing => false,
            Self::Unreachable | Self::Unknown => false,
        }
    }
}

impl Capability {
    /// As a list for [`FrameworkInfo`].
    pub fn list(types: &[CapabilityType]) -> Vec<Self> {
        types.iter().map(|&t| Self { r#type: Some(t.into()) }).collect()
    }
}

impl ExecutorInfo {
    /// An executor of the framework's own. Give it resources: tasks of one executor must all describe it alike, and
    /// its resources are accounted for once per agent, with the task that starts it.
    pub fn custom(executor_id: ExecutorId, command: CommandInfo, resources: Vec<Resource>) -> Self {
        let r#type = Some(ExecutorType::Custom.into());
        Self { r#type, executor_id, command: Some(command), resources, ..Self::default() }
    }
}

impl CommandInfo {
    /// A program and its arguments, the first of which is its name, without a shell.
    pub fn program(path: &str, arguments: &[&str]) -> Self {
        let arguments = arguments.iter().map(|argument| argument.to_string()).collect();
        Self { shell: Some(false), value: Some(path.to_string()), arguments, ..Self::default() }
    }
}

impl From<Duration> for DurationInfo {
    fn from(duration: Duration) -> Self {
        Self { nanoseconds: i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX) }
    }
}

impl From<DurationInfo> for Duration {
    fn from(info: DurationInfo) -> Self {
        Self::from_nanos(u64::try_from(info.nanoseconds).unwrap_or(0))
    }
}

impl KillPolicy {
    /// Gives a task so long to end.
    pub fn with_grace(grace: Duration) -> Self {
        Self { grace_period: Some(grace.into()) }
    }
}

impl Filters {
    /// Does not want the resources for so long.
    pub fn refuse(duration: Duration) -> Self {
        Self { refuse_seconds: Some(duration.as_secs_f64()) }
    }
}
