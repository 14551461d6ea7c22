//! A real Mesos cluster as a fixture of tests: masters, agents and, when asked for, ZooKeeper, each its own process on
//! loopback addresses, to be killed, stopped and started again.
//!
//! ```no_run
//! use dpark_test_cluster::{Cluster, Options};
//!
//! # fn main() -> Result<(), dpark_test_cluster::Error> {
//! let cluster = Cluster::start(Options { agents: 2, ..Options::default() })?;
//! let url = cluster.masters(); // mesos://127.0.0.1:…
//! // … run something there, and meanwhile:
//! cluster.kill_agent_node(1)?;
//! cluster.close()
//! # }
//! ```
//!
//! The work is done by `tests/mesos-testbed`: a process of it holds the cluster and takes commands over a pipe. When the
//! pipe closes, because the [`Cluster`] was dropped or the test's process died in whatever way, it takes the cluster
//! down and removes its directory. All calls block; none needs an async runtime.

mod cluster;
mod error;
mod holder;
mod http;
mod options;
mod processes;
mod wait;

pub use cluster::{Cluster, Executor};
pub use error::Error;
pub use options::{Options, Signal};
pub use processes::processes_of;
pub use wait::wait_until;
