//! SQL and DataFrames, before closures and behind them.

use super::fixture::{Done, Trials, equal, grouped, pairs, ragged, same};
use super::keyed::plus;
use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::{DataType, Field, Int64Type, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::prelude::{col, lit};
use dpark::prelude::{DataFrameExt, Rdd};
use dpark::{Context, Keep};
use dpark_tests::story::Story;
use std::sync::Arc;

pub(crate) fn add(trials: &mut Trials) {
    trials.add("frames::order_below_closures", order_below_closures);
    trials.wide("frames::there_and_back", there_and_back);
    trials.add("frames::map_batches", map_batches);
    trials.add("frames::map_batches_to", map_batches_to);
    trials.wide("frames::register", register);
    trials.add("frames::cache", cache);
    trials.add("frames::persist", persist);
    trials.add_with("frames::persist_without_room", &[("executor.memory", "24MB")], persist_without_room);
    trials.add("frames::cache_after_unpersist", cache_after_unpersist);
}

async fn there_and_back(ctx: Context) -> Done {
    let rows = pairs(90, 1000);
    let data = ragged(&ctx, &rows);
    let df = data.to_df()?;
    let names: Vec<_> = df.schema().fields().iter().map(|field| field.name().clone()).collect();
    assert_eq!(names, ["_1", "_2"]);
    let kept = df.filter(col("_2").gt(lit(0)))?.select(vec![col("_2"), col("_1")])?;
    let found = ctx.rdd::<(i64, Option<String>)>(kept)?.swap().reduce_by_key(plus);
    let expected: Vec<_> = rows.into_iter().filter(|row| row.1 > 0).collect();
    same(found.collect().await?, grouped(&expected).into_iter().map(|(key, values)| (key, values.iter().sum())))?;
    // A single column is called `_1`; rows of SQL have the partitions that the query gives them.
    let numbers = ctx.rdd::<i64>(ctx.sql("SELECT value FROM generate_series(1, 1000)").await?)?;
    assert_eq!(numbers.map(|n| n * 2).reduce(plus).await?, Some(1_001_000));
    assert_eq!(ctx.range(0..3, 1).to_df()?.schema().field(0).name(), "_1");
    Ok(())
}

async fn map_batches(ctx: Context) -> Done {
    let doubled = ctx.range(1..1001, 3).to_df()?.map_batches(|batch: RecordBatch| {
        let column = batch.column(0).as_primitive::<Int64Type>();
        let doubled: Int64Array = column.unary(|value| value * 2);
        Ok(RecordBatch::try_new(batch.schema(), vec![Arc::new(doubled)])?)
    })?;
    equal(&ctx.rdd::<i64>(doubled)?.collect().await?, &(1..1001).map(|n| n * 2).collect::<Vec<_>>())
}

async fn map_batches_to(ctx: Context) -> Done {
    let schema = Arc::new(Schema::new(vec![Field::new("big", DataType::Boolean, false)]));
    let big = ctx.range(0..100, 3).to_df()?.map_batches_to(schema, |batch: RecordBatch| {
        let column = batch.column(0).as_primitive::<Int64Type>();
        let big: Vec<bool> = column.values().iter().map(|value| *value >= 50).collect();
        let schema = Arc::new(Schema::new(vec![Field::new("big", DataType::Boolean, false)]));
        Ok(RecordBatch::try_new(schema, vec![Arc::new(arrow::array::BooleanArray::from(big))])?)
    })?;
    assert_eq!(big.clone().filter(col("big"))?.count().await?, 50);
    equal(&ctx.rdd::<bool>(big)?.collect().await?, &(0..100).map(|n| n >= 50).collect::<Vec<_>>())
}

async fn register(ctx: Context) -> Done {
    let rows = pairs(91, 1000);
    let data = ragged(&ctx, &rows);
    ctx.register("data", &data)?;
    let sums = ctx.sql("SELECT _1, sum(_2) FROM data GROUP BY _1").await?;
    let expected = grouped(&rows).into_iter().map(|(key, values)| (key, values.iter().sum()));
    same(ctx.rdd::<(Option<String>, i64)>(sums)?.collect().await?, expected)?;
    // A data set behind an exchange, joined by SQL with the one before.
    ctx.register("sums", &data.reduce_by_key(plus))?;
    let joined = ctx.sql("SELECT count(*) FROM data JOIN sums ON data._1 IS NOT DISTINCT FROM sums._1").await?;
    assert_eq!(ctx.rdd::<i64>(joined)?.collect().await?, [1000]);
    Ok(())
}

fn tasks(story: &mut Story) -> usize {
    story.catch_up();
    std::mem::take(&mut story.started).len()
}

/// Computed by the first action that needs it, kept for those after.
async fn cache(ctx: Context) -> Done {
    let cached: Rdd<i64> = ctx.range(1..101, 4).map(|n| n + 1).cache();
    let mut story = Story::of(&ctx);
    assert_eq!(cached.count().await?, 100);
    let first = tasks(&mut story);
    assert_eq!(cached.reduce(plus).await?, Some(5150));
    let second = tasks(&mut story);
    assert!(first > second, "{first} tasks, then {second}: the second job should not compute the rows again");
    // Rows behind it are computed from what is kept.
    assert_eq!(cached.map(|n| n * 2).filter(|n| n > 100).count().await?, 51);
    assert!(tasks(&mut story) <= second);
    Ok(())
}

/// The same for each level.
async fn persist(ctx: Context) -> Done {
    for level in [Keep::MemoryAndDisk, Keep::Memory, Keep::Disk] {
        let kept: Rdd<(i64, String)> = ctx.range(0..2000, 4).map(|n| (n, format!("{n:0>2000}"))).persist(level);
        let mut story = Story::of(&ctx);
        let sum = kept.map(|(n, text)| n + text.len() as i64).reduce(plus).await?;
        assert_eq!(sum, Some(1999 * 1000 + 2000 * 2000));
        let first = tasks(&mut story);
        assert_eq!(kept.filter(|(n, _)| n % 2 == 0).count().await?, 1000);
        let second = tasks(&mut story);
        assert!(first > second, "{level:?}: {first} tasks, then {second}");
        kept.unpersist();
        assert_eq!(kept.count().await?, 2000);
        assert_eq!(tasks(&mut story), first, "{level:?}: what was freed should be computed again");
        kept.unpersist();
    }
    Ok(())
}

/// Forty megabytes, and no room for half of them.
async fn persist_without_room(ctx: Context) -> Done {
    for level in [Keep::MemoryAndDisk, Keep::Memory, Keep::Disk] {
        let kept: Rdd<(i64, String)> = ctx.range(0..20_000, 8).map(|n| (n, format!("{n:0>2000}"))).persist(level);
        for _ in 0..3 {
            let sum = kept.map(|(n, text)| n - text.parse::<i64>().unwrap_or(-1) + 1).reduce(plus).await?;
            assert_eq!(sum, Some(20_000), "{level:?}");
        }
        kept.unpersist();
    }
    Ok(())
}

async fn cache_after_unpersist(ctx: Context) -> Done {
    let cached: Rdd<i64> = ctx.range(1..101, 4).map(|n| n + 1).cache();
    let mut story = Story::of(&ctx);
    assert_eq!(cached.count().await?, 100);
    let first = tasks(&mut story);
    ctx.unpersist(&cached.to_df()?);
    assert_eq!(cached.count().await?, 100);
    assert_eq!(tasks(&mut story), first);
    Ok(())
}

/// What a query has ordered stays so below closures, and none of its partitions are lost.
async fn order_below_closures(ctx: Context) -> Done {
    ctx.register("t", &ctx.parallelize((0..1000i64).map(|n| (n % 50, n)), 5))?;
    let sql = "SELECT _1, sum(_2) AS s FROM t GROUP BY _1 ORDER BY _1";
    let sums = ctx.sql(sql).await?.rdd::<(i64, i64)>()?;
    let keys: Vec<i64> = (0..50).collect();
    assert_eq!(sums.map(|(key, _)| key).collect().await?, keys);
    assert_eq!(sums.take(5).await?.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert_eq!(sums.coalesce(1).count().await?, 50);
    assert_eq!(sums.slice(0..1).count().await?, 50);
    let all = ctx.range(0..50, 4).key_by(|n| n);
    assert_eq!(all.broadcast_join(&sums).count().await?, 50);
    assert_eq!(sums.keys().zip(&ctx.range(0..50, 1)).count().await?, 50);
    Ok(())
}
