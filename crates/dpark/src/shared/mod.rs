//! Values that closures share: what is given along.

pub(crate) mod argument;
