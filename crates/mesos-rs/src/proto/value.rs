//! Typed values, the attributes of agents, labels, and points and lengths of time.

use super::debug::label;

/// Which of the value fields counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, prost::Enumeration)]
#[repr(i32)]
pub enum ValueType {
    Scalar = 0,
    Ranges = 1,
    Set = 2,
    Text = 3,
}

/// A number, of which three decimals count.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Scalar {
    #[prost(double, required, tag = "1")]
    pub value: f64,
}

/// Both ends are included.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Range {
    #[prost(uint64, required, tag = "1")]
    pub begin: u64,
    #[prost(uint64, required, tag = "2")]
    pub end: u64,
}

/// For ports, mostly.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Ranges {
    #[prost(message, repeated, tag = "1")]
    pub range: Vec<Range>,
}

/// Names without an order.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Set {
    #[prost(string, repeated, tag = "1")]
    pub item: Vec<String>,
}

/// Only attributes have these.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Text {
    #[prost(string, required, tag = "1")]
    pub value: String,
}

/// Something the operator says about an agent.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Attribute {
    #[prost(string, required, tag = "1")]
    pub name: String,
    #[prost(enumeration = "ValueType", required, tag = "2")]
    #[serde(serialize_with = "label::<ValueType, _>")]
    pub r#type: i32,
    #[prost(message, optional, tag = "3")]
    pub scalar: Option<Scalar>,
    #[prost(message, optional, tag = "4")]
    pub ranges: Option<Ranges>,
    #[prost(message, optional, tag = "6")]
    pub set: Option<Set>,
    #[prost(message, optional, tag = "5")]
    pub text: Option<Text>,
}

/// A key and perhaps a value, not interpreted by Mesos.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Label {
    #[prost(string, required, tag = "1")]
    pub key: String,
    #[prost(string, optional, tag = "2")]
    pub value: Option<String>,
}

/// Several labels.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Labels {
    #[prost(message, repeated, tag = "1")]
    pub labels: Vec<Label>,
}

/// A key and its value.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct Parameter {
    #[prost(string, required, tag = "1")]
    pub key: String,
    #[prost(string, required, tag = "2")]
    pub value: String,
}

/// Since 1970.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct TimeInfo {
    #[prost(int64, required, tag = "1")]
    pub nanoseconds: i64,
}

/// A length of time.
#[derive(Clone, PartialEq, prost::Message, serde::Serialize)]
pub struct DurationInfo {
    #[prost(int64, required, tag = "1")]
    pub nanoseconds: i64,
}
