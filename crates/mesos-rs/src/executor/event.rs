//! What an executor hears.

use crate::error::LinkError;
use crate::proto::{AgentInfo, ContainerId, ExecutorInfo, FrameworkInfo, TaskId, TaskInfo, TaskStatus};
use bytes::Bytes;
use std::time::Duration;

/// From the agent, or about the connection to it.
#[derive(Debug)]
pub enum Event {
    /// Subscribed.
    Connected {
        /// As the framework described this executor.
        executor: Box<ExecutorInfo>,
        /// Whose it is.
        framework: Box<FrameworkInfo>,
        /// Where it runs.
        agent: Box<AgentInfo>,
        /// In which container.
        container_id: Option<ContainerId>,
        /// Whether it is not the first time.
        again: bool,
    },
    /// The agent is away. Tasks may go on, and updates are kept for when it is back.
    Disconnected {
        /// How it was lost.
        why: LinkError,
    },
    /// A task to run.
    Launch(Box<TaskInfo>),
    /// Tasks to run together.
    LaunchGroup(Vec<TaskInfo>),
    /// A task to end; then send a terminal update.
    Kill {
        /// Which one.
        task_id: TaskId,
        /// How long it may take, as said by the call or else by the task.
        grace: Option<Duration>,
    },
    /// From the scheduler.
    Message(Bytes),
    /// The agent could make no sense of an update. It will not be sent again.
    Refused {
        /// The update.
        status: Box<TaskStatus>,
        /// What the agent says.
        text: String,
    },
    /// End all tasks, send the updates, and exit. The agent kills this process after the grace period.
    Shutdown {
        /// How long there is.
        grace: Duration,
    },
    /// The last event: exit.
    Ended(End),
}

/// Why there will be no more events.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// The agent says so.
    #[error("the agent ended the executor: {0}")]
    Error(String),
    /// Trying again would not help.
    #[error(transparent)]
    Refused(LinkError),
    /// The agent is gone, and without checkpointing another one would not know this executor.
    #[error("the agent is gone: {0}")]
    AgentLost(LinkError),
    /// The agent has not come back in time.
    #[error("the agent has not come back within {after:?}: {why}")]
    RecoveryTimeout {
        /// How long it was waited.
        after: Duration,
        /// What came of the last attempt.
        why: LinkError,
    },
    /// The grace period after [`Event::Shutdown`] is over.
    #[error("shut down")]
    ShutDown,
}
