//! DataFusion's own sqllogictest suite, run through plain DataFusion and through a master, record by record.
//!
//! ```text
//!  corpus.rs   where the suite lies (cargo knows), its files, their groups and records
//!  mirror.rs   a `dpark::Context` with everything the suite registers in its own session
//!  ranges.rs   the range-partitioned tables of one file, which the suite would write into its own source folder
//!  engine.rs   one session as the database that `sqllogictest` drives; keeps the last answer before it is hashed
//!  order.rs    which output columns an answer is ordered by
//!  pass.rs     one file through one engine: a list of steps
//!  compare.rs  when two outcomes are the same
//!  verdict.rs  the two passes of a file side by side: equal, differing, or left out and why
//!  known.rs    the reviewed table of records that may differ
//!  report.rs   counts per trial and in total
//! ```
//!
//! Plain DataFusion runs once per file with the suite's own settings and is held to the suite's recorded answers; a
//! record whose recorded answer plain DataFusion does not give here (mostly: a data file that the crate lacks) proves
//! nothing and is left out. The master under test runs with small batches.
//!
//! The counts of the whole suite are the same under `local[2]` and `process[2]`; a run writes its own to
//! `datafusion_suite.txt` in cargo's directory for temporary files of tests:
//!
//! | records | |
//! |---:|---|
//! | 24,872 | in all |
//! | 22,132 | run |
//! | 22,132 | equal |
//! | 0 | differing |
//! | 1,777 | left out: they print a plan |
//! | 935 | left out: they need a data file that the crate lacks |
//! | 10 | left out: they print settings |
//! | 8 | left out: for another engine |
//! | 5 | left out: plain DataFusion does not give the recorded answer here |
//! | 5 | left out: the known exceptions of `known.rs` |

#![allow(clippy::print_stdout, reason = "test code: the counts are meant to be read")]

pub mod compare;
pub mod corpus;
pub mod engine;
pub mod known;
pub mod mirror;
pub mod order;
pub mod pass;
pub mod ranges;
pub mod report;
pub mod verdict;

/// Any error of the harness itself.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// Result of the harness itself.
pub type Result<T, E = Error> = std::result::Result<T, E>;
