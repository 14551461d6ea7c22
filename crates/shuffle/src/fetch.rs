//! Reading buckets of many map outputs as one stream: from the own store, and from other executors with one request
//! per host.
//!
//! Nothing runs ahead of the consumer: every source is advanced only when the stream is polled, so what has not been
//! taken stays in the sockets and TCP slows the senders down. Decoding happens on the consumer's thread, where its time
//! is accounted.

use crate::counters::Counters;
use crate::frame::Corrupt;
use crate::local::LocalBlocks;
use crate::remote::HostSource;
use crate::server::IDLE;
use crate::store::{BlockStore, failed};
use crate::wire::{authorization, unreachable};
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use bytes::Bytes;
use dpark_lineage::{ExecutorId, FetchFailed, StageId, TaskId};
use futures::stream::{self, BoxStream};
use futures::{Stream, StreamExt};
use http_body_util::Full;
use hyper::header::HeaderValue;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioTimer;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::Semaphore;

/// Bytes of the own store's files read at a time.
const READ_AHEAD: usize = 1 << 20;

/// How much one stream may have under way. Each stream has its own allowance: a shared one could be held by a stream
/// that nobody polls while its neighbour in the same join waits for it.
#[derive(Debug, Clone)]
pub struct FetchLimits {
    /// Hosts asked at the same time.
    pub requests: usize,
    /// Bytes of encoded blocks being received at the same time. A larger block comes alone.
    pub bytes: usize,
    /// For a connection to be made.
    pub connect_timeout: Duration,
    /// For the next bytes of a response to come, while they are waited for.
    pub read_timeout: Duration,
    /// How often a host is asked when it does not answer at all. Once bytes have come, an error is final.
    pub tries: u32,
}

impl Default for FetchLimits {
    fn default() -> Self {
        FetchLimits {
            requests: 8,
            bytes: 32 << 20,
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(60),
            tries: 3,
        }
    }
}

/// Where one map output is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MapLocation {
    /// The map partition.
    pub map: u32,
    /// The attempt whose output is to be read.
    pub attempt: u32,
    /// Who has it.
    pub executor: ExecutorId,
    /// The shuffle server of that executor; None in one process.
    pub addr: Option<SocketAddr>,
}

/// What a reader wants.
#[derive(Debug, Clone)]
pub struct FetchRequest {
    /// The stage that wrote the outputs.
    pub stage: StageId,
    /// Which buckets of each output; one after the other within an output.
    pub buckets: Range<u32>,
    /// All outputs to be read.
    pub maps: Vec<MapLocation>,
    /// The schema of the batches; its types must be those that were written.
    pub schema: SchemaRef,
}

/// Fetches for all tasks of one executor; cheap to clone.
#[derive(Clone)]
pub struct Fetcher {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) own: Option<Arc<BlockStore>>,
    pub(crate) token: HeaderValue,
    pub(crate) limits: FetchLimits,
    pub(crate) client: Client<HttpConnector, Full<Bytes>>,
    pub(crate) runtime: Runtime,
    pub(crate) counters: Arc<Counters>,
}

/// Where connections live. The runtime on which the fetcher was made, so that a task that computes does not stall the
/// connections of others.
#[derive(Clone)]
pub(crate) struct Runtime(pub(crate) Option<Handle>);

impl<F> hyper::rt::Executor<F> for Runtime
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    fn execute(&self, future: F) {
        match &self.0 {
            Some(handle) => drop(handle.spawn(future)),
            None => drop(tokio::spawn(future)),
        }
    }
}

impl Fetcher {
    /// Reads outputs of `own_store`'s executor from it and all others over the network. Call it on the runtime that is
    /// to carry the connections (the I/O runtime); the streams may be polled on another one.
    pub fn new(own_store: Option<Arc<BlockStore>>, token: impl AsRef<str>, limits: FetchLimits) -> Fetcher {
        let runtime = Runtime(Handle::try_current().ok());
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(limits.connect_timeout));
        let client =
            Client::builder(runtime.clone()).pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE / 2).build(connector);
        let counters = own_store.as_ref().map_or_else(Arc::default, |store| store.counters());
        let token = authorization(token.as_ref());
        Fetcher { shared: Arc::new(Shared { own: own_store, token, limits, client, runtime, counters }) }
    }

    /// The own store's totals, or those of this fetcher when it has none.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// The batches of the wanted buckets. Outputs come in any order and mixed with each other; within one output the
    /// order is that of writing. Ends after the first error. Poll it on a tokio runtime with time enabled.
    pub fn fetch(&self, request: FetchRequest) -> BlockStream {
        let FetchRequest { stage, buckets, maps, schema } = request;
        let own = self.shared.own.as_ref().map(|s| s.executor());
        let mut local = Vec::new();
        let mut nowhere = None;
        let mut hosts: BTreeMap<SocketAddr, Vec<MapLocation>> = BTreeMap::new();
        for location in maps {
            match location.addr {
                _ if own == Some(location.executor) => local.push(location),
                Some(addr) => hosts.entry(addr).or_default().push(location),
                None => nowhere = Some(location),
            }
        }
        if let Some(location) = nowhere {
            let task = TaskId { stage, partition: location.map, attempt: location.attempt };
            let error = failed(task, location.executor, unreachable("the executor has no address"));
            return BlockStream { schema, inner: stream::once(async { Err(error) }).boxed() };
        }
        // All readers of a stage start at once; each begins with another host.
        let mut hosts: Vec<_> = hosts.into_iter().collect();
        if !hosts.is_empty() {
            let first = buckets.start as usize % hosts.len();
            hosts.rotate_left(first);
        }
        let flight = Arc::new(Semaphore::new(self.shared.limits.bytes.clamp(1, Semaphore::MAX_PERMITS >> 1)));
        let mut sources: Vec<BoxStream<'static, Result<RecordBatch, FetchFailed>>> = Vec::new();
        if !local.is_empty() {
            let source = LocalSource {
                shared: Arc::clone(&self.shared),
                stage,
                buckets: buckets.clone(),
                maps: local.into_iter(),
                schema: Arc::clone(&schema),
                current: None,
            };
            sources.push(stream::try_unfold(source, LocalSource::next).boxed());
        }
        for (addr, maps) in hosts {
            let source = HostSource {
                shared: Arc::clone(&self.shared),
                stage,
                buckets: buckets.clone(),
                addr,
                maps,
                schema: Arc::clone(&schema),
                flight: Arc::clone(&flight),
                frames: None,
                decoder: None,
                at: None,
                answered: 0,
            };
            sources.push(stream::try_unfold(source, HostSource::next).boxed());
        }
        let inner = stream::iter(sources).flatten_unordered(self.shared.limits.requests.max(1)).boxed();
        BlockStream { schema, inner }
    }
}

/// The batches of one [`FetchRequest`]. Dropping it drops its requests.
pub struct BlockStream {
    schema: SchemaRef,
    inner: BoxStream<'static, Result<RecordBatch, FetchFailed>>,
}

impl BlockStream {
    /// The schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }
}

impl Stream for BlockStream {
    type Item = Result<RecordBatch, FetchFailed>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = self.inner.as_mut().poll_next(cx);
        if matches!(item, Poll::Ready(Some(Err(_)))) {
            self.inner = stream::empty().boxed();
        }
        item
    }
}

/// The outputs that are in the own store.
struct LocalSource {
    shared: Arc<Shared>,
    stage: StageId,
    buckets: Range<u32>,
    maps: std::vec::IntoIter<MapLocation>,
    schema: SchemaRef,
    current: Option<LocalBlocks>,
}

impl LocalSource {
    async fn next(mut self) -> Result<Option<(RecordBatch, Self)>, FetchFailed> {
        loop {
            let Some(mut blocks) = self.current.take() else {
                let (Some(map), Some(store)) = (self.maps.next(), &self.shared.own) else { return Ok(None) };
                let task = TaskId { stage: self.stage, partition: map.map, attempt: map.attempt };
                // In the memory tier this is a few clones; a file has to be opened and read.
                let opened = if store.in_memory(task) {
                    store.read_buckets(task, self.buckets.clone(), Some(&self.schema))
                } else {
                    let (store, buckets, schema) = (Arc::clone(store), self.buckets.clone(), Arc::clone(&self.schema));
                    blocking(task, map.executor, move || {
                        let mut blocks = store.read_buckets(task, buckets, Some(&schema))?;
                        blocks.fill(READ_AHEAD)?;
                        Ok(blocks)
                    })
                    .await
                };
                self.current = Some(opened?);
                continue;
            };
            if blocks.needs_fill() {
                let (task, executor) = blocks.whose();
                blocks = blocking(task, executor, move || {
                    blocks.fill(READ_AHEAD)?;
                    Ok(blocks)
                })
                .await?;
            }
            if let Some(batch) = blocks.next() {
                self.current = Some(blocks);
                return batch.map(|batch| Some((batch, self)));
            }
        }
    }
}

async fn blocking<T: Send + 'static>(
    task: TaskId,
    executor: ExecutorId,
    work: impl FnOnce() -> Result<T, FetchFailed> + Send + 'static,
) -> Result<T, FetchFailed> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(e) => Err(failed(task, executor, Corrupt(format!("reading ended without a result: {e}")).into())),
    }
}
