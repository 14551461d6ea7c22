//! Opening a connection.

use super::{Credential, Endpoint, PROTOBUF, STREAM_ID, Scheme, Tls};
use crate::error::{ConfigError, LinkError};
use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HOST};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;

pub(crate) type Sender = SendRequest<Full<Bytes>>;

/// Opens connections and writes requests, the same way to whomever.
#[derive(Clone)]
pub(crate) struct Connector {
    tls: Option<TlsConnector>,
    authorization: Option<Arc<str>>,
    /// For connecting, and for each answer.
    pub(crate) timeout: Duration,
}

impl Connector {
    pub(crate) fn new(
        tls: Option<&Tls>,
        credential: Option<&Credential>,
        timeout: Duration,
    ) -> Result<Self, ConfigError> {
        let tls = tls.map(Tls::connector).transpose()?;
        Ok(Self { tls, authorization: credential.map(|c| c.header().into()), timeout })
    }

    pub(crate) async fn connect(&self, to: &Endpoint) -> Result<Sender, LinkError> {
        let connected = tokio::time::timeout(self.timeout, self.open(to)).await;
        connected.unwrap_or_else(|_| {
            Err(LinkError::Timeout { address: to.to_string(), what: "connection", after: self.timeout })
        })
    }

    async fn open(&self, to: &Endpoint) -> Result<Sender, LinkError> {
        let fail = |detail: String| LinkError::Connect { address: to.to_string(), detail };
        let stream = TcpStream::connect((to.host.as_str(), to.port)).await.map_err(|e| fail(e.to_string()))?;
        // Calls are small and each waits for its answer.
        let _ = stream.set_nodelay(true);
        match to.scheme {
            Scheme::Http => handshake(to, stream).await,
            Scheme::Https => {
                let tls = self.tls.as_ref().ok_or_else(|| fail("TLS is not configured".to_string()))?;
                let name = ServerName::try_from(to.host.clone()).map_err(|e| fail(e.to_string()))?;
                let stream = tls.connect(name, stream).await.map_err(|e| fail(e.to_string()))?;
                handshake(to, stream).await
            }
        }
    }

    /// A call as a request.
    pub(crate) fn request(
        &self,
        to: &Endpoint,
        body: Bytes,
        stream_id: Option<&str>,
    ) -> Result<Request<Full<Bytes>>, LinkError> {
        let mut request = Request::post(to.path.as_str())
            .header(HOST, to.authority())
            .header(CONTENT_TYPE, PROTOBUF)
            .header(ACCEPT, PROTOBUF);
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, &**authorization);
        }
        if let Some(stream_id) = stream_id {
            request = request.header(STREAM_ID, stream_id);
        }
        let fail = |e: hyper::http::Error| LinkError::Http { address: to.to_string(), detail: e.to_string() };
        request.body(Full::new(body)).map_err(fail)
    }
}

async fn handshake<S>(to: &Endpoint, stream: S) -> Result<Sender, LinkError>
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Send + Unpin + 'static,
    TokioIo<S>: Read + Write,
{
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|e| broken(to, &e))?;
    // Ends by itself once the sender and the response are gone, or the other side closes. What goes wrong is told to
    // whoever waits for the response.
    tokio::spawn(connection);
    Ok(sender)
}

/// hyper's errors say what they were about only in their sources.
pub(crate) fn broken(at: &Endpoint, error: &hyper::Error) -> LinkError {
    let mut detail = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        detail = format!("{detail}: {inner}");
        source = inner.source();
    }
    LinkError::Http { address: at.to_string(), detail }
}
