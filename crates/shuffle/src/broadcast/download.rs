//! Fetching what is missing of a broadcast: several steps of the guide at a time, until it says that all is there.

use super::error::BroadcastError;
use super::guide::{Outcome, Step};
use super::holding::Holding;
use super::swarm::{Broadcasts, Entry, Net};
use super::talk::{Answer, PATH, Request};
use bytes::Bytes;
use futures::future::try_join_all;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// Chunks fetched at a time.
const FETCHES: usize = 4;

/// Between two questions of one that waits: at first, and at most.
const WAITS: (Duration, Duration) = (Duration::from_millis(3), Duration::from_millis(100));

/// The driver may fail so often in a row.
const TRIES: u32 = 4;

impl Broadcasts {
    /// Fetches a whole value. When that is given up half-way, the chunks that came stay for the next time.
    pub(crate) async fn download(
        &self,
        id: u64,
        home: SocketAddr,
        net: &Net,
        entry: &Entry,
    ) -> Result<(), BroadcastError> {
        let have = entry.holding.get().map(|holding| holding.have()).unwrap_or_default();
        let manifest = match ask(net, id, home, &Request::Begin { id, me: net.me, have }).await? {
            Answer::Begun(manifest) if manifest.is_sound() => manifest,
            Answer::Unpersisted => return Err(BroadcastError::Unpersisted(id)),
            other => return Err(BroadcastError::fetch(id, format!("the driver's answer makes no sense: {other:?}"))),
        };
        let holding = match entry.holding.get() {
            Some(holding) => Arc::clone(holding),
            None => {
                let (dir, budget) = (self.dir.clone(), Arc::clone(&self.budget));
                let made = blocking(id, move || Holding::empty(manifest, &dir, &budget)).await?;
                let made = made.map_err(BroadcastError::keep(id, &self.dir))?;
                Arc::clone(entry.holding.get_or_init(|| Arc::new(made)))
            }
        };
        let download = Download { id, home, net, holding: Arc::clone(&holding), dir: &self.dir };
        try_join_all((0..FETCHES.min(holding.manifest.chunks())).map(|_| download.steps())).await?;
        if !holding.is_complete() {
            return Err(BroadcastError::fetch(id, "the driver says that it is complete here, but chunks are missing"));
        }
        tracing::debug!(broadcast = id, bytes = holding.manifest.bytes(), "fetched a broadcast");
        Ok(())
    }
}

struct Download<'a> {
    id: u64,
    home: SocketAddr,
    net: &'a Net,
    holding: Arc<Holding>,
    dir: &'a std::path::Path,
}

impl Download<'_> {
    async fn steps(&self) -> Result<(), BroadcastError> {
        let (mut outcome, mut wait, mut failures) = (None, WAITS.0, 0);
        loop {
            let request = Request::Next { id: self.id, me: self.net.me, outcome: outcome.take() };
            match ask(self.net, self.id, self.home, &request).await? {
                Answer::Next(Step::Complete) => return Ok(()),
                Answer::Next(Step::Wait) => {
                    tokio::time::sleep(wait).await;
                    wait = (wait * 2).min(WAITS.1);
                }
                Answer::Next(Step::Take { chunk, from }) => {
                    wait = WAITS.0;
                    let taken = self.take(chunk, from.unwrap_or(self.home)).await?;
                    outcome = Some(Outcome { chunk, from, ok: taken.is_ok() });
                    match (taken, from) {
                        (Ok(()), _) => failures = 0,
                        (Err(detail), Some(peer)) => {
                            tracing::info!(broadcast = self.id, %peer, %detail, "another source is tried");
                        }
                        (Err(detail), None) => {
                            failures += 1;
                            if failures == TRIES {
                                return Err(BroadcastError::fetch(self.id, detail));
                            }
                            tokio::time::sleep(Duration::from_millis(100) * failures).await;
                        }
                    }
                }
                Answer::Unpersisted => return Err(BroadcastError::Unpersisted(self.id)),
                Answer::Begun(_) => return Err(BroadcastError::fetch(self.id, "an answer to another question")),
            }
        }
    }

    /// Fetches, checks and keeps one chunk. The inner error is the source's fault.
    async fn take(&self, chunk: u32, source: SocketAddr) -> Result<Result<(), String>, BroadcastError> {
        let id = self.id;
        let request = encoded(id, &Request::Chunk { id, chunk })?;
        let bytes = match self.net.fetcher.ask(source, PATH, request).await {
            Ok(bytes) => bytes,
            Err(detail) => return Ok(Err(format!("{source}: {detail}"))),
        };
        let holding = Arc::clone(&self.holding);
        let kept = blocking(id, move || {
            if !holding.manifest.check(chunk as usize, &bytes) {
                return Ok(false);
            }
            holding.put(chunk as usize, bytes).map(|()| true)
        });
        match kept.await?.map_err(BroadcastError::keep(id, self.dir))? {
            true => Ok(Ok(())),
            false => Ok(Err(format!("{source}: chunk {chunk} arrived damaged"))),
        }
    }
}

/// Asks the driver something, again if it does not answer.
async fn ask(net: &Net, id: u64, home: SocketAddr, request: &Request) -> Result<Answer, BroadcastError> {
    let body = encoded(id, request)?;
    let mut tries = 0;
    loop {
        tries += 1;
        match net.fetcher.ask(home, PATH, body.clone()).await {
            Ok(answer) => return postcard::from_bytes(&answer).map_err(|error| BroadcastError::fetch(id, error)),
            Err(detail) if tries == TRIES => return Err(BroadcastError::fetch(id, format!("{home}: {detail}"))),
            Err(_) => tokio::time::sleep(Duration::from_millis(100) * tries).await,
        }
    }
}

fn encoded(id: u64, request: &Request) -> Result<Bytes, BroadcastError> {
    Ok(postcard::to_stdvec(request).map_err(|error| BroadcastError::fetch(id, error))?.into())
}

async fn blocking<T: Send + 'static>(id: u64, work: impl FnOnce() -> T + Send + 'static) -> Result<T, BroadcastError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| BroadcastError::fetch(id, error))
}
