//! A real Mesos cluster runs the same queries, and its parts fail on the way. Every trial has a cluster of its own.
//!
//! ```text
//!  answers.rs    the oracle's queries and the sqllogictest files on three agents
//!  executors.rs  executors are killed at chosen moments; executors that do not start
//!  agents.rs     agents die, are cut off, restart, leave for maintenance
//!  masters.rs    the master restarts; another one leads; it comes late; it is silent for a while
//!  manners.rs    offers: too small, none, constrained; nothing is kept that is not needed
//!  driver.rs     the driver ends, well or not: nothing is left
//!  reduces.rs    an executor is killed in the last stage
//!  caches.rs     cached rows keep their executor
//!  stillborn.rs  a program that does not start is started a few times only
//!  stores.rs     tables in an object store
//!  speculation.rs slow tasks, and where tasks run
//!  neighbours.rs another framework takes everything for a while; two drivers
//!  connection.rs the line to the master is silent or cut for a while
//!  errors.rs     what a user reads of a task that fails
//! ```
//!
//! On a cluster that follows a script (`stand`), with a real executor:
//!
//! ```text
//!  scripts.rs    redirects, silence, broken frames, refusals, the end of the framework
//!  updates.rs    updates of tasks that come twice, late, without uuid, in another order
//! ```

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test, with a main of its own")]

mod agents;
mod answers;
mod caches;
mod connection;
mod driver;
mod errors;
mod executors;
mod fixture;
mod manners;
mod masters;
mod neighbours;
mod proxy;
mod reduces;
#[allow(dead_code, reason = "the shell's tests use all of it")]
#[path = "../../shell/run.rs"]
mod run;
mod scripts;
#[allow(dead_code, reason = "the trial with worker processes is in it too")]
#[path = "../chaos/serving.rs"]
mod serving;
mod speculation;
mod stand;
mod stillborn;
mod stores;
mod updates;

use dpark_tests::story;
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
        reduces::trials(),
        caches::trials(),
        speculation::trials(),
        stillborn::trials(),
        stores::trials(),
        neighbours::trials(),
        connection::trials(),
        errors::trials(),
        scripts::trials(),
        updates::trials(),
    ];
    libtest_mimic::run(&arguments, rooms.into_iter().flatten().collect()).exit();
}
