//! A real Mesos cluster runs the same queries, and its parts fail on the way. Every trial has a cluster of its own.
//!
//! ```text
//!  answers.rs    the oracle's queries and the sqllogictest files on three agents
//!  executors.rs  executors are killed at chosen moments; executors that do not start
//!  agents.rs     agents die, are cut off, restart, leave for maintenance
//!  masters.rs    the master restarts; another one leads; it comes late; it is silent for a while
//!  manners.rs    offers: too small, none, constrained; nothing is kept that is not needed
//!  driver.rs     the driver ends, well or not: nothing is left
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test, with a main of its own")]

mod agents;
mod answers;
mod driver;
mod executors;
mod fixture;
mod manners;
mod masters;

use libtest_mimic::Arguments;

fn main() {
    dpark::init();
    driver::run_if_child();
    let arguments = Arguments::from_args();
    // Paths in SQL start at the root of the repository.
    std::env::set_current_dir(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..")).unwrap();
    let rooms = [
        answers::trials(),
        executors::trials(),
        agents::trials(),
        masters::trials(),
        manners::trials(),
        driver::trials(),
    ];
    libtest_mimic::run(&arguments, rooms.into_iter().flatten().collect()).exit();
}
