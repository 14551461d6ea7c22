//! Memory of one executor: one bounded pool for the operators of all its tasks and for the outputs it keeps.
//!
//! Operators that can spill share evenly what is left by those that cannot. Kept shuffle and cache outputs take from the
//! same pool, up to a part of it, so that they never starve the operators.

use datafusion::common::{Result, resources_datafusion_err};
use datafusion::execution::memory_pool::{
    MemoryConsumer, MemoryLimit, MemoryPool, MemoryReservation, TrackConsumersPool,
};
use dpark_shuffle::MemoryBudget;
use parking_lot::Mutex;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Operators named in the message when memory runs out.
const NAMED_CONSUMERS: NonZeroUsize = match NonZeroUsize::new(5) {
    Some(n) => n,
    None => NonZeroUsize::MIN,
};

/// A pool of `bytes` for everything an executor does, and the handle by which it is made larger and smaller.
pub fn pool(bytes: usize) -> (Arc<dyn MemoryPool>, PoolSize) {
    let elastic = ElasticPool::new(bytes);
    let size = PoolSize(Arc::clone(&elastic.state));
    (Arc::new(TrackConsumersPool::new(elastic, NAMED_CONSUMERS)), size)
}

/// Changes the size of a pool. What was lent before stays lent.
#[derive(Debug, Clone)]
pub struct PoolSize(Arc<Mutex<PoolState>>);

impl PoolSize {
    /// Adds `bytes`.
    pub fn grow(&self, bytes: usize) {
        let mut state = self.0.lock();
        state.size = state.size.saturating_add(bytes);
    }
    /// Takes `bytes` away.
    pub fn shrink(&self, bytes: usize) {
        let mut state = self.0.lock();
        state.size = state.size.saturating_sub(bytes);
    }
}

#[derive(Debug)]
struct PoolState {
    size: usize,
    /// Consumers that can spill, and what they have.
    spilling: usize,
    spillable: usize,
    /// What those that cannot spill have.
    fixed: usize,
}

impl PoolState {
    /// Bytes that `consumer`, which has `size`, may still get.
    fn room(&self, consumer: &MemoryConsumer, size: usize) -> usize {
        let left = self.size.saturating_sub(self.fixed);
        if consumer.can_spill() {
            (left / self.spilling.max(1)).saturating_sub(size)
        } else {
            left.saturating_sub(self.spillable)
        }
    }
    fn part(&mut self, consumer: &MemoryConsumer) -> &mut usize {
        if consumer.can_spill() { &mut self.spillable } else { &mut self.fixed }
    }
}

/// Shares like DataFusion's `FairSpillPool`, and can change its size: on a cluster an executor has more memory the more
/// tasks it runs.
#[derive(Debug)]
struct ElasticPool {
    state: Arc<Mutex<PoolState>>,
}

impl ElasticPool {
    fn new(size: usize) -> Self {
        Self { state: Arc::new(Mutex::new(PoolState { size, spilling: 0, spillable: 0, fixed: 0 })) }
    }
}

impl fmt::Display for ElasticPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "executor(pool_size: {})", self.state.lock().size)
    }
}

impl MemoryPool for ElasticPool {
    fn name(&self) -> &str {
        "executor"
    }
    fn register(&self, consumer: &MemoryConsumer) {
        self.state.lock().spilling += usize::from(consumer.can_spill());
    }
    fn unregister(&self, consumer: &MemoryConsumer) {
        self.state.lock().spilling -= usize::from(consumer.can_spill());
    }
    fn grow(&self, reservation: &MemoryReservation, additional: usize) {
        *self.state.lock().part(reservation.consumer()) += additional;
    }
    fn shrink(&self, reservation: &MemoryReservation, bytes: usize) {
        let mut state = self.state.lock();
        let part = state.part(reservation.consumer());
        *part = part.saturating_sub(bytes);
    }
    fn try_grow(&self, reservation: &MemoryReservation, additional: usize) -> Result<()> {
        let mut state = self.state.lock();
        let room = state.room(reservation.consumer(), reservation.size());
        if additional > room {
            return Err(resources_datafusion_err!(
                "Failed to allocate additional {additional} bytes for {} with {} bytes already allocated for this \
                 reservation - {room} bytes remain available for it in the executor's pool of {} bytes",
                reservation.consumer().name(),
                reservation.size(),
                state.size
            ));
        }
        *state.part(reservation.consumer()) += additional;
        Ok(())
    }
    fn reserved(&self) -> usize {
        let state = self.state.lock();
        state.spillable + state.fixed
    }
    fn memory_limit(&self) -> MemoryLimit {
        MemoryLimit::Finite(self.state.lock().size)
    }
}

/// Lends a part of the pool to the block store.
pub struct StoreBudget {
    limit: usize,
    reservation: Mutex<MemoryReservation>,
}

impl StoreBudget {
    /// At most `limit` bytes of `pool`.
    pub fn new(pool: &Arc<dyn MemoryPool>, limit: usize) -> Self {
        Self::named("shuffle and cache outputs", pool, limit)
    }

    /// The same for something else that is kept.
    pub(crate) fn named(name: &str, pool: &Arc<dyn MemoryPool>, limit: usize) -> Self {
        Self { limit, reservation: Mutex::new(MemoryConsumer::new(name).register(pool)) }
    }
}

impl MemoryBudget for StoreBudget {
    fn try_grow(&self, bytes: usize) -> bool {
        let reservation = self.reservation.lock();
        reservation.size().saturating_add(bytes) <= self.limit && reservation.try_grow(bytes).is_ok()
    }
    fn shrink(&self, bytes: usize) {
        let reservation = self.reservation.lock();
        reservation.shrink(bytes.min(reservation.size()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_that_spill_share_what_the_others_leave() {
        let (pool, size) = pool(1000);
        let fixed = MemoryConsumer::new("fixed").register(&pool);
        let a = MemoryConsumer::new("a").with_can_spill(true).register(&pool);
        let b = MemoryConsumer::new("b").with_can_spill(true).register(&pool);
        fixed.try_grow(200).unwrap();
        a.try_grow(400).unwrap();
        let error = a.try_grow(1).unwrap_err().to_string();
        assert!(error.contains("0 bytes remain available"), "{error}");
        b.try_grow(400).unwrap();
        assert!(fixed.try_grow(1).is_err());
        size.grow(100);
        a.try_grow(50).unwrap();
        assert!(a.try_grow(1).is_err());
        drop(b);
        a.try_grow(450).unwrap();
        assert_eq!(pool.reserved(), 1100);
        // Smaller than what is lent: nothing more until enough came back.
        size.shrink(600);
        assert!(fixed.try_grow(1).is_err());
        drop(a);
        assert_eq!(pool.reserved(), 200);
        fixed.try_grow(300).unwrap();
        assert!(fixed.try_grow(1).is_err());
    }
}
