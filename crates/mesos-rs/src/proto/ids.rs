//! Identifiers. Those of frameworks, agents, offers and containers are chosen by Mesos, the others by the framework.

/// A framework, for its whole life, across failovers of its scheduler.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Message, serde::Serialize)]
pub struct FrameworkId {
    #[prost(string, required, tag = "1")]
    pub value: String,
}

/// An offer; good for one `ACCEPT` or `DECLINE`.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Message, serde::Serialize)]
pub struct OfferId {
    #[prost(string, required, tag = "1")]
    pub value: String,
}

/// An agent. A host that comes back as a new machine gets another one, so this and not the host name is the key.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Message, serde::Serialize)]
pub struct AgentId {
    #[prost(string, required, tag = "1")]
    pub value: String,
}

/// A task. Reusing one, even of a finished task, is asking for trouble.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Message, serde::Serialize)]
pub struct TaskId {
    #[prost(string, required, tag = "1")]
    pub value: String,
}

/// An executor, unique per agent and framework.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Message, serde::Serialize)]
pub struct ExecutorId {
    #[prost(string, required, tag = "1")]
    pub value: String,
}

/// A container; nested ones name their parent.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Message, serde::Serialize)]
pub struct ContainerId {
    #[prost(string, required, tag = "1")]
    pub value: String,
    #[prost(message, boxed, optional, tag = "2")]
    pub parent: Option<Box<ContainerId>>,
}

/// A resource provider on an agent.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Message, serde::Serialize)]
pub struct ResourceProviderId {
    #[prost(string, required, tag = "1")]
    pub value: String,
}

/// An operation on an offer whose outcome the framework wants to be told.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Message, serde::Serialize)]
pub struct OperationId {
    #[prost(string, required, tag = "1")]
    pub value: String,
}
