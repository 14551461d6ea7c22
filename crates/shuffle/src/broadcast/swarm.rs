//! All broadcasts of one process: those it made (the driver), those it fetched, and what it answers to others.

use super::chunks::CHUNK;
use super::error::BroadcastError;
use super::guide::{Guide, Outcome, Step, Traffic};
use super::holding::Holding;
use super::talk::{Answer, PATH, Request};
use crate::fetch::Fetcher;
use crate::memory::MemoryBudget;
use crate::server::{Guest, GuestAnswer};
use bytes::Bytes;
use futures::FutureExt;
use futures::future::BoxFuture;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Instant;
use tokio::sync::OnceCell;

/// What this process has of one broadcast.
#[derive(Default)]
pub(crate) struct Entry {
    /// Set when it is known what the value consists of.
    pub(crate) holding: OnceLock<Arc<Holding>>,
    /// Set when everything is here. One task at a time fetches; the others wait for it.
    pub(crate) complete: OnceCell<()>,
}

/// The swarm of a broadcast that this process has made.
struct Led {
    guide: Guide,
    traffic: Traffic,
}

/// How this process talks to others.
pub(crate) struct Net {
    pub(crate) fetcher: Fetcher,
    pub(crate) me: SocketAddr,
}

/// See the module. Files go to `dir`, which must outlive this.
pub struct Broadcasts {
    pub(crate) dir: PathBuf,
    pub(crate) budget: Arc<dyn MemoryBudget>,
    entries: Mutex<HashMap<u64, Arc<Entry>>>,
    led: Mutex<HashMap<u64, Led>>,
    net: OnceLock<Net>,
    started: Instant,
    served: AtomicU64,
}

impl Broadcasts {
    /// None yet. Memory for chunks comes from `budget`; what it refuses goes to files in `dir`.
    pub fn new(dir: PathBuf, budget: Arc<dyn MemoryBudget>) -> Arc<Self> {
        let (entries, led, net, served) = Default::default();
        Arc::new(Self { dir, budget, entries, led, net, started: Instant::now(), served })
    }

    /// Tells how to talk to other processes: through `fetcher`, and they reach this one's server at `me`.
    pub fn connect(&self, fetcher: Fetcher, me: SocketAddr) {
        // A second address would be another process's.
        let _ = self.net.set(Net { fetcher, me });
    }

    /// Makes a value of this process known, which others may fetch from now on. Returns the number of its chunks.
    pub fn offer(&self, id: u64, bytes: Vec<u8>) -> Result<usize, BroadcastError> {
        let holding = Holding::full(bytes, &self.dir, &self.budget).map_err(BroadcastError::keep(id, &self.dir))?;
        let chunks = holding.manifest.chunks();
        let entry = Entry { holding: Arc::new(holding).into(), complete: OnceCell::new_with(Some(())) };
        self.led.lock().insert(id, Led { guide: Guide::new(chunks), traffic: Traffic::default() });
        self.entries.lock().insert(id, Arc::new(entry));
        Ok(chunks)
    }

    /// Sees to it that the whole value is here. `home` is the server of the process that made it; none if that is this
    /// one. Await it on any runtime with time enabled.
    pub async fn fetch(self: &Arc<Self>, id: u64, home: Option<SocketAddr>) -> Result<(), BroadcastError> {
        let known = self.entries.lock().get(&id).cloned();
        if known.as_ref().is_some_and(|entry| entry.complete.initialized()) {
            return Ok(());
        }
        let own = self.net.get().map(|net| net.me);
        let (Some(net), Some(home)) = (self.net.get(), home.filter(|home| Some(*home) != own)) else {
            return Err(BroadcastError::Unpersisted(id));
        };
        let entry = Arc::clone(self.entries.lock().entry(id).or_default());
        let fetched = entry.complete.get_or_try_init(|| self.download(id, home, net, &entry)).await;
        if matches!(fetched, Err(BroadcastError::Unpersisted(_))) {
            self.forget(id);
        }
        fetched.map(|&()| ())
    }

    /// The whole value, which was made or fetched here. May block.
    pub fn content(&self, id: u64) -> Result<Bytes, BroadcastError> {
        match self.holding(id).filter(|holding| holding.is_complete()) {
            Some(holding) => holding.whole().map_err(BroadcastError::keep(id, &self.dir)),
            None => Err(BroadcastError::Unpersisted(id)),
        }
    }

    /// Moves a value's bytes to a file. May block.
    pub fn spill(&self, id: u64) -> Result<(), BroadcastError> {
        match self.holding(id).filter(|holding| holding.is_complete()) {
            Some(holding) => holding.spill().map_err(BroadcastError::keep(id, &self.dir)),
            None => Ok(()),
        }
    }

    /// Frees a value. Others that ask this process for it are told so.
    pub fn forget(&self, id: u64) {
        self.led.lock().remove(&id);
        // Freed outside of the lock.
        let _gone = self.entries.lock().remove(&id);
    }

    /// Frees everything.
    pub fn clear(&self) {
        self.led.lock().clear();
        let _gone = std::mem::take(&mut *self.entries.lock());
    }

    /// The process whose server that was is gone.
    pub fn gone(&self, server: SocketAddr) {
        self.led.lock().values_mut().for_each(|led| led.guide.gone(server));
    }

    /// Who sent how much of a value that this process made.
    pub fn traffic(&self, id: u64) -> Traffic {
        self.led.lock().get(&id).map(|led| led.traffic).unwrap_or_default()
    }

    /// Bytes of chunks that this process has sent.
    pub fn served(&self) -> u64 {
        self.served.load(Relaxed)
    }

    fn holding(&self, id: u64) -> Option<Arc<Holding>> {
        self.entries.lock().get(&id)?.holding.get().cloned()
    }

    fn begin(&self, id: u64, executor: SocketAddr, have: &[u32]) -> Answer {
        let mut led = self.led.lock();
        match (led.get_mut(&id), self.holding(id)) {
            (Some(led), Some(holding)) => {
                led.guide.begin(executor, have);
                Answer::Begun(holding.manifest.clone())
            }
            _ => Answer::Unpersisted,
        }
    }

    fn next(&self, id: u64, executor: SocketAddr, outcome: Option<Outcome>) -> Answer {
        let mut led = self.led.lock();
        let Some(Led { guide, traffic }) = led.get_mut(&id) else { return Answer::Unpersisted };
        if let Some(outcome) = outcome {
            guide.ended(executor, outcome);
            if outcome.ok {
                let sent = if outcome.from.is_none() { &mut traffic.driver } else { &mut traffic.peers };
                let range = self.holding(id).map(|holding| holding.manifest.range(outcome.chunk as usize));
                *sent += range.map_or(CHUNK, |range| range.len()) as u64;
            }
        }
        let step: Step = guide.next(executor, self.started.elapsed(), rand::random_range(0..usize::MAX));
        Answer::Next(step)
    }

    async fn chunk(&self, id: u64, chunk: u32) -> GuestAnswer {
        let Some(holding) = self.holding(id) else { return GuestAnswer::Missing("no such broadcast here".into()) };
        let read = tokio::task::spawn_blocking(move || holding.get(chunk as usize)).await;
        match read.map_err(std::io::Error::other).flatten() {
            Ok(Some(bytes)) => {
                self.served.fetch_add(bytes.len() as u64, Relaxed);
                GuestAnswer::Found(bytes)
            }
            Ok(None) => GuestAnswer::Missing("that chunk is not here".into()),
            Err(error) => {
                tracing::warn!(broadcast = id, chunk, %error, "cannot read a chunk to send");
                GuestAnswer::Missing(format!("that chunk cannot be read: {error}"))
            }
        }
    }
}

impl Guest for Broadcasts {
    fn path(&self) -> &'static str {
        PATH
    }

    fn answer(self: Arc<Self>, body: Bytes) -> BoxFuture<'static, GuestAnswer> {
        async move {
            let answer = match postcard::from_bytes::<Request>(&body) {
                Ok(Request::Chunk { id, chunk }) => return self.chunk(id, chunk).await,
                Ok(Request::Begin { id, me, have }) => self.begin(id, me, &have),
                Ok(Request::Next { id, me, outcome }) => self.next(id, me, outcome),
                Err(error) => return GuestAnswer::Missing(format!("unreadable request: {error}")),
            };
            match postcard::to_stdvec(&answer) {
                Ok(bytes) => GuestAnswer::Found(bytes.into()),
                Err(error) => GuestAnswer::Missing(format!("the answer cannot be encoded: {error}")),
            }
        }
        .boxed()
    }
}
