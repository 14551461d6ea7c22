//! One amount of any of the three types a resource may have.

use super::{Intervals, ResourceError, Units};
use crate::proto::{Resource, Scalar, Set, ValueType};
use std::collections::BTreeSet;
use std::fmt;

/// How much of a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Amount {
    /// `cpus`, `mem`, `disk`, `gpus`.
    Scalar(Units),
    /// `ports`.
    Ranges(Intervals),
    /// Anything with names.
    Set(BTreeSet<String>),
}

impl Amount {
    pub(super) fn of(resource: &Resource) -> Result<Self, ResourceError> {
        let fail = |detail| ResourceError { name: resource.name.clone(), detail };
        let missing = || fail("its value is missing");
        match ValueType::try_from(resource.r#type) {
            Ok(ValueType::Scalar) => {
                let value = resource.scalar.as_ref().ok_or_else(missing)?.value;
                Units::from_f64(value).map(Self::Scalar).ok_or_else(|| fail("not a number of zero or above"))
            }
            Ok(ValueType::Ranges) => {
                let ranges = resource.ranges.as_ref().ok_or_else(missing)?;
                match ranges.range.iter().any(|range| range.begin > range.end) {
                    true => Err(fail("a range ends before it begins")),
                    false => Ok(Self::Ranges(ranges.into())),
                }
            }
            Ok(ValueType::Set) => {
                let set = resource.set.as_ref().ok_or_else(missing)?;
                Ok(Self::Set(set.item.iter().cloned().collect()))
            }
            Ok(ValueType::Text) => Err(fail("resources are never text")),
            Err(_) => Err(fail("its type is unknown")),
        }
    }

    /// The resource with this amount.
    pub(super) fn with(&self, identity: &Resource) -> Resource {
        let mut resource = identity.clone();
        match self {
            Self::Scalar(units) => resource.scalar = Some(Scalar { value: units.to_f64() }),
            Self::Ranges(ranges) => resource.ranges = Some(ranges.into()),
            Self::Set(items) => resource.set = Some(Set { item: items.iter().cloned().collect() }),
        }
        resource
    }

    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Scalar(units) => *units == Units::ZERO,
            Self::Ranges(ranges) => ranges.is_empty(),
            Self::Set(items) => items.is_empty(),
        }
    }

    /// Zero if it is no scalar.
    pub(super) fn scalar(&self) -> Units {
        match self {
            Self::Scalar(units) => *units,
            _ => Units::ZERO,
        }
    }

    /// None if the types differ. A port that is in both is in the sum once, as in Mesos.
    pub(super) fn plus(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => Some(Self::Scalar(*a + *b)),
            (Self::Ranges(a), Self::Ranges(b)) => Some(Self::Ranges(a.union(b))),
            (Self::Set(a), Self::Set(b)) => Some(Self::Set(a | b)),
            _ => None,
        }
    }

    /// None if the types differ or not all of `other` is in it.
    pub(super) fn checked_sub(&self, other: &Self) -> Option<Self> {
        match (self, other) {
            (Self::Scalar(a), Self::Scalar(b)) => a.checked_sub(*b).map(Self::Scalar),
            (Self::Ranges(a), Self::Ranges(b)) => a.contains(b).then(|| Self::Ranges(a.difference(b))),
            (Self::Set(a), Self::Set(b)) => a.is_superset(b).then(|| Self::Set(a - b)),
            _ => None,
        }
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Scalar(units) => write!(f, "{units}"),
            Self::Ranges(ranges) => write!(f, "{ranges}"),
            Self::Set(items) => write!(f, "{{{}}}", items.iter().cloned().collect::<Vec<_>>().join(", ")),
        }
    }
}
