//! Scalars as Mesos counts them: in whole thousandths, so that 0.1 + 0.2 is 0.3 for master, agent and framework alike.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// An amount of a scalar resource, in thousandths. Never negative.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Units(u64);

impl Units {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// Beyond this, a thousandth is less than the precision of the `f64` on the wire.
    const MAX: u64 = 1 << 53;

    /// So many thousandths.
    pub const fn from_thousandths(thousandths: u64) -> Self {
        Self(if thousandths > Self::MAX { Self::MAX } else { thousandths })
    }

    /// Rounds to the nearest thousandth, half away from zero. None if negative, infinite or not a number.
    pub fn from_f64(value: f64) -> Option<Self> {
        let thousandths = (value * 1000.0).round();
        // The cast keeps to the range of u64; the check before it, to what f64 tells apart.
        (thousandths >= 0.0 && thousandths <= Self::MAX as f64).then_some(Self(thousandths as u64))
    }

    /// As it goes on the wire.
    pub fn to_f64(self) -> f64 {
        self.0 as f64 / 1000.0
    }

    /// In thousandths.
    pub const fn thousandths(self) -> u64 {
        self.0
    }

    /// None if `other` is more.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Nothing if `other` is more.
    pub fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// How many times `other` fits in; none if `other` is nothing.
    pub fn times(self, other: Self) -> Option<u64> {
        self.0.checked_div(other.0)
    }
}

impl Add for Units {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self::from_thousandths(self.0.saturating_add(other.0))
    }
}

impl AddAssign for Units {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Sum for Units {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Units {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.to_f64())
    }
}
