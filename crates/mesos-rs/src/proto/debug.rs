//! Messages as JSON to read: enumerations by name, bytes in hexadecimal, what is not set left out.
//!
//! Not what Mesos accepts as JSON (there, bytes are base64 and names are in capitals); on the wire goes protobuf only.

use bytes::Bytes;
use serde::{Serialize, Serializer};
use serde_json::Value;
use std::fmt::Debug;

/// A message as JSON, for a log or a person.
pub fn json(message: &impl Serialize) -> String {
    serde_json::to_value(message).map_or_else(|e| e.to_string(), |value| without_empty(value).to_string())
}

fn without_empty(value: Value) -> Value {
    match value {
        Value::Object(fields) => {
            let kept = fields.into_iter().map(|(name, value)| (name, without_empty(value)));
            Value::Object(kept.filter(|(_, value)| !value.is_null() && *value != Value::Array(Vec::new())).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_empty).collect()),
        other => other,
    }
}

pub(super) fn label<E: TryFrom<i32> + Debug, S: Serializer>(value: &i32, serializer: S) -> Result<S::Ok, S::Error> {
    match E::try_from(*value) {
        Ok(known) => serializer.collect_str(&format_args!("{known:?}")),
        Err(_) => serializer.serialize_i32(*value),
    }
}

pub(super) fn label_opt<E: TryFrom<i32> + Debug, S: Serializer>(
    value: &Option<i32>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match value {
        Some(value) => label::<E, S>(value, serializer),
        None => serializer.serialize_none(),
    }
}

pub(super) fn hex<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{bytes:x}"))
}

pub(super) fn hex_opt<S: Serializer>(bytes: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
    match bytes {
        Some(bytes) => hex(bytes, serializer),
        None => serializer.serialize_none(),
    }
}
