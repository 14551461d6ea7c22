//! Things break while a query runs, and the answer stays right: workers die, outputs are damaged, input files are
//! corrupt, tasks abort their process.
//!
//! ```text
//!  kill.rs     a worker is killed at chosen moments of a query
//!  serving.rs  a worker is killed while it sends an output to another one
//!  abort.rs    a task takes its whole process with it, once or always
//!  damage.rs   outputs on disk are cut, flipped and deleted before they are read
//!  parquet.rs  a table has a corrupt file: its query fails, by the file's name, and nothing else does
//! ```
//!
//! Contexts for trials, what happened in them, and gates that hold tasks at a chosen place are in
//! [`dpark_tests::story`].
//!
//! Nothing is left to timing: a trial holds tasks at gates, waits until they or the engine's events tell that they are
//! there, and asserts that what it wanted to happen did happen.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test, with a main of its own")]

mod abort;
mod damage;
mod kill;
mod parquet;
mod serving;

use dpark_tests::story;
use libtest_mimic::Arguments;

fn main() {
    dpark::init();
    let args = Arguments::from_args();
    let rooms = [kill::trials(), serving::trials(), abort::trials(), damage::trials(), parquet::trials()];
    libtest_mimic::run(&args, rooms.into_iter().flatten().collect()).exit();
}
