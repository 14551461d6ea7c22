//! What is said between a fetcher and a server.
//!
//! ```text
//! POST /shuffle   Authorization: Bearer <token as hex>     body: postcard(Request)
//! 200             for each requested output, in order:
//!                     Answer frame: postcard(Answer): found, or why not
//!                     if found: Schema frame (when it differs from the last one said), Block frames, OutputEnd frame
//!                 ResponseEnd frame
//! 401             wrong or missing token
//! 400             not a request
//! ```
//! Frames are those of `frame.rs`. Silence never means "no rows": an output has been read only when its OutputEnd has
//! come and its rows add up to what the Answer said.

use crate::file::Bad;
use crate::frame::{Corrupt, HEAD, Head};
use arrow::buffer::{Buffer, MutableBuffer};
use bytes::{Buf, Bytes};
use dpark_lineage::{FetchCause, StageId};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::HeaderValue;
use serde::{Deserialize, Serialize};
use std::time::Duration;

pub(crate) const PATH: &str = "/shuffle";

/// A range of buckets of many outputs of one stage.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) stage: StageId,
    pub(crate) first: u32,
    pub(crate) end: u32,
    /// (map partition, attempt)
    pub(crate) outputs: Vec<(u32, u32)>,
}

/// What became of one requested output. A second answer for the same output means that it broke while it was sent.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// Which of the request's outputs.
    pub(crate) number: u32,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Outcome {
    Found { rows: u64 },
    Missing { cause: FetchCause, detail: String },
}

/// The Authorization header for a token. Hex, so that any token makes a valid header.
pub(crate) fn authorization(token: &str) -> HeaderValue {
    use std::fmt::Write;
    let mut text = String::from("Bearer ");
    for byte in token.bytes() {
        let _ = write!(text, "{byte:02x}");
    }
    HeaderValue::from_str(&text).unwrap_or_else(|_| HeaderValue::from_static("Bearer"))
}

/// Compares without telling by its time how much was right.
pub(crate) fn same_token(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}

/// Reads frames from a response as its bytes come. Holds one chunk of the body at a time.
pub(crate) struct FrameReader {
    body: Incoming,
    chunk: Bytes,
    patience: Duration,
}

impl FrameReader {
    /// `patience`: how long to wait for more bytes.
    pub(crate) fn new(body: Incoming, patience: Duration) -> FrameReader {
        FrameReader { body, chunk: Bytes::new(), patience }
    }

    pub(crate) async fn head(&mut self) -> Result<Head, Bad> {
        let mut bytes = [0; HEAD];
        let mut have = 0;
        while have < HEAD {
            self.more().await?;
            let n = self.chunk.len().min(HEAD - have);
            bytes[have..have + n].copy_from_slice(&self.chunk[..n]);
            self.chunk.advance(n);
            have += n;
        }
        Ok(Head::parse(&bytes)?)
    }

    /// The body that belongs to `head`, its checksum verified, in memory aligned for every array type.
    pub(crate) async fn body(&mut self, head: &Head) -> Result<Buffer, Bad> {
        let len = head.len as usize;
        let mut body = MutableBuffer::with_capacity(len);
        while body.len() < len {
            self.more().await?;
            let n = self.chunk.len().min(len - body.len());
            body.extend_from_slice(&self.chunk[..n]);
            self.chunk.advance(n);
        }
        head.check(body.as_slice())?;
        Ok(body.into())
    }

    /// Nothing may follow the last frame. Reading up to the end also gives the connection back to the pool.
    pub(crate) async fn end(&mut self) -> Result<(), Bad> {
        while self.chunk.is_empty() {
            match tokio::time::timeout(self.patience, self.body.frame()).await {
                Ok(None) => return Ok(()),
                Ok(Some(Ok(frame))) => self.chunk = frame.into_data().unwrap_or_default(),
                Ok(Some(Err(e))) => return Err(cut(e)),
                Err(_) => return Err(self.silent()),
            }
        }
        Err(Corrupt("bytes after the end of the response".into()).into())
    }

    async fn more(&mut self) -> Result<(), Bad> {
        while self.chunk.is_empty() {
            match tokio::time::timeout(self.patience, self.body.frame()).await {
                Ok(Some(Ok(frame))) => self.chunk = frame.into_data().unwrap_or_default(),
                Ok(Some(Err(e))) => return Err(cut(e)),
                Ok(None) => return Err(unreachable("the response ends early")),
                Err(_) => return Err(self.silent()),
            }
        }
        Ok(())
    }

    fn silent(&self) -> Bad {
        unreachable(format!("no bytes for {:?}", self.patience))
    }
}

pub(crate) fn unreachable(detail: impl Into<String>) -> Bad {
    Bad { cause: FetchCause::Unreachable, detail: detail.into() }
}

fn cut(e: hyper::Error) -> Bad {
    unreachable(format!("the response was cut: {}", chain(&e)))
}

/// An error with the causes below it: hyper's own words say little.
pub(crate) fn chain(e: &dyn std::error::Error) -> String {
    let mut text = e.to_string();
    let mut cause = e.source();
    while let Some(e) = cause {
        text.push_str(": ");
        text.push_str(&e.to_string());
        cause = e.source();
    }
    text
}
