//! The argument of a closure: a serialised value, and in front of it what must be at hand before it can be read.
//!
//! ```text
//! magic │ postcard(Header) │ the value's bytes, unless the header says that they are a broadcast of their own
//! ```

use datafusion::common::{Result, exec_err, internal_datafusion_err};
use serde::{Deserialize, Serialize};
use std::net::SocketAddr;
use std::sync::Arc;

const MAGIC: &[u8; 4] = b"DPA1";

/// A broadcast, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct BroadcastRef {
    /// Which.
    pub id: u64,
    /// The server of the driver that made it; none when there is only one process.
    pub home: Option<SocketAddr>,
}

/// Where a closure's bad records are counted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budgeted {
    /// The accumulator.
    pub total: u64,
    /// What the closure is called there: not its type, which closures of one function may share.
    pub closure: String,
}

/// What goes before the value.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Whether the value holds accumulators: whoever computes with it leaves more than rows.
    pub counts: bool,
    /// The broadcasts that the value holds.
    pub broadcasts: Vec<BroadcastRef>,
    /// Where bad records are counted, if some are allowed.
    pub budget: Option<Budgeted>,
    /// Where the value's bytes are, if they do not follow.
    pub content: Option<BroadcastRef>,
}

impl Header {
    /// The argument with this header.
    pub fn before(&self, value: &[u8]) -> Result<Arc<[u8]>> {
        let mut bytes = postcard::to_extend(self, MAGIC.to_vec())
            .map_err(|error| internal_datafusion_err!("the header of an argument cannot be encoded: {error}"))?;
        bytes.extend_from_slice(value);
        Ok(bytes.into())
    }

    /// The header of an argument, and what follows it.
    pub fn split(argument: &[u8]) -> Result<(Self, &[u8])> {
        let parted = argument.strip_prefix(MAGIC).map(postcard::take_from_bytes);
        match parted {
            Some(Ok(parted)) => Ok(parted),
            Some(Err(error)) => exec_err!("the value given by .with() cannot be read: its header is damaged: {error}"),
            None => exec_err!("the value given by .with() cannot be read: it has no header"),
        }
    }

    /// Whether an argument holds accumulators.
    pub fn counts(argument: &[u8]) -> bool {
        Self::split(argument).is_ok_and(|(header, _)| header.counts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_value_come_apart_again() {
        let home = Some(([10, 0, 0, 1], 77).into());
        let header = Header {
            counts: true,
            broadcasts: vec![BroadcastRef { id: 3, home }, BroadcastRef { id: 4, home: None }],
            budget: Some(Budgeted { total: 9, closure: "map at main.rs:1:2".into() }),
            content: None,
        };
        let argument = header.before(b"value").unwrap();
        assert_eq!(Header::split(&argument).unwrap(), (header, &b"value"[..]));
        assert!(Header::counts(&argument));
        let plain = Header::default().before(b"").unwrap();
        assert_eq!(Header::split(&plain).unwrap(), (Header::default(), &b""[..]));
        for other in [&b""[..], b"DPA", b"DPA1", b"something else"] {
            assert!(!Header::counts(other));
            assert!(Header::split(other).unwrap_err().to_string().contains("cannot be read"));
        }
    }
}
