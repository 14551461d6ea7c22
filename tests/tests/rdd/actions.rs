//! What runs a job.

use super::fixture::{Done, Pair, Trials, equal, grouped, pairs, ragged, same, sorted};
use super::keyed::plus;
use dpark::prelude::Rdd;
use dpark::{Context, EngineEvent};
use futures::TryStreamExt;
use std::collections::{BTreeSet, HashMap};
use std::fs::OpenOptions;
use std::io::Write;
use std::time::Duration;

pub(crate) fn add(trials: &mut Trials) {
    trials.wide("actions::collect_is_in_partition_order", collect_is_in_partition_order);
    trials.add("actions::count", count);
    trials.add("actions::reduce", reduce);
    trials.wide("actions::tree_reduce", tree_reduce);
    trials.add("actions::fold", fold);
    trials.add("actions::aggregate", aggregate);
    trials.add("actions::take_and_first", take_and_first);
    trials.add("actions::take_stops_early", take_stops_early);
    trials.add("actions::take_starts_no_more_tasks", take_starts_no_more_tasks);
    trials.add("actions::top_and_take_ordered", top_and_take_ordered);
    trials.add("actions::ties", ties);
    trials.add("actions::take_sample", take_sample);
    trials.add("actions::for_each", for_each);
    trials.wide("actions::hot", hot);
    trials.add("actions::count_by", count_by);
    trials.add("actions::collect_as_map", collect_as_map);
    trials.add("actions::lookup", lookup);
    trials.add("actions::reduce_by_key_locally", reduce_by_key_locally);
}

fn data(ctx: &Context) -> (Vec<Pair>, Rdd<Pair>) {
    let rows = pairs(60, 1000);
    let data = ragged(ctx, &rows);
    (rows, data)
}

async fn collect_is_in_partition_order(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    equal(&data.collect().await?, &rows)?;
    let streamed: Vec<Pair> = data.to_local_iterator().await?.try_collect().await?;
    equal(&streamed, &rows)?;
    // A stream that is dropped ends its job, and the context lives on.
    let mut dropped = data.to_local_iterator().await?;
    assert_eq!(dropped.try_next().await?.as_ref(), rows.first());
    drop(dropped);
    // Also behind an exchange: what partition 0 has comes first.
    let moved = data.partition_by(3, |(_, value)| value.rem_euclid(3) as usize);
    let found: Vec<i64> = moved.collect().await?.into_iter().map(|(_, value)| value.rem_euclid(3)).collect();
    assert!(found.is_sorted());
    Ok(())
}

async fn count(ctx: Context) -> Done {
    let (_, data) = data(&ctx);
    assert_eq!(data.count().await?, 1000);
    assert_eq!(data.partition_counts().await?, [249, 250, 250, 250, 0, 0, 1]);
    assert_eq!(data.partition_count().await?, 7);
    Ok(())
}

async fn reduce(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    assert_eq!(data.values().reduce(plus).await?, Some(rows.iter().map(|row| row.1).sum()));
    // Rows that own memory, and a closure that is associative but not commutative: partitions stay in order.
    let text = data.map(|(key, _)| key.unwrap_or("-").to_owned()).reduce(|a, b| a + &b).await?;
    assert_eq!(text, Some(rows.iter().map(|row| row.0.as_deref().unwrap_or("-")).collect::<String>()));
    Ok(())
}

async fn tree_reduce(ctx: Context) -> Done {
    let numbers = ctx.range(0..10_000, 50);
    for width in [0, 2, 7, 100] {
        assert_eq!(numbers.tree_reduce(width, plus).await?, Some(49_995_000));
    }
    Ok(())
}

/// Zero is used once, however many partitions there are.
async fn fold(ctx: Context) -> Done {
    for partitions in [1, 2, 4, 9] {
        assert_eq!(ctx.range(0..4, partitions).fold(10, plus).await?, 16);
    }
    Ok(())
}

/// Zero is used once a partition, empty ones too, and once more.
async fn aggregate(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    let (sum, count) = data
        .aggregate((0i64, 0u64), |(sum, count), (_, value)| (sum + value, count + 1), |a, b| (a.0 + b.0, a.1 + b.1))
        .await?;
    assert_eq!((sum, count), (rows.iter().map(|row| row.1).sum(), 1000));
    for partitions in [1, 2, 4, 9] {
        let sum = ctx.range(0..4, partitions).aggregate(10i64, plus, |a, b| a + b).await?;
        assert_eq!(sum, 6 + 10 * (partitions as i64 + 1));
    }
    Ok(())
}

async fn take_and_first(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    for n in [0, 1, 249, 250, 999, 1000, 5000, usize::MAX] {
        equal(&data.take(n).await?, &rows[..n.min(1000)])?;
    }
    assert_eq!(data.first().await?, rows.first().cloned());
    // Over empty partitions to those with rows.
    assert_eq!(ctx.parallelize(vec![], 3).union(&ctx.parallelize(vec![7i64], 2)).first().await?, Some(7));
    Ok(())
}

/// Of a partition without end.
async fn take_stops_early(ctx: Context) -> Done {
    let first = ctx.range(0..i64::MAX, 1).map(|n| n + 1);
    equal(&first.take(5).await?, &[1, 2, 3, 4, 5])?;
    assert_eq!(first.filter(|n| n % 100_000 == 0).first().await?, Some(100_000));
    Ok(())
}

/// Of many partitions only some are computed.
async fn take_starts_no_more_tasks(ctx: Context) -> Done {
    let slow = ctx.range(0..100, 100).map(|n| {
        std::thread::sleep(Duration::from_millis(30));
        n
    });
    let mut events = ctx.events();
    assert_eq!(slow.take(1).await?, [0]);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut started = 0;
    while let Ok(event) = events.try_recv() {
        started += usize::from(matches!(event, EngineEvent::TaskStarted { .. }));
    }
    assert!(started < 50, "{started} of 100 tasks were started for one row");
    Ok(())
}

async fn top_and_take_ordered(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    let ascending = sorted(rows);
    let descending: Vec<_> = ascending.iter().rev().cloned().collect();
    for n in [0, 1, 10, 5000, usize::MAX] {
        equal(&data.top(n).await?, &descending[..n.min(1000)])?;
        equal(&data.take_ordered(n).await?, &ascending[..n.min(1000)])?;
    }
    // More than are kept between two cuts.
    equal(&ctx.range(0..100_000, 2).top(3).await?, &[99_999, 99_998, 99_997])?;
    equal(&ctx.range(0..100_000, 2).take_ordered(3).await?, &[0, 1, 2])
}

/// Of rows with equal scores those that come first are taken, and stay in their order.
async fn ties(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    let mut ascending = rows.clone();
    ascending.sort_by_key(|row| row.1.rem_euclid(5));
    let mut descending = rows;
    descending.sort_by_key(|row| std::cmp::Reverse(row.1.rem_euclid(5)));
    for n in [0, 1, 3, 300, 5000] {
        equal(&data.take_ordered_by(n, |(_, value)| value.rem_euclid(5)).await?, &ascending[..n.min(1000)])?;
        equal(&data.top_by(n, |(_, value)| value.rem_euclid(5)).await?, &descending[..n.min(1000)])?;
    }
    Ok(())
}

async fn take_sample(ctx: Context) -> Done {
    let numbers = ctx.range(0..10_000, 7);
    let chosen = numbers.take_sample(100, 3).await?;
    assert_eq!(chosen.iter().collect::<BTreeSet<_>>().len(), 100, "without replacement");
    equal(&numbers.take_sample(100, 3).await?, &chosen)?;
    assert_ne!(numbers.take_sample(100, 4).await?, chosen);
    // From all over: the mean of a hundred is not far from that of all.
    let mean = chosen.iter().sum::<i64>() as f64 / 100.0;
    assert!((3_500.0..6_500.0).contains(&mean), "{mean}");
    same(ctx.range(0..20, 3).take_sample(100, 3).await?, 0..20)
}

/// Each row, or each partition, once: seen by what the closures write.
async fn for_each(ctx: Context) -> Done {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("rows").display().to_string();
    ctx.range(0..100, 7).with(&file).for_each(|file, n| append(file, n)).await?;
    let read = |file: &str| -> Result<Vec<i64>, std::io::Error> {
        Ok(std::fs::read_to_string(file)?.lines().map(|line| line.parse().unwrap()).collect())
    };
    same(read(&file)?, 0..100)?;
    let files = [dir.path().join("a").display().to_string(), dir.path().join("b").display().to_string()];
    let texts: Vec<(String, i64)> = (0..50).map(|n| (files[0].clone(), n)).collect();
    ctx.parallelize(texts, 3).for_each(|(file, n)| append(file, n)).await?;
    same(read(&files[0])?, 0..50)?;
    // Four partitions, of which the closure reads no more than the first row.
    ctx.parallelize(vec![files[1].clone(); 8], 4)
        .for_each_partition(|index, rows| {
            if let Some(file) = rows.next() {
                append(&file, index as i64);
            }
        })
        .await?;
    same(read(&files[1])?, 0..4)
}

/// One line more, in one write.
fn append(file: &str, n: i64) {
    let opened = OpenOptions::new().create(true).append(true).open(file);
    opened.unwrap().write_all(format!("{n}\n").as_bytes()).unwrap();
}

async fn hot(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    let mut counts: Vec<(Option<String>, u64)> =
        grouped(&rows).into_iter().map(|(key, values)| (key, values.len() as u64)).collect();
    // The most frequent first; of equally frequent ones the smallest.
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    for n in [0, 1, 12, 5000] {
        equal(&data.keys().hot(n).await?, &counts[..n.min(counts.len())])?;
    }
    Ok(())
}

async fn count_by(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    let counts: HashMap<_, u64> = grouped(&rows).into_iter().map(|(key, values)| (key, values.len() as u64)).collect();
    assert_eq!(data.count_by_key().await?, counts);
    assert_eq!(data.keys().count_by_value().await?, counts);
    Ok(())
}

/// Of several values of a key the last in partition order.
async fn collect_as_map(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    assert_eq!(data.collect_as_map().await?, rows.into_iter().collect::<HashMap<_, _>>());
    Ok(())
}

/// All values, in partition order.
async fn lookup(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    let groups = grouped(&rows);
    for key in [None, Some(String::new()), Some("日本".to_owned()), Some("key 3".to_owned())] {
        equal(&data.lookup(&key).await?, &groups[&key])?;
        same(data.partition_by_key().lookup(&key).await?, groups[&key].clone())?;
    }
    assert_eq!(data.lookup(&Some("nobody".to_owned())).await?, Vec::<i64>::new());
    Ok(())
}

async fn reduce_by_key_locally(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    let sums: HashMap<_, i64> = grouped(&rows).into_iter().map(|(key, values)| (key, values.iter().sum())).collect();
    assert_eq!(data.reduce_by_key_locally(plus).await?, sums);
    Ok(())
}
