//! Prints how many events a second the scheduler handles for clusters of up to 5,000 agents with 32 slots and jobs of up
//! to a million tasks: `cargo run --release -p dpark-lineage --example large_cluster`.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

#[path = "../tests/scale/cluster.rs"]
mod cluster;

use cluster::{Plan, run};

fn main() {
    println!("agents    tasks  launches  lost agents     events  events/s  µs/event  turns/event");
    for (agents, tasks) in [(100, 20_000), (100, 1_000_000), (1_000, 1_000_000), (5_000, 1_000_000)] {
        let outcome = run(Plan { agents, tasks, seed: 1 });
        let (events, seconds) = (outcome.events as f64, outcome.elapsed.as_secs_f64());
        println!(
            "{agents:>6} {tasks:>8} {:>9} {:>12} {:>10} {:>9.0} {:>9.2} {:>12.2}",
            outcome.launches,
            outcome.lost,
            outcome.events,
            events / seconds,
            seconds / events * 1e6,
            outcome.work as f64 / events
        );
    }
}
