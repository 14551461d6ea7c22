//! Decoded broadcasts: one copy for all tasks of a process.

use super::SharedError;
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryPool, MemoryReservation};
use dpark_shuffle::Broadcasts;
use parking_lot::Mutex;
use std::any::{Any, type_name};
use std::collections::HashMap;
use std::sync::Arc;

/// A value, and what it takes of the pool.
struct Value {
    value: Arc<dyn Any + Send + Sync>,
    /// Its type, when it was decoded here.
    kind: &'static str,
    _held: Option<MemoryReservation>,
}

/// A place that is empty until the value is decoded. Who comes meanwhile waits.
type Slot = Arc<Mutex<Option<Value>>>;

pub(super) struct Values {
    pool: Arc<dyn MemoryPool>,
    slots: Mutex<HashMap<u64, Slot>>,
}

impl Values {
    pub(super) fn new(pool: &Arc<dyn MemoryPool>) -> Self {
        Self { pool: Arc::clone(pool), slots: Mutex::default() }
    }

    pub(super) fn insert(&self, id: u64, value: Arc<dyn Any + Send + Sync>) {
        let value = Value { value, kind: "value of another type", _held: None };
        self.slots.lock().insert(id, Arc::new(Mutex::new(Some(value))));
    }

    pub(super) fn has(&self, id: u64) -> bool {
        let slot = self.slots.lock().get(&id).cloned();
        // Whoever holds the lock decodes it, from bytes that are here, or uses it.
        slot.is_some_and(|slot| slot.try_lock().is_none_or(|value| value.is_some()))
    }

    pub(super) fn get<T: Any + Send + Sync>(
        &self,
        id: u64,
        broadcasts: &Broadcasts,
        decode: impl FnOnce(&[u8]) -> Result<T, String>,
    ) -> Result<Arc<T>, SharedError> {
        let slot = Arc::clone(self.slots.lock().entry(id).or_default());
        let mut slot = slot.lock();
        let what = "broadcast";
        if let Some(Value { value, kind: is, .. }) = &*slot {
            let typed = Arc::clone(value).downcast::<T>();
            return typed.map_err(|_| SharedError::Type { what, id, is, wanted: type_name::<T>() });
        }
        let bytes = match broadcasts.content(id) {
            Ok(bytes) => bytes,
            Err(error) => {
                // What is not here shall not leave a place for it.
                self.slots.lock().remove(&id);
                return Err(error.into());
            }
        };
        let held = self.reserve(id, bytes.len(), broadcasts)?;
        let kind = type_name::<T>();
        let decoded = decode(&bytes).map_err(|detail| SharedError::Decode { what, id, kind, detail })?;
        let value = Arc::new(decoded);
        *slot = Some(Value { value: Arc::clone(&value) as _, kind, _held: Some(held) });
        Ok(value)
    }

    /// As much as the bytes take: what a value of any type takes, nobody can tell.
    fn reserve(&self, id: u64, bytes: usize, broadcasts: &Broadcasts) -> Result<MemoryReservation, SharedError> {
        let held = MemoryConsumer::new("broadcast values").register(&self.pool);
        if held.try_grow(bytes).is_err() {
            // The serialised bytes can be read from a file, the value cannot.
            broadcasts.spill(id)?;
            held.try_grow(bytes).map_err(|error| SharedError::Memory { id, bytes, detail: error.strip_backtrace() })?;
        }
        Ok(held)
    }

    pub(super) fn forget(&self, id: u64) {
        // Freed outside of the lock.
        let _gone = self.slots.lock().remove(&id);
    }

    pub(super) fn clear(&self) {
        let _gone = std::mem::take(&mut *self.slots.lock());
    }
}

#[cfg(test)]
mod tests {
    use super::super::Shared;
    use super::*;
    use crate::memory::pool;

    #[test]
    fn decoded_once_and_accounted() {
        let dir = tempfile::tempdir().unwrap();
        let (pool, _) = pool(3000);
        let shared = Shared::new(dir.path().to_path_buf(), &pool);
        let offer = |id, bytes| shared.broadcasts().offer(id, vec![7; bytes]).unwrap();
        offer(1, 1000);
        let length = |bytes: &[u8]| Ok(bytes.len());
        assert_eq!(*shared.value(1, length).unwrap(), 1000);
        assert_eq!(*shared.value::<usize>(1, |_| Err("a second time".into())).unwrap(), 1000);
        assert_eq!(pool.reserved(), 2000);
        let error = shared.value::<String>(1, |_| Err("a second time".into())).unwrap_err().to_string();
        assert!(error.contains("broadcast 1 is a usize, and is used as a alloc::string::String"), "{error}");
        // For bytes and value there is no room, for the value alone there is.
        offer(2, 900);
        assert_eq!(*shared.value(2, length).unwrap(), 900);
        assert_eq!(pool.reserved(), 2900);
        // Bytes in a file, and no room for the value.
        offer(3, 2000);
        assert!(matches!(shared.value(3, length), Err(SharedError::Memory { id: 3, bytes: 2000, .. })));
        shared.forget(1);
        assert_eq!(pool.reserved(), 900);
        assert_eq!(*shared.value(3, length).unwrap(), 2000);
        let error = shared.value(1, length).unwrap_err().to_string();
        assert!(error.contains("broadcast 1 was unpersisted"), "{error}");
        shared.own(1, Arc::new(5usize));
        assert!(shared.has_value(1) && !shared.has_value(4));
        assert_eq!(*shared.value(1, length).unwrap(), 5);
        shared.clear();
        assert_eq!(pool.reserved(), 0);
    }
}
