//! What the driver knows of its broadcasts and accumulators.
//!
//! A broadcast lives as long as a handle or an argument that names it. Arguments are bytes in plans, so the registry
//! keeps what each names for as long as its bytes are in use; it looks after that when a new argument is made and when a
//! job ends.

use crate::events::{AccumulatorValue, EngineEvent};
use dpark_executor::shared::{Increment, Shared, SharedError};
use dpark_plan::argument::BroadcastRef;
use dpark_shuffle::Traffic;
use parking_lot::Mutex;
use std::any::Any;
use std::collections::{BTreeSet, HashMap};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Weak};
use tokio::sync::broadcast;

/// Something that an argument names.
pub(super) type Thing = Arc<dyn Any + Send + Sync>;

/// Tells all executors that a broadcast is freed.
type Forget = Box<dyn Fn(u64) + Send + Sync>;

/// An accumulator's value on the driver.
pub(super) trait Total: Send + Sync {
    /// Adds what a task added.
    fn merge(&self, increment: &Increment) -> Result<(), SharedError>;
    /// An empty one of the same kind, for one job, if jobs are judged by it.
    fn fresh(&self) -> Option<Arc<dyn Total>>;
    /// Why a job that has added this shall fail.
    fn objection(&self) -> Option<String>;
    /// What the user of a job that has added this should know.
    fn warning(&self) -> Option<String>;
    /// Its name and its value for people, if it has a name.
    fn shown(&self) -> Option<AccumulatorValue>;
}

/// What one argument names.
struct Kept {
    argument: Weak<[u8]>,
    _things: Vec<Thing>,
}

/// See the module.
pub(crate) struct Registry {
    own: Arc<Shared>,
    /// This process's server; none when there are no other processes.
    home: Option<SocketAddr>,
    next: AtomicU64,
    forget: Forget,
    events: broadcast::Sender<EngineEvent>,
    totals: Mutex<HashMap<u64, Weak<dyn Total>>>,
    kept: Mutex<Vec<Kept>>,
    /// Arguments that are broadcasts of their own, by the digest of their bytes.
    arguments: Mutex<HashMap<[u8; 32], Weak<Guard>>>,
}

impl Registry {
    /// Nothing yet.
    pub(crate) fn new(
        own: Arc<Shared>,
        home: Option<SocketAddr>,
        events: broadcast::Sender<EngineEvent>,
        forget: impl Fn(u64) + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (totals, kept, arguments) = Default::default();
        let (next, forget) = (AtomicU64::new(1), Box::new(forget));
        Arc::new(Self { own, home, next, forget, events, totals, kept, arguments })
    }

    pub(super) fn next(&self) -> u64 {
        self.next.fetch_add(1, Relaxed)
    }

    /// Whether there are other processes, which need bytes.
    pub(super) fn has_others(&self) -> bool {
        self.home.is_some()
    }

    pub(super) fn reference(&self, id: u64) -> BroadcastRef {
        BroadcastRef { id, home: self.home }
    }

    pub(super) fn traffic(&self, id: u64) -> Traffic {
        self.own.broadcasts().traffic(id)
    }

    /// A value that is at hand here, with its bytes if there are other processes.
    pub(super) fn add_value(self: &Arc<Self>, value: Thing, bytes: Option<Vec<u8>>) -> Result<Arc<Guard>, SharedError> {
        let id = self.next();
        if let Some(bytes) = bytes {
            self.offer(id, bytes, false)?;
        }
        self.own.own(id, value);
        Ok(Arc::new(Guard { id, registry: Arc::downgrade(self), freed: AtomicBool::new(false) }))
    }

    /// The bytes of an argument. Equal ones are the same broadcast.
    pub(super) fn add_argument(self: &Arc<Self>, bytes: Vec<u8>) -> Result<Arc<Guard>, SharedError> {
        let digest = *blake3::hash(&bytes).as_bytes();
        let mut arguments = self.arguments.lock();
        if let Some(known) = arguments.get(&digest).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let id = self.next();
        self.offer(id, bytes, true)?;
        let guard = Arc::new(Guard { id, registry: Arc::downgrade(self), freed: AtomicBool::new(false) });
        arguments.insert(digest, Arc::downgrade(&guard));
        Ok(guard)
    }

    fn offer(&self, id: u64, bytes: Vec<u8>, argument: bool) -> Result<(), SharedError> {
        let size = bytes.len() as u64;
        let chunks = self.own.broadcasts().offer(id, bytes)?;
        if argument {
            tracing::info!(broadcast = id, bytes = size, "a large value given by .with() is broadcast");
        }
        let _ = self.events.send(EngineEvent::BroadcastMade { broadcast: id, bytes: size, chunks, argument });
        Ok(())
    }

    fn free(&self, id: u64) {
        self.own.forget(id);
        (self.forget)(id);
    }

    /// Keeps what an argument names while its bytes are in use.
    pub(super) fn keep(&self, argument: &Arc<[u8]>, things: Vec<Thing>) {
        if !things.is_empty() {
            self.kept.lock().push(Kept { argument: Arc::downgrade(argument), _things: things });
        }
    }

    /// Lets go what was named by arguments that are gone.
    pub(crate) fn sweep(&self) {
        let gone: Vec<Kept> = self.kept.lock().extract_if(.., |kept| kept.argument.strong_count() == 0).collect();
        // Freed outside of the lock: values may do anything when they are dropped.
        if !gone.is_empty() {
            drop(gone);
            self.arguments.lock().retain(|_, guard| guard.strong_count() > 0);
            self.totals.lock().retain(|_, total| total.strong_count() > 0);
        }
    }

    pub(super) fn add_total(&self, id: u64, total: Weak<dyn Total>) {
        self.totals.lock().insert(id, total);
    }

    fn total(&self, id: u64) -> Option<Arc<dyn Total>> {
        self.totals.lock().get(&id).and_then(Weak::upgrade)
    }

    /// Adds what a task added. Nobody asks for an accumulator that is gone.
    pub(crate) fn merge(&self, increment: &Increment) -> Result<(), SharedError> {
        let Some(total) = self.total(increment.accumulator) else { return Ok(()) };
        // It is a user's code, and runs in the driver's loop.
        catch_unwind(AssertUnwindSafe(|| total.merge(increment)))
            .unwrap_or(Err(SharedError::Place("an accumulator's merge panicked; its value may be wrong")))
    }

    /// An empty accumulator of the same kind, for one job, if it judges jobs.
    pub(super) fn fresh(&self, id: u64) -> Option<Arc<dyn Total>> {
        catch_unwind(AssertUnwindSafe(|| self.total(id)?.fresh())).ok().flatten()
    }

    /// Those of these accumulators that have names.
    pub(crate) fn named(&self, accumulators: &BTreeSet<u64>) -> Vec<AccumulatorValue> {
        let totals = accumulators.iter().filter_map(|id| self.total(*id));
        totals.filter_map(|total| catch_unwind(AssertUnwindSafe(|| total.shown())).ok().flatten()).collect()
    }
}

/// Frees a broadcast when nothing names it any more, or when it is told to.
pub(super) struct Guard {
    pub(super) id: u64,
    pub(super) registry: Weak<Registry>,
    freed: AtomicBool,
}

impl Guard {
    pub(super) fn free(&self) {
        if !self.freed.swap(true, Relaxed)
            && let Some(registry) = self.registry.upgrade()
        {
            registry.free(self.id);
        }
    }

    pub(super) fn is_freed(&self) -> bool {
        self.freed.load(Relaxed)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.free();
    }
}
