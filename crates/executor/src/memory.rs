//! Memory of one executor: one bounded pool for the operators of all its tasks and for the outputs it keeps.
//!
//! The pool is DataFusion's fair pool: operators that can spill share evenly what is left by those that cannot. Kept
//! shuffle and cache outputs take from the same pool, up to a part of it, so that they never starve the operators.

use datafusion::execution::memory_pool::{
    FairSpillPool, MemoryConsumer, MemoryPool, MemoryReservation, TrackConsumersPool,
};
use dpark_shuffle::MemoryBudget;
use parking_lot::Mutex;
use std::num::NonZeroUsize;
use std::sync::Arc;

/// Operators named in the message when memory runs out.
const NAMED_CONSUMERS: NonZeroUsize = match NonZeroUsize::new(5) {
    Some(n) => n,
    None => NonZeroUsize::MIN,
};

/// A pool of `bytes` for everything an executor does.
pub fn pool(bytes: usize) -> Arc<dyn MemoryPool> {
    Arc::new(TrackConsumersPool::new(FairSpillPool::new(bytes), NAMED_CONSUMERS))
}

/// Lends a part of the pool to the block store.
pub struct StoreBudget {
    limit: usize,
    reservation: Mutex<MemoryReservation>,
}

impl StoreBudget {
    /// At most `limit` bytes of `pool`.
    pub fn new(pool: &Arc<dyn MemoryPool>, limit: usize) -> Self {
        Self { limit, reservation: Mutex::new(MemoryConsumer::new("shuffle and cache outputs").register(pool)) }
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
