//! DataFusion's protobuf messages to bytes and back, in functions that are not generic.
//!
//! `prost` encodes and decodes by generic methods. A crate that calls one for an expression compiles hundreds of
//! generated methods with it, each time it is compiled: some ten seconds. Here that happens once, in a crate that
//! hardly ever changes. Whole plans need nothing of the kind: `datafusion_proto::bytes` has such functions for them.

use datafusion_proto::protobuf::{Partitioning, PhysicalExprNode, ScalarValue, Schema};
use prost::{DecodeError, Message};

/// A message that is sent alone.
pub trait Wire: Sized {
    /// The message as bytes.
    fn to_bytes(&self) -> Vec<u8>;
    /// The message in `bytes`.
    ///
    /// # Errors
    /// The bytes are no such message.
    fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError>;
}

macro_rules! wire {
    ($($message:ty),*) => {$(
        impl Wire for $message {
            #[inline(never)]
            fn to_bytes(&self) -> Vec<u8> {
                self.encode_to_vec()
            }
            #[inline(never)]
            fn from_bytes(bytes: &[u8]) -> Result<Self, DecodeError> {
                Self::decode(bytes)
            }
        }
    )*};
}

wire!(Partitioning, PhysicalExprNode, ScalarValue, Schema);
