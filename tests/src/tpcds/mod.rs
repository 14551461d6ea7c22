//! The 99 TPC-DS queries on tiny data: every answer through a master is plain DataFusion's.
//!
//! ```text
//!  data.rs     the 24 tables as Parquet, several files for the large ones, made once per target folder
//!  queries.rs  the query texts, which `tests/tpcds/queries.py` fetches
//!  trials.rs   ten queries × master × partitions per trial
//! ```

#![allow(clippy::print_stdout, reason = "test code: the counts are meant to be read")]

pub mod data;
pub mod queries;
pub mod trials;
