//! Which keys are equal.

use super::fixture::{Done, Trials, in_order, same, says, told};
use super::keyed::plus;
use bytes::Bytes;
use dpark::Context;
use dpark::prelude::{Key, Rdd};
use std::marker::PhantomData;

pub(crate) fn add(trials: &mut Trials) {
    trials.wide("keys::none_is_a_key", none_is_a_key);
    trials.wide("keys::text_is_compared_by_its_bytes", text_is_compared_by_its_bytes);
    trials.wide("keys::of_all_kinds", of_all_kinds);
    trials.plain("keys::floats_are_none", floats_are_none);
    trials.wide("keys::bits_of_floats", bits_of_floats);
    trials.wide("keys::floats_in_sql", floats_in_sql);
    trials.wide("keys::null_in_sql", null_in_sql);
    trials.add("keys::null_where_none_is_taken", null_where_none_is_taken);
}

/// `None` is a key like others, equal to itself, also in joins, and not to an empty text.
async fn none_is_a_key(ctx: Context) -> Done {
    let (none, empty) = (None::<String>, Some(String::new()));
    let data = ctx.parallelize(vec![(none.clone(), 1i64), (empty.clone(), 2), (none.clone(), 3)], 3);
    same(data.reduce_by_key(plus).collect().await?, [(none.clone(), 4), (empty.clone(), 2)])?;
    let groups = in_order(data.group_by_key().collect().await?);
    same(groups, [(none.clone(), vec![1, 3]), (empty.clone(), vec![2])])?;
    let other = data.filter(|(_, value)| value != 1);
    let expected = [(none.clone(), (1, 3)), (none.clone(), (3, 3)), (empty, (2, 2))];
    same(data.join(&other).collect().await?, expected)?;
    let found = data.full_join(&other.filter(|(key, _)| key.is_none())).filter(|(key, _)| key.is_none());
    same(found.collect().await?, [(none.clone(), (Some(1), Some(3))), (none.clone(), (Some(3), Some(3)))])?;
    assert_eq!(data.keys().distinct().count().await?, 2);
    let mut found = data.lookup(&none).await?;
    found.sort_unstable();
    assert_eq!(found, [1, 3]);
    Ok(())
}

/// Not normalised, not trimmed, no case folded.
async fn text_is_compared_by_its_bytes(ctx: Context) -> Done {
    let texts = ["é", "e\u{301}", "a", "A", "a ", "", "\0", "ß", "ss"];
    let rows: Vec<(Option<String>, i64)> =
        texts.iter().chain(&texts).map(|text| (Some((*text).to_owned()), 1)).collect();
    let counts = ctx.parallelize(rows, 4).reduce_by_key(plus).collect().await?;
    same(counts, texts.map(|text| (Some(text.to_owned()), 2)))
}

/// Each row twice, in two partitions: as many different ones as there were.
async fn twice<K: Key + Clone>(ctx: &Context, keys: Vec<K>) -> Done {
    let rows: Rdd<K> = ctx.parallelize([keys.clone(), keys.clone()].concat(), 2);
    assert_eq!(rows.distinct().count().await?, keys.len() as u64);
    Ok(())
}

async fn of_all_kinds(ctx: Context) -> Done {
    twice(&ctx, vec![true, false]).await?;
    twice(&ctx, vec![u8::MIN, u8::MAX]).await?;
    twice(&ctx, vec![Bytes::new(), Bytes::from_static(&[0]), Bytes::from_static(&[0, 0])]).await?;
    twice(&ctx, vec![chrono::NaiveDate::MIN, chrono::NaiveDate::default()]).await?;
    twice(&ctx, vec![chrono::DateTime::UNIX_EPOCH]).await?;
    // Lists of equal elements in another order are other keys, and an empty one is not `None`.
    twice(&ctx, vec![Some(vec![1i64, 2]), Some(vec![2, 1]), Some(vec![1]), Some(vec![]), None]).await?;
    twice(&ctx, vec![[1i64, 2], [2, 1]]).await?;
    twice(&ctx, vec![Some((1i64, None)), Some((1, Some("x".to_owned()))), Some((1, Some(String::new()))), None]).await
}

/// The compiler refuses them, alone and in tuples: NaN is not equal to itself, and -0.0 has other bits than 0.0.
fn floats_are_none() -> Done {
    /// Has `IS_KEY` of its own for keys; for others it is the trait's.
    struct Asked<T>(PhantomData<T>);
    trait NoKey {
        const IS_KEY: bool = false;
    }
    impl<T> NoKey for Asked<T> {}
    impl<T: Key> Asked<T> {
        const IS_KEY: bool = true;
    }
    const { assert!(Asked::<i64>::IS_KEY && Asked::<(Option<String>, u64)>::IS_KEY) };
    const { assert!(!Asked::<f64>::IS_KEY && !Asked::<f32>::IS_KEY) };
    const { assert!(!Asked::<(i64, f64)>::IS_KEY && !Asked::<Option<f64>>::IS_KEY && !Asked::<Vec<f64>>::IS_KEY) };
    Ok(())
}

/// What the message for floats advises.
async fn bits_of_floats(ctx: Context) -> Done {
    let floats = vec![f64::NAN, f64::NAN, 0.0, -0.0, 0.0, 1.0];
    let data = ctx.parallelize(floats, 3).map(|x| (x.to_bits() as i64, 1i64));
    let expected = [(f64::NAN, 2), (0.0, 2), (-0.0, 1), (1.0, 1)].map(|(x, count)| (x.to_bits() as i64, count));
    same(data.reduce_by_key(plus).collect().await?, expected)
}

/// SQL: NaN is equal to itself, -0.0 to 0.0.
async fn floats_in_sql(ctx: Context) -> Done {
    let floats = [Some(f64::NAN), Some(f64::NAN), Some(0.0), Some(-0.0), Some(1.0), None, None];
    ctx.register("floats", &ctx.parallelize((0i64..).zip(floats).collect::<Vec<_>>(), 3))?;
    let groups = ctx.sql("SELECT count(*) AS n FROM floats GROUP BY _2 ORDER BY n").await?;
    assert_eq!(ctx.rdd::<i64>(groups)?.collect().await?, [1, 2, 2, 2]);
    let pairs = ctx.sql("SELECT count(*) FROM floats a JOIN floats b ON a._2 = b._2").await?;
    assert_eq!(ctx.rdd::<i64>(pairs)?.collect().await?, [2 * 2 + 2 * 2 + 1]);
    Ok(())
}

/// SQL: NULLs are one group, and no partners.
async fn null_in_sql(ctx: Context) -> Done {
    let rows = vec![(None::<String>, 1i64), (None, 2), (Some(String::new()), 3)];
    ctx.register("rows", &ctx.parallelize(rows, 2))?;
    let groups = ctx.sql("SELECT _1, sum(_2) FROM rows GROUP BY _1").await?;
    same(ctx.rdd::<(Option<String>, i64)>(groups)?.collect().await?, [(None, 3), (Some(String::new()), 3)])?;
    let pairs = ctx.sql("SELECT a._2, b._2 FROM rows a JOIN rows b ON a._1 = b._1").await?;
    assert_eq!(ctx.rdd::<(i64, i64)>(pairs)?.collect().await?, [(3, 3)]);
    Ok(())
}

/// The message names the column: of a tuple, of a single one, and below others.
async fn null_where_none_is_taken(ctx: Context) -> Done {
    let advice = "take an Option, or filter first";
    let rows = ctx.sql("SELECT 1 AS a, CASE WHEN value > 1 THEN value END AS b FROM generate_series(1, 3)").await?;
    let rows: Rdd<(i64, i64)> = ctx.rdd(rows)?;
    says(&told(rows.map(|(a, _)| a).collect().await), &["_2 is NULL", advice])?;
    says(&told(rows.collect().await), &["_2 is NULL", advice])?;
    let one = ctx.sql("SELECT CASE WHEN value > 1 THEN value END FROM generate_series(1, 3)").await?;
    says(&told(ctx.rdd::<i64>(one)?.collect().await), &["_1 is NULL", advice])?;
    let list = ctx.sql("SELECT make_array(1, NULL) AS list").await?;
    says(&told(ctx.rdd::<Vec<i64>>(list)?.collect().await).to_lowercase(), &["null"])
}
