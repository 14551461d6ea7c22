//! Every stage of TPC-H and TPC-DS survives the way to another process: by display and by result.
//!
//! ```text
//!  stages.rs   the stages of a query, planned as a context plans them
//!  display.rs  each stage encoded and decoded: its text, its properties and its bytes, with runtime filters open and set
//!  result.rs   TPC-H in worker processes: the rows of the oracle, and no task in the driver
//! ```
//! TPC-DS by result is the test `tpcds`, which in worker processes also asserts that no task ran in the driver.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test, with a main of its own")]
#![allow(clippy::print_stdout, reason = "test code: the counts are meant to be read")]

mod display;
mod result;
mod stages;

use libtest_mimic::Arguments;

fn main() {
    dpark::init();
    let args = Arguments::from_args();
    let rooms = [display::trials(), result::trials()];
    libtest_mimic::run(&args, rooms.into_iter().flatten().collect()).exit();
}
