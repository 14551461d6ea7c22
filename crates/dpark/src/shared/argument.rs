//! The values given to closures, as bytes and back.
//!
//! Broadcasts and accumulators inside of a value write their numbers only. While a value is serialised they leave what
//! they are in the thread's `WRITING`; while it is deserialised they find the task in the thread's `READING`.

use super::accumulator::Accumulator;
use super::budget::BadRecords;
use super::registry::{Registry, Thing};
use crate::driver::Driver;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::TaskContext;
use dpark_executor::shared::{SharedError, TaskShared};
use dpark_plan::argument::{Budgeted, Header};
use dpark_shuffle::BROADCAST_CHUNK;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::cell::RefCell;
use std::sync::Arc;
use std::thread::LocalKey;

/// A larger value is broadcast of its own accord: an argument is sent to each executor by the driver alone, once a stage.
const MAX_INLINE: usize = BROADCAST_CHUNK;

thread_local! {
    static WRITING: RefCell<Option<Writing>> = const { RefCell::new(None) };
    static READING: RefCell<Option<Reading>> = const { RefCell::new(None) };
}

/// A value that is being serialised.
pub(super) struct Writing {
    /// Of the driver for whose tasks it is.
    pub(super) registry: Arc<Registry>,
    pub(super) header: Header,
    /// What it names.
    pub(super) things: Vec<Thing>,
    /// Whether it may name anything.
    is_argument: bool,
    /// What went wrong; postcard does not keep the words of errors.
    error: Option<SharedError>,
}

/// A value that is being deserialised.
struct Reading {
    task: Arc<TaskShared>,
    error: Option<SharedError>,
}

/// Lends a thread something, and puts back what was there, even after a panic.
struct Scope<S: 'static> {
    place: &'static LocalKey<RefCell<Option<S>>>,
    before: Option<S>,
}

impl<S> Scope<S> {
    fn enter(place: &'static LocalKey<RefCell<Option<S>>>, state: S) -> Self {
        Self { place, before: place.replace(Some(state)) }
    }
    fn leave(self) -> Option<S> {
        self.place.take()
    }
}

impl<S> Drop for Scope<S> {
    fn drop(&mut self) {
        self.place.set(self.before.take());
    }
}

/// For something that is being serialised: leaves what it is.
pub(super) fn writing(leave: impl FnOnce(&mut Writing) -> Result<(), SharedError>) -> Result<(), SharedError> {
    const PLACE: SharedError =
        SharedError::Place("a broadcast or an accumulator can only be serialised in the value given by .with()");
    const NESTED: SharedError = SharedError::Place(
        "a broadcast's value cannot hold a broadcast or an accumulator: give the closure both, as a tuple",
    );
    WRITING.with_borrow_mut(|writing| {
        let writing = writing.as_mut().ok_or(PLACE)?;
        let left = if writing.is_argument { leave(writing) } else { Err(NESTED) };
        left.inspect_err(|error| writing.error = Some(error.clone()))
    })
}

/// For something that is being deserialised: finds the task.
pub(super) fn reading<T>(find: impl FnOnce(&TaskShared) -> Result<T, SharedError>) -> Result<T, SharedError> {
    let task = READING.with_borrow(|reading| reading.as_ref().map(|reading| Arc::clone(&reading.task)));
    let Some(task) = task else {
        return Err(SharedError::Place("a broadcast or an accumulator can only be deserialised by a task"));
    };
    find(&task).inspect_err(|error| {
        READING.with_borrow_mut(|reading| {
            if let Some(reading) = reading {
                reading.error = Some(error.clone());
            }
        });
    })
}

fn serialise<K: Serialize>(
    registry: &Arc<Registry>,
    value: &K,
    is_argument: bool,
) -> Result<(Vec<u8>, Header, Vec<Thing>), SharedError> {
    let (header, things) = Default::default();
    let writing = Writing { registry: Arc::clone(registry), header, things, is_argument, error: None };
    let scope = Scope::enter(&WRITING, writing);
    let bytes = postcard::to_stdvec(value);
    let left = scope.leave();
    match (bytes, left) {
        (_, Some(Writing { error: Some(error), .. })) => Err(error),
        (Ok(bytes), Some(Writing { header, things, .. })) => Ok((bytes, header, things)),
        (bytes, _) => {
            let what = format!("the {} given to closures", std::any::type_name::<K>());
            Err(SharedError::Encode { what, detail: bytes.err().map(|error| error.to_string()).unwrap_or_default() })
        }
    }
}

/// The bytes of a broadcast's value.
pub(super) fn value_bytes<T: Serialize>(registry: &Arc<Registry>, value: &T) -> Result<Vec<u8>, SharedError> {
    serialise(registry, value, false).map(|(bytes, ..)| bytes)
}

/// The argument of a closure that is to get `value`. What the value names lives at least as long as this very `Arc`, or a
/// clone of it: plans must carry it on, not copy its bytes.
pub(crate) fn to_argument<K: Serialize>(driver: &Arc<Driver>, value: &K) -> Result<Arc<[u8]>> {
    let registry = driver.shared();
    registry.sweep();
    let (bytes, mut header, mut things) = serialise(registry, value, true).map_err(external)?;
    let argument = if bytes.len() > MAX_INLINE && registry.has_others() {
        let guard = registry.add_argument(bytes).map_err(external)?;
        header.content = Some(registry.reference(guard.id));
        things.push(guard);
        header.before(&[])?
    } else {
        header.before(&bytes)?
    };
    registry.keep(&argument, things);
    Ok(argument)
}

/// The same argument for a closure whose failures are counted, under the given name.
pub(crate) fn with_budget(
    driver: &Arc<Driver>,
    argument: &Arc<[u8]>,
    budget: &Accumulator<BadRecords>,
    closure: String,
) -> Result<Arc<[u8]>> {
    let (mut header, value) = match argument.is_empty() {
        true => Default::default(),
        false => Header::split(argument)?,
    };
    header.counts = true;
    header.budget = Some(Budgeted { total: budget.id(), closure });
    let made = header.before(value)?;
    // What the value names lives as long as its first argument.
    driver.shared().keep(&made, vec![budget.thing(), Arc::new(Arc::clone(argument))]);
    Ok(made)
}

/// The value of an argument, in a task. Broadcasts that it holds are fetched first, once a process.
pub(crate) async fn from_argument<K: DeserializeOwned>(argument: &[u8], context: &TaskContext) -> Result<K> {
    let Some(task) = context.session_config().get_extension::<TaskShared>() else {
        return internal_err!("the value given by .with() is read outside of a task");
    };
    let (header, value) = Header::split(argument)?;
    for reference in header.broadcasts.iter().chain(&header.content) {
        if !task.shared.has_value(reference.id) {
            let fetched = task.shared.broadcasts().fetch(reference.id, reference.home).await;
            fetched.map_err(|error| external(error.into()))?;
        }
    }
    match header.content {
        Some(content) => {
            let bytes = task.shared.broadcasts().content(content.id).map_err(|error| external(error.into()))?;
            deserialise(task, &bytes)
        }
        None => deserialise(task, value),
    }
}

fn deserialise<K: DeserializeOwned>(task: Arc<TaskShared>, bytes: &[u8]) -> Result<K> {
    let scope = Scope::enter(&READING, Reading { task, error: None });
    let value = postcard::from_bytes(bytes);
    let left = scope.leave();
    match (value, left) {
        (_, Some(Reading { error: Some(error), .. })) => Err(external(error)),
        (Ok(value), _) => Ok(value),
        (Err(error), _) => {
            let name = std::any::type_name::<K>();
            Err(DataFusionError::Execution(format!(
                "the value given by .with() cannot be read as {name}: {error}; see its Serialize and Deserialize"
            )))
        }
    }
}

pub(super) fn external(error: SharedError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}
