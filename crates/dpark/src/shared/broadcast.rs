//! [`Broadcast`]: a value that every executor gets once.

use super::argument::{reading, value_bytes, writing};
use super::registry::Guard;
use super::rows::Rows;
use crate::Context;
use crate::error::Result;
use datafusion::common::DataFusionError;
use datafusion::dataframe::DataFrame;
use dpark_executor::shared::SharedError;
use dpark_shuffle::{BroadcastError, Traffic};
use serde::de::{DeserializeOwned, Error as _};
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, Weak};

/// A value that closures read, sent to each executor once and decoded there once, whatever the number of tasks.
///
/// It dereferences to the value, on the driver and in tasks. It is freed when the last handle and the last data set whose
/// closure has it are gone, or by [`Broadcast::unpersist`]. Give it to closures with [`Rdd::with`](crate::rdd::Rdd::with).
pub struct Broadcast<T> {
    id: u64,
    value: Arc<T>,
    /// Not in tasks.
    guard: Option<Arc<Guard>>,
}

impl<T> Broadcast<T> {
    /// The value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// Its number, as messages have it.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// Frees the value on all executors. Tasks that have it already keep it until they end; a task that starts later
    /// fails. This handle, and its clones, still have the value. In a task it does nothing.
    pub fn unpersist(&self) {
        if let Some(guard) = &self.guard {
            guard.free();
        }
    }

    /// Who sent how much of it to executors so far. Nothing where there is only one process.
    pub fn traffic(&self) -> Traffic {
        let registry = self.guard.as_ref().and_then(|guard| guard.registry.upgrade());
        registry.map(|registry| registry.traffic(self.id)).unwrap_or_default()
    }
}

impl<T> Deref for Broadcast<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Clone for Broadcast<T> {
    fn clone(&self) -> Self {
        Self { id: self.id, value: Arc::clone(&self.value), guard: self.guard.clone() }
    }
}

impl<T: fmt::Debug> fmt::Debug for Broadcast<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast").field("id", &self.id).field("value", &self.value).finish()
    }
}

impl<T> Serialize for Broadcast<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let left = writing(|writing| {
            let Some(guard) = &self.guard else {
                return Err(SharedError::Place("a task cannot give a broadcast to a closure; the driver does"));
            };
            if guard.is_freed() {
                return Err(BroadcastError::Unpersisted(self.id).into());
            }
            if !Weak::ptr_eq(&guard.registry, &Arc::downgrade(&writing.registry)) {
                return Err(SharedError::Place(
                    "a broadcast of one context is given to rows of another: make it with the rows' own context",
                ));
            }
            writing.header.broadcasts.push(writing.registry.reference(self.id));
            writing.things.push(Arc::clone(guard) as _);
            Ok(())
        });
        left.map_err(S::Error::custom)?;
        serializer.serialize_u64(self.id)
    }
}

impl<'de, T: DeserializeOwned + Send + Sync + 'static> Deserialize<'de> for Broadcast<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = u64::deserialize(deserializer)?;
        let decode = |bytes: &[u8]| postcard::from_bytes::<T>(bytes).map_err(|error| error.to_string());
        let value = reading(|task| task.shared.value(id, decode)).map_err(D::Error::custom)?;
        Ok(Self { id, value, guard: None })
    }
}

impl Context {
    /// A value for closures that is sent to each executor once; see [`Broadcast`]. In `local[N]` tasks use this very
    /// value.
    pub fn broadcast<T>(&self, value: T) -> Result<Broadcast<T>>
    where
        T: Serialize + DeserializeOwned + Send + Sync + 'static,
    {
        let registry = self.driver.shared();
        let bytes = if registry.has_others() { Some(value_bytes(registry, &value)?) } else { None };
        let value = Arc::new(value);
        let guard = registry.add_value(Arc::clone(&value) as _, bytes)?;
        Ok(Broadcast { id: guard.id, value, guard: Some(guard) })
    }

    /// The rows of a query as a broadcast. They are collected now and must fit into memory, here and on each executor.
    pub async fn broadcast_rows(&self, df: &DataFrame) -> Result<Broadcast<Rows>> {
        let schema = Arc::clone(df.schema().inner());
        let batches = df.clone().collect().await?;
        let rows = Rows::try_new(schema, batches).map_err(DataFusionError::from)?;
        self.broadcast(rows)
    }
}
