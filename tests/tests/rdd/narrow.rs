//! Row by row.

use super::fixture::{Done, Pair, Trials, equal, pairs, ragged};
use dpark::Context;
use dpark::prelude::Rdd;

pub(crate) fn add(trials: &mut Trials) {
    trials.add("narrow::map", map);
    trials.add("narrow::try_map", try_map);
    trials.add("narrow::flat_map", flat_map);
    trials.add("narrow::filter", filter);
    trials.add("narrow::key_by", key_by);
    trials.add("narrow::map_values", map_values);
    trials.add("narrow::flat_map_values", flat_map_values);
    trials.add("narrow::keys_values_swap", keys_values_swap);
    trials.add("narrow::with_a_value", with_a_value);
    trials.add("narrow::views_can_be_given", views_can_be_given);
    trials.add("narrow::a_thousand_maps", a_thousand_maps);
}

fn data(ctx: &Context) -> (Vec<Pair>, Rdd<Pair>) {
    let rows = pairs(2, 500);
    let data = ragged(ctx, &rows);
    (rows, data)
}

async fn map(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    let found = data.map(|(key, value)| (value * 2, key.map(|key| key.len() as u64))).collect().await?;
    let expected: Vec<_> =
        rows.iter().map(|(key, value)| (value * 2, key.as_ref().map(|key| key.len() as u64))).collect();
    equal(&found, &expected)
}

async fn try_map(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    let found =
        data.try_map(|(_, value)| if value < 1000 { Ok(value + 1) } else { Err("too large") }).collect().await?;
    equal(&found, &rows.iter().map(|(_, value)| value + 1).collect::<Vec<_>>())
}

async fn flat_map(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    let found = data.flat_map(|(key, value), out| {
        for n in 0..value.rem_euclid(4) {
            out.push((key, n));
        }
    });
    let expected = rows.iter().flat_map(|(key, value)| (0..value.rem_euclid(4)).map(move |n| (key.clone(), n)));
    equal(&found.collect().await?, &expected.collect::<Vec<_>>())
}

async fn filter(ctx: Context) -> Done {
    let (mut rows, data) = data(&ctx);
    let found = data.filter(|(key, value)| key.is_none() || value % 2 == 0).collect().await?;
    rows.retain(|(key, value)| key.is_none() || value % 2 == 0);
    equal(&found, &rows)
}

async fn key_by(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    let found = data.key_by(|(_, value)| value.rem_euclid(7)).collect().await?;
    equal(&found, &rows.into_iter().map(|row| (row.1.rem_euclid(7), row)).collect::<Vec<_>>())
}

async fn map_values(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    let found = data.map_values(|value| Some(value).filter(|value| value % 3 == 0)).collect().await?;
    let expected = rows.into_iter().map(|(key, value)| (key, Some(value).filter(|value| value % 3 == 0)));
    equal(&found, &expected.collect::<Vec<_>>())
}

async fn flat_map_values(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    let found = data.flat_map_values(|value, out| (0..value.rem_euclid(3)).for_each(|n| out.push(n)));
    let expected = rows.iter().flat_map(|(key, value)| (0..value.rem_euclid(3)).map(move |n| (key.clone(), n)));
    equal(&found.collect().await?, &expected.collect::<Vec<_>>())
}

async fn keys_values_swap(ctx: Context) -> Done {
    let (rows, data) = data(&ctx);
    equal(&data.keys().collect().await?, &rows.iter().map(|row| row.0.clone()).collect::<Vec<_>>())?;
    equal(&data.values().collect().await?, &rows.iter().map(|row| row.1).collect::<Vec<_>>())?;
    equal(&data.swap().collect().await?, &rows.iter().map(|row| (row.1, row.0.clone())).collect::<Vec<_>>())?;
    // Keys and values that are tuples themselves.
    let nested = data.key_by(|(_, value)| value);
    equal(&nested.values().collect().await?, &rows)?;
    equal(&nested.swap().keys().collect().await?, &rows)
}

async fn with_a_value(ctx: Context) -> Done {
    let numbers = ctx.parallelize(1..=10i64, 4);
    let kept = numbers.with(&vec![3i64, 5]).filter(|divisors, n| divisors.iter().any(|divisor| n % divisor == 0));
    assert_eq!(kept.with(&10i64).map(|factor, n| n * factor).collect().await?, [30, 50, 60, 90, 100]);
    let named = kept.with(&("n".to_owned(), 4i64)).flat_map(|(name, least), n, out| {
        if n > *least {
            out.push((name.as_str(), n));
        }
    });
    let expected = [5, 6, 9, 10].map(|n| ("n".to_owned(), n));
    equal(&named.collect().await?, &expected)?;
    let checked = kept.with(&10i64).try_map(|limit, n| if n <= *limit { Ok(n) } else { Err(format!("{n} > {limit}")) });
    assert_eq!(checked.collect().await?, [3, 5, 6, 9, 10]);
    // Each call has a value of its own, also of one closure at one place.
    let sums = [1i64, 100].map(|add| numbers.with(&add).map(|add, n| n + add));
    assert_eq!(sums[0].union(&sums[1]).reduce(|a, b| a + b).await?, Some(10 * 101 + 2 * 55));
    Ok(())
}

/// `flat_map` gives rows by reference to the columns, without an owned copy; also lists and their elements.
async fn views_can_be_given(ctx: Context) -> Done {
    let lists: Vec<(i64, Vec<String>)> = vec![(1, vec!["a".into(), "b".into()]), (2, vec![]), (3, vec!["c".into()])];
    let data = ctx.parallelize(lists.clone(), 2);
    let words = data.flat_map(|(_, words), out| words.iter().for_each(|word| out.push(word)));
    assert_eq!(words.collect().await?, ["a", "b", "c"]);
    let again = data.flat_map(|row, out| out.push(row));
    equal(&again.collect().await?, &lists)
}

async fn a_thousand_maps(ctx: Context) -> Done {
    let mut numbers = ctx.range(0..1000, 3);
    for _ in 0..1000 {
        numbers = numbers.map(|n| n + 1);
    }
    equal(&numbers.collect().await?, &(1000..2000).collect::<Vec<_>>())
}
