//! Between a scheduler and the master: `mesos.v1.scheduler`.

use super::debug::{hex, label_opt};
use bytes::Bytes;

/// From the master.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Event {
    #[prost(enumeration = "EventType", optional, tag = "1")]
    #[serde(serialize_with = "label_opt::<EventType, _>")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "2")]
    pub subscribed: Option<Subscribed>,
    #[prost(message, optional, tag = "3")]
    pub offers: Option<Offers>,
    #[prost(message, optional, tag = "9")]
    pub inverse_offers: Option<InverseOffers>,
    #[prost(message, optional, tag = "4")]
    pub rescind: Option<Rescind>,
    #[prost(message, optional, tag = "10")]
    pub rescind_inverse_offer: Option<RescindInverseOffer>,
    #[prost(message, optional, tag = "5")]
    pub update: Option<Update>,
    #[prost(message, optional, tag = "11")]
    pub update_operation_status: Option<UpdateOperationStatus>,
    #[prost(message, optional, tag = "6")]
    pub message: Option<EventMessage>,
    #[prost(message, optional, tag = "7")]
    pub failure: Option<Failure>,
    #[prost(message, optional, tag = "8")]
    pub error: Option<Error>,
}

/// Which field of an event is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum EventType {
    Unknown = 0,
    Subscribed = 1,
    Offers = 2,
    InverseOffers = 9,
    Rescind = 3,
    RescindInverseOffer = 10,
    Update = 4,
    UpdateOperationStatus = 11,
    Message = 5,
    Failure = 6,
    Error = 7,
    Heartbeat = 8,
}

/// The first event of a subscription.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Subscribed {
    #[prost(message, required, tag = "1")]
    pub framework_id: super::FrameworkId,
    #[prost(double, optional, tag = "2")]
    pub heartbeat_interval_seconds: Option<f64>,
    #[prost(message, optional, tag = "3")]
    pub master_info: Option<super::MasterInfo>,
}

/// New offers.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Offers {
    #[prost(message, repeated, tag = "1")]
    pub offers: Vec<super::Offer>,
}

/// Requests to give resources back.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct InverseOffers {
    #[prost(message, repeated, tag = "1")]
    pub inverse_offers: Vec<super::InverseOffer>,
}

/// An offer that is no longer good.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Rescind {
    #[prost(message, required, tag = "1")]
    pub offer_id: super::OfferId,
}

/// An inverse offer that is no longer good.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct RescindInverseOffer {
    #[prost(message, required, tag = "1")]
    pub inverse_offer_id: super::OfferId,
}

/// The state of a task.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Update {
    #[prost(message, required, tag = "1")]
    pub status: super::TaskStatus,
}

/// The state of an operation.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct UpdateOperationStatus {
    #[prost(message, required, tag = "1")]
    pub status: super::OperationStatus,
}

/// From an executor; may get lost.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct EventMessage {
    #[prost(message, required, tag = "1")]
    pub agent_id: super::AgentId,
    #[prost(message, required, tag = "2")]
    pub executor_id: super::ExecutorId,
    #[prost(bytes = "bytes", required, tag = "3")]
    #[serde(serialize_with = "hex")]
    pub data: Bytes,
}

/// An executor has ended, or, if none is named, the agent is gone.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Failure {
    #[prost(message, optional, tag = "1")]
    pub agent_id: Option<super::AgentId>,
    #[prost(message, optional, tag = "2")]
    pub executor_id: Option<super::ExecutorId>,
    #[prost(int32, optional, tag = "3")]
    pub status: Option<i32>,
}

/// The end of this scheduler.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Error {
    #[prost(string, required, tag = "1")]
    pub message: String,
}

/// To the master.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Call {
    #[prost(message, optional, tag = "1")]
    pub framework_id: Option<super::FrameworkId>,
    #[prost(enumeration = "CallType", optional, tag = "2")]
    #[serde(serialize_with = "label_opt::<CallType, _>")]
    pub r#type: Option<i32>,
    #[prost(message, optional, tag = "3")]
    pub subscribe: Option<Subscribe>,
    #[prost(message, optional, tag = "4")]
    pub accept: Option<Accept>,
    #[prost(message, optional, tag = "5")]
    pub decline: Option<Decline>,
    #[prost(message, optional, tag = "13")]
    pub accept_inverse_offers: Option<AcceptInverseOffers>,
    #[prost(message, optional, tag = "14")]
    pub decline_inverse_offers: Option<DeclineInverseOffers>,
    #[prost(message, optional, tag = "15")]
    pub revive: Option<Revive>,
    #[prost(message, optional, tag = "6")]
    pub kill: Option<Kill>,
    #[prost(message, optional, tag = "7")]
    pub shutdown: Option<Shutdown>,
    #[prost(message, optional, tag = "8")]
    pub acknowledge: Option<Acknowledge>,
    #[prost(message, optional, tag = "17")]
    pub acknowledge_operation_status: Option<AcknowledgeOperationStatus>,
    #[prost(message, optional, tag = "9")]
    pub reconcile: Option<Reconcile>,
    #[prost(message, optional, tag = "18")]
    pub reconcile_operations: Option<ReconcileOperations>,
    #[prost(message, optional, tag = "10")]
    pub message: Option<CallMessage>,
    #[prost(message, optional, tag = "11")]
    pub request: Option<RequestResources>,
    #[prost(message, optional, tag = "16")]
    pub suppress: Option<Suppress>,
    #[prost(message, optional, tag = "19")]
    pub update_framework: Option<UpdateFramework>,
}

/// Which field of a call is filled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum CallType {
    Unknown = 0,
    Subscribe = 1,
    Teardown = 2,
    Accept = 3,
    Decline = 4,
    AcceptInverseOffers = 13,
    DeclineInverseOffers = 14,
    Revive = 5,
    Kill = 6,
    Shutdown = 7,
    Acknowledge = 8,
    AcknowledgeOperationStatus = 15,
    Reconcile = 9,
    ReconcileOperations = 16,
    Message = 10,
    Request = 11,
    Suppress = 12,
    UpdateFramework = 17,
}

/// Asks for events. Offer constraints are left out.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Subscribe {
    #[prost(message, required, tag = "1")]
    pub framework_info: super::FrameworkInfo,
    #[prost(string, repeated, tag = "2")]
    pub suppressed_roles: Vec<String>,
}

/// Uses offers of one agent.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Accept {
    #[prost(message, repeated, tag = "1")]
    pub offer_ids: Vec<super::OfferId>,
    #[prost(message, repeated, tag = "2")]
    pub operations: Vec<super::Operation>,
    #[prost(message, optional, tag = "3")]
    pub filters: Option<super::Filters>,
}

/// Gives offers back.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Decline {
    #[prost(message, repeated, tag = "1")]
    pub offer_ids: Vec<super::OfferId>,
    #[prost(message, optional, tag = "2")]
    pub filters: Option<super::Filters>,
}

/// The resources will be given back in time.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct AcceptInverseOffers {
    #[prost(message, repeated, tag = "1")]
    pub inverse_offer_ids: Vec<super::OfferId>,
    #[prost(message, optional, tag = "2")]
    pub filters: Option<super::Filters>,
}

/// The resources may not be given back in time.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct DeclineInverseOffers {
    #[prost(message, repeated, tag = "1")]
    pub inverse_offer_ids: Vec<super::OfferId>,
    #[prost(message, optional, tag = "2")]
    pub filters: Option<super::Filters>,
}

/// Forgets filters and suppression, of some roles or of all.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Revive {
    #[prost(string, repeated, tag = "1")]
    pub roles: Vec<String>,
}

/// No more offers, for some roles or for all.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Suppress {
    #[prost(string, repeated, tag = "1")]
    pub roles: Vec<String>,
}

/// Ends a task.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Kill {
    #[prost(message, required, tag = "1")]
    pub task_id: super::TaskId,
    #[prost(message, optional, tag = "2")]
    pub agent_id: Option<super::AgentId>,
    #[prost(message, optional, tag = "3")]
    pub kill_policy: Option<super::KillPolicy>,
}

/// Ends an executor.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Shutdown {
    #[prost(message, required, tag = "1")]
    pub executor_id: super::ExecutorId,
    #[prost(message, required, tag = "2")]
    pub agent_id: super::AgentId,
}

/// A status update has been handled.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Acknowledge {
    #[prost(message, required, tag = "1")]
    pub agent_id: super::AgentId,
    #[prost(message, required, tag = "2")]
    pub task_id: super::TaskId,
    #[prost(bytes = "bytes", required, tag = "3")]
    #[serde(serialize_with = "hex")]
    pub uuid: Bytes,
}

/// An operation's status has been handled.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct AcknowledgeOperationStatus {
    #[prost(message, optional, tag = "1")]
    pub agent_id: Option<super::AgentId>,
    #[prost(message, optional, tag = "2")]
    pub resource_provider_id: Option<super::ResourceProviderId>,
    #[prost(bytes = "bytes", required, tag = "3")]
    #[serde(serialize_with = "hex")]
    pub uuid: Bytes,
    #[prost(message, required, tag = "4")]
    pub operation_id: super::OperationId,
}

/// Asks for the state of tasks; of all the master knows if none is named.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Reconcile {
    #[prost(message, repeated, tag = "1")]
    pub tasks: Vec<ReconcileTask>,
}

/// A task to ask about.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct ReconcileTask {
    #[prost(message, required, tag = "1")]
    pub task_id: super::TaskId,
    #[prost(message, optional, tag = "2")]
    pub agent_id: Option<super::AgentId>,
}

/// Asks for the state of operations.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct ReconcileOperations {
    #[prost(message, repeated, tag = "1")]
    pub operations: Vec<ReconcileOperation>,
}

/// An operation to ask about.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct ReconcileOperation {
    #[prost(message, required, tag = "1")]
    pub operation_id: super::OperationId,
    #[prost(message, optional, tag = "2")]
    pub agent_id: Option<super::AgentId>,
    #[prost(message, optional, tag = "3")]
    pub resource_provider_id: Option<super::ResourceProviderId>,
}

/// To an executor; may get lost.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct CallMessage {
    #[prost(message, required, tag = "1")]
    pub agent_id: super::AgentId,
    #[prost(message, required, tag = "2")]
    pub executor_id: super::ExecutorId,
    #[prost(bytes = "bytes", required, tag = "3")]
    #[serde(serialize_with = "hex")]
    pub data: Bytes,
}

/// Wishes for resources.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct RequestResources {
    #[prost(message, repeated, tag = "1")]
    pub requests: Vec<super::Request>,
}

/// Changes what the master knows of the framework. Offer constraints are left out.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct UpdateFramework {
    #[prost(message, required, tag = "1")]
    pub framework_info: super::FrameworkInfo,
    #[prost(string, repeated, tag = "2")]
    pub suppressed_roles: Vec<String>,
}
