//! Arithmetic on resources, as Mesos does it.
//!
//! [`Resources`] are amounts, each with all that tells it apart from others of its name: role and reservations,
//! allocation, whether it is revocable or shared, its disk. Amounts are only ever added to or taken from amounts that
//! are alike in all of that, so what is taken out of an offer can be handed back to the master as it is.
//!
//! - [`Units`]: scalars, in thousandths; [`Intervals`]: ranges;
//! - `amount`: one amount of any of the three types;
//! - here: collections of amounts; [`Request`]: taking `cpus=1,mem=512` out of an offer.

mod amount;
mod intervals;
mod request;
mod units;

pub use amount::Amount;
pub use intervals::Intervals;
pub use request::{Prefer, Request, RequestError, Shortage};
pub use units::Units;

use crate::proto::{DiskSourceType, Resource};
use std::fmt;

/// Resources that make no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("resource {name:?}: {detail}")]
pub struct ResourceError {
    /// The resource's name.
    pub name: String,
    /// What is wrong with it.
    pub detail: &'static str,
}

/// Amounts of resources. No two divisible ones are alike, and none is empty.
#[derive(Clone, Debug, Default)]
pub struct Resources(Vec<Entry>);

#[derive(Clone, Debug, PartialEq)]
struct Entry {
    /// The resource without its value: what makes two amounts alike.
    identity: Resource,
    amount: Amount,
}

impl Entry {
    /// Volumes, mounted disks and whole devices go as a whole or not at all, and shared resources are counted, not
    /// added up: two alike stay two.
    fn divisible(&self) -> bool {
        let disk = self.identity.disk.as_ref();
        let whole = disk.and_then(|disk| disk.source.as_ref()).is_some_and(|s| s.r#type() != DiskSourceType::Path);
        !whole && disk.is_none_or(|disk| disk.persistence.is_none()) && self.identity.shared.is_none()
    }
}

impl TryFrom<&[Resource]> for Resources {
    type Error = ResourceError;

    fn try_from(resources: &[Resource]) -> Result<Self, ResourceError> {
        let mut all = Self::default();
        for resource in resources {
            let amount = Amount::of(resource)?;
            let identity = Resource { scalar: None, ranges: None, set: None, ..resource.clone() };
            all.insert(Entry { identity, amount });
        }
        Ok(all)
    }
}

impl Resources {
    /// None at all.
    pub fn new() -> Self {
        Self::default()
    }

    /// As they go on the wire.
    pub fn to_proto(&self) -> Vec<Resource> {
        self.0.iter().map(|entry| entry.amount.with(&entry.identity)).collect()
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How much there is of a scalar, whatever its role.
    pub fn scalar(&self, name: &str) -> Units {
        self.named(name).map(|entry| entry.amount.scalar()).sum()
    }

    /// The numbers of a resource of ranges, whatever its role.
    pub fn ranges(&self, name: &str) -> Intervals {
        self.named(name).fold(Intervals::default(), |all, entry| match &entry.amount {
            Amount::Ranges(ranges) => all.union(ranges),
            _ => all,
        })
    }

    /// Those for which `keep` says so; it is asked about resources without their values.
    pub fn filter(&self, keep: impl Fn(&Resource) -> bool) -> Self {
        Self(self.0.iter().filter(|entry| keep(&entry.identity)).cloned().collect())
    }

    /// Those that are not reserved.
    pub fn unreserved(&self) -> Self {
        self.filter(|resource| resource.reserved_for().is_none())
    }

    /// Those reserved for a role.
    pub fn reserved_for(&self, role: &str) -> Self {
        self.filter(|resource| resource.reserved_for() == Some(role))
    }

    /// Whether all of `other` is in it.
    pub fn contains(&self, other: &Self) -> bool {
        self.checked_sub(other).is_some()
    }

    /// Both together.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        let mut sum = self.clone();
        for entry in &other.0 {
            sum.insert(entry.clone());
        }
        sum
    }

    /// What is left without `other`; none if not all of `other` is in it.
    #[must_use]
    pub fn checked_sub(&self, other: &Self) -> Option<Self> {
        let mut left = self.clone();
        other.0.iter().try_for_each(|entry| left.remove(entry))?;
        Some(left)
    }

    fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.0.iter().filter(move |entry| entry.identity.name == name)
    }

    fn insert(&mut self, entry: Entry) {
        if entry.amount.is_empty() {
            return;
        }
        let alike = self.0.iter_mut().find(|other| entry.divisible() && other.identity == entry.identity);
        match alike.and_then(|other| Some((other.amount.plus(&entry.amount)?, other))) {
            Some((sum, other)) => other.amount = sum,
            None => self.0.push(entry),
        }
    }

    fn remove(&mut self, entry: &Entry) -> Option<()> {
        let fits =
            |other: &Entry| other.identity == entry.identity && (entry.divisible() || other.amount == entry.amount);
        let at = self.0.iter().position(fits)?;
        let left = self.0[at].amount.checked_sub(&entry.amount)?;
        if left.is_empty() {
            self.0.remove(at);
        } else {
            self.0[at].amount = left;
        }
        Some(())
    }
}

/// Equal if each contains the other; the order does not matter.
impl PartialEq for Resources {
    fn eq(&self, other: &Self) -> bool {
        self.checked_sub(other).is_some_and(|left| left.is_empty())
    }
}

/// As in Mesos' logs: `cpus:2; mem(analytics):512; ports:[31000-31002]`.
impl fmt::Display for Resources {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, entry) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "; " };
            let role = entry.identity.reserved_for().map(|role| format!("({role})")).unwrap_or_default();
            let revocable = if entry.identity.revocable.is_some() { "{REV}" } else { "" };
            write!(f, "{separator}{}{role}{revocable}:{}", entry.identity.name, entry.amount)?;
        }
        Ok(())
    }
}

impl Resource {
    /// The role it is reserved for, in either of the two ways that this may be written down; none if it is not.
    pub fn reserved_for(&self) -> Option<&str> {
        let refined = self.reservations.last().and_then(|reservation| reservation.role.as_deref());
        refined.or(self.role.as_deref()).filter(|role| *role != "*")
    }
}
