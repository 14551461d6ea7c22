//! By key, one data set.

use super::fixture::{Done, Trials, equal, grouped, in_order, pairs, ragged, same, sorted};
use dpark::Context;
use dpark::prelude::Rdd;
use std::collections::{HashMap, HashSet};

pub(crate) fn add(trials: &mut Trials) {
    trials.wide("keyed::reduce_by_key", reduce_by_key);
    trials.wide("keyed::combine_by_key", combine_by_key);
    trials.wide("keyed::fold_by_key", fold_by_key);
    trials.wide("keyed::aggregate_by_key", aggregate_by_key);
    trials.add("keyed::zero_of_aggregate_by_key", zero_of_aggregate_by_key);
    trials.wide("keyed::top_by_key", top_by_key);
    trials.wide("keyed::group_by_key", group_by_key);
    trials.wide("keyed::group_by", group_by);
    trials.wide("keyed::map_groups", map_groups);
    trials.wide("keyed::partition_by_key", partition_by_key);
    trials.wide("keyed::values_of_all_kinds", values_of_all_kinds);
    trials.wide("keyed::hot_key", hot_key);
    trials.wide("keyed::every_row_its_own_key", every_row_its_own_key);
    trials.add("keyed::word_count", word_count);
}

/// As a function it is one closure for all trials, and compiled once.
pub(crate) fn plus(a: i64, b: i64) -> i64 {
    a + b
}

async fn reduce_by_key(ctx: Context) -> Done {
    let rows = pairs(20, 3000);
    let sums = ragged(&ctx, &rows).reduce_by_key(plus);
    same(sums.collect().await?, grouped(&rows).into_iter().map(|(key, values)| (key, values.iter().sum())))
}

async fn combine_by_key(ctx: Context) -> Done {
    let rows = pairs(21, 3000);
    let combined = ragged(&ctx, &rows).combine_by_key(
        |value| (value, 1u64),
        |(sum, count), value| (sum + value, count + 1),
        |a, b| (a.0 + b.0, a.1 + b.1),
    );
    let expected = grouped(&rows).into_iter().map(|(key, values)| (key, (values.iter().sum(), values.len() as u64)));
    same(combined.collect().await?, expected)
}

/// Zero is used once a key, however many partitions have it.
async fn fold_by_key(ctx: Context) -> Done {
    let rows = pairs(22, 3000);
    let folded = ragged(&ctx, &rows).fold_by_key(&1000, plus);
    let expected = grouped(&rows).into_iter().map(|(key, values)| (key, 1000 + values.iter().sum::<i64>()));
    same(folded.collect().await?, expected)
}

async fn aggregate_by_key(ctx: Context) -> Done {
    let rows = pairs(23, 3000);
    let largest = ragged(&ctx, &rows).aggregate_by_key(&i64::MIN, i64::max, i64::max);
    let expected = grouped(&rows).into_iter().map(|(key, values)| (key, values.into_iter().max().unwrap()));
    same(largest.collect().await?, expected)
}

/// Zero is used once for each key and partition that has it.
async fn zero_of_aggregate_by_key(ctx: Context) -> Done {
    let ones = ctx.parallelize(vec![(7i64, 1i64); 8], 4);
    assert_eq!(ones.aggregate_by_key(&10, plus, plus).collect().await?, [(7, 8 + 4 * 10)]);
    Ok(())
}

async fn top_by_key(ctx: Context) -> Done {
    let rows = pairs(24, 3000);
    let data = ragged(&ctx, &rows);
    for n in [0, 1, 5, 5000] {
        let expected = grouped(&rows).into_iter().map(|(key, values)| {
            let best = sorted(values).into_iter().rev().take(n).collect::<Vec<_>>();
            (key, best)
        });
        same(data.top_by_key(n, |value| value).collect().await?, expected)?;
    }
    Ok(())
}

async fn group_by_key(ctx: Context) -> Done {
    let rows = pairs(25, 3000);
    let groups = ragged(&ctx, &rows).group_by_key();
    same(in_order(groups.collect().await?), in_order(grouped(&rows)))
}

async fn group_by(ctx: Context) -> Done {
    let rows = pairs(26, 2000);
    let groups = ragged(&ctx, &rows).group_by(|(_, value)| value.rem_euclid(5));
    let keyed: Vec<_> = rows.into_iter().map(|row| (row.1.rem_euclid(5), row)).collect();
    same(in_order(groups.collect().await?), in_order(grouped(&keyed)))
}

async fn map_groups(ctx: Context) -> Done {
    let rows = pairs(27, 3000);
    let data = ragged(&ctx, &rows);
    let sums = data.map_groups(|key, values, out| {
        let sum: i64 = values.sum();
        out.push((key.clone(), sum));
    });
    let expected = grouped(&rows).into_iter().map(|(key, values)| (key, values.iter().sum()));
    same(sums.collect().await?, expected)?;
    // A closure that does not take all values, and gives several rows or none.
    let some = data.map_groups(|key, values, out| {
        let first = values.by_ref().take(2).count() as i64;
        (1..first).for_each(|n| out.push((key.clone(), n)));
    });
    let expected = grouped(&rows).into_iter().filter(|(_, values)| values.len() > 1).map(|(key, _)| (key, 1));
    same(some.collect().await?, expected)?;
    // A key of several columns.
    let data = data.key_by(|(key, value)| (key.map(str::to_owned), value)).map_values(|(_, value)| value);
    let sums = data.map_groups(|key, values, out| out.push((key.1, values.count() as i64)));
    let mut counts: HashMap<_, i64> = HashMap::new();
    rows.into_iter().for_each(|row| *counts.entry(row).or_default() += 1);
    same(sums.collect().await?, counts.into_iter().map(|((_, value), count)| (value, count)))
}

async fn partition_by_key(ctx: Context) -> Done {
    let rows = pairs(28, 3000);
    let by_key = ragged(&ctx, &rows).partition_by_key();
    let mut places: HashMap<_, HashSet<u64>> = HashMap::new();
    for (partition, (key, _)) in by_key.enumerate_partitions().collect().await? {
        places.entry(key).or_default().insert(partition);
    }
    assert_eq!(places.len(), grouped(&rows).len());
    assert!(places.values().all(|places| places.len() == 1), "each key is in one partition");
    same(by_key.collect().await?, rows)
}

/// Values that are lists, and tuples that may not be there.
async fn values_of_all_kinds(ctx: Context) -> Done {
    type Value = (Vec<i64>, Option<(i64, Option<String>)>);
    let rows: Vec<(i64, Value)> = pairs(29, 1000)
        .into_iter()
        .map(|(key, value)| {
            let list = (0..value.rem_euclid(4)).collect();
            (value.rem_euclid(17), (list, Some((value, key)).filter(|(value, _)| value % 2 == 0)))
        })
        .collect();
    let data = ragged(&ctx, &rows);
    let groups = data.group_by_key().collect().await?;
    same(in_order(groups), in_order(grouped(&rows)))?;
    let least = data.reduce_by_key(|a, b| a.min(b)).collect().await?;
    same(least, grouped(&rows).into_iter().map(|(key, values)| (key, values.into_iter().min().unwrap())))?;
    let joined = data.join(&data.map_values(|(list, _)| list.len() as i64)).collect().await?;
    let expected = rows.iter().flat_map(|(key, value)| {
        let partners = rows.iter().filter(move |(other, _)| other == key);
        partners.map(|(_, (list, _))| (*key, (value.clone(), list.len() as i64)))
    });
    same(joined, expected)
}

/// One key with 100,000 values among others.
async fn hot_key(ctx: Context) -> Done {
    let data = ctx.range(0..100_500, 8).map(|n| (if n < 100_000 { 0 } else { n % 50 }, n));
    let few = ctx.parallelize(vec![(0i64, -1i64), (0, -2), (7, -3)], 2);
    let rows: Vec<(i64, i64)> = (0..100_500).map(|n| (if n < 100_000 { 0 } else { n % 50 }, n)).collect();
    let groups = grouped(&rows);
    same(data.reduce_by_key(plus).collect().await?, groups.iter().map(|(key, values)| (*key, values.iter().sum())))?;
    let found = in_order(data.group_by_key().collect().await?);
    equal(&sorted(found), &groups.clone().into_iter().collect::<Vec<_>>())?;
    let both = data.cogroup(&few).map_values(|(left, right)| (left.len() as i64, right.len() as i64));
    let partners = |key: i64| [(0, 2), (7, 1)].into_iter().find(|(of, _)| *of == key).map_or(0, |(_, count)| count);
    same(both.collect().await?, groups.iter().map(|(key, values)| (*key, (values.len() as i64, partners(*key)))))?;
    let joined: Rdd<(i64, (i64, i64))> = data.join(&few);
    let expected = 2 * groups[&0].len() + groups[&7].len();
    assert_eq!(joined.count().await?, expected as u64);
    let sum = joined.map(|(_, (left, right))| left + right).reduce(plus).await?;
    let sums = |key: i64| groups[&key].iter().sum::<i64>();
    let expected = 2 * sums(0) - 3 * groups[&0].len() as i64 + sums(7) - 3 * groups[&7].len() as i64;
    assert_eq!(sum, Some(expected));
    Ok(())
}

/// So many keys that combining within partitions is given up.
async fn every_row_its_own_key(ctx: Context) -> Done {
    let data = ctx.range(0..300_000, 2).map(|n| (n, 1i64));
    let counts = data.union(&data.filter(|(n, _)| n % 2 == 0)).reduce_by_key(plus);
    assert_eq!(counts.count().await?, 300_000);
    let twice = counts.filter(|(n, count)| count == 2 && n % 2 == 0);
    assert_eq!(twice.count().await?, 150_000);
    assert_eq!(counts.values().reduce(plus).await?, Some(450_000));
    Ok(())
}

async fn word_count(ctx: Context) -> Done {
    let lines = ["to be or not to be", "that is the question", "", "to be"].map(String::from);
    let words =
        ctx.parallelize(lines, 3).flat_map(|line, out| line.split_whitespace().for_each(|word| out.push((word, 1i64))));
    let counts = words.reduce_by_key(plus);
    let expected = [("be", 3), ("is", 1), ("not", 1), ("or", 1), ("question", 1), ("that", 1), ("the", 1), ("to", 3)];
    same(counts.collect().await?, expected.map(|(word, count)| (word.to_owned(), count)))?;
    ctx.register("counts", &counts)?;
    let rows = ctx.sql("SELECT _2 AS n, count(*) AS words FROM counts GROUP BY _2 ORDER BY n").await?;
    assert_eq!(ctx.rdd::<(i64, i64)>(rows)?.collect().await?, [(1, 6), (3, 2)]);
    Ok(())
}
