//! Taking what a task needs out of what is offered.

use super::{Amount, Entry, Resources, Units};
use std::collections::BTreeMap;
use std::str::FromStr;

/// How much is needed of what: `cpus=1,mem=512`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    scalars: BTreeMap<String, Units>,
    /// How many numbers, of resources of ranges.
    counts: BTreeMap<String, u64>,
    revocable: bool,
}

/// Which resources to take first. The others serve when the first do not suffice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prefer {
    /// Reserved ones: nobody else can have them anyway.
    #[default]
    Reserved,
    /// Unreserved ones: keeps the reservation for tasks that have nothing else.
    Unreserved,
}

/// What there is too little of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{name}: {wanted} wanted, {available} available")]
pub struct Shortage {
    /// The resource.
    pub name: String,
    /// How much of it is wanted.
    pub wanted: String,
    /// How much of it may be taken.
    pub available: String,
}

/// A request that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("resources {text:?}: write name=number, separated by commas")]
pub struct RequestError {
    /// The part in question.
    pub text: String,
}

impl Request {
    /// Needs nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Needs so much of a scalar.
    #[must_use]
    pub fn scalar(mut self, name: &str, units: Units) -> Self {
        self.scalars.insert(name.to_string(), units);
        self
    }

    /// Needs so many ports, whichever.
    #[must_use]
    pub fn ports(mut self, count: u64) -> Self {
        self.counts.insert("ports".to_string(), count);
        self
    }

    /// Takes what may be revoked, too, after all else.
    #[must_use]
    pub fn or_revocable(mut self) -> Self {
        self.revocable = true;
        self
    }
}

impl FromStr for Request {
    type Err = RequestError;

    fn from_str(text: &str) -> Result<Self, RequestError> {
        let mut request = Self::default();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            let parsed = part.split_once('=').and_then(|(name, value)| {
                Some((name.trim(), Units::from_f64(value.trim().parse().ok()?)?)).filter(|(name, _)| !name.is_empty())
            });
            let (name, units) = parsed.ok_or_else(|| RequestError { text: part.trim().to_string() })?;
            request.scalars.insert(name.to_string(), units);
        }
        Ok(request)
    }
}

impl Resources {
    /// Takes a request out of these, leaving the rest. All or nothing: on a shortage nothing has been taken.
    /// Volumes, whole disks and shared resources are never taken this way.
    pub fn take(&mut self, request: &Request, prefer: Prefer) -> Result<Self, Shortage> {
        let mut candidates: Vec<&Entry> = self.0.iter().filter(|entry| entry.divisible()).collect();
        candidates.retain(|entry| request.revocable || entry.identity.revocable.is_none());
        candidates.sort_by_key(|entry| {
            let reserved = entry.identity.reserved_for().is_some();
            (entry.identity.revocable.is_some(), reserved != (prefer == Prefer::Reserved))
        });

        let mut taken = Self::default();
        for (name, &wanted) in &request.scalars {
            let mut missing = wanted;
            for entry in candidates.iter().filter(|entry| entry.identity.name == *name) {
                let amount = entry.amount.scalar().min(missing);
                missing = missing.saturating_sub(amount);
                taken.insert(Entry { identity: entry.identity.clone(), amount: Amount::Scalar(amount) });
            }
            if missing > Units::ZERO {
                let available = wanted.saturating_sub(missing).to_string();
                return Err(Shortage { name: name.clone(), wanted: wanted.to_string(), available });
            }
        }
        for (name, &wanted) in &request.counts {
            let mut missing = wanted;
            for entry in candidates.iter().filter(|entry| entry.identity.name == *name) {
                let Amount::Ranges(ranges) = &entry.amount else { continue };
                let count = ranges.count().min(missing);
                if let Some(lowest) = ranges.lowest(count) {
                    missing -= count;
                    taken.insert(Entry { identity: entry.identity.clone(), amount: Amount::Ranges(lowest) });
                }
            }
            if missing > 0 {
                let available = (wanted - missing).to_string();
                return Err(Shortage { name: name.clone(), wanted: wanted.to_string(), available });
            }
        }
        // What was taken is made of what is there, so that it can be subtracted.
        if let Some(left) = self.checked_sub(&taken) {
            *self = left;
        }
        Ok(taken)
    }
}
