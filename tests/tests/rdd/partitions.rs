//! Partition by partition, and their number.

use super::fixture::{Done, Pair, Trials, chunks, equal, pairs, ragged, same, says, told};
use super::keyed::plus;
use dpark::Context;
use dpark::prelude::DataFrameExt;
use std::collections::{HashMap, HashSet};

pub(crate) fn add(trials: &mut Trials) {
    trials.add("partitions::map_partitions", map_partitions);
    trials.add("partitions::glom_and_batch", glom_and_batch);
    trials.add("partitions::enumerate", enumerate);
    trials.add("partitions::zip_with_unique_id", zip_with_unique_id);
    trials.add("partitions::sample", sample);
    trials.add("partitions::sample_with_replacement", sample_with_replacement);
    trials.add("partitions::union", union);
    trials.add("partitions::slice", slice);
    trials.add("partitions::coalesce", coalesce);
    trials.wide("partitions::repartition", repartition);
    trials.wide("partitions::partition_by", partition_by);
    trials.add("partitions::zip", zip);
    trials.add("partitions::zip_of_unequal_counts", zip_of_unequal_counts);
    trials.add("partitions::zip_of_unequal_lengths", zip_of_unequal_lengths);
    trials.add("partitions::cartesian", cartesian);
    trials.add("partitions::needs", needs);
    trials.wide("partitions::counts_of_results", counts_of_results);
    trials.add("partitions::with_partitions_is_for_the_next_call", with_partitions_is_for_the_next_call);
}

async fn map_partitions(ctx: Context) -> Done {
    let rows = pairs(3, 1000);
    let data = ctx.parallelize(rows.clone(), 7);
    let sums = data.map_partitions(|rows, out| out.push(rows.map(|(_, value)| value).sum::<i64>())).collect().await?;
    let sum = |rows: &[Pair]| rows.iter().map(|row| row.1).sum::<i64>();
    equal(&sums, &chunks(&rows, 7).iter().map(|rows| sum(rows)).collect::<Vec<_>>())?;
    let indexed = data.map_partitions_with_index(|index, rows, out| {
        for (_, value) in rows {
            out.push((index as u64, value));
        }
    });
    let expected =
        chunks(&rows, 7).into_iter().zip(0u64..).flat_map(|(rows, i)| rows.into_iter().map(move |row| (i, row.1)));
    equal(&indexed.collect().await?, &expected.collect::<Vec<_>>())?;
    // One that stops before its rows end, and one that is called for no rows.
    let firsts =
        ragged(&ctx, &rows).with(&2usize).map_partitions(|n, rows, out| rows.take(*n).for_each(|row| out.push(row)));
    let expected: Vec<Pair> = chunks(&rows[..999], 4)
        .into_iter()
        .flat_map(|rows| rows.into_iter().take(2))
        .chain([rows[999].clone()])
        .collect();
    equal(&firsts.collect().await?, &expected)
}

async fn glom_and_batch(ctx: Context) -> Done {
    let rows = pairs(4, 1000);
    let data = ctx.parallelize(rows.clone(), 3);
    equal(&data.glom().collect().await?, &chunks(&rows, 3))?;
    let batches = chunks(&rows, 3).iter().flat_map(|rows| rows.chunks(64).map(<[Pair]>::to_vec)).collect::<Vec<_>>();
    equal(&data.batch(64).collect().await?, &batches)?;
    // An empty partition has one empty list, and no batch.
    let few = ctx.parallelize(rows[..1].to_vec(), 2);
    equal(&few.glom().collect().await?, &[vec![], vec![rows[0].clone()]])?;
    equal(&few.batch(64).collect().await?, &[vec![rows[0].clone()]])?;
    assert_eq!(few.batch(0).count().await?, 1);
    Ok(())
}

async fn enumerate(ctx: Context) -> Done {
    let rows = pairs(5, 1000);
    let data = ragged(&ctx, &rows);
    let numbered = data.enumerate().await?;
    equal(&numbered.collect().await?, &(0..).zip(rows.clone()).collect::<Vec<_>>())?;
    let partitions = data.enumerate_partitions().collect().await?;
    let expected = chunks(&rows[..999], 4).into_iter().chain([vec![], vec![], vec![rows[999].clone()]]).zip(0u64..);
    let expected: Vec<_> = expected.flat_map(|(rows, index)| rows.into_iter().map(move |row| (index, row))).collect();
    equal(&partitions, &expected)
}

async fn zip_with_unique_id(ctx: Context) -> Done {
    let rows: Vec<i64> = (0..1000).collect();
    let found = ctx.parallelize(rows.clone(), 7).zip_with_unique_id().collect().await?;
    let ids = chunks(&rows, 7).into_iter().zip(0u64..);
    let expected = ids.flat_map(|(rows, partition)| (0u64..).zip(rows).map(move |(i, row)| (i * 7 + partition, row)));
    equal(&found, &expected.collect::<Vec<_>>())?;
    assert_eq!(found.iter().map(|(id, _)| *id).collect::<HashSet<_>>().len(), 1000);
    Ok(())
}

async fn sample(ctx: Context) -> Done {
    let data = ctx.range(0..100_000, 5);
    let chosen = data.sample(0.1, 7).collect().await?;
    assert!((9_000..11_000).contains(&chosen.len()), "{} of 100,000 with probability 0.1", chosen.len());
    assert!(chosen.is_sorted_by(|a, b| a < b), "each row at most once, in order");
    // The same rows each time, whatever stands before and after, and others with another seed.
    equal(&data.sample(0.1, 7).collect().await?, &chosen)?;
    equal(&data.map(|n| n + 1).sample(0.1, 7).collect().await?, &chosen.iter().map(|n| n + 1).collect::<Vec<_>>())?;
    assert_ne!(data.sample(0.1, 8).collect().await?, chosen);
    // Partitions draw different numbers.
    let per_partition = ctx.parallelize(vec![0i64; 1000], 10).sample(0.5, 1).partition_counts().await?;
    assert!(per_partition.iter().collect::<HashSet<_>>().len() > 1, "{per_partition:?}");
    assert_eq!(data.sample(0.0, 7).count().await?, 0);
    assert_eq!(data.sample(1.0, 7).count().await?, 100_000);
    Ok(())
}

async fn sample_with_replacement(ctx: Context) -> Done {
    let data = ctx.range(0..50_000, 5);
    let chosen = data.sample_with_replacement(0.8, 7).collect().await?;
    assert!((38_500..41_500).contains(&chosen.len()), "{} of 50,000 at a rate of 0.8", chosen.len());
    let mut times: HashMap<i64, usize> = HashMap::new();
    chosen.iter().for_each(|n| *times.entry(*n).or_default() += 1);
    // By the Poisson distribution e^-0.8 of the rows are never there, and 0.8 * e^-0.8 once.
    let (never, once) = (50_000 - times.len(), times.values().filter(|times| **times == 1).count());
    assert!((21_500..23_500).contains(&never) && (17_000..19_000).contains(&once), "{never} never, {once} once");
    equal(&data.sample_with_replacement(0.8, 7).collect().await?, &chosen)?;
    assert_eq!(data.sample_with_replacement(0.0, 7).count().await?, 0);
    Ok(())
}

async fn union(ctx: Context) -> Done {
    let rows = pairs(6, 600);
    let parts = [ctx.parallelize(rows[..200].to_vec(), 2), ctx.parallelize(rows[200..].to_vec(), 3)];
    let both = parts[0].union(&parts[1]);
    equal(&both.collect().await?, &rows)?;
    assert_eq!(both.partition_count().await?, 5);
    let all = both.union_all([&parts[0], &both]);
    let expected = [&rows[..], &rows[..200], &rows].concat();
    equal(&all.collect().await?, &expected)?;
    assert_eq!(all.partition_count().await?, 12);
    equal(&both.union_all([]).collect().await?, &rows)?;
    // With itself, also behind an exchange: each row twice.
    equal(&both.union(&both).collect().await?, &[&rows[..], &rows].concat())?;
    let counts = both.map_values(|_| 1i64).reduce_by_key(plus);
    let twice = counts.union(&counts).values().reduce(plus).await?;
    assert_eq!(twice, Some(1200));
    Ok(())
}

async fn slice(ctx: Context) -> Done {
    let rows: Vec<i64> = (0..100).collect();
    let data = ctx.parallelize(rows.clone(), 5);
    equal(&data.slice(1..3).collect().await?, &rows[20..60])?;
    assert_eq!(data.slice(1..3).partition_count().await?, 2);
    equal(&data.slice(3..99).collect().await?, &rows[60..])?;
    equal(&data.slice(0..1).union(&data.slice(4..5)).collect().await?, &[&rows[..20], &rows[80..]].concat())
}

async fn coalesce(ctx: Context) -> Done {
    let rows: Vec<i64> = (0..1000).collect();
    let data = ctx.parallelize(rows.clone(), 10);
    for (wanted, have) in [(1, 1), (3, 3), (10, 10), (20, 10), (0, 1)] {
        let fewer = data.coalesce(wanted);
        equal(&fewer.collect().await?, &rows)?;
        assert_eq!(fewer.partition_count().await?, have);
    }
    // Neighbours come together.
    equal(
        &data.coalesce(3).glom().collect().await?,
        &[rows[..300].to_vec(), rows[300..600].to_vec(), rows[600..].to_vec()],
    )
}

async fn repartition(ctx: Context) -> Done {
    let rows = pairs(7, 5000);
    for partitions in [1, 2, 7, 32] {
        let moved = ragged(&ctx, &rows).repartition(partitions);
        let counts = moved.partition_counts().await?;
        assert_eq!(counts.len(), partitions);
        let (least, most) = (counts.iter().min().unwrap(), counts.iter().max().unwrap());
        // Each of seven partitions deals its rows round, beginning anywhere.
        assert!(most - least <= 7, "{counts:?}");
        same(moved.collect().await?, rows.clone())?;
    }
    Ok(())
}

async fn partition_by(ctx: Context) -> Done {
    let rows = pairs(8, 2000);
    let moved = ragged(&ctx, &rows).partition_by(5, |(key, _)| key.map_or(0, str::len));
    let lists = moved.glom().collect().await?;
    assert_eq!(lists.len(), 5);
    for (index, list) in lists.iter().enumerate() {
        assert!(list.iter().all(|(key, _)| key.as_ref().map_or(0, String::len) % 5 == index), "partition {index}");
    }
    same(lists.concat(), rows)
}

async fn zip(ctx: Context) -> Done {
    let rows = pairs(9, 1000);
    let data = ctx.parallelize(rows.clone(), 7);
    let zipped = data.zip(&data.map(|(_, value)| value * 2));
    let expected: Vec<_> = rows.into_iter().map(|row| (row.clone(), row.1 * 2)).collect();
    equal(&zipped.collect().await?, &expected)
}

async fn zip_of_unequal_counts(ctx: Context) -> Done {
    let error = told(ctx.range(0..10, 2).zip(&ctx.range(0..10, 3)).collect().await);
    says(&error, &["data sets of 2 and of 3 partitions cannot be zipped", "repartition"])
}

async fn zip_of_unequal_lengths(ctx: Context) -> Done {
    let (all, few) = (ctx.range(0..30, 3), ctx.range(0..30, 3).filter(|n| n != 15));
    let mut events = ctx.events();
    says(&told(all.zip(&few).collect().await), &["partition 1 has only 9 rows in the second data set"])?;
    says(&told(few.zip(&all).collect().await), &["partition 1 has only 9 rows in the first data set"])?;
    // Trying again would not help.
    let mut failed = 0;
    while let Ok(event) = events.try_recv() {
        failed += usize::from(matches!(event, dpark::EngineEvent::TaskFailed { .. }));
    }
    assert!(failed <= 2, "{failed} failed attempts");
    Ok(())
}

async fn cartesian(ctx: Context) -> Done {
    let (left, right) = (ctx.parallelize(pairs(10, 60), 3), ctx.parallelize(pairs(11, 40), 4));
    let product = left.cartesian(&right);
    assert_eq!(product.partition_count().await?, 12);
    let expected = pairs(10, 60).into_iter().flat_map(|l| pairs(11, 40).into_iter().map(move |r| (l.clone(), r)));
    same(product.collect().await?, expected)?;
    let expected = pairs(10, 60).into_iter().flat_map(|l| pairs(10, 60).into_iter().map(move |r| (l.clone(), r)));
    same(left.cartesian(&left).collect().await?, expected)
}

/// What a task takes of a cluster changes no rows.
async fn needs(ctx: Context) -> Done {
    let data = ctx.range(0..100, 3).with_cpus(0.5).map(|n| n + 1).with_memory(64);
    equal(&data.collect().await?, &(1..101).collect::<Vec<_>>())?;
    let rows = ctx.rdd::<i64>(data.to_df()?.with_cpus(0.5).with_memory(64))?;
    assert_eq!(rows.count().await?, 100);
    let counts = data.with_memory(64).key_by(|n| n % 3).map_values(|_| 1i64).reduce_by_key(plus).with_cpus(0.5);
    same(counts.collect().await?, [(0, 33), (1, 34), (2, 33)])
}

async fn counts_of_results(ctx: Context) -> Done {
    let usual = ctx.session().copied_config().target_partitions();
    let data = ctx.parallelize(pairs(12, 100), 5);
    let (by_key, sums) = (data.partition_by_key(), data.reduce_by_key(plus));
    // As many as before: what is done row by row or partition by partition.
    assert_eq!(data.map_values(|value| value + 1).partition_count().await?, 5);
    assert_eq!(data.broadcast_join(&sums).partition_count().await?, 5);
    // What moves rows: as many as the session says, or as were asked for.
    assert_eq!(by_key.partition_count().await?, usual);
    assert_eq!(sums.partition_count().await?, usual);
    assert_eq!(data.distinct().partition_count().await?, usual);
    assert_eq!(data.join(&sums).partition_count().await?, usual);
    assert_eq!(data.with_partitions(4).reduce_by_key(plus).partition_count().await?, 4);
    assert_eq!(data.with_partitions(4).distinct().partition_count().await?, 4);
    assert_eq!(data.with_partitions(4).join(&sums).partition_count().await?, 4);
    assert_eq!(data.with_partitions(4).group_by(|(_, value)| value % 3).partition_count().await?, 4);
    assert_eq!(data.with_partitions(0).partition_by_key().partition_count().await?, 1);
    // As many as there are, of what is partitioned by key already; of two, those of the larger number.
    let (two, four) = (data.with_partitions(2).partition_by_key(), data.with_partitions(4).partition_by_key());
    assert_eq!(two.group_by_key().partition_count().await?, 2);
    assert_eq!(two.join(&four).partition_count().await?, 4);
    assert_eq!(two.join(&data).partition_count().await?, 2);
    // A sort has at most as many: one key is not split.
    assert!(data.sort_by(|(_, value)| value).await?.partition_count().await? <= usual);
    assert!(data.with_partitions(4).sort_by(|_| 0i64).await?.partition_count().await? <= 2);
    assert_eq!(data.cartesian(&two).partition_count().await?, 10);
    Ok(())
}

async fn with_partitions_is_for_the_next_call(ctx: Context) -> Done {
    let data = ctx.parallelize(pairs(13, 100), 2);
    assert_eq!(data.with_partitions(5).map_values(|value| value + 1).reduce_by_key(plus).partition_count().await?, 3);
    assert_eq!(data.map_values(|value| value + 1).with_partitions(5).reduce_by_key(plus).partition_count().await?, 5);
    Ok(())
}
