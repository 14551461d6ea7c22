//! Who is there: masters, agents, where they are and when they are planned to go away.

use super::debug::label_opt;
use super::{AgentId, Attribute, DurationInfo, Parameter, Resource, TimeInfo};

/// Host name, address or both, and a port.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Address {
    #[prost(string, optional, tag = "1")]
    pub hostname: Option<String>,
    #[prost(string, optional, tag = "2")]
    pub ip: Option<String>,
    #[prost(int32, required, tag = "3")]
    pub port: i32,
}

/// An address in its parts.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Url {
    #[prost(string, required, tag = "1")]
    pub scheme: String,
    #[prost(message, required, tag = "2")]
    pub address: Address,
    #[prost(string, optional, tag = "3")]
    pub path: Option<String>,
    #[prost(message, repeated, tag = "4")]
    pub query: Vec<Parameter>,
    #[prost(string, optional, tag = "5")]
    pub fragment: Option<String>,
}

/// Planned maintenance; without an end if without a duration.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Unavailability {
    #[prost(message, required, tag = "1")]
    pub start: TimeInfo,
    #[prost(message, optional, tag = "2")]
    pub duration: Option<DurationInfo>,
}

/// Region and zone.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct DomainInfo {
    #[prost(message, optional, tag = "1")]
    pub fault_domain: Option<FaultDomain>,
}

/// Region and zone.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct FaultDomain {
    #[prost(message, required, tag = "1")]
    pub region: RegionInfo,
    #[prost(message, required, tag = "2")]
    pub zone: ZoneInfo,
}

/// Zones near each other.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct RegionInfo {
    #[prost(string, required, tag = "1")]
    pub name: String,
}

/// Machines likely to fail together.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct ZoneInfo {
    #[prost(string, required, tag = "1")]
    pub name: String,
}

/// A master.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct MasterInfo {
    #[prost(string, required, tag = "1")]
    pub id: String,
    #[prost(uint32, required, tag = "2")]
    pub ip: u32,
    #[prost(uint32, required, tag = "3")]
    pub port: u32,
    #[prost(string, optional, tag = "4")]
    pub pid: Option<String>,
    #[prost(string, optional, tag = "5")]
    pub hostname: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub version: Option<String>,
    #[prost(message, optional, tag = "7")]
    pub address: Option<Address>,
    #[prost(message, optional, tag = "8")]
    pub domain: Option<DomainInfo>,
    #[prost(message, repeated, tag = "9")]
    pub capabilities: Vec<MasterCapability>,
}

/// Something a master can do.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct MasterCapability {
    #[prost(enumeration = "MasterCapabilityType", optional, tag = "1")]
    #[serde(serialize_with = "label_opt::<MasterCapabilityType, _>")]
    pub r#type: Option<i32>,
}

/// What a master can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum MasterCapabilityType {
    Unknown = 0,
    AgentUpdate = 1,
    AgentDraining = 2,
}

/// An agent, as its executors are told.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct AgentInfo {
    #[prost(string, required, tag = "1")]
    pub hostname: String,
    #[prost(int32, optional, tag = "8")]
    pub port: Option<i32>,
    #[prost(message, repeated, tag = "3")]
    pub resources: Vec<Resource>,
    #[prost(message, repeated, tag = "5")]
    pub attributes: Vec<Attribute>,
    #[prost(message, optional, tag = "6")]
    pub id: Option<AgentId>,
    #[prost(message, optional, tag = "10")]
    pub domain: Option<DomainInfo>,
}
