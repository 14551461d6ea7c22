//! Each partition sorted by itself, in bounded memory.
//!
//! ```text
//!  batches ─► Keys: bytes that compare as the sort keys do ─► Run: rows in memory ─► their order ─► batches
//!                                                              │
//!                                                  no memory:  ▼
//!                                                            files, each in order ─► merge ─► batches
//! ```
//!
//! DataFusion's sort orders each batch by itself and merges them; while it merges what it has spilled, it takes what memory it
//! can get, and a sort that begins beside it fails for want of any. Here a whole run is sorted at once, by numbers made of the
//! first bytes of its keys, and a sort never has more than its share.

mod exec;
mod gather;
mod keys;
mod merge;
mod run;
mod sorter;

pub use exec::SortRunsExec;
