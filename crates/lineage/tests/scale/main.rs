//! Clusters of different sizes in memory: the job ends, every partition is taken once, and the price of an event does
//! not grow with the number of agents. `examples/large_cluster.rs` prints the figures of 5,000 agents and a million tasks.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod cluster;

use cluster::{Plan, run};

#[test]
fn jobs_end_whatever_is_lost() {
    for seed in 0..20 {
        let outcome = run(Plan { agents: 5, tasks: 4_000, seed });
        assert!(outcome.lost > 0, "the simulation is only worth something if agents die: {outcome:?}");
        assert!(outcome.launches > 4_000 && outcome.committed >= 4_000, "{outcome:?}");
    }
}

#[test]
fn the_price_of_an_event_does_not_grow_with_the_cluster() {
    let price = |agents: u32| {
        let outcome = run(Plan { agents, tasks: 64 * agents, seed: 7 });
        outcome.work as f64 / outcome.events as f64
    };
    let (small, large) = (price(20), price(400));
    assert!(large < small * 1.5, "{small} loop turns an event with 20 agents, {large} with 400");
}
