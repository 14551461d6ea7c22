//! Random batches, buckets, budgets and tiers: the rows are always the same, and the budget is never overdrawn or kept.

use crate::data::*;
use dpark_shuffle::*;
use proptest::prelude::*;
use std::sync::Arc;

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    #[test]
    fn any_budget_gives_the_same_rows(
        sizes in prop::collection::vec(1usize..250, 1..10),
        buckets in 1usize..20,
        whole in any::<bool>(),
        memory in any::<bool>(),
        budget in prop_oneof![Just(0usize), 1usize..2_000_000],
        buffer_bytes in prop_oneof![Just(1usize), Just(100_000), Just(32 << 20)],
        spill_bytes in prop_oneof![Just(1usize), Just(300_000), Just(256 << 20)],
        batch_rows in 1usize..600,
        seed in any::<u32>(),
    ) {
        let dir = tempfile::tempdir().unwrap();
        let fixed = Arc::new(FixedBudget::new(budget));
        let store = BlockStore::open(StoreConfig {
            budget: fixed.clone(), buffer_bytes, spill_bytes, batch_rows, ..config(&dir, memory)
        }).unwrap();
        let all = mixed(sizes.iter().sum());
        let mut first = 0;
        let batches: Vec<_> = sizes.iter().map(|&n| { first += n; all.slice(first - n, n) }).collect();
        let place = |row: usize| (row as u32).wrapping_mul(2_654_435_761).wrapping_add(seed) as usize % buckets;
        // Several maps, so that finished outputs can be evicted by later writers.
        for map in 0..3 {
            if whole {
                let mut writer = store.writer(task(map), all.schema(), buckets);
                for (i, batch) in batches.iter().enumerate() {
                    writer.push(i % buckets, batch.clone()).unwrap();
                }
                writer.finish().unwrap();
            } else {
                scatter(&store, task(map), &batches, buckets, place);
            }
        }
        let batch_of: Vec<usize> = sizes.iter().enumerate().flat_map(|(i, &n)| vec![i; n]).collect();
        for map in 0..3 {
            let output = store.output(STAGE, map, 0).unwrap();
            for bucket in 0..buckets {
                let want = expected(&batches, |row| if whole { batch_of[row] % buckets == bucket } else { place(row) == bucket });
                let got = local(&store, map, bucket as u32).unwrap();
                prop_assert_eq!(output.buckets[bucket].rows, want.num_rows() as u64);
                prop_assert_eq!(one(&all.schema(), &got), want);
            }
        }
        prop_assert!(fixed.used() <= budget);
        if !memory {
            prop_assert_eq!(fixed.used(), 0);
        }
        store.clear();
        prop_assert_eq!(fixed.used(), 0);
    }
}

#[test]
fn a_tight_budget_evicts_old_outputs_first_and_then_spills() {
    let dir = tempfile::tempdir().unwrap();
    let budget = Arc::new(FixedBudget::new(300_000));
    let store = BlockStore::open(StoreConfig { budget: budget.clone(), ..config(&dir, true) }).unwrap();
    for map in 0..6 {
        scatter(&store, task(map), &[ints(0..8000)], 4, |row| row % 4);
    }
    let counters = store.counters().snapshot();
    assert!(counters.evicted_bytes > 0, "{counters:?}");
    assert_eq!(counters.spilled_bytes, 0, "{counters:?}");
    // One output larger than the whole budget.
    let batches: Vec<_> = (0..10).map(|i| ints(i * 8000..(i + 1) * 8000)).collect();
    let output = scatter(&store, task(9), &batches, 4, |row| row % 4);
    assert!(output.spilled_bytes > 0);
    assert_eq!(store.counters().snapshot().spilled_bytes, output.spilled_bytes);
    for map in 0..6 {
        assert_eq!(
            one(&ints(0..1).schema(), &local(&store, map, 1).unwrap()),
            expected(&[ints(0..8000)], |r| r % 4 == 1)
        );
    }
    assert_eq!(one(&ints(0..1).schema(), &local(&store, 9, 1).unwrap()), expected(&batches, |r| r % 4 == 1));
}
