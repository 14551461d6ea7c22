//! Values that tasks share with the driver: broadcasts, which they read, and accumulators, to which they add.
//!
//! ```text
//!  argument ─► fetch: bytes of broadcasts (dpark_shuffle::Broadcasts) ─► values: one decoded copy a process ─► closure
//!  closure ─► collector of the task ─► increments in the task's report ─► driver
//! ```
//! What a closure holds are names; the rest it finds in the [`TaskShared`] that the executor puts into the session of
//! each task.
//!
//! | room | what lives there |
//! |---|---|
//! | `values` | decoded broadcasts |
//! | [`collector`] | what one task adds to accumulators |
//! | `error` | what can go wrong |

pub mod collector;
mod error;
mod values;

pub use collector::{Collector, Increment};
pub use error::SharedError;

use crate::memory::StoreBudget;
use datafusion::execution::memory_pool::MemoryPool;
use dpark_shuffle::Broadcasts;
use std::any::Any;
use std::path::PathBuf;
use std::sync::Arc;
use values::Values;

/// The broadcasts of one executor.
pub struct Shared {
    broadcasts: Arc<Broadcasts>,
    values: Values,
}

impl Shared {
    /// None yet; their memory is taken from `pool`, and what it refuses goes to files in `dir`.
    pub fn new(dir: PathBuf, pool: &Arc<dyn MemoryPool>) -> Arc<Self> {
        let budget = Arc::new(StoreBudget::named("broadcasts", pool, usize::MAX));
        Arc::new(Self { broadcasts: Broadcasts::new(dir, budget), values: Values::new(pool) })
    }

    /// Their bytes.
    pub fn broadcasts(&self) -> &Arc<Broadcasts> {
        &self.broadcasts
    }

    /// Makes a value known that is at hand in this process.
    pub fn own(&self, id: u64, value: Arc<dyn Any + Send + Sync>) {
        self.values.insert(id, value);
    }

    /// Whether the value is at hand without its bytes.
    pub fn has_value(&self, id: u64) -> bool {
        self.values.has(id)
    }

    /// The value of a broadcast that is here; decoded by `decode`, which runs once a process. May block.
    pub fn value<T: Any + Send + Sync>(
        &self,
        id: u64,
        decode: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<Arc<T>, SharedError> {
        self.values.get(id, &self.broadcasts, decode)
    }

    /// Frees a broadcast. Tasks that use it keep it until they end.
    pub fn forget(&self, id: u64) {
        self.broadcasts.forget(id);
        self.values.forget(id);
    }

    /// Frees everything.
    pub fn clear(&self) {
        self.broadcasts.clear();
        self.values.clear();
    }
}

/// The session extension in which a task finds what it shares.
pub struct TaskShared {
    /// The executor's broadcasts.
    pub shared: Arc<Shared>,
    /// What the task adds.
    pub collector: Arc<Collector>,
}
