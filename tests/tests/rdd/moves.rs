//! What does not move, and what is computed once: told by the stages of the last job.

use super::fixture::{Done, Pair, Trials, grouped, pairs, ragged, same};
use super::keyed::plus;
use dpark::Context;
use dpark::prelude::Rdd;
use dpark_tests::story::Story;

pub(crate) fn add(trials: &mut Trials) {
    trials.add("moves::a_loss_after_rows_were_dealt", a_loss_after_rows_were_dealt);
    trials.add("moves::a_loss_after_kept_rows_were_dealt", a_loss_after_kept_rows_were_dealt);
    trials.add("moves::a_loss_after_sorted_rows_were_dealt", a_loss_after_sorted_rows_were_dealt);
    // Without exchanges of earlier jobs, which are no stages of later ones.
    let alone = [("shuffle.keep", "0")];
    trials.add_with("moves::what_is_partitioned_by_key_stays", &alone, what_is_partitioned_by_key_stays);
    trials.add("moves::a_cached_key_stays", a_cached_key_stays);
    trials.add("moves::one_data_set_twice_is_computed_once", one_data_set_twice_is_computed_once);
    trials.wide("moves::what_sql_has_partitioned", what_sql_has_partitioned);
}

/// How many stages the job of an action has: one more than there are exchanges.
async fn stages<T: dpark::prelude::Row>(ctx: &Context, data: &Rdd<T>) -> Result<usize, libtest_mimic::Failed> {
    let mut story = Story::of(ctx);
    data.count().await?;
    Ok(story.catch_up().stages.len())
}

async fn what_is_partitioned_by_key_stays(ctx: Context) -> Done {
    let (left, right) = (pairs(80, 500), pairs(81, 500));
    let by_key = ragged(&ctx, &left).partition_by_key();
    assert_eq!(stages(&ctx, &by_key).await?, 2);
    // Keys stay where they are in what keeps them.
    let kept = by_key.filter(|(_, value)| value % 2 == 0).map_values(|value| value + 1).sample(0.9, 1);
    assert_eq!(stages(&ctx, &kept.reduce_by_key(plus)).await?, 2);
    assert_eq!(stages(&ctx, &kept.group_by_key()).await?, 2);
    assert_eq!(stages(&ctx, &kept.reduce_by_key(plus).map_values(|sum| sum * 2).group_by_key()).await?, 2);
    assert_eq!(stages(&ctx, &kept.map_groups(|_, values, out| out.push(values.count() as i64))).await?, 2);
    assert_eq!(stages(&ctx, &kept.partition_by_key()).await?, 2);
    // Two sides that are partitioned alike: what is joined was moved before, once each.
    let other = ragged(&ctx, &right).partition_by_key();
    assert_eq!(stages(&ctx, &kept.join(&other)).await?, 3);
    assert_eq!(stages(&ctx, &kept.cogroup(&other)).await?, 3);
    assert_eq!(stages(&ctx, &kept.reduce_by_key(plus).left_join(&other.reduce_by_key(plus))).await?, 3);
    assert_eq!(stages(&ctx, &kept.join(&other).join(&other)).await?, 3);
    // And what does move: a key that is made anew, another number of partitions.
    assert_eq!(stages(&ctx, &kept.map(|(key, value)| (key.map(str::to_owned), value)).reduce_by_key(plus)).await?, 3);
    assert_eq!(stages(&ctx, &kept.with_partitions(5).reduce_by_key(plus)).await?, 3);
    // The rows are right all the same.
    let sums = by_key.reduce_by_key(plus).join(&other.reduce_by_key(plus)).collect().await?;
    let others = grouped(&right);
    let expected = grouped(&left).into_iter().filter_map(|(key, values)| {
        let other: i64 = others.get(&key)?.iter().sum();
        Some((key, (values.iter().sum(), other)))
    });
    same(sums, expected)
}

/// Cached rows are still known to be partitioned by key.
async fn a_cached_key_stays(ctx: Context) -> Done {
    let rows = pairs(82, 500);
    let cached = ragged(&ctx, &rows).partition_by_key().cache();
    assert_eq!(cached.count().await?, 500);
    let sums = cached.reduce_by_key(plus);
    let mut story = Story::of(&ctx);
    same(sums.collect().await?, grouped(&rows).into_iter().map(|(key, values)| (key, values.iter().sum())))?;
    story.catch_up();
    assert_eq!(story.started.len(), 3, "one task a partition, no exchange: {:?}", story.started);
    Ok(())
}

/// An exchange that two parts of one job need runs once; so does one that an earlier job has left.
async fn one_data_set_twice_is_computed_once(ctx: Context) -> Done {
    let rows = pairs(83, 500);
    let sums: Rdd<Pair> = ragged(&ctx, &rows).reduce_by_key(plus);
    let both = sums.union(&sums);
    let mut story = Story::of(&ctx);
    assert_eq!(both.count().await?, 2 * grouped(&rows).len() as u64);
    // Seven tasks before the exchange, and three for each of the two.
    assert_eq!(story.catch_up().started.len(), 7 + 2 * 3);
    story.started.clear();
    assert_eq!(both.count().await?, 2 * grouped(&rows).len() as u64);
    assert_eq!(story.catch_up().started.len(), 2 * 3);
    Ok(())
}

/// Groups of SQL and rows of closures meet in the same partitions, whatever SQL calls its columns.
async fn what_sql_has_partitioned(ctx: Context) -> Done {
    let rows = pairs(84, 500);
    let data = ragged(&ctx, &rows);
    ctx.register("data", &data)?;
    let sums = ctx.sql("SELECT _1 AS name, sum(_2) AS total FROM data GROUP BY _1").await?;
    let sums: Rdd<Pair> = ctx.rdd(sums)?;
    let expected: Vec<_> = rows
        .iter()
        .map(|(key, value)| {
            let total = grouped(&rows)[key].iter().sum::<i64>();
            (key.clone(), (*value, total))
        })
        .collect();
    same(data.join(&sums).collect().await?, expected.clone())?;
    same(data.partition_by_key().join(&sums).collect().await?, expected)
}

/// An executor dies when some tasks have read what was dealt and others have not: what is dealt again is dealt alike.
async fn a_loss_after_rows_were_dealt(ctx: Context) -> Done {
    if matches!(ctx.master(), dpark::Master::Local(_)) {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let marker = dir.path().join("died").display().to_string();
    let sums = ctx.range(0..4000, 6).map(|n| (n % 1000, n)).reduce_by_key(plus);
    dealt_again(&sums, &marker).await
}

/// The same of rows that were kept, of which the executor had a part.
async fn a_loss_after_kept_rows_were_dealt(ctx: Context) -> Done {
    if matches!(ctx.master(), dpark::Master::Local(_)) {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let marker = dir.path().join("died").display().to_string();
    let sums = ctx.range(0..4000, 6).map(|n| (n % 1000, n)).reduce_by_key(plus).cache();
    assert_eq!(sums.count().await?, 1000);
    dealt_again(&sums, &marker).await
}

/// The same of rows that were sorted by a key that many of them share.
async fn a_loss_after_sorted_rows_were_dealt(ctx: Context) -> Done {
    if matches!(ctx.master(), dpark::Master::Local(_)) {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let marker = dir.path().join("died").display().to_string();
    let sums = ctx.range(0..4000, 6).map(|n| (n % 1000, n)).reduce_by_key(plus);
    dealt_again(&sums.sort_by(|(key, _)| key % 3).await?, &marker).await
}

async fn dealt_again(sums: &Rdd<(i64, i64)>, marker: &String) -> Done {
    let rows = sums.repartition(8).with(marker).map(|marker, (key, sum)| {
        std::thread::sleep(std::time::Duration::from_micros(500));
        if key == 777 && std::fs::File::create_new(marker).is_ok() {
            std::thread::sleep(std::time::Duration::from_millis(200));
            std::process::abort();
        }
        (key, sum)
    });
    let found = rows.collect().await?;
    assert!(std::path::Path::new(marker).exists());
    same(found, (0..1000).map(|key| (key, 4 * key + 6000)))
}
