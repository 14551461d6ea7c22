//! What masters write into ZooKeeper: under the path of the election, one ephemeral sequential node each,
//! `json.info_0000000007`, with its address as JSON. The lowest number leads. Pure.

use crate::http::{Endpoint, Scheme};
use serde_json::Value;

const PREFIX: &str = "json.info_";

/// The node of the leader, if there is one.
pub(super) fn leading<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let numbered = names.into_iter().filter_map(|name| Some((name.strip_prefix(PREFIX)?.parse::<i64>().ok()?, name)));
    numbered.min().map(|(_, name)| name)
}

/// The address in a node. With TLS by name, since certificates are made out to names; otherwise by number, which works
/// without a resolver.
pub(super) fn endpoint(content: &[u8], scheme: Scheme, path: &str) -> Result<Endpoint, String> {
    let info: Value = serde_json::from_slice(content).map_err(|e| e.to_string())?;
    let address = info.get("address").unwrap_or(&Value::Null);
    let text = |value: &Value, name: &str| value.get(name).and_then(Value::as_str).map(str::to_string);
    let (ip, name) = (text(address, "ip"), text(address, "hostname").or_else(|| text(&info, "hostname")));
    let host = if scheme == Scheme::Https { name.or(ip) } else { ip.or(name) };
    let port = address.get("port").or_else(|| info.get("port")).and_then(Value::as_u64);
    match (host, port.and_then(|port| u16::try_from(port).ok())) {
        (Some(host), Some(port)) => Ok(Endpoint { scheme, host, port, path: path.to_string() }),
        _ => Err(format!("it has no address: {info}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lowest_number_leads() {
        let names = ["log_replicas", "json.info_0000000012", "json.info_0000000009", "info_0000000001", "json.info_x"];
        assert_eq!(leading(names), Some("json.info_0000000009"));
        assert_eq!(leading(["log_replicas"]), None);
    }

    #[test]
    fn the_address_is_found_in_old_and_new_nodes() {
        let new = br#"{"address":{"hostname":"m1.example","ip":"10.0.0.1","port":5050},"hostname":"m1.example",
            "id":"x","ip":16777226,"pid":"master@10.0.0.1:5050","port":5050,"version":"1.11.0"}"#;
        assert_eq!(endpoint(new, Scheme::Http, "/p").unwrap().to_string(), "http://10.0.0.1:5050");
        assert_eq!(endpoint(new, Scheme::Https, "/p").unwrap().to_string(), "https://m1.example:5050");
        let old = br#"{"hostname":"m1.example","port":5050}"#;
        assert_eq!(endpoint(old, Scheme::Http, "/p").unwrap().to_string(), "http://m1.example:5050");
        for bad in [&b"{}"[..], b"", b"[1]", br#"{"hostname":"m1","port":123456}"#] {
            assert!(endpoint(bad, Scheme::Http, "/p").is_err());
        }
    }
}
