//! What one task adds to accumulators. The executor does not know their types: a slot holds what was added and gives it
//! away as bytes when the task is done.

use super::SharedError;
use parking_lot::Mutex;
use serde::{Deserialize, Serialize};
use std::any::{Any, type_name};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes that one task may add; a report is one message.
const MAX_BYTES: usize = 256 << 20;

/// What one task added to one accumulator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Increment {
    /// Which.
    pub accumulator: u64,
    /// What, serialised.
    pub bytes: Vec<u8>,
}

/// One accumulator in one task.
pub trait Slot: Any + Send + Sync {
    /// What was added since the last time, serialised; none if that is nothing.
    fn take(&self) -> Result<Option<Vec<u8>>, SharedError>;
}

/// The accumulators of one task.
#[derive(Default)]
pub struct Collector {
    slots: Mutex<BTreeMap<u64, Arc<dyn Slot>>>,
}

impl Collector {
    /// The accumulator's slot. All closures of the task have the same.
    pub fn slot<S: Slot>(&self, id: u64, make: impl FnOnce() -> S) -> Result<Arc<S>, SharedError> {
        let mut slots = self.slots.lock();
        let slot = Arc::clone(slots.entry(id).or_insert_with(|| Arc::new(make())));
        let (what, is) = ("accumulator", "accumulator of another type");
        let slot: Arc<dyn Any + Send + Sync> = slot;
        slot.downcast().map_err(|_| SharedError::Type { what, id, is, wanted: type_name::<S>() })
    }

    /// Everything that was added.
    pub fn finish(&self) -> Result<Vec<Increment>, SharedError> {
        let slots = std::mem::take(&mut *self.slots.lock());
        let mut increments = vec![];
        for (accumulator, slot) in slots {
            if let Some(bytes) = slot.take()? {
                increments.push(Increment { accumulator, bytes });
            }
        }
        let bytes = increments.iter().map(|increment| increment.bytes.len()).sum();
        if bytes > MAX_BYTES {
            return Err(SharedError::TooMuch { bytes, limit: MAX_BYTES });
        }
        Ok(increments)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Count(Mutex<u8>);

    impl Slot for Count {
        fn take(&self) -> Result<Option<Vec<u8>>, SharedError> {
            let count = std::mem::take(&mut *self.0.lock());
            Ok((count > 0).then(|| vec![count]))
        }
    }

    struct Other;

    impl Slot for Other {
        fn take(&self) -> Result<Option<Vec<u8>>, SharedError> {
            Ok(None)
        }
    }

    #[test]
    fn all_closures_of_a_task_add_to_the_same_slot() {
        let collector = Collector::default();
        let make = || Count(Mutex::new(0));
        for id in [4, 9, 4] {
            *collector.slot(id, make).unwrap().0.lock() += 1;
        }
        collector.slot(5, make).unwrap();
        assert!(matches!(collector.slot(4, || Other), Err(SharedError::Type { id: 4, .. })));
        let increment = |accumulator, count| Increment { accumulator, bytes: vec![count] };
        assert_eq!(collector.finish().unwrap(), [increment(4, 2), increment(9, 1)]);
        assert_eq!(collector.finish().unwrap(), []);
    }
}
