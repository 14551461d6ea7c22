//! A resource: an amount of something, and all that tells it apart from others of its name.

use super::debug::{label, label_opt};
use super::{Labels, Ranges, ResourceProviderId, Scalar, Set, ValueType};

/// An amount of a resource. What is offered must be handed back just so, apart from the amount.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Resource {
    #[prost(message, optional, tag = "12")]
    pub provider_id: Option<ResourceProviderId>,
    #[prost(string, required, tag = "1")]
    pub name: String,
    #[prost(enumeration = "ValueType", required, tag = "2")]
    #[serde(serialize_with = "label::<ValueType, _>")]
    pub r#type: i32,
    #[prost(message, optional, tag = "3")]
    pub scalar: Option<Scalar>,
    #[prost(message, optional, tag = "4")]
    pub ranges: Option<Ranges>,
    #[prost(message, optional, tag = "5")]
    pub set: Option<Set>,
    #[prost(string, optional, tag = "6")]
    pub role: Option<String>,
    #[prost(message, optional, tag = "11")]
    pub allocation_info: Option<AllocationInfo>,
    #[prost(message, optional, tag = "8")]
    pub reservation: Option<ReservationInfo>,
    #[prost(message, repeated, tag = "13")]
    pub reservations: Vec<ReservationInfo>,
    #[prost(message, optional, tag = "7")]
    pub disk: Option<DiskInfo>,
    #[prost(message, optional, tag = "9")]
    pub revocable: Option<RevocableInfo>,
    #[prost(message, optional, tag = "10")]
    pub shared: Option<SharedInfo>,
}

/// The role an offered or used resource was allocated to.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct AllocationInfo {
    #[prost(string, optional, tag = "1")]
    pub role: Option<String>,
}

/// One step of a reservation; the last one names the role that may use the resource.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct ReservationInfo {
    #[prost(enumeration = "ReservationType", optional, tag = "4")]
    #[serde(serialize_with = "label_opt::<ReservationType, _>")]
    pub r#type: Option<i32>,
    #[prost(string, optional, tag = "3")]
    pub role: Option<String>,
    #[prost(string, optional, tag = "1")]
    pub principal: Option<String>,
    #[prost(message, optional, tag = "2")]
    pub labels: Option<Labels>,
}

/// By the agent's flags, or by a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ReservationType {
    Unknown = 0,
    Static = 1,
    Dynamic = 2,
}

/// What is special about an amount of disk.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct DiskInfo {
    #[prost(message, optional, tag = "1")]
    pub persistence: Option<Persistence>,
    #[prost(message, optional, tag = "2")]
    pub volume: Option<Volume>,
    #[prost(message, optional, tag = "3")]
    pub source: Option<DiskSource>,
}

/// A volume that outlives its tasks.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Persistence {
    #[prost(string, required, tag = "1")]
    pub id: String,
    #[prost(string, optional, tag = "2")]
    pub principal: Option<String>,
}

/// A disk of its own.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct DiskSource {
    #[prost(enumeration = "DiskSourceType", required, tag = "1")]
    #[serde(serialize_with = "label::<DiskSourceType, _>")]
    pub r#type: i32,
    #[prost(message, optional, tag = "2")]
    pub path: Option<DiskPath>,
    #[prost(message, optional, tag = "3")]
    pub mount: Option<DiskMount>,
    #[prost(string, optional, tag = "7")]
    pub vendor: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub id: Option<String>,
    #[prost(message, optional, tag = "5")]
    pub metadata: Option<Labels>,
    #[prost(string, optional, tag = "6")]
    pub profile: Option<String>,
}

/// What kind of a disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum DiskSourceType {
    Unknown = 0,
    Path = 1,
    Mount = 2,
    Block = 3,
    Raw = 4,
}

/// A directory that several may use.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct DiskPath {
    #[prost(string, optional, tag = "1")]
    pub root: Option<String>,
}

/// A mount point, used as a whole.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct DiskMount {
    #[prost(string, optional, tag = "1")]
    pub root: Option<String>,
}

/// Present if Mesos may take the resource back at any time.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct RevocableInfo {}

/// Present if several tasks may use the same resource.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct SharedInfo {}

/// A directory in a container. Images and other sources are left out.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Volume {
    #[prost(enumeration = "VolumeMode", required, tag = "3")]
    #[serde(serialize_with = "label::<VolumeMode, _>")]
    pub mode: i32,
    #[prost(string, required, tag = "1")]
    pub container_path: String,
    #[prost(string, optional, tag = "2")]
    pub host_path: Option<String>,
}

/// Whether it may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum VolumeMode {
    Rw = 1,
    Ro = 2,
}
