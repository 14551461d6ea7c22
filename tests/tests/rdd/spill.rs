//! More rows than memory: each of these must write spill files, and give what it would give without.

use super::fixture::{Done, LITTLE, Trials, equal};
use super::keyed::plus;
use dpark::prelude::Rdd;
use dpark::{Context, Master};

pub(crate) fn add(trials: &mut Trials) {
    trials.spilling("spill::group_by_key", group_by_key);
    trials.spilling("spill::reduce_by_key", reduce_by_key);
    trials.spilling("spill::cogroup", cogroup);
    trials.spilling("spill::join", join);
    trials.add_with("spill::one_key", &LITTLE, one_key);
    trials.spilling("spill::sort_by", sort_by);
    trials.spilling("spill::map_groups", map_groups);
}

/// A hundred megabytes.
const ROWS: i64 = 480_000;

/// Keys, of which each is there four times.
const KEYS: i64 = ROWS / 4;

/// The number that a row is made of, with zeros before it.
const WIDTH: usize = 200;

fn wide(ctx: &Context) -> Rdd<(i64, String)> {
    ctx.range(0..ROWS, 4).map(|n| (n % KEYS, format!("{n:0>200}")))
}

/// Checks the sum that each key has.
async fn sums_are_right(sums: Rdd<(i64, i64)>, expected: fn(i64) -> i64) -> Done {
    let mut sums = sums.collect().await?;
    sums.sort_unstable();
    equal(&sums, &(0..KEYS).map(|key| (key, expected(key))).collect::<Vec<_>>())
}

/// The numbers of a key: it, and it plus once, twice and three times the number of keys.
fn of_four(key: i64) -> i64 {
    4 * key + 6 * KEYS
}

fn number(text: &str) -> i64 {
    text.parse().unwrap()
}

async fn group_by_key(ctx: Context) -> Done {
    let sums = wide(&ctx).group_by_key().map_values(|texts| texts.iter().map(number).sum::<i64>());
    sums_are_right(sums, of_four).await
}

async fn reduce_by_key(ctx: Context) -> Done {
    let texts = wide(&ctx).reduce_by_key(|a, b| a + &b);
    let sums =
        texts.map_values(|text| (0..text.len()).step_by(WIDTH).map(|at| number(&text[at..at + WIDTH])).sum::<i64>());
    sums_are_right(sums, of_four).await
}

async fn cogroup(ctx: Context) -> Done {
    let few = ctx.range(0..KEYS, 2).map(|n| (n, n));
    let sums = wide(&ctx).cogroup(&few).map_values(|(texts, few)| {
        let sum: i64 = texts.iter().map(number).sum();
        sum - few.iter().sum::<i64>()
    });
    sums_are_right(sums, |key| of_four(key) - key).await
}

/// Both sides are large.
async fn join(ctx: Context) -> Done {
    let (left, right) = (wide(&ctx), ctx.range(0..KEYS, 3).map(|n| (n, format!("{n:0>800}"))));
    let pairs = left.join(&right).map_values(|(left, right)| number(left) - number(right));
    sums_are_right(pairs.reduce_by_key(plus), |key| of_four(key) - 4 * key).await
}

async fn sort_by(ctx: Context) -> Done {
    // Out of order: the factor has no divisor in common with the number of rows.
    let mixed = ctx.range(0..ROWS, 4).map(|n| format!("{:0>200}", n * 7_919 % ROWS));
    let sorted = mixed.sort_by(|text| text.to_owned()).await?;
    let numbers = sorted.map(number).collect().await?;
    equal(&numbers, &(0..ROWS).collect::<Vec<_>>())
}

async fn map_groups(ctx: Context) -> Done {
    let sums = wide(&ctx).map_groups(|key, texts, out| {
        let sum: i64 = texts.map(|text| number(&text)).sum();
        out.push((*key, sum));
    });
    sums_are_right(sums, of_four).await
}

/// Values of one key that take several times the memory there is, in operations whose results are small.
async fn one_key(ctx: Context) -> Done {
    const MANY: i64 = 8_000_000;
    let one = ctx.range(0..MANY, 4).map(|n| (7i64, n));
    let sum = MANY * (MANY - 1) / 2;
    equal(&one.reduce_by_key(plus).collect().await?, &[(7, sum)])?;
    equal(&one.count_by_key().await?.into_iter().collect::<Vec<_>>(), &[(7, MANY as u64)])?;
    let range = one.aggregate_by_key(
        &(i64::MAX, i64::MIN),
        |(least, most), n| (n.min(least), n.max(most)),
        |a, b| (a.0.min(b.0), a.1.max(b.1)),
    );
    equal(&range.collect().await?, &[(7, (0, MANY - 1))])?;
    let groups = one.map_groups(|key, values, out| out.push((*key, values.sum::<i64>())));
    equal(&groups.collect().await?, &[(7, sum)])?;
    // The list itself has no room: that is said, and what to do. (On a cluster a task is given more until it has.)
    let lengths = one.group_by_key().map_values(|values| values.len() as u64).collect().await;
    match (lengths, ctx.master()) {
        (Ok(lengths), Master::Mesos(_)) => equal(&lengths, &[(7, MANY as u64)])?,
        (Ok(lengths), _) => return Err(format!("there should be no room for {lengths:?} values").into()),
        (Err(error), _) => {
            let said = error.to_string();
            assert!(said.contains("the values of a single key need more than the task's memory"), "{said}");
        }
    }
    Ok(())
}
