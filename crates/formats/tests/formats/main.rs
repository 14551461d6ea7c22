//! Every format read in splits of any size must give what the file holds, each record once and in order; damage must
//! be told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod csv;
mod damage;
mod fixed;
mod lines;
mod list;
mod nested;
mod packed;
mod support;
mod tfrecord;
