//! Order.

use super::fixture::{Done, Pair, Trials, equal, pairs, ragged, same, sorted};
use dpark::Context;

pub(crate) fn add(trials: &mut Trials) {
    trials.wide("sorting::sort_by", sort_by);
    trials.wide("sorting::sort_by_descending", sort_by_descending);
    trials.wide("sorting::keys_of_several_columns", keys_of_several_columns);
    trials.wide("sorting::floats", floats);
    trials.wide("sorting::rows_of_one_nested_column", rows_of_one_nested_column);
    trials.wide("sorting::nothing_and_one_key", nothing_and_one_key);
    trials.wide("sorting::repartition_and_sort", repartition_and_sort);
    trials.add("sorting::balance", balance);
}

async fn sort_by(ctx: Context) -> Done {
    let rows = pairs(50, 3000);
    let found = ragged(&ctx, &rows).sort_by(|(key, _)| key.map(str::to_owned)).await?.collect().await?;
    let keys: Vec<_> = found.iter().map(|row| row.0.clone()).collect();
    // `None` comes first; of equal keys the order is not specified.
    equal(&keys, &sorted(rows.iter().map(|row| row.0.clone()).collect()))?;
    same(found, rows)
}

async fn sort_by_descending(ctx: Context) -> Done {
    let rows = pairs(51, 3000);
    let found = ragged(&ctx, &rows).sort_by_descending(|(key, _)| key.map(str::to_owned)).await?.collect().await?;
    let keys: Vec<_> = found.iter().map(|row| row.0.clone()).collect();
    let mut expected = sorted(rows.iter().map(|row| row.0.clone()).collect());
    expected.reverse();
    equal(&keys, &expected)?;
    same(found, rows)
}

/// All columns as the key: then the order is that of Rust's tuples.
async fn keys_of_several_columns(ctx: Context) -> Done {
    let rows = pairs(52, 3000);
    let data = ragged(&ctx, &rows);
    let whole = |(key, value): (Option<&str>, i64)| (key.map(str::to_owned), value);
    equal(&data.sort_by(whole).await?.collect().await?, &sorted(rows.clone()))?;
    let expected: Vec<Pair> = sorted(rows).into_iter().rev().collect();
    equal(&data.sort_by_descending(whole).await?.collect().await?, &expected)
}

/// Total order: -0.0 before 0.0, NaN behind all others, and one with a sign before all others.
async fn floats(ctx: Context) -> Done {
    let mut rows = vec![f64::NAN, 1.0, -0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY, -1.5, -f64::NAN, f64::MIN_POSITIVE];
    let data = ragged(&ctx, &rows);
    rows.sort_by(f64::total_cmp);
    let bits = |rows: &[f64]| rows.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    equal(&bits(&data.sort_by(|x| x).await?.collect().await?), &bits(&rows))?;
    rows.reverse();
    equal(&bits(&data.sort_by_descending(|x| x).await?.collect().await?), &bits(&rows))
}

/// A row that is a struct of one column, and not there in places, is still that behind the sort.
async fn rows_of_one_nested_column(ctx: Context) -> Done {
    let rows: Vec<Option<(i64,)>> = (0..500).map(|n| (n % 7 != 0).then_some((n * 37 % 501,))).collect();
    let data = ragged(&ctx, &rows);
    equal(&data.sort_by(|row| row).await?.collect().await?, &sorted(rows.clone()))?;
    let groups = data.key_by(|row| row.map_or(-1, |(n,)| n)).sort_by(|(key, _)| key).await?.values().collect().await?;
    equal(&groups, &sorted(rows))
}

async fn nothing_and_one_key(ctx: Context) -> Done {
    let nothing = ctx.parallelize(Vec::<i64>::new(), 3);
    assert_eq!(nothing.sort_by(|n| n).await?.count().await?, 0);
    let rows = pairs(53, 1000);
    same(ragged(&ctx, &rows).sort_by(|_| 1i64).await?.collect().await?, rows)
}

async fn repartition_and_sort(ctx: Context) -> Done {
    let rows: Vec<(i64, Option<String>)> = pairs(54, 3000).into_iter().map(|(key, value)| (value, key)).collect();
    let moved = ragged(&ctx, &rows).repartition_and_sort(4, |value| value.rem_euclid(3) as usize);
    let lists = moved.glom().collect().await?;
    assert_eq!(lists.len(), 4);
    for (partition, list) in lists.iter().enumerate() {
        assert!(list.iter().all(|(value, _)| value.rem_euclid(3) as usize == partition), "partition {partition}");
        assert!(list.is_sorted_by_key(|(value, _)| *value), "partition {partition} is sorted");
    }
    same(lists.concat(), rows)
}

/// Rows that are in order already, where a sample of the first ones would tell nothing.
async fn balance(ctx: Context) -> Done {
    let ordered = ctx.range(0..100_000, 10).with_partitions(10).sort_by(|n| n).await?;
    let counts = ordered.partition_counts().await?;
    assert_eq!(counts.len(), 10);
    assert!(counts.iter().all(|count| (8_000..12_000).contains(count)), "{counts:?}");
    // Few rows here and many there count as what they are.
    let uneven = ctx.range(0..500, 4).union(&ctx.range(500..40_500, 1)).with_partitions(4).sort_by(|n| n).await?;
    let counts = uneven.partition_counts().await?;
    assert!(counts.iter().all(|count| (8_000..12_500).contains(count)), "{counts:?}");
    equal(&uneven.collect().await?, &(0..40_500).collect::<Vec<_>>())
}
