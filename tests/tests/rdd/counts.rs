//! What is counted while rows are computed: once an action, and by closure.

use super::fixture::{Done, Trials, equal};
use super::keyed::plus;
use dpark::Context;
use dpark::prelude::{Rdd, Total};
use std::collections::BTreeSet;

pub(crate) fn add(trials: &mut Trials) {
    trials.add("counts::jobs_beside_an_action", jobs_beside_an_action);
    trials.add("counts::bad_records_by_closure", bad_records_by_closure);
    trials.add_with("counts::a_budget_for_all", &[("task.error_budget", "0.1")], a_budget_for_all);
    trials.add("counts::values_that_fail", values_that_fail);
    trials.add("counts::a_job_is_judged_by_its_own_rows", a_job_is_judged_by_its_own_rows);
    trials.add("counts::parts_that_are_none", parts_that_are_none);
    trials.add("counts::scores_that_are_floats", scores_that_are_floats);
    trials.add("counts::keys_with_a_value", keys_with_a_value);
}

/// Some operations look at the rows before they are planned. That does not count.
async fn jobs_beside_an_action(ctx: Context) -> Done {
    let met = ctx.accumulator(0u64);
    let rows: Rdd<i64> = ctx.range(0..600, 4).with(&met).map(|met, n| {
        met.add(1);
        n % 7
    });
    let mut expected = 0;
    let mut once = |what: &str| -> Done {
        expected += 600;
        let met = met.value()?;
        if met == expected {
            Ok(())
        } else {
            Err(format!("{what}: {met} rows were counted instead of {expected}").into())
        }
    };
    for partitions in [1, 5] {
        assert_eq!(rows.with_partitions(partitions).sort_by(|n| n).await?.count().await?, 600);
        once("sort_by")?;
    }
    assert_eq!(rows.enumerate().await?.count().await?, 600);
    once("enumerate")?;
    assert_eq!(rows.map(|n| n as f64).histogram(3).await?.counts.iter().sum::<u64>(), 600);
    once("histogram")?;
    let keyed = rows.map(|n| (n, 1i64));
    let skewed = keyed.skew(1.0).await?;
    assert_eq!(skewed.join(&ctx.parallelize([(3i64, 1i64)], 1)).count().await?, 86);
    assert!(met.value()? >= expected, "the sides of a join are computed");
    // What is kept is computed by whoever comes first.
    let again = ctx.accumulator(0u64);
    let kept = ctx.range(0..100, 4).with(&again).map(|again, n| {
        again.add(1);
        n
    });
    let kept = kept.cache();
    let sorted = kept.sort_by(|n| -n).await?;
    assert_eq!(sorted.collect().await?, (0..100).rev().collect::<Vec<_>>());
    assert_eq!((kept.count().await?, again.value()?), (100, 100));
    Ok(())
}

/// A closure that fails for too many is found beside one that has many more rows and never fails.
async fn bad_records_by_closure(ctx: Context) -> Done {
    let texts = ctx.parallelize((0..1000).map(|n| if n % 50 == 0 { "bad".to_owned() } else { n.to_string() }), 3);
    let numbers = texts.error_budget(0.01).try_map(str::parse::<i64>);
    let many = numbers.flat_map(|n, out| (0..50).for_each(|i| out.push(n + i))).filter(|n| n >= 0).filter(|n| n < 2000);
    let error = many.count().await.unwrap_err().to_string();
    assert!(error.contains("20 of 1000 rows") && error.contains("counts.rs:"), "{error}");
    let names: BTreeSet<String> = many.bad_records()?.closures.into_keys().collect();
    assert_eq!(names.len(), 4, "{names:?}");
    Ok(())
}

async fn a_budget_for_all(ctx: Context) -> Done {
    let texts = ctx.parallelize((0..100).map(|n| if n % 20 == 0 { "bad".to_owned() } else { n.to_string() }), 3);
    let numbers = texts.try_map(str::parse::<i64>);
    assert_eq!(numbers.count().await?, 95);
    assert_eq!(numbers.bad_records()?.bad(), 5);
    assert_eq!(texts.filter(|text| text.parse::<i64>().unwrap() >= 0).count().await?, 95);
    let many = texts.filter(|text| text.parse::<i64>().is_ok_and(|n| n % 4 != 0 || panic!("every fourth")));
    assert!(many.count().await.unwrap_err().to_string().contains("too many bad records"));
    Ok(())
}

/// Neither other jobs' bad rows nor their good ones count.
async fn a_job_is_judged_by_its_own_rows(ctx: Context) -> Done {
    let texts = ctx.parallelize((0..1000).map(|n| if n % 50 == 0 { "bad".to_owned() } else { n.to_string() }), 3);
    let within = texts.error_budget(0.01);
    let failing = within.try_map(str::parse::<i64>);
    let clean = within.map(|text| text.len() as i64);
    for _ in 0..3 {
        assert_eq!(clean.count().await?, 1000);
    }
    for _ in 0..2 {
        let error = failing.count().await.unwrap_err().to_string();
        assert!(error.contains("20 of 1000 rows"), "{error}");
        assert_eq!(clean.count().await?, 1000);
    }
    assert_eq!(failing.bad_records()?.bad(), 40);
    // The keys of a sort are made by a closure of this file.
    let sorted = within.sort_by(|text| text.parse::<i64>().unwrap()).await?;
    let error = sorted.count().await.unwrap_err().to_string();
    assert!(error.contains("20 of 1000 rows") && error.contains("counts.rs:"), "{error}");
    let sorted = texts.error_budget(0.02).sort_by_descending(|text| text.parse::<i64>().unwrap()).await?;
    let rows = sorted.collect().await?;
    equal(&[rows.len().to_string(), rows[0].clone(), rows[979].clone()], &["980", "999", "1"].map(String::from))
}

async fn values_that_fail(ctx: Context) -> Done {
    let pairs =
        ctx.parallelize((0..100i64).map(|n| (n % 3, if n == 50 { "bad".to_owned() } else { n.to_string() })), 3);
    let twice = pairs.error_budget(0.02).flat_map_values(|text, out| {
        let n: i64 = text.parse().unwrap();
        out.push(n);
        out.push(n);
    });
    let found = twice.collect().await?;
    assert_eq!(found.len(), 198);
    assert!(found.iter().all(|(key, n)| key == &(n % 3)));
    assert_eq!(twice.bad_records()?.bad(), 1);
    let strict = pairs.error_budget(0.001).flat_map_values(|text, out| out.push(text.parse::<i64>().unwrap()));
    assert!(strict.count().await.unwrap_err().to_string().contains("1 of 100 rows"));
    Ok(())
}

async fn parts_that_are_none(ctx: Context) -> Done {
    let rows = ctx.range(0..10, 2);
    for (wrong, named) in [
        (rows.error_budget(5.0).map(|n| n), "error_budget(5)"),
        (rows.error_budget(f64::NAN), "error_budget(NaN)"),
        (rows.sample(10.0, 1), "sample(10)"),
        (rows.sample(-0.1, 1), "sample(-0.1)"),
        (rows.sample_with_replacement(f64::INFINITY, 1), "sample_with_replacement(inf)"),
    ] {
        let error = wrong.count().await.unwrap_err().to_string();
        assert!(error.contains(named) && error.contains("expected"), "{error}");
    }
    assert_eq!(rows.sample(1.0, 1).count().await?, 10);
    assert_eq!(rows.sample_with_replacement(0.0, 1).count().await?, 0);
    Ok(())
}

async fn scores_that_are_floats(ctx: Context) -> Done {
    let scores = ctx.parallelize([1.5, f64::NEG_INFINITY, 7.25, -0.0, 0.0, 3.0], 3);
    equal(&scores.top_by(2, Total).await?, &[7.25, 3.0])?;
    let lowest = scores.take_ordered_by(3, Total).await?;
    equal(&lowest.into_iter().map(f64::to_bits).collect::<Vec<_>>(), &[f64::NEG_INFINITY, -0.0, 0.0].map(f64::to_bits))
}

async fn keys_with_a_value(ctx: Context) -> Done {
    let by = 3i64;
    let sums = ctx.range(0..10, 3).with(&by).key_by(|by, n| n % by).reduce_by_key(plus);
    let mut sums = sums.collect().await?;
    sums.sort_unstable();
    equal(&sums, &[(0, 18), (1, 12), (2, 15)])?;
    let pairs = ctx.parallelize([(1i64, 2i64), (2, 0), (3, 1)], 2);
    let repeated = pairs.with(&by).flat_map_values(|by, times, out| (0..times).for_each(|n| out.push(n * by)));
    equal(&repeated.collect().await?, &[(1, 0), (1, 3), (3, 0)])
}
