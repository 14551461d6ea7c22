//! Offers of resources, requests to give some back, and what may be done with them.

use super::debug::{hex, label, label_opt};
use super::{
    AgentId, AllocationInfo, Attribute, DomainInfo, ExecutorId, ExecutorInfo, FrameworkId, OfferId, OperationId,
    Resource, ResourceProviderId, TaskGroupInfo, TaskInfo, Unavailability, Url,
};
use bytes::Bytes;

/// Resources of one agent, allocated to one role of this framework until they are used or declined.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Offer {
    #[prost(message, required, tag = "1")]
    pub id: OfferId,
    #[prost(message, required, tag = "2")]
    pub framework_id: FrameworkId,
    #[prost(message, required, tag = "3")]
    pub agent_id: AgentId,
    #[prost(string, required, tag = "4")]
    pub hostname: String,
    #[prost(message, optional, tag = "8")]
    pub url: Option<Url>,
    #[prost(message, optional, tag = "11")]
    pub domain: Option<DomainInfo>,
    #[prost(message, repeated, tag = "5")]
    pub resources: Vec<Resource>,
    #[prost(message, repeated, tag = "7")]
    pub attributes: Vec<Attribute>,
    #[prost(message, repeated, tag = "6")]
    pub executor_ids: Vec<ExecutorId>,
    #[prost(message, optional, tag = "9")]
    pub unavailability: Option<Unavailability>,
    #[prost(message, optional, tag = "10")]
    pub allocation_info: Option<AllocationInfo>,
}

/// A request to give resources back before an agent goes into maintenance.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct InverseOffer {
    #[prost(message, required, tag = "1")]
    pub id: OfferId,
    #[prost(message, optional, tag = "2")]
    pub url: Option<Url>,
    #[prost(message, required, tag = "3")]
    pub framework_id: FrameworkId,
    #[prost(message, optional, tag = "4")]
    pub agent_id: Option<AgentId>,
    #[prost(message, required, tag = "5")]
    pub unavailability: Unavailability,
    #[prost(message, repeated, tag = "6")]
    pub resources: Vec<Resource>,
}

/// Something to do with offered resources. Growing and shrinking of volumes and disks of providers are left out.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Operation {
    #[prost(enumeration = "OperationType", optional, tag = "1")]
    #[serde(serialize_with = "label_opt::<OperationType, _>")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "12")]
    pub id: Option<OperationId>,
    #[prost(message, optional, tag = "2")]
    pub launch: Option<Launch>,
    #[prost(message, optional, tag = "7")]
    pub launch_group: Option<LaunchGroup>,
    #[prost(message, optional, tag = "3")]
    pub reserve: Option<Reserve>,
    #[prost(message, optional, tag = "4")]
    pub unreserve: Option<Unreserve>,
    #[prost(message, optional, tag = "5")]
    pub create: Option<Create>,
    #[prost(message, optional, tag = "6")]
    pub destroy: Option<Destroy>,
}

/// Which operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum OperationType {
    Unknown = 0,
    Launch = 1,
    LaunchGroup = 6,
    Reserve = 2,
    Unreserve = 3,
    Create = 4,
    Destroy = 5,
    GrowVolume = 11,
    ShrinkVolume = 12,
    CreateDisk = 13,
    DestroyDisk = 14,
}

/// Tasks to launch.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Launch {
    #[prost(message, repeated, tag = "1")]
    pub task_infos: Vec<TaskInfo>,
}

/// Tasks to launch together.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct LaunchGroup {
    #[prost(message, required, tag = "1")]
    pub executor: ExecutorInfo,
    #[prost(message, required, tag = "2")]
    pub task_group: TaskGroupInfo,
}

/// Resources to reserve for a role.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Reserve {
    #[prost(message, repeated, tag = "2")]
    pub source: Vec<Resource>,
    #[prost(message, repeated, tag = "1")]
    pub resources: Vec<Resource>,
}

/// Resources to reserve no longer.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Unreserve {
    #[prost(message, repeated, tag = "1")]
    pub resources: Vec<Resource>,
}

/// Persistent volumes to make.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Create {
    #[prost(message, repeated, tag = "1")]
    pub volumes: Vec<Resource>,
}

/// Persistent volumes to remove, with their data.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Destroy {
    #[prost(message, repeated, tag = "1")]
    pub volumes: Vec<Resource>,
}

/// What became of an operation that had an id.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct OperationStatus {
    #[prost(message, optional, tag = "1")]
    pub operation_id: Option<OperationId>,
    #[prost(enumeration = "OperationState", required, tag = "2")]
    #[serde(serialize_with = "label::<OperationState, _>")]
    pub state: i32,
    #[prost(string, optional, tag = "3")]
    pub message: Option<String>,
    #[prost(message, repeated, tag = "4")]
    pub converted_resources: Vec<Resource>,
    #[prost(message, optional, tag = "5")]
    pub uuid: Option<Uuid>,
    #[prost(message, optional, tag = "6")]
    pub agent_id: Option<AgentId>,
    #[prost(message, optional, tag = "7")]
    pub resource_provider_id: Option<ResourceProviderId>,
}

/// Where an operation is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum OperationState {
    Unsupported = 0,
    Pending = 1,
    Finished = 2,
    Failed = 3,
    Error = 4,
    Dropped = 5,
    Unreachable = 6,
    GoneByOperator = 7,
    Recovering = 8,
    Unknown = 9,
}

/// Sixteen bytes.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Uuid {
    #[prost(bytes = "bytes", required, tag = "1")]
    #[serde(serialize_with = "hex")]
    pub value: Bytes,
}

/// For how long resources like the refused ones need not be offered again; five seconds if not said.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Filters {
    #[prost(double, optional, tag = "1")]
    pub refuse_seconds: Option<f64>,
}

/// Resources wished for. The usual allocator ignores it.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Request {
    #[prost(message, optional, tag = "1")]
    pub agent_id: Option<AgentId>,
    #[prost(message, repeated, tag = "2")]
    pub resources: Vec<Resource>,
}
