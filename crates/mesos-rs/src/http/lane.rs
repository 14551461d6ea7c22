//! Calls, one after the other over one connection that is kept open: so they arrive in the order they were made.

use super::connect::{Connector, Sender, broken};
use super::{Endpoint, TEXT_LIMIT};
use crate::error::LinkError;
use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::Response;
use hyper::body::Incoming;
use tokio::sync::Mutex;

/// The answer to a call.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).trim().to_string()
    }
}

/// One connection for calls.
pub(crate) struct Lane {
    connector: Connector,
    to: Endpoint,
    stream_id: Option<String>,
    /// Taken by the call under way, so that one which is given up takes the connection with it.
    idle: Mutex<Option<Sender>>,
}

impl Lane {
    pub(crate) fn new(connector: Connector, to: Endpoint, stream_id: Option<String>) -> Self {
        Self { connector, to, stream_id, idle: Mutex::new(None) }
    }

    /// Sends a call and waits for the answer. An error leaves open whether the call has arrived.
    pub(crate) async fn call(&self, body: Bytes) -> Result<Reply, LinkError> {
        // Waiting for the calls before counts, too: together they wait for the same other side.
        let limit = self.connector.timeout;
        let exchanged = tokio::time::timeout(limit, async {
            let mut idle = self.idle.lock().await;
            let (reply, sender) = self.exchange(idle.take(), body).await?;
            *idle = sender;
            Ok(reply)
        });
        exchanged
            .await
            .unwrap_or_else(|_| Err(LinkError::Timeout { address: self.to.to_string(), what: "answer", after: limit }))
    }

    async fn exchange(&self, idle: Option<Sender>, body: Bytes) -> Result<(Reply, Option<Sender>), LinkError> {
        let mut request = self.connector.request(&self.to, body, self.stream_id.as_deref())?;
        if let Some(mut sender) = idle.filter(|sender| !sender.is_closed())
            && sender.ready().await.is_ok()
        {
            match sender.try_send_request(request).await {
                Ok(response) => return self.read(response, sender).await,
                // The connection was closed before any of the request went out, so it may be sent again. In any other
                // case it may not: a second ACCEPT of the same offers would declare running tasks dropped.
                Err(mut error) => match error.take_message() {
                    Some(unsent) => request = unsent,
                    None => return Err(broken(&self.to, &error.into_error())),
                },
            }
        }
        let mut sender = self.connector.connect(&self.to).await?;
        let response = sender.send_request(request).await.map_err(|e| broken(&self.to, &e))?;
        self.read(response, sender).await
    }

    async fn read(&self, response: Response<Incoming>, sender: Sender) -> Result<(Reply, Option<Sender>), LinkError> {
        let status = response.status().as_u16();
        let body = text(response.into_body()).await;
        // An answer that is not read to its end leaves the connection useless.
        Ok((Reply { status, body: body.clone().unwrap_or_default() }, body.map(|_| sender)))
    }
}

/// An error's text, or as much as is needed of an answer; none if it is too long or breaks off.
pub(super) async fn text(body: Incoming) -> Option<Bytes> {
    Limited::new(body, TEXT_LIMIT).collect().await.ok().map(|collected| collected.to_bytes())
}
