//! Closures that need a value from outside.

use super::{Argument, Rdd};
use std::marker::PhantomData;

/// An [`Rdd`] with a value that goes along with the next closure; see [`Rdd::with`].
#[must_use = "the value goes along with the next closure"]
pub struct With<T, K> {
    pub(super) rdd: Rdd<T>,
    pub(super) argument: Argument,
    value: PhantomData<fn() -> K>,
}

impl<T, K> With<T, K> {
    pub(super) fn new(rdd: Rdd<T>, argument: Argument) -> Self {
        Self { rdd, argument, value: PhantomData }
    }
}
