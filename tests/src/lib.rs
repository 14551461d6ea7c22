//! What the tests that cross crates share.

pub mod bucket;
pub mod oracle;
pub mod story;
pub mod suite;
pub mod tpcds;
