//! Closures by reference: how a plain Rust closure travels to another process of the same binary.
//!
//! A non-capturing closure has no state, so its monomorphised entry function is all there is. The function travels as
//! its offset from an anchor function in the same binary, beside its type's name as a check. Executors run the very
//! same binary; the registration of an executor compares build ids, and a plan with closures is refused elsewhere.

use datafusion::common::{Result, internal_datafusion_err};
use serde::{Deserialize, Serialize};
use std::mem;

/// A place in the binary that offsets are counted from.
fn anchor() {}

/// A function of this binary, by its place and its type's name.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FunctionRef {
    offset: i64,
    name: String,
}

impl FunctionRef {
    /// The reference to the function at `address`, called `name` in messages.
    ///
    /// `address` must be that of a function item of this binary.
    pub fn new(address: usize, name: &str) -> Self {
        Self { offset: address as i64 - anchor as *const () as usize as i64, name: name.to_owned() }
    }

    /// The function's address in this process.
    pub fn address(&self) -> Result<usize> {
        let address = (anchor as *const () as usize as i64).checked_add(self.offset);
        address
            .and_then(|address| usize::try_from(address).ok())
            .ok_or_else(|| internal_datafusion_err!("the closure {} is not of this binary", self.name))
    }

    /// The closure's type name, for plans and messages.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Gives back the value of a zero-sized closure type.
///
/// # Safety
/// A value of `F` must have existed, as it has when the caller was reached through a reference made from one.
pub unsafe fn conjure<F>() -> F {
    const {
        assert!(
            mem::size_of::<F>() == 0,
            "the closure captures its environment: pass what it needs as a value with `.with(value)`"
        )
    };
    // SAFETY: the type has no bytes, and the caller vouches that it is inhabited.
    unsafe { mem::MaybeUninit::<F>::zeroed().assume_init() }
}
