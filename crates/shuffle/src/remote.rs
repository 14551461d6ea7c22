//! The outputs of another executor: one request, its response read frame by frame as the consumer polls.

use crate::counters::{Counters, add};
use crate::encode::{Decoder, parse_schema};
use crate::fetch::{MapLocation, Shared};
use crate::file::Bad;
use crate::frame::{Corrupt, HEAD, Head, Kind};
use crate::store::failed;
use crate::wire::{Answer, FrameReader, Outcome, PATH, Request, chain, unreachable};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use dpark_lineage::{ExecutorId, FetchFailed, StageId, TaskId};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::AUTHORIZATION;
use hyper::{Response, StatusCode};
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;

/// The outputs of one other executor: one request, one response read frame by frame.
pub(crate) struct HostSource {
    pub(crate) shared: Arc<Shared>,
    pub(crate) stage: StageId,
    pub(crate) buckets: Range<u32>,
    pub(crate) addr: SocketAddr,
    pub(crate) maps: Vec<MapLocation>,
    pub(crate) schema: SchemaRef,
    /// The stream's allowance of bytes.
    pub(crate) flight: Arc<Semaphore>,
    /// None until the request has been answered.
    pub(crate) frames: Option<FrameReader>,
    /// For the schema said last.
    pub(crate) decoder: Option<Decoder>,
    /// The rows of the output being received that are still to come.
    pub(crate) at: Option<u64>,
    /// How many outputs have had their answer.
    pub(crate) answered: usize,
}

impl HostSource {
    /// For `try_unfold`.
    pub(crate) async fn next(mut self) -> Result<Option<(RecordBatch, Self)>, FetchFailed> {
        match self.pull().await {
            Ok(batch) => Ok(batch.map(|batch| (batch, self))),
            Err(bad) => Err(self.blame(bad)),
        }
    }

    /// The output being received, or the one that should have come next.
    fn blame(&self, bad: Bad) -> FetchFailed {
        let number = if self.at.is_some() { self.answered.saturating_sub(1) } else { self.answered };
        let number = number.min(self.maps.len().saturating_sub(1));
        let (partition, attempt, executor) =
            self.maps.get(number).map_or((0, 0, ExecutorId(0)), |m| (m.map, m.attempt, m.executor));
        let bad = Bad { detail: format!("{}: {}", self.addr, bad.detail), ..bad };
        failed(TaskId { stage: self.stage, partition, attempt }, executor, bad)
    }

    async fn pull(&mut self) -> Result<Option<RecordBatch>, Bad> {
        if self.frames.is_none() {
            let response = self.ask().await?;
            self.frames = Some(FrameReader::new(response.into_body(), self.shared.limits.read_timeout));
        }
        let Some(frames) = &mut self.frames else { return Ok(None) };
        loop {
            let head = frames.head().await?;
            match (head.kind, self.at) {
                (Kind::Answer, _) => {
                    let body = frames.body(&head).await?;
                    let answer = postcard::from_bytes(&body).map_err(|e| Corrupt(format!("answer: {e}")))?;
                    // A second answer for the output being received: it broke on the way.
                    let begun = self.at.take().map(|_| self.answered.saturating_sub(1));
                    let Answer { number, outcome } = answer;
                    match outcome {
                        Outcome::Missing { cause, detail } => {
                            self.answered = number as usize;
                            return Err(Bad { cause, detail });
                        }
                        Outcome::Found { rows } if begun.is_none() && number as usize == self.answered => {
                            self.answered += 1;
                            self.at = Some(rows);
                        }
                        Outcome::Found { .. } => return Err(Corrupt("answers out of order".into()).into()),
                    }
                }
                (Kind::Schema, Some(_)) => {
                    let body = frames.body(&head).await?;
                    self.decoder = Some(Decoder::new(parse_schema(&body)?, Arc::clone(&self.schema))?);
                }
                (Kind::Block, Some(left)) => {
                    let Some(decoder) = &self.decoder else {
                        return Err(Corrupt("a block before its schema".into()).into());
                    };
                    let left = left
                        .checked_sub(u64::from(head.rows))
                        .ok_or_else(|| Corrupt("more rows than were announced".into()))?;
                    let batch = receive(frames, &head, decoder, &self.flight, &self.shared).await?;
                    self.at = Some(left);
                    return Ok(Some(batch));
                }
                (Kind::OutputEnd, Some(0)) => self.at = None,
                (Kind::OutputEnd, Some(left)) => return Err(Corrupt(format!("{left} rows are missing")).into()),
                (Kind::ResponseEnd, None) if self.answered == self.maps.len() => {
                    frames.end().await?;
                    return Ok(None);
                }
                (kind, _) => return Err(Corrupt(format!("{kind:?} frame out of order")).into()),
            }
        }
    }

    async fn ask(&self) -> Result<Response<Incoming>, Bad> {
        let request = Request {
            stage: self.stage,
            first: self.buckets.start,
            end: self.buckets.end,
            outputs: self.maps.iter().map(|m| (m.map, m.attempt)).collect(),
        };
        let body = postcard::to_stdvec(&request).map_err(|e| unreachable(format!("request: {e}")))?;
        let body = Bytes::from(body);
        let mut wait = Duration::from_millis(100);
        let mut tries = self.shared.limits.tries.max(1);
        loop {
            tries -= 1;
            match self.ask_once(body.clone()).await {
                Err(bad) if tries == 0 => return Err(bad),
                Err(bad) => tracing::debug!(addr = %self.addr, "asking again: {}", bad.detail),
                Ok(response) if response.status() == StatusCode::OK => return Ok(response),
                Ok(response) => return Err(unreachable(format!("the server answered {}", response.status()))),
            }
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }

    async fn ask_once(&self, body: Bytes) -> Result<Response<Incoming>, Bad> {
        let request = hyper::Request::post(format!("http://{}{PATH}", self.addr))
            .header(AUTHORIZATION, self.shared.token.clone())
            .body(Full::new(body))
            .map_err(|e| unreachable(e.to_string()))?;
        let sent = self.shared.client.request(request);
        let limit = self.shared.limits.read_timeout;
        // The socket must belong to the connections' runtime, not to the one that polls this stream.
        let sent = async move { tokio::time::timeout(limit, sent).await };
        let sent = match &self.shared.runtime.0 {
            Some(handle) => handle.spawn(sent),
            None => tokio::spawn(sent),
        };
        match sent.await {
            Ok(Ok(Ok(response))) => Ok(response),
            Ok(Ok(Err(e))) => Err(unreachable(chain(&e))),
            Ok(Err(_)) => Err(unreachable(format!("no answer for {limit:?}"))),
            Err(e) => Err(unreachable(format!("the request was dropped: {e}"))),
        }
    }
}

/// Receives and decodes one block within the stream's allowance.
async fn receive(
    frames: &mut FrameReader,
    head: &Head,
    decoder: &Decoder,
    flight: &Semaphore,
    shared: &Shared,
) -> Result<RecordBatch, Bad> {
    let allowance = (head.len as usize).min(shared.limits.bytes.max(1)) as u32;
    let _permit = flight.acquire_many(allowance).await.map_err(|e| unreachable(e.to_string()))?;
    let _flying = Flying::begin(&shared.counters, u64::from(head.len));
    let body = frames.body(head).await?;
    add(&shared.counters.read_remote, HEAD + body.len());
    Ok(decoder.decode(head.rows, body)?)
}

/// Counts bytes under way, also when the stream is dropped in between.
struct Flying<'a> {
    counters: &'a Counters,
    bytes: u64,
}

impl<'a> Flying<'a> {
    fn begin(counters: &'a Counters, bytes: u64) -> Self {
        counters.flight_begins(bytes);
        Flying { counters, bytes }
    }
}

impl Drop for Flying<'_> {
    fn drop(&mut self) {
        self.counters.flight_ends(self.bytes);
    }
}
