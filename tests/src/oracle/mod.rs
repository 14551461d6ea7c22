//! The oracle: every query runs uncut in one process, by plain DataFusion, and through the lineage of a
//! [`dpark::Context`]; the answers must be the same.
//!
//! ```text
//!  once.rs      directories of test data, made once and atomically
//!  tpch.rs      TPC-H as Parquet, in several files and row groups
//!  column.rs    small deterministic columns with NULLs, duplicates and skew
//!  tables.rs    the tables of the query corpus, with empty files among theirs
//!  queries.rs   the files of the corpus: named queries and how each is compared
//!  generated.rs joins and subquery predicates over every pair of tables
//!  modes.rs     the matrix: masters × partitions × (in memory | spilled | kinds of joins | small batches)
//!  plain.rs     the oracle itself
//!  cell.rs      one value, ready to be compared
//!  rows.rs      answers as multisets, and in the order of their keys
//!  recorded.rs  answers recorded from another engine
//!  spilled.rs   whether the small memory of a mode made anything spill
//!  trial.rs     a group of queries under one mode: every failure by its name
//! ```

#![allow(clippy::print_stderr, reason = "test code: what runs is meant to be read when a process dies of it")]

pub mod cell;
pub mod column;
pub mod generated;
pub mod modes;
pub mod once;
pub mod plain;
pub mod queries;
pub mod recorded;
pub mod rows;
pub mod spilled;
pub mod tables;
pub mod tpch;
pub mod trial;

/// Any error of a test.
pub type Error = Box<dyn std::error::Error + Send + Sync>;
/// Result of a test.
pub type Result<T, E = Error> = std::result::Result<T, E>;
