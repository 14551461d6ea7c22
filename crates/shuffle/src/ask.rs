//! One question to another process's server and its whole answer, for what is small enough to be held.

use crate::fetch::Fetcher;
use crate::server::MAX_REQUEST;
use crate::wire::chain;
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::StatusCode;
use hyper::header::AUTHORIZATION;
use std::net::SocketAddr;

impl Fetcher {
    /// Asks once. The error says in words why there is no answer.
    pub(crate) async fn ask(&self, addr: SocketAddr, path: &'static str, body: Bytes) -> Result<Bytes, String> {
        let request = hyper::Request::post(format!("http://{addr}{path}"))
            .header(AUTHORIZATION, self.shared.token.clone())
            .body(Full::new(body))
            .map_err(|error| error.to_string())?;
        let sent = self.shared.client.request(request);
        let answered = async move {
            let response = sent.await.map_err(|error| chain(&error))?;
            let status = response.status();
            let body = Limited::new(response.into_body(), MAX_REQUEST).collect().await;
            let body = body.map_err(|error| error.to_string())?.to_bytes();
            match status {
                StatusCode::OK => Ok(body),
                status => Err(format!("{status}: {}", String::from_utf8_lossy(&body))),
            }
        };
        let limit = self.shared.limits.read_timeout;
        let answered = async move {
            tokio::time::timeout(limit, answered).await.unwrap_or_else(|_| Err(format!("no answer for {limit:?}")))
        };
        // On the connections' runtime: a thread that computes must not hold up what it and others fetch.
        let answered = match &self.shared.runtime.0 {
            Some(handle) => handle.spawn(answered),
            None => tokio::spawn(answered),
        };
        answered.await.unwrap_or_else(|error| Err(format!("the question was dropped: {error}")))
    }
}
