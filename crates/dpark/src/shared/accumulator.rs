//! [`Accumulator`]: a value to which tasks add and which the driver reads.

use super::accumulate::Accumulate;
use super::argument::{reading, writing};
use super::registry::{Registry, Thing, Total};
use crate::Context;
use crate::error::Result;
use crate::events::AccumulatorValue;
use dpark_executor::shared::collector::Slot;
use dpark_executor::shared::{Increment, SharedError, TaskShared};
use parking_lot::Mutex;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::any::type_name;
use std::fmt;
use std::sync::{Arc, Weak};

/// A value to which closures add and which the driver reads.
///
/// Every partition of every action counts once, whatever is tried again, run twice at a time or computed again; what a
/// failed attempt added is dropped. What an action added is there when it returns. A second action over the same rows
/// adds again, but for the rows of a cached data set, which are computed once. Give it to closures with
/// [`Rdd::with`](crate::rdd::Rdd::with).
pub struct Accumulator<A: Accumulate> {
    id: u64,
    side: Side<A>,
}

enum Side<A: Accumulate> {
    Driver(Arc<Sum<A>>),
    Task(Arc<Part<A>>),
}

/// On the driver.
struct Sum<A> {
    name: Option<String>,
    registry: Weak<Registry>,
    value: Mutex<A>,
}

/// In one task; none if nothing was added.
struct Part<A>(Mutex<Option<A>>);

impl<A: Accumulate> Accumulator<A> {
    /// Adds a value.
    pub fn add(&self, input: A::Input) {
        match &self.side {
            Side::Driver(sum) => sum.value.lock().add(input),
            Side::Task(part) => part.0.lock().get_or_insert_default().add(input),
        }
    }

    /// What was added until now, with the value it was made with. Only on the driver: in a task it is an error, as no task
    /// knows what the others do.
    pub fn value(&self) -> Result<A> {
        match &self.side {
            Side::Driver(sum) => Ok(sum.value.lock().clone()),
            Side::Task(_) => Err(SharedError::Place(
                "a task cannot read an accumulator, only add to it: read it on the driver when the action has returned",
            )
            .into()),
        }
    }

    /// One task's part of an accumulator that is known by its number.
    pub(super) fn in_task(id: u64, task: &TaskShared) -> Result<Self, SharedError> {
        Ok(Self { id, side: Side::Task(task.collector.slot(id, || Part::<A>(Mutex::new(None)))?) })
    }

    /// What keeps it alive.
    pub(super) fn thing(&self) -> Thing {
        match &self.side {
            Side::Driver(sum) => Arc::clone(sum) as _,
            Side::Task(part) => Arc::clone(part) as _,
        }
    }

    /// Its number, as messages have it.
    pub fn id(&self) -> u64 {
        self.id
    }
}

impl<A: Accumulate> Clone for Accumulator<A> {
    fn clone(&self) -> Self {
        let side = match &self.side {
            Side::Driver(sum) => Side::Driver(Arc::clone(sum)),
            Side::Task(part) => Side::Task(Arc::clone(part)),
        };
        Self { id: self.id, side }
    }
}

impl<A: Accumulate> fmt::Debug for Accumulator<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = f.debug_struct("Accumulator");
        text.field("id", &self.id);
        if let Side::Driver(sum) = &self.side {
            text.field("name", &sum.name).field("value", &sum.value.lock().shown());
        }
        text.finish()
    }
}

impl<A: Accumulate> Serialize for Accumulator<A> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let left = writing(|writing| {
            let Side::Driver(sum) = &self.side else {
                return Err(SharedError::Place("a task cannot give an accumulator to a closure; the driver does"));
            };
            if !Weak::ptr_eq(&sum.registry, &Arc::downgrade(&writing.registry)) {
                return Err(SharedError::Place(
                    "an accumulator of one context is given to rows of another: make it with the rows' own context",
                ));
            }
            writing.header.counts = true;
            writing.things.push(Arc::clone(sum) as _);
            Ok(())
        });
        left.map_err(S::Error::custom)?;
        serializer.serialize_u64(self.id)
    }
}

impl<'de, A: Accumulate> Deserialize<'de> for Accumulator<A> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let id = u64::deserialize(deserializer)?;
        reading(|task| Self::in_task(id, task)).map_err(D::Error::custom)
    }
}

impl<A: Accumulate> Slot for Part<A> {
    fn take(&self) -> Result<Option<Vec<u8>>, SharedError> {
        let Some(part) = self.0.lock().take() else { return Ok(None) };
        match postcard::to_stdvec(&part) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) => {
                let what = format!("what a task added to an accumulator of type {}", type_name::<A>());
                Err(SharedError::Encode { what, detail: error.to_string() })
            }
        }
    }
}

impl<A: Accumulate> Total for Sum<A> {
    fn merge(&self, increment: &Increment) -> Result<(), SharedError> {
        let Increment { accumulator: id, bytes } = increment;
        let part: A = postcard::from_bytes(bytes).map_err(|error| {
            let kind = type_name::<A>();
            SharedError::Decode { what: "accumulator", id: *id, kind, detail: error.to_string() }
        })?;
        self.value.lock().merge(part);
        Ok(())
    }

    fn fresh(&self) -> Option<Arc<dyn Total>> {
        let value = Mutex::new(self.value.lock().fresh()?);
        Some(Arc::new(Self { name: None, registry: Weak::clone(&self.registry), value }))
    }

    fn objection(&self) -> Option<String> {
        self.value.lock().objection()
    }
    fn warning(&self) -> Option<String> {
        self.value.lock().warning()
    }

    fn shown(&self) -> Option<AccumulatorValue> {
        let name = self.name.clone()?;
        Some(AccumulatorValue { name, value: self.value.lock().shown() })
    }
}

impl Context {
    /// A value to which closures add, starting with `value`; see [`Accumulate`] for what there is. Numbers add up.
    pub fn accumulator<A: Accumulate>(&self, value: A) -> Accumulator<A> {
        self.make_accumulator(None, value)
    }

    /// The same with a name, under which every job that adds to it reports its value.
    pub fn accumulator_named<A: Accumulate>(&self, name: impl Into<String>, value: A) -> Accumulator<A> {
        self.make_accumulator(Some(name.into()), value)
    }

    fn make_accumulator<A: Accumulate>(&self, name: Option<String>, value: A) -> Accumulator<A> {
        let registry = self.driver.shared();
        let id = registry.next();
        let sum = Arc::new(Sum { name, registry: Arc::downgrade(registry), value: Mutex::new(value) });
        let total: Weak<Sum<A>> = Arc::downgrade(&sum);
        registry.add_total(id, total);
        Accumulator { id, side: Side::Driver(sum) }
    }
}
