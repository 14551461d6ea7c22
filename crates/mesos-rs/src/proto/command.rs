//! What to run and in what: commands, files to fetch, environment, executors, containers.

use super::debug::{hex_opt, label, label_opt};
use super::{DurationInfo, ExecutorId, FrameworkId, Labels, Resource, Volume};
use bytes::Bytes;

/// A command. With `shell` (the default) `value` goes to `sh -c`, otherwise it is a program and `arguments` its argv.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct CommandInfo {
    #[prost(message, repeated, tag = "1")]
    pub uris: Vec<Uri>,
    #[prost(message, optional, tag = "2")]
    pub environment: Option<Environment>,
    #[prost(bool, optional, tag = "6")]
    pub shell: Option<bool>,
    #[prost(string, optional, tag = "3")]
    pub value: Option<String>,
    #[prost(string, repeated, tag = "7")]
    pub arguments: Vec<String>,
    #[prost(string, optional, tag = "5")]
    pub user: Option<String>,
}

/// A file to fetch into the sandbox first.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Uri {
    #[prost(string, required, tag = "1")]
    pub value: String,
    #[prost(bool, optional, tag = "2")]
    pub executable: Option<bool>,
    #[prost(bool, optional, tag = "3")]
    pub extract: Option<bool>,
    #[prost(bool, optional, tag = "4")]
    pub cache: Option<bool>,
    #[prost(string, optional, tag = "5")]
    pub output_file: Option<String>,
}

/// Variables.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Environment {
    #[prost(message, repeated, tag = "1")]
    pub variables: Vec<Variable>,
}

/// One variable. Secrets are left out.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Variable {
    #[prost(string, required, tag = "1")]
    pub name: String,
    #[prost(enumeration = "VariableType", optional, tag = "3")]
    #[serde(serialize_with = "label_opt::<VariableType, _>")]
    pub r#type: Option<i32>,
    #[prost(string, optional, tag = "2")]
    pub value: Option<String>,
}

/// Whether the value is given or a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum VariableType {
    Unknown = 0,
    Value = 1,
    Secret = 2,
}

/// An executor. Tasks that name the same one on an agent run in it.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct ExecutorInfo {
    #[prost(enumeration = "ExecutorType", optional, tag = "15")]
    #[serde(serialize_with = "label_opt::<ExecutorType, _>")]
    pub r#type: Option<i32>,
    #[prost(message, required, tag = "1")]
    pub executor_id: ExecutorId,
    #[prost(message, optional, tag = "8")]
    pub framework_id: Option<FrameworkId>,
    #[prost(message, optional, tag = "7")]
    pub command: Option<CommandInfo>,
    #[prost(message, optional, tag = "11")]
    pub container: Option<ContainerInfo>,
    #[prost(message, repeated, tag = "5")]
    pub resources: Vec<Resource>,
    #[prost(string, optional, tag = "9")]
    pub name: Option<String>,
    #[prost(string, optional, tag = "10")]
    pub source: Option<String>,
    #[prost(bytes = "bytes", optional, tag = "4")]
    #[serde(serialize_with = "hex_opt")]
    pub data: Option<Bytes>,
    #[prost(message, optional, tag = "13")]
    pub shutdown_grace_period: Option<DurationInfo>,
    #[prost(message, optional, tag = "14")]
    pub labels: Option<Labels>,
}

/// Mesos' own executor, or the framework's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ExecutorType {
    Unknown = 0,
    Default = 1,
    Custom = 2,
}

/// A container; only those of Mesos itself.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct ContainerInfo {
    #[prost(enumeration = "ContainerType", required, tag = "1")]
    #[serde(serialize_with = "label::<ContainerType, _>")]
    pub r#type: i32,
    #[prost(message, repeated, tag = "2")]
    pub volumes: Vec<Volume>,
    #[prost(string, optional, tag = "4")]
    pub hostname: Option<String>,
}

/// Which containerizer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ContainerType {
    Docker = 1,
    Mesos = 2,
}

/// How long a task has between being asked to end and being killed.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct KillPolicy {
    #[prost(message, optional, tag = "1")]
    pub grace_period: Option<DurationInfo>,
}
