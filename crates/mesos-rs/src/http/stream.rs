//! A subscription: one request whose answer does not end.

use super::connect::{Connector, broken};
use super::lane::text;
use super::{Endpoint, PROTOBUF, STREAM_ID};
use crate::error::LinkError;
use crate::recordio::Decoder;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::Response;
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, LOCATION};
use std::time::Duration;

/// What a SUBSCRIBE was answered with.
pub(crate) enum Opened {
    /// A stream.
    Stream(Subscription),
    /// The address of the leading master.
    Redirect(String),
}

/// Records as they come.
pub(crate) struct Subscription {
    at: Endpoint,
    body: Incoming,
    decoder: Decoder,
    /// Masters name the stream, agents do not.
    pub(crate) stream_id: Option<String>,
}

/// Sends a SUBSCRIBE on a connection of its own.
pub(crate) async fn subscribe(
    connector: &Connector,
    to: &Endpoint,
    call: Bytes,
    record_limit: usize,
) -> Result<Opened, LinkError> {
    let request = connector.request(to, call, None)?;
    let mut sender = connector.connect(to).await?;
    let response = tokio::time::timeout(connector.timeout, sender.send_request(request)).await;
    let response = response
        .map_err(|_| LinkError::Timeout { address: to.to_string(), what: "answer", after: connector.timeout })?
        .map_err(|e| broken(to, &e))?;
    let status = response.status().as_u16();
    if status == 307 || status == 308 {
        return Ok(Opened::Redirect(header(&response, LOCATION.as_str()).unwrap_or_default()));
    }
    if status != 200 {
        let body = tokio::time::timeout(connector.timeout, text(response.into_body())).await.ok().flatten();
        let text = String::from_utf8_lossy(&body.unwrap_or_default()).trim().to_string();
        return Err(LinkError::Refused { address: to.to_string(), status, text });
    }
    let found = header(&response, CONTENT_TYPE.as_str()).unwrap_or_default();
    if found.split(';').next().map(str::trim) != Some(PROTOBUF) {
        return Err(LinkError::ContentType { address: to.to_string(), found, wanted: PROTOBUF });
    }
    let stream_id = header(&response, STREAM_ID);
    let decoder = Decoder::new(record_limit);
    Ok(Opened::Stream(Subscription { at: to.clone(), body: response.into_body(), decoder, stream_id }))
}

fn header(response: &Response<Incoming>, name: &str) -> Option<String> {
    response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_string)
}

impl Subscription {
    /// The next record; an error once there are no more, or once nothing at all has come for `limit`. Safe to drop
    /// while it waits.
    pub(crate) async fn next(&mut self, limit: Duration) -> Result<Bytes, LinkError> {
        loop {
            if let Some(record) = self.decoder.next_record()? {
                return Ok(record);
            }
            let Ok(frame) = tokio::time::timeout(limit, self.body.frame()).await else {
                return Err(LinkError::Silent { address: self.at.to_string(), after: limit });
            };
            match frame {
                Some(Ok(frame)) => {
                    if let Some(data) = frame.data_ref() {
                        self.decoder.push(data);
                    }
                }
                Some(Err(error)) => return Err(broken(&self.at, &error)),
                None => {
                    self.decoder.finish()?;
                    return Err(LinkError::Closed { address: self.at.to_string() });
                }
            }
        }
    }
}
