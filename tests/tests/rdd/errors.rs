//! What is wrong, and how it is told.

use super::fixture::{Done, Trials, says, told};
use super::keyed::plus;
use arrow::record_batch::RecordBatch;
use datafusion::common::DataFusionError;
use dpark::prelude::{DataFrameExt, Rdd};
use dpark::{Context, EngineEvent};
use std::path::Path;

pub(crate) fn add(trials: &mut Trials) {
    trials.add("errors::zip_behind_a_shuffle", zip_behind_a_shuffle);
    trials.add("errors::of_a_closure", of_a_closure);
    trials.add("errors::of_map_batches", of_map_batches);
    trials.add("errors::panic", panic_is_the_tasks_error);
    trials.add("errors::panic_in_operations_by_key", panic_in_operations_by_key);
    trials.add("errors::a_closure_runs_again", a_closure_runs_again);
    trials.add("errors::columns_that_differ", columns_that_differ);
    trials.add("errors::another_context", another_context);
    trials.add("errors::are_told_by_the_first_action", are_told_by_the_first_action);
}

fn failures(events: &mut tokio::sync::broadcast::Receiver<EngineEvent>) -> usize {
    let mut count = 0;
    while let Ok(event) = events.try_recv() {
        count += usize::from(matches!(event, EngineEvent::TaskFailed { .. }));
    }
    count
}

/// It is tried again, as the closure may talk to the world, and told in its own words at last.
async fn of_a_closure(ctx: Context) -> Done {
    let mut events = ctx.events();
    let broken = ctx.range(0..10, 2).try_map(|n| if n == 7 { Err(format!("{n} is no good")) } else { Ok(n) });
    says(&told(broken.collect().await), &["7 is no good", "4 failed attempts"])?;
    assert!(failures(&mut events) >= 4);
    // Also where the rows are not asked for, and with a value.
    says(&told(broken.count().await), &["7 is no good"])?;
    let broken = ctx.range(0..10, 2).with(&7i64).try_map(|bad, n| if n == *bad { Err("no good") } else { Ok(n) });
    says(&told(broken.reduce(plus).await), &["no good"])
}

async fn of_map_batches(ctx: Context) -> Done {
    let mut events = ctx.events();
    let broken = ctx.range(1..5, 2).to_df()?.map_batches(|batch: RecordBatch| match batch.num_rows() {
        0 => Ok(batch),
        _ => Err(DataFusionError::Execution("the service does not answer".into())),
    })?;
    says(&told(broken.collect().await), &["the service does not answer", "4 failed attempts"])?;
    assert!(failures(&mut events) >= 4);
    Ok(())
}

async fn panic_is_the_tasks_error(ctx: Context) -> Done {
    let broken = ctx.range(1..5, 2).map(|n| if n == 3 { panic!("three is too much") } else { n });
    says(&told(broken.collect().await), &["three is too much", "4 failed attempts"])?;
    // In one that has a thread of its own, too.
    let broken = ctx.range(1..5, 2).map_partitions(|rows, out| rows.for_each(|n| out.push(10 / (3 - n))));
    says(&told(broken.collect().await), &["divide by zero"])?;
    // The context lives on.
    assert_eq!(ctx.range(1..5, 2).count().await?, 4);
    Ok(())
}

async fn panic_in_operations_by_key(ctx: Context) -> Done {
    let data = ctx.range(0..10, 2).map(|n| (n % 2, n));
    let merged = data.reduce_by_key(|a, b| if a + b > 5 { panic!("the sum is too large") } else { a + b });
    says(&told(merged.collect().await), &["the sum is too large"])?;
    let grouped: Rdd<i64> = data.map_groups(|key, _, _| panic!("the group of {key} is no good"));
    says(&told(grouped.collect().await), &["is no good"])?;
    assert_eq!(data.reduce_by_key(plus).count().await?, 2);
    Ok(())
}

/// A task that failed begins anew: what its closures did before is done twice, what they gave is there once.
async fn a_closure_runs_again(ctx: Context) -> Done {
    let dir = tempfile::tempdir()?;
    let mut events = ctx.events();
    let rows = ctx.range(0..5, 1).with(&dir.path().display().to_string()).try_map(|dir, n| {
        let dir = Path::new(dir);
        let calls = dir.join(format!("call {n}"));
        let before = std::fs::read_to_string(&calls).unwrap_or_default();
        std::fs::write(&calls, format!("{before}.")).unwrap();
        if n == 3 && before.is_empty() { Err("not the first time") } else { Ok(n) }
    });
    assert_eq!(rows.collect().await?, [0, 1, 2, 3, 4]);
    let calls = |n: i64| std::fs::read_to_string(dir.path().join(format!("call {n}"))).unwrap().len();
    assert_eq!([0, 1, 2, 3, 4].map(calls), [2, 2, 2, 2, 1]);
    assert_eq!(failures(&mut events), 1);
    Ok(())
}

/// Each message names the column.
async fn columns_that_differ(ctx: Context) -> Done {
    let rows = ctx.sql("SELECT 1 AS a, 'x' AS b, 2.5 AS c").await?;
    says(&told(ctx.rdd::<(i64, String)>(rows.clone())), &["3 columns", "a, b, c", "2"])?;
    says(&told(ctx.rdd::<(i64, i64, f64)>(rows.clone())), &["column b is Utf8", "Int64", "cast it first"])?;
    says(&told(ctx.rdd::<(i64, String, i64)>(rows.clone())), &["column c is Float64", "Int64"])?;
    says(&told(ctx.rdd::<i64>(rows.clone())), &["3 columns"])?;
    // The same in another encoding is no other type.
    let rows = ctx.rdd::<(i64, String, f64)>(rows)?;
    assert_eq!(rows.collect().await?, [(1, "x".to_owned(), 2.5)]);
    let views = ctx.sql("SELECT arrow_cast('x', 'Utf8View'), arrow_cast('y', 'LargeUtf8')").await?;
    assert_eq!(ctx.rdd::<(String, String)>(views)?.collect().await?, [("x".to_owned(), "y".to_owned())]);
    Ok(())
}

async fn another_context(ctx: Context) -> Done {
    let other = Context::builder().master("local[1]").build()?;
    let (here, there) = (ctx.range(0..3, 1), other.range(0..3, 1));
    let advice = "of different contexts cannot be used together";
    says(&told(here.union(&there).collect().await), &[advice])?;
    says(&told(here.zip(&there).count().await), &[advice])?;
    says(&told(here.cartesian(&there).count().await), &[advice])?;
    let [l, r] = [&here, &there].map(|rows| rows.key_by(|n| n));
    says(&told(l.join(&r).count().await), &[advice])?;
    says(&told(l.cogroup(&r).count().await), &[advice])?;
    says(&told(ctx.register("theirs", &there)), &[advice])?;
    // Clones are of one context.
    assert_eq!(here.union(&ctx.clone().range(0..3, 1)).count().await?, 6);
    other.stop().await;
    Ok(())
}

/// Transformations never fail: what is wrong stays with the data set.
async fn are_told_by_the_first_action(ctx: Context) -> Done {
    let unequal = ctx.range(0..3, 1).zip(&ctx.range(0..3, 2)).map(|(a, b)| a + b).filter(|n| n > 1);
    says(&told(unequal.first().await), &["cannot be zipped"])?;
    says(&told(unequal.partition_count().await), &["cannot be zipped"])?;
    says(&told(unequal.sort_by(|n| n).await.map(drop)), &["cannot be zipped"])
}

/// Rows in no known order cannot be put side by side.
async fn zip_behind_a_shuffle(ctx: Context) -> Done {
    let moved = ctx.range(0..10, 2).key_by(|n| n).partition_by_key();
    let error = moved.keys().zip(&moved.values()).count().await.unwrap_err().to_string();
    assert!(error.contains("in no known order"), "{error}");
    // Kept rows may be lost, and be computed again in another order.
    let kept = moved.cache();
    let error = kept.keys().zip(&kept.values()).count().await.unwrap_err().to_string();
    assert!(error.contains("checkpoint()"), "{error}");
    let dir = tempfile::tempdir()?;
    let settled = moved.checkpoint(dir.path().join("moved")).await?;
    assert_eq!(settled.keys().zip(&settled.values()).filter(|(a, b)| a == b).count().await?, 10);
    Ok(())
}
