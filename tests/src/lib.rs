//! What the tests that cross crates share.

pub mod suite;
pub mod tpcds;
