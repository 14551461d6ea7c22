//! Between an executor and its agent: `mesos.v1.executor`.

use super::debug::{hex, label_opt};
use bytes::Bytes;

/// From the agent.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Event {
    #[prost(enumeration = "EventType", optional, tag = "1")]
    #[serde(serialize_with = "label_opt::<EventType, _>")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub subscribed: Option<Subscribed>,
    #[prost(message, optional, tag = "3")]
    pub acknowledged: Option<Acknowledged>,
    #[prost(message, optional, tag = "4")]
    pub launch: Option<Launch>,
    #[prost(message, optional, tag = "8")]
    pub launch_group: Option<LaunchGroup>,
    #[prost(message, optional, tag = "5")]
    pub kill: Option<Kill>,
    #[prost(message, optional, tag = "6")]
    pub message: Option<EventMessage>,
    #[prost(message, optional, tag = "7")]
    pub error: Option<Error>,
}

/// Which field of an event is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum EventType {
    Unknown = 0,
    Subscribed = 1,
    Launch = 2,
    LaunchGroup = 8,
    Kill = 3,
    Acknowledged = 4,
    Message = 5,
    Error = 6,
    Shutdown = 7,
    Heartbeat = 9,
}

/// The first event of a subscription.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Subscribed {
    #[prost(message, required, tag = "1")]
    pub executor_info: super::ExecutorInfo,
    #[prost(message, required, tag = "2")]
    pub framework_info: super::FrameworkInfo,
    #[prost(message, required, tag = "3")]
    pub agent_info: super::AgentInfo,
    #[prost(message, optional, tag = "4")]
    pub container_id: Option<super::ContainerId>,
}

/// A task to run.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Launch {
    #[prost(message, required, tag = "1")]
    pub task: super::TaskInfo,
}

/// Tasks to run together.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct LaunchGroup {
    #[prost(message, required, tag = "1")]
    pub task_group: super::TaskGroupInfo,
}

/// A task to end.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Kill {
    #[prost(message, required, tag = "1")]
    pub task_id: super::TaskId,
    #[prost(message, optional, tag = "2")]
    pub kill_policy: Option<super::KillPolicy>,
}

/// An update that the agent has taken over.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Acknowledged {
    #[prost(message, required, tag = "1")]
    pub task_id: super::TaskId,
    #[prost(bytes = "bytes", required, tag = "2")]
    #[serde(serialize_with = "hex")]
    pub uuid: Bytes,
}

/// From the scheduler; may get lost.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct EventMessage {
    #[prost(bytes = "bytes", required, tag = "1")]
    #[serde(serialize_with = "hex")]
    pub data: Bytes,
}

/// The agent could not make sense of a call.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Error {
    #[prost(string, required, tag = "1")]
    pub message: String,
}

/// To the agent.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Call {
    #[prost(message, required, tag = "1")]
    pub executor_id: super::ExecutorId,
    #[prost(message, required, tag = "2")]
    pub framework_id: super::FrameworkId,
    #[prost(enumeration = "CallType", optional, tag = "3")]
    #[serde(serialize_with = "label_opt::<CallType, _>")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "4")]
    pub subscribe: Option<Subscribe>,
    #[prost(message, optional, tag = "5")]
    pub update: Option<Update>,
    #[prost(message, optional, tag = "6")]
    pub message: Option<CallMessage>,
}

/// Which field of a call is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum CallType {
    Unknown = 0,
    Subscribe = 1,
    Update = 2,
    Message = 3,
    Heartbeat = 4,
}

/// Asks for events; tells again what has not been acknowledged.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Subscribe {
    #[prost(message, repeated, tag = "1")]
    pub unacknowledged_tasks: Vec<super::TaskInfo>,
    #[prost(message, repeated, tag = "2")]
    pub unacknowledged_updates: Vec<Update>,
}

/// The state of a task.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Update {
    #[prost(message, required, tag = "1")]
    pub status: super::TaskStatus,
}

/// To the scheduler; may get lost.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct CallMessage {
    #[prost(bytes = "bytes", required, tag = "2")]
    #[serde(serialize_with = "hex")]
    pub data: Bytes,
}
