//! Tasks and what is said about their state.

use super::debug::{hex_opt, label, label_opt};
use super::{
    AgentId, CommandInfo, ContainerId, ContainerInfo, DurationInfo, ExecutorId, ExecutorInfo, KillPolicy, Labels,
    Resource, Scalar, TaskId, TimeInfo,
};
use bytes::Bytes;
use std::collections::BTreeMap;

/// A task to launch. Checks and discovery are left out.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct TaskInfo {
    #[prost(string, required, tag = "1")]
    pub name: String,
    #[prost(message, required, tag = "2")]
    pub task_id: TaskId,
    #[prost(message, required, tag = "3")]
    pub agent_id: AgentId,
    #[prost(message, repeated, tag = "4")]
    pub resources: Vec<Resource>,
    #[prost(message, optional, tag = "5")]
    pub executor: Option<ExecutorInfo>,
    #[prost(message, optional, tag = "7")]
    pub command: Option<CommandInfo>,
    #[prost(message, optional, tag = "9")]
    pub container: Option<ContainerInfo>,
    #[prost(message, optional, tag = "12")]
    pub kill_policy: Option<KillPolicy>,
    #[prost(bytes = "bytes", optional, tag = "6")]
    #[serde(serialize_with = "hex_opt")]
    pub data: Option<Bytes>,
    #[prost(message, optional, tag = "10")]
    pub labels: Option<Labels>,
    #[prost(message, optional, tag = "14")]
    pub max_completion_time: Option<DurationInfo>,
    #[prost(btree_map = "string, message", tag = "15")]
    pub limits: BTreeMap<String, Scalar>,
}

/// Tasks that are launched all or none.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct TaskGroupInfo {
    #[prost(message, repeated, tag = "1")]
    pub tasks: Vec<TaskInfo>,
}

/// Where a task is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum TaskState {
    Staging = 6,
    Starting = 0,
    Running = 1,
    Killing = 8,
    Finished = 2,
    Failed = 3,
    Killed = 4,
    Error = 7,
    Lost = 5,
    Dropped = 9,
    Unreachable = 10,
    Gone = 11,
    GoneByOperator = 12,
    Unknown = 13,
}

/// What is said about a task. Only with a `uuid` is an acknowledgement waited for.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct TaskStatus {
    #[prost(message, required, tag = "1")]
    pub task_id: TaskId,
    #[prost(enumeration = "TaskState", required, tag = "2")]
    #[serde(serialize_with = "label::<TaskState, _>")]
    pub state: i32,
    #[prost(string, optional, tag = "4")]
    pub message: Option<String>,
    #[prost(enumeration = "StatusSource", optional, tag = "9")]
    #[serde(serialize_with = "label_opt::<StatusSource, _>")]
    pub source: Option<i32>,
    #[prost(enumeration = "StatusReason", optional, tag = "10")]
    #[serde(serialize_with = "label_opt::<StatusReason, _>")]
    pub reason: Option<i32>,
    #[prost(bytes = "bytes", optional, tag = "3")]
    #[serde(serialize_with = "hex_opt")]
    pub data: Option<Bytes>,
    #[prost(message, optional, tag = "5")]
    pub agent_id: Option<AgentId>,
    #[prost(message, optional, tag = "7")]
    pub executor_id: Option<ExecutorId>,
    #[prost(double, optional, tag = "6")]
    pub timestamp: Option<f64>,
    #[prost(bytes = "bytes", optional, tag = "11")]
    #[serde(serialize_with = "hex_opt")]
    pub uuid: Option<Bytes>,
    #[prost(bool, optional, tag = "8")]
    pub healthy: Option<bool>,
    #[prost(message, optional, tag = "12")]
    pub labels: Option<Labels>,
    #[prost(message, optional, tag = "13")]
    pub container_status: Option<ContainerStatus>,
    #[prost(message, optional, tag = "14")]
    pub unreachable_time: Option<TimeInfo>,
    #[prost(message, optional, tag = "16")]
    pub limitation: Option<TaskResourceLimitation>,
}

/// Who says it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum StatusSource {
    Master = 0,
    Agent = 1,
    Executor = 2,
}

/// Why, if Mesos itself is the cause.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum StatusReason {
    CommandExecutorFailed = 0,
    ContainerLaunchFailed = 21,
    ContainerLimitation = 19,
    ContainerLimitationDisk = 20,
    ContainerLimitationMemory = 8,
    ContainerPreempted = 17,
    ContainerUpdateFailed = 22,
    MaxCompletionTimeReached = 33,
    ExecutorRegistrationTimeout = 23,
    ExecutorReregistrationTimeout = 24,
    ExecutorTerminated = 1,
    ExecutorUnregistered = 2,
    FrameworkRemoved = 3,
    GcError = 4,
    InvalidFrameworkid = 5,
    InvalidOffers = 6,
    IoSwitchboardExited = 27,
    MasterDisconnected = 7,
    Reconciliation = 9,
    ResourcesUnknown = 18,
    AgentDisconnected = 10,
    AgentDraining = 34,
    AgentRemoved = 11,
    AgentRemovedByOperator = 31,
    AgentReregistered = 32,
    AgentRestarted = 12,
    AgentUnknown = 13,
    TaskKilledDuringLaunch = 30,
    TaskCheckStatusUpdated = 28,
    TaskHealthCheckStatusUpdated = 29,
    TaskGroupInvalid = 25,
    TaskGroupUnauthorized = 26,
    TaskInvalid = 14,
    TaskUnauthorized = 15,
    TaskUnknown = 16,
}

/// What a task had too much of.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct TaskResourceLimitation {
    #[prost(message, repeated, tag = "1")]
    pub resources: Vec<Resource>,
}

/// The container a task runs in.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct ContainerStatus {
    #[prost(message, optional, tag = "4")]
    pub container_id: Option<ContainerId>,
    #[prost(message, repeated, tag = "1")]
    pub network_infos: Vec<NetworkInfo>,
    #[prost(uint32, optional, tag = "3")]
    pub executor_pid: Option<u32>,
}

/// The addresses of a container.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct NetworkInfo {
    #[prost(message, repeated, tag = "5")]
    pub ip_addresses: Vec<IpAddress>,
    #[prost(string, optional, tag = "6")]
    pub name: Option<String>,
    #[prost(string, repeated, tag = "3")]
    pub groups: Vec<String>,
    #[prost(message, optional, tag = "4")]
    pub labels: Option<Labels>,
}

/// Version of the Internet Protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum Protocol {
    Ipv4 = 1,
    Ipv6 = 2,
}

/// One address.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct IpAddress {
    #[prost(enumeration = "Protocol", optional, tag = "1")]
    #[serde(serialize_with = "label_opt::<Protocol, _>")]
    pub protocol: Option<i32>,
    #[prost(string, optional, tag = "2")]
    pub ip_address: Option<String>,
}
