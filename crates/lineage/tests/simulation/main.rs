//! Whole clusters in memory: random lineages and jobs, executors that die and join, tasks that fail, files that rot,
//! reports that come late or twice. The scheduler runs the show; `world.rs` plays everything around it, and
//! `world/judge.rs` checks every action against its own, plain view of what is right.
//!
//! A run is a lineage plus a list of numbers, each of which decides one step. After the last number nothing bad
//! happens any more, and every job that is still live must then finish. So proptest shrinks a failure to the few
//! stages and steps that matter. `PROPTEST_CASES` sets how many runs.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use dpark_lineage::*;
use proptest::prelude::*;
use world::World;

/// One stage of a random lineage: partitions, placement, and for each earlier stage a number that decides how (and
/// whether) it is referred to.
type RandomStage = (u32, bool, Vec<u8>);

fn lineage(stages: &[RandomStage]) -> Vec<StageSpec> {
    let build = |(at, (partitions, on_driver, edges)): (usize, &RandomStage)| {
        let needs = Resources { cpus: 1000, memory: 100 };
        let mut spec = StageSpec::new(StageId(at as u64), format!("s{at}"), *partitions).needs(needs);
        if edges.first().is_some_and(|edge| edge % 5 == 0) {
            spec = spec.without_speculation();
        }
        for (back, edge) in edges.iter().enumerate().take(at) {
            let parent = StageId((at - 1 - back) as u64);
            spec = match edge % 10 {
                0..=2 => spec.reads(parent, DependencyKind::Shuffle),
                3 | 4 => spec.reads(parent, DependencyKind::Narrow),
                5 => spec.reads(parent, DependencyKind::Broadcast),
                6 => spec.after(parent),
                _ => spec,
            };
        }
        if *on_driver { spec.on_driver() } else { spec }
    };
    stages.iter().enumerate().map(build).collect()
}

fn random_lineage() -> impl Strategy<Value = Vec<StageSpec>> {
    let partitions = prop_oneof![1 => Just(0u32), 20 => 1u32..6, 2 => 6u32..20];
    let stage = (partitions, prop::bool::weighted(0.15), prop::collection::vec(any::<u8>(), 0..4));
    prop::collection::vec(stage, 1..9).prop_map(|stages| lineage(&stages))
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_job_ends_and_every_step_is_right(
        stages in random_lineage(),
        faults in 0u32..3,
        timing in 0u32..4,
        steps in prop::collection::vec(any::<u32>(), 0..400),
    ) {
        let mut world = World::new(stages, faults, timing);
        for step in steps {
            world.step(step);
        }
        world.drain();
    }
}

/// The same with fixed seeds and longer lives, so that every run of the suite covers the same ground too.
#[test]
fn long_lives() {
    let (mut jobs, mut recomputed, mut failed, mut seconds, mut races, mut waited) = (0, 0, 0, 0, 0, 0);
    for seed in 0..60u64 {
        let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
        let mut next = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 16) as u32
        };
        let stage = |next: &mut dyn FnMut() -> u32| {
            (1 + next() % 8, next().is_multiple_of(8), vec![next() as u8, next() as u8, next() as u8])
        };
        let stages: Vec<RandomStage> = (0..4 + next() % 8).map(|_| stage(&mut next)).collect();
        let mut world = World::new(lineage(&stages), (seed % 3) as u32, (seed / 3 % 4) as u32);
        for _ in 0..2_000 {
            world.step(next());
        }
        world.drain();
        jobs += world.ended;
        recomputed += world.recomputed;
        failed += world.failed;
        seconds += world.seconds;
        races += world.races_lost;
        waited += world.waited;
    }
    // The simulation is only worth something if the interesting things happen in it.
    assert!(jobs > 1_000 && recomputed > 500 && failed > 50, "{jobs} jobs, {failed} failed, {recomputed} recomputed");
    assert!(seconds > 100 && races > 50 && waited > 100, "{seconds} second attempts, {races} killed, {waited} waits");
    println!("{jobs} jobs, {failed} failed, {recomputed} partitions recomputed");
    println!("{seconds} second attempts, {races} of two attempts killed, {waited} events with somebody waiting");
}
