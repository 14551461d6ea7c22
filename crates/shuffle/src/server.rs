//! The range server: one per executor, sends its store's outputs to the readers of the next stage. Others may answer at
//! the same port (see [`Guest`]).
//!
//! Files are sent as they are: a range of buckets is a range of bytes, and the reader verifies the checksums. Outputs
//! of the memory tier are encoded on the way. Each chunk is made on the blocking pool when the connection can take it,
//! so a slow reader costs one chunk of memory and no thread.

use crate::counters::add;
use crate::encode::{Encoder, pieces, schema_frame};
use crate::file::{Bad, RawBlocks};
use crate::frame::{Corrupt, Kind, frame};
use crate::store::{BlockStore, Source};
use crate::wire::{Answer, Outcome, PATH, Request, authorization, same_token};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use dpark_lineage::TaskId;
use futures::StreamExt;
use futures::future::BoxFuture;
use futures::stream::{self, BoxStream};
use http_body_util::{BodyExt, Limited, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::header::{AUTHORIZATION, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::task::{AbortHandle, JoinSet};

/// Bytes made at a time (a larger block is sent in one).
const CHUNK: usize = 512 << 10;
/// A request of a million outputs stays below.
pub(crate) const MAX_REQUEST: usize = 16 << 20;
/// An idle connection is closed after this long; fetchers give theirs up earlier.
pub(crate) const IDLE: Duration = Duration::from_secs(90);

/// Keeps the server running. Dropped, it closes the port and cuts all connections.
#[derive(Debug)]
pub struct ServerHandle {
    accept: AbortHandle,
}

impl Drop for ServerHandle {
    fn drop(&mut self) {
        // The connections live in the accept loop's JoinSet and go with it.
        self.accept.abort();
    }
}

/// Somebody who answers questions at a path of his own, at the same port and behind the same token.
pub trait Guest: Send + Sync + 'static {
    /// Which requests are his.
    fn path(&self) -> &'static str;
    /// The answer to a request's body.
    fn answer(self: Arc<Self>, body: Bytes) -> BoxFuture<'static, GuestAnswer>;
}

/// What a [`Guest`] says.
#[derive(Debug, Clone)]
pub enum GuestAnswer {
    /// The answer.
    Found(Bytes),
    /// There is none, for this reason.
    Missing(String),
}

/// Serves a store's outputs over HTTP.
pub struct ShuffleServer;

/// What all connections share.
struct Served {
    store: Arc<BlockStore>,
    token: HeaderValue,
    guest: Option<Arc<dyn Guest>>,
}

impl ShuffleServer {
    /// Binds `addr` (port 0: any) and serves on the current tokio runtime. Returns the address as bound.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start(
        store: Arc<BlockStore>,
        addr: SocketAddr,
        token: String,
    ) -> std::io::Result<(SocketAddr, ServerHandle)> {
        Self::start_with(store, addr, token, None).await
    }

    /// As [`start`](ShuffleServer::start), with somebody who answers other questions.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn start_with(
        store: Arc<BlockStore>,
        addr: SocketAddr,
        token: String,
        guest: Option<Arc<dyn Guest>>,
    ) -> std::io::Result<(SocketAddr, ServerHandle)> {
        let listener = TcpListener::bind(addr).await?;
        let addr = listener.local_addr()?;
        let served = Arc::new(Served { store, token: authorization(&token), guest });
        let accept = tokio::spawn(serve(listener, served)).abort_handle();
        Ok((addr, ServerHandle { accept }))
    }
}

async fn serve(listener: TcpListener, served: Arc<Served>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => match accepted {
                Ok((socket, peer)) => {
                    let _ = socket.set_nodelay(true);
                    let served = Arc::clone(&served);
                    connections.spawn(async move {
                        let service = service_fn(move |request| answer(Arc::clone(&served), peer, request));
                        let connection = hyper::server::conn::http1::Builder::new()
                            .timer(TokioTimer::new())
                            .header_read_timeout(IDLE)
                            .serve_connection(TokioIo::new(socket), service);
                        if let Err(e) = connection.await {
                            tracing::debug!(%peer, "shuffle connection ended: {e}");
                        }
                    });
                }
                Err(e) => {
                    // Out of file descriptors, most likely: it passes when connections close.
                    tracing::warn!("cannot accept a shuffle connection: {e}");
                    tokio::time::sleep(Duration::from_millis(100)).await;
                }
            },
            Some(_) = connections.join_next() => {}
        }
    }
}

type Body = StreamBody<BoxStream<'static, Result<Frame<Bytes>, Infallible>>>;

async fn answer(
    served: Arc<Served>,
    peer: SocketAddr,
    request: hyper::Request<Incoming>,
) -> Result<Response<Body>, Infallible> {
    let authorized =
        request.headers().get(AUTHORIZATION).is_some_and(|sent| same_token(sent.as_bytes(), served.token.as_bytes()));
    if !authorized {
        tracing::warn!(%peer, "refused a shuffle request with a wrong or missing token");
        return Ok(plain(StatusCode::UNAUTHORIZED, "wrong or missing token"));
    }
    let guest = served.guest.as_ref().filter(|guest| guest.path() == request.uri().path()).cloned();
    if request.method() != Method::POST || (guest.is_none() && request.uri().path() != PATH) {
        return Ok(plain(StatusCode::NOT_FOUND, "no such thing here"));
    }
    let body = Limited::new(request.into_body(), MAX_REQUEST).collect().await.map(|body| body.to_bytes());
    let body = match (body, guest) {
        (Ok(body), Some(guest)) => {
            return Ok(match guest.answer(body).await {
                GuestAnswer::Found(bytes) => plain(StatusCode::OK, bytes),
                GuestAnswer::Missing(why) => plain(StatusCode::NOT_FOUND, why),
            });
        }
        (body, _) => body.map_err(|e| e.to_string()),
    };
    match body.and_then(|body| postcard::from_bytes::<Request>(&body).map_err(|e| e.to_string())) {
        Ok(request) => {
            let store = Arc::clone(&served.store);
            let sending = Sending { store, request, next: 0, current: None, said: None, encoder: None, ended: false };
            Ok(Response::new(StreamBody::new(sending.stream())))
        }
        Err(e) => {
            tracing::warn!(%peer, "unreadable shuffle request: {e}");
            Ok(plain(StatusCode::BAD_REQUEST, "unreadable request"))
        }
    }
}

fn plain(status: StatusCode, body: impl Into<Bytes>) -> Response<Body> {
    let body = body.into();
    let body = stream::once(async move { Ok(Frame::data(body)) }).boxed();
    let mut response = Response::new(StreamBody::new(body));
    *response.status_mut() = status;
    response
}

/// A response being made.
struct Sending {
    store: Arc<BlockStore>,
    request: Request,
    /// The output that is asked for next.
    next: usize,
    current: Option<Current>,
    /// The schema said last in this response.
    said: Option<SchemaRef>,
    encoder: Option<(SchemaRef, Encoder)>,
    ended: bool,
}

enum Current {
    Memory(SchemaRef, VecDeque<RecordBatch>),
    /// With whether some of its bytes have been sent.
    File(RawBlocks, bool),
}

impl Sending {
    fn stream(self) -> BoxStream<'static, Result<Frame<Bytes>, Infallible>> {
        stream::unfold(Some(self), |sending| async move {
            let mut sending = sending.filter(|s| !s.ended)?;
            // A panic in there ends the stream without a ResponseEnd, which the fetcher reports.
            let (sending, chunk) = tokio::task::spawn_blocking(move || {
                let chunk = sending.chunk();
                (sending, chunk)
            })
            .await
            .ok()?;
            add(&sending.store.counters.served, chunk.len());
            Some((Ok(Frame::data(Bytes::from(chunk))), Some(sending)))
        })
        .boxed()
    }

    /// The next bytes of the response.
    fn chunk(&mut self) -> Vec<u8> {
        let mut out = Vec::with_capacity(16 << 10);
        while out.len() < CHUNK && !self.ended {
            let step = match self.current.take() {
                Some(current) => self.go_on(current, &mut out),
                None if self.next == self.request.outputs.len() => {
                    self.ended = true;
                    out.extend(frame(Kind::ResponseEnd, 0, &[]));
                    Ok(())
                }
                None => {
                    self.next += 1;
                    self.begin(&mut out)
                }
            };
            if let Err(Bad { cause, detail }) = step {
                self.current = None;
                self.say(Outcome::Missing { cause, detail }, &mut out);
            }
        }
        out
    }

    fn say(&mut self, outcome: Outcome, out: &mut Vec<u8>) {
        let number = self.next.saturating_sub(1) as u32;
        match postcard::to_stdvec(&Answer { number, outcome }) {
            Ok(body) => out.extend(frame(Kind::Answer, 0, &body)),
            Err(e) => {
                tracing::error!("cannot encode a shuffle answer: {e}");
                self.ended = true;
            }
        }
    }

    fn begin(&mut self, out: &mut Vec<u8>) -> Result<(), Bad> {
        let Some(&(partition, attempt)) = self.request.outputs.get(self.next - 1) else { return Ok(()) };
        let task = TaskId { stage: self.request.stage, partition, attempt };
        let source = self.store.source(task, &(self.request.first..self.request.end))?;
        let (schema, rows, current) = match source {
            Source::Memory { schema, batches } => {
                let rows = batches.iter().map(|b| b.num_rows() as u64).sum();
                (Arc::clone(&schema), rows, Current::Memory(schema, batches))
            }
            Source::File(blocks) => (Arc::clone(&blocks.file.schema), blocks.extent.rows, Current::File(blocks, false)),
        };
        let schema_frame =
            if self.said.as_ref() == Some(&schema) { Vec::new() } else { schema_frame(&schema).map_err(encoding)? };
        self.say(Outcome::Found { rows }, out);
        out.extend(schema_frame);
        self.said = Some(schema);
        self.current = Some(current);
        Ok(())
    }

    fn go_on(&mut self, current: Current, out: &mut Vec<u8>) -> Result<(), Bad> {
        match current {
            Current::Memory(schema, mut batches) => {
                let Some(batch) = batches.pop_front() else {
                    out.extend(frame(Kind::OutputEnd, 0, &[]));
                    return Ok(());
                };
                if self.encoder.as_ref().is_none_or(|(s, _)| *s != schema) {
                    let encoder = Encoder::new(&schema, self.store.config.compression).map_err(encoding)?;
                    self.encoder = Some((Arc::clone(&schema), encoder));
                }
                if let Some((_, encoder)) = &mut self.encoder {
                    for rows in pieces(&batch) {
                        let block = encoder.encode(&rows).map_err(encoding)?;
                        out.extend_from_slice(&block.head);
                        block.body.iter().for_each(|piece| out.extend_from_slice(piece));
                    }
                }
                self.current = Some(Current::Memory(schema, batches));
            }
            Current::File(mut blocks, begun) => {
                let left = blocks.extent.end - blocks.extent.start;
                if left == 0 {
                    out.extend(frame(Kind::OutputEnd, 0, &[]));
                    return Ok(());
                }
                let n = left.min((CHUNK - out.len().min(CHUNK - 1)) as u64);
                let at = out.len();
                out.resize(at + n as usize, 0);
                if let Err(bad) = blocks.file.read(&mut out[at..], blocks.extent.start) {
                    if !begun {
                        out.truncate(at);
                        return Err(bad);
                    }
                    // Somewhere within a block, where an answer would be taken for the rest of it. Zeros fail its
                    // checksum, so the reader learns that the output is damaged, not that this executor is cut off.
                    tracing::warn!("cannot read a shuffle file to send: {}", bad.detail);
                    out[at..].fill(0);
                }
                blocks.extent.start += n;
                self.current = Some(Current::File(blocks, true));
            }
        }
        Ok(())
    }
}

fn encoding(e: arrow::error::ArrowError) -> Bad {
    Corrupt(format!("cannot be encoded: {e}")).into()
}
