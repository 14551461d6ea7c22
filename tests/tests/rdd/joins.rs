//! Two and more data sets, by key.

use super::fixture::{Done, Pair, Trials, grouped, in_order, pairs, ragged, same, sorted};
use super::keyed::plus;
use dpark::Context;
use dpark::prelude::{Rdd, Row};
use libtest_mimic::Failed;
use std::collections::BTreeSet;

pub(crate) fn add(trials: &mut Trials) {
    trials.wide("joins::join", join);
    trials.wide("joins::left_join", left_join);
    trials.wide("joins::right_join", right_join);
    trials.wide("joins::full_join", full_join);
    trials.wide("joins::broadcast", broadcast);
    trials.wide("joins::cogroup", cogroup);
    trials.wide("joins::cogroup_of_three_and_four", cogroup_of_three_and_four);
    trials.wide("joins::update", update);
    trials.wide("joins::subtract_by_key", subtract_by_key);
    trials.wide("joins::with_itself", with_itself);
    trials.wide("joins::keys_of_several_columns", keys_of_several_columns);
    trials.wide("joins::skew", skew);
    trials.add("joins::with_nothing", with_nothing);
}

/// Two sides; each has keys that the other does not have, and both have some several times.
fn sides(ctx: &Context) -> (Vec<Pair>, Vec<Pair>, Rdd<Pair>, Rdd<Pair>) {
    let (left, right) = (pairs(30, 400), pairs(31, 250));
    let (l, r) = (ragged(ctx, &left), ragged(ctx, &right));
    (left, right, l, r)
}

/// A key, a value of the left, and one of the right.
type Joined = (Option<String>, (i64, Option<i64>));

/// Each row of the left with each of the right that has its key, or with none.
fn plain(left: &[Pair], right: &[Pair]) -> Vec<Joined> {
    let groups = grouped(right);
    let rows = left.iter().flat_map(|(key, value)| {
        let partners: Vec<Option<i64>> = match groups.get(key) {
            Some(values) => values.iter().copied().map(Some).collect(),
            None => vec![None],
        };
        partners.into_iter().map(|partner| (key.clone(), (*value, partner)))
    });
    rows.collect()
}

async fn join(ctx: Context) -> Done {
    let (left, right, l, r) = sides(&ctx);
    let expected = plain(&left, &right).into_iter().filter_map(|(key, (left, right))| Some((key, (left, right?))));
    same(l.join(&r).collect().await?, expected)
}

async fn left_join(ctx: Context) -> Done {
    let (left, right, l, r) = sides(&ctx);
    same(l.left_join(&r).collect().await?, plain(&left, &right))
}

/// Two keys have nearly all rows of the left; one of them has partners, the other none.
async fn skew(ctx: Context) -> Done {
    let (mut left, right) = (pairs(32, 300), pairs(33, 200));
    let (partnered, alone) = (Some("partnered".to_owned()), Some("alone".to_owned()));
    left.extend((0..2000).map(|n| (if n % 2 == 0 { partnered.clone() } else { alone.clone() }, n)));
    let mut right = right;
    right.extend([(partnered.clone(), 1), (partnered.clone(), 2)]);
    let skewed = ragged(&ctx, &left).skew(0.5).await?;
    let hot: BTreeSet<_> = skewed.hot().iter().cloned().collect();
    let (l, r) = (ragged(&ctx, &left), ragged(&ctx, &right));
    // With one partition only what has more than half of all rows is too much for a task.
    if ctx.session().copied_config().target_partitions() > 1 {
        assert!(hot.contains(&partnered) && hot.contains(&alone), "{hot:?}");
        // Their rows are where they were; otherwise all of a key come together.
        assert_eq!(places(&l.left_join(&r), &alone).await?, [1000]);
        assert_eq!(places(&skewed.left_join(&r), &alone).await?, places(&l, &alone).await?);
        let twice: Vec<u64> = places(&l, &partnered).await?.iter().map(|rows| 2 * rows).collect();
        assert!(twice.len() >= 4, "{twice:?}");
        assert_eq!(places(&skewed.join(&r), &partnered).await?, twice);
    }
    let expected = plain(&left, &right);
    same(skewed.left_join(&r).collect().await?, expected.clone())?;
    let inner = expected.into_iter().filter_map(|(key, (left, right))| Some((key, (left, right?))));
    same(skewed.join(&r).collect().await?, inner)?;
    for part in [0.0, -0.1, 1.1, f64::NAN] {
        let refused = ragged(&ctx, &left).skew(part).await.err().map(|error| error.to_string()).unwrap_or_default();
        assert!(refused.contains("the part of the rows to look at"), "{refused}");
    }
    Ok(())
}

/// How many rows of a key the partitions have that have any.
async fn places<V: Row>(data: &Rdd<(Option<String>, V)>, key: &Option<String>) -> Result<Vec<u64>, Failed> {
    let own = data.with(key).filter(|key, (other, _)| other == key.as_deref());
    Ok(own.partition_counts().await?.into_iter().filter(|rows| *rows > 0).collect())
}

async fn right_join(ctx: Context) -> Done {
    let (left, right, l, r) = sides(&ctx);
    let expected = plain(&right, &left).into_iter().map(|(key, (right, left))| (key, (left, right)));
    same(l.right_join(&r).collect().await?, expected)
}

async fn full_join(ctx: Context) -> Done {
    let (left, right, l, r) = sides(&ctx);
    let lefts = plain(&left, &right).into_iter().map(|(key, (left, right))| (key, (Some(left), right)));
    let rights = plain(&right, &left).into_iter().filter(|(_, (_, left))| left.is_none());
    let expected = lefts.chain(rights.map(|(key, (right, _))| (key, (None, Some(right)))));
    same(l.full_join(&r).collect().await?, expected)
}

/// The small side goes to all tasks; the rows of the other stay in their partitions.
async fn broadcast(ctx: Context) -> Done {
    let (left, right, l, r) = sides(&ctx);
    let expected = plain(&left, &right);
    same(l.broadcast_left_join(&r).collect().await?, expected.clone())?;
    let inner = l.broadcast_join(&r);
    let partners = expected.into_iter().filter_map(|(key, (left, right))| Some((key, (left, right?))));
    same(inner.collect().await?, partners.clone())?;
    let mut per_partition = vec![0u64; 7];
    for (partition, (key, _)) in l.enumerate_partitions().collect().await? {
        per_partition[partition as usize] += grouped(&right).get(&key).map_or(0, |values| values.len() as u64);
    }
    assert_eq!(inner.partition_counts().await?, per_partition);
    Ok(())
}

async fn cogroup(ctx: Context) -> Done {
    let (left, right, l, r) = sides(&ctx);
    let (ls, rs) = (grouped(&left), grouped(&right));
    let keys: BTreeSet<_> = ls.keys().chain(rs.keys()).cloned().collect();
    let values = |groups: &std::collections::BTreeMap<Option<String>, Vec<i64>>, key: &Option<String>| {
        sorted(groups.get(key).cloned().unwrap_or_default())
    };
    let expected = keys.into_iter().map(|key| (key.clone(), (values(&ls, &key), values(&rs, &key))));
    let found = l.cogroup(&r).collect().await?.into_iter();
    same(found.map(|(key, (left, right))| (key, (sorted(left), sorted(right)))).collect(), expected)
}

async fn cogroup_of_three_and_four(ctx: Context) -> Done {
    let (left, right, l, r) = sides(&ctx);
    let (ls, rs) = (grouped(&left), grouped(&right));
    let keys: BTreeSet<_> = ls.keys().chain(rs.keys()).cloned().collect();
    // As numbers of values: what is in the lists is tried with two.
    let (n, m) = (|key| ls.get(key).map_or(0, Vec::len) as i64, |key| rs.get(key).map_or(0, Vec::len) as i64);
    let three = l.cogroup3(&r, &l).map_values(|(a, b, c)| (a.len() as i64, b.len() as i64, c.len() as i64));
    same(three.collect().await?, keys.iter().map(|key| (key.clone(), (n(key), m(key), n(key)))))?;
    let four = l.cogroup4(&r, &l, &r).map_values(|(a, b, c, d)| {
        let sum: i64 = d.iter().sum();
        (a.len() as i64, b.len() as i64, c.len() as i64, sum)
    });
    let expected = keys.iter().map(|key| {
        let sum = rs.get(key).map_or(0, |values| values.iter().sum());
        (key.clone(), (n(key), m(key), n(key), sum))
    });
    same(four.collect().await?, expected)
}

/// All values that the other side has for a key take the place of all that were there.
async fn update(ctx: Context) -> Done {
    let (left, right, l, r) = sides(&ctx);
    let (ls, rs) = (grouped(&left), grouped(&right));
    let kept: Vec<Pair> = left.into_iter().filter(|(key, _)| !rs.contains_key(key)).collect();
    let replaced = right.iter().filter(|(key, _)| ls.contains_key(key)).cloned();
    same(l.update_existing(&r).collect().await?, kept.clone().into_iter().chain(replaced))?;
    same(l.update(&r).collect().await?, kept.into_iter().chain(right))
}

async fn subtract_by_key(ctx: Context) -> Done {
    let (left, right, l, r) = sides(&ctx);
    let others = grouped(&right);
    same(l.subtract_by_key(&r).collect().await?, left.into_iter().filter(|(key, _)| !others.contains_key(key)))
}

async fn with_itself(ctx: Context) -> Done {
    let (left, _, l, _) = sides(&ctx);
    let expected = plain(&left, &left).into_iter().filter_map(|(key, (left, right))| Some((key, (left, right?))));
    same(l.join(&l).collect().await?, expected)?;
    let sums = l.reduce_by_key(plus);
    let expected = grouped(&left).into_iter().map(|(key, values)| (key, (values.iter().sum(), values.iter().sum())));
    same(sums.join(&sums).collect().await?, expected)
}

async fn keys_of_several_columns(ctx: Context) -> Done {
    let (left, right, l, r) = sides(&ctx);
    let [l, r] = [l, r].map(|rows| {
        let keyed = rows.key_by(|(key, value)| (value.rem_euclid(9), key.map(str::to_owned)));
        keyed.map_values(|(_, value)| value)
    });
    let keyed = |rows: Vec<Pair>| -> Vec<_> {
        rows.into_iter().map(|(key, value)| ((value.rem_euclid(9), key), value)).collect()
    };
    let (left, right) = (keyed(left), keyed(right));
    let (ls, rs) = (grouped(&left), grouped(&right));
    same(l.reduce_by_key(plus).collect().await?, ls.iter().map(|(key, values)| (key.clone(), values.iter().sum())))?;
    same(in_order(l.group_by_key().collect().await?), in_order(ls.clone()))?;
    let expected = left.iter().flat_map(|(key, value)| {
        let partners = rs.get(key).into_iter().flatten();
        partners.map(|partner| (key.clone(), (*value, *partner)))
    });
    same(l.join(&r).collect().await?, expected)?;
    let keys: BTreeSet<_> = ls.keys().chain(rs.keys()).cloned().collect();
    let full = l.full_join(&r).keys().distinct();
    same(full.collect().await?, keys)
}

async fn with_nothing(ctx: Context) -> Done {
    let (left, _, l, _) = sides(&ctx);
    let nothing: Rdd<Pair> = ctx.parallelize(vec![], 3);
    assert_eq!(l.join(&nothing).count().await?, 0);
    assert_eq!(nothing.join(&l).count().await?, 0);
    same(l.left_join(&nothing).collect().await?, left.iter().map(|(key, value)| (key.clone(), (*value, None))))?;
    assert_eq!(l.right_join(&nothing).count().await?, 0);
    assert_eq!(l.full_join(&nothing).count().await?, 400);
    assert_eq!(l.broadcast_join(&nothing).count().await?, 0);
    assert_eq!(l.broadcast_left_join(&nothing).count().await?, 400);
    same(l.update(&nothing).collect().await?, left.clone())?;
    assert_eq!(l.update_existing(&nothing).count().await?, 400);
    same(l.subtract_by_key(&nothing).collect().await?, left)?;
    assert_eq!(nothing.cogroup(&nothing).count().await?, 0);
    Ok(())
}
