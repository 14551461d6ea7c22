//! What a scheduler says about itself.

use super::debug::label_opt;
use super::{FrameworkId, Labels};

/// A framework. `user` and `name` are required; with `roles` goes the capability `MultiRole`.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct FrameworkInfo {
    #[prost(string, required, tag = "1")]
    pub user: String,
    #[prost(string, required, tag = "2")]
    pub name: String,
    #[prost(message, optional, tag = "3")]
    pub id: Option<FrameworkId>,
    #[prost(double, optional, tag = "4")]
    pub failover_timeout: Option<f64>,
    #[prost(bool, optional, tag = "5")]
    pub checkpoint: Option<bool>,
    #[prost(string, repeated, tag = "12")]
    pub roles: Vec<String>,
    #[prost(string, optional, tag = "7")]
    pub hostname: Option<String>,
    #[prost(string, optional, tag = "8")]
    pub principal: Option<String>,
    #[prost(string, optional, tag = "9")]
    pub webui_url: Option<String>,
    #[prost(message, repeated, tag = "10")]
    pub capabilities: Vec<Capability>,
    #[prost(message, optional, tag = "11")]
    pub labels: Option<Labels>,
}

/// Something the scheduler understands.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Capability {
    #[prost(enumeration = "CapabilityType", optional, tag = "1")]
    #[serde(serialize_with = "label_opt::<CapabilityType, _>")]
    pub r#type: Option<i32>,
}

/// What a scheduler can understand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum CapabilityType {
    Unknown = 0,
    RevocableResources = 1,
    TaskKillingState = 2,
    GpuResources = 3,
    SharedResources = 4,
    PartitionAware = 5,
    MultiRole = 6,
    ReservationRefinement = 7,
    RegionAware = 8,
}
