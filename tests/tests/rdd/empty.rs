//! Nothing: rows in no partition, no partitions at all, and none asked for.

use super::fixture::{Done, Pair, Trials, equal, pairs, ragged, same, says, told};
use super::keyed::plus;
use dpark::Context;
use dpark::prelude::Rdd;
use dpark::rdd::Histogram;

pub(crate) fn add(trials: &mut Trials) {
    trials.wide("empty::every_action", every_action);
    trials.wide("empty::every_operation", every_operation);
    trials.add("empty::no_partitions", no_partitions);
    trials.add("empty::a_partition_count_of_0", a_partition_count_of_0);
    trials.add("empty::reduce", reduce);
    trials.add("empty::statistics", statistics);
}

async fn every_action(ctx: Context) -> Done {
    let none: Rdd<Pair> = ctx.parallelize(vec![], 3);
    assert_eq!(none.collect().await?, []);
    assert_eq!(none.count().await?, 0);
    assert_eq!(none.partition_counts().await?, [0, 0, 0]);
    assert_eq!(none.take(3).await?, []);
    assert_eq!(none.first().await?, None);
    assert_eq!(none.top(3).await?, []);
    assert_eq!(none.take_ordered(3).await?, []);
    assert_eq!(none.top_by(3, |(_, value)| value).await?, []);
    assert_eq!(none.take_ordered_by(3, |(_, value)| value).await?, []);
    assert_eq!(none.take_sample(3, 1).await?, []);
    assert_eq!(none.values().reduce(plus).await?, None);
    assert_eq!(none.values().tree_reduce(2, plus).await?, None);
    assert_eq!(none.values().fold(7, plus).await?, 7);
    assert_eq!(none.keys().hot(3).await?, []);
    assert!(none.count_by_key().await?.is_empty() && none.keys().count_by_value().await?.is_empty());
    assert!(none.collect_as_map().await?.is_empty() && none.reduce_by_key_locally(plus).await?.is_empty());
    assert_eq!(none.lookup(&None).await?, Vec::<i64>::new());
    none.for_each(|_| panic!("no row is there")).await?;
    none.for_each_partition(|_, rows| assert!(rows.next().is_none())).await?;
    Ok(())
}

async fn every_operation(ctx: Context) -> Done {
    let none: Rdd<Pair> = ctx.parallelize(vec![], 3);
    assert_eq!(none.reduce_by_key(plus).count().await?, 0);
    assert_eq!(none.fold_by_key(&1, plus).count().await?, 0);
    assert_eq!(none.aggregate_by_key(&1, plus, plus).count().await?, 0);
    assert_eq!(none.top_by_key(2, |value| value).count().await?, 0);
    assert_eq!(none.group_by_key().count().await?, 0);
    assert_eq!(none.map_groups(|_, _, out| out.push(1i64)).count().await?, 0);
    assert_eq!(none.join(&none).count().await?, 0);
    assert_eq!(none.full_join(&none).count().await?, 0);
    assert_eq!(none.distinct().count().await?, 0);
    assert_eq!(none.intersection(&none).count().await?, 0);
    assert_eq!(none.subtract(&none).count().await?, 0);
    assert_eq!(none.sort_by(|(_, value)| value).await?.count().await?, 0);
    assert_eq!(none.repartition(5).partition_counts().await?, [0; 5]);
    assert_eq!(none.coalesce(2).partition_counts().await?, [0, 0]);
    assert_eq!(none.zip(&none).count().await?, 0);
    assert_eq!(none.cartesian(&none).partition_counts().await?, [0; 9]);
    assert_eq!(none.enumerate().await?.count().await?, 0);
    assert_eq!(none.sample(0.5, 1).count().await?, 0);
    assert_eq!(none.glom().collect().await?, [vec![], vec![], vec![]]);
    assert_eq!(none.union(&none).partition_count().await?, 6);
    Ok(())
}

async fn no_partitions(ctx: Context) -> Done {
    let none: Rdd<Pair> = ctx.parallelize(vec![(None, 1)], 3).slice(7..9);
    assert_eq!(none.partition_count().await?, 0);
    assert_eq!(none.collect().await?, []);
    assert_eq!(none.count().await?, 0);
    assert_eq!(none.first().await?, None);
    assert_eq!(none.values().fold(7, plus).await?, 7);
    assert_eq!(none.reduce_by_key(plus).count().await?, 0);
    assert_eq!(none.repartition(2).partition_counts().await?, [0, 0]);
    assert_eq!(none.sort_by(|(_, value)| value).await?.collect().await?, []);
    assert_eq!(none.with_partitions(1).sort_by_descending(|(_, value)| value).await?.collect().await?, []);
    assert_eq!(none.repartition_and_sort(2, |_| 1).partition_counts().await?, [0, 0]);
    assert_eq!(none.coalesce(2).collect().await?, []);
    assert_eq!(none.join(&none).count().await?, 0);
    assert_eq!(none.zip(&none).count().await?, 0);
    // With others that have one.
    let one: Rdd<Pair> = ctx.parallelize(vec![(None, 1)], 1);
    assert_eq!(none.union(&one).collect().await?, [(None, 1)]);
    assert_eq!(none.join(&one).count().await?, 0);
    assert_eq!(one.left_join(&none).collect().await?, [(None, (1, None))]);
    assert_eq!(none.right_join(&one).collect().await?, [(None, (None, 1))]);
    assert_eq!(one.subtract_by_key(&none).collect().await?, [(None, 1)]);
    says(&told(none.zip(&one).collect().await), &["data sets of 0 and of 1 partitions cannot be zipped"])
}

/// Is taken for 1, wherever it is given.
async fn a_partition_count_of_0(ctx: Context) -> Done {
    let rows = pairs(70, 100);
    equal(&ctx.parallelize(rows.clone(), 0).glom().collect().await?, std::slice::from_ref(&rows))?;
    equal(&ctx.range(0..10, 0).glom().collect().await?, &[(0..10).collect()])?;
    let data = ragged(&ctx, &rows);
    for moved in [
        data.repartition(0),
        data.coalesce(0),
        data.partition_by(0, |(_, value)| value.unsigned_abs() as usize),
        data.repartition_and_sort(0, |key| key.map_or(0, str::len)),
        data.with_partitions(0).partition_by_key(),
        data.with_partitions(0).sort_by(|(_, value)| value).await?,
    ] {
        assert_eq!(moved.partition_count().await?, 1);
        assert_eq!(moved.partition_counts().await?, [100]);
        same(moved.collect().await?, rows.clone())?;
    }
    let sums = data.with_partitions(0).reduce_by_key(plus);
    assert_eq!(sums.join(&sums).partition_counts().await?.len(), 1);
    let none: Rdd<Pair> = ctx.parallelize(vec![], 0);
    assert_eq!(none.partition_counts().await?, [0]);
    assert_eq!(none.repartition(0).partition_counts().await?, [0]);
    Ok(())
}

/// No partition, empty partitions, and some with rows among them.
async fn reduce(ctx: Context) -> Done {
    let numbers = ctx.parallelize(vec![1i64, 2], 5);
    assert_eq!(numbers.reduce(plus).await?, Some(3));
    assert_eq!(numbers.filter(|_| false).reduce(plus).await?, None);
    assert_eq!(numbers.slice(9..10).reduce(plus).await?, None);
    Ok(())
}

async fn statistics(ctx: Context) -> Done {
    let none = ctx.parallelize(Vec::<i64>::new(), 3);
    let stats = none.stats().await?;
    assert_eq!((stats.count, stats.sum, stats.min, stats.max), (0, 0.0, f64::INFINITY, f64::NEG_INFINITY));
    assert!(stats.mean().is_nan() && stats.variance().is_nan() && none.mean().await?.is_nan());
    assert_eq!(none.sum().await?, 0.0);
    assert_eq!(none.histogram(3).await?, Histogram { edges: vec![], counts: vec![] });
    assert_eq!(none.histogram_of(vec![0.0, 1.0, 2.0]).await?.counts, [0, 0]);
    assert_eq!(none.percentiles(&[50.0]).await?, None);
    assert_eq!(none.key_by(|n| n).percentiles_by_key(&[50.0]).count().await?, 0);
    assert_eq!(none.approx_distinct().await?, 0);
    assert_eq!(none.key_by(|n| n).approx_distinct_by_key().count().await?, 0);
    says(&told(none.percentiles(&[-1.0]).await), &["-1 is no percentage"])
}
