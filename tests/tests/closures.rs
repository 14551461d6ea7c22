//! Closures over typed rows, in threads and in worker processes: word count, values given along, SQL over the result.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test, with a main of its own")]

use arrow::array::{AsArray, Int64Array};
use arrow::datatypes::Int64Type;
use arrow::record_batch::RecordBatch;
use datafusion::common::DataFusionError;
use dpark::prelude::*;
use libtest_mimic::{Arguments, Failed, Trial};
use std::sync::Arc;

fn main() {
    dpark::init();
    let args = Arguments::from_args();
    let mut trials = vec![];
    for (name, master) in [("local2", "local[2]"), ("process2", "process[2]")] {
        trials.push(Trial::test(format!("closures::word_count::{name}"), move || word_count(master)));
        trials.push(Trial::test(format!("closures::with_a_value::{name}"), move || with_a_value(master)));
        trials.push(Trial::test(format!("closures::map_batches::{name}"), move || map_batches(master)));
        trials.push(Trial::test(format!("closures::panic::{name}"), move || panic_is_the_tasks_error(master)));
        trials.push(Trial::test(format!("closures::error::{name}"), move || an_error_is_tried_again(master)));
        trials.push(Trial::test(format!("closures::cache::{name}"), move || cached_once(master)));
    }
    libtest_mimic::run(&args, trials).exit();
}

fn on<F: Future<Output = Result<(), Failed>>>(master: &str, body: impl FnOnce(Context) -> F) -> Result<(), Failed> {
    let ctx = Context::builder().master(master).conf("shuffle.partitions", "3").build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let done = body(ctx.clone()).await;
        ctx.stop().await;
        done
    })
}

fn word_count(master: &str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let lines = ["to be or not to be", "that is the question", "", "to be"].map(String::from);
        let counts = ctx
            .parallelize(lines, 3)?
            .flat_map(|line| line.split_whitespace().map(|word| (word.to_owned(), 1u64)).collect::<Vec<_>>())?
            .reduce_by_key(|a, b| a + b)?;
        let mut found = counts.clone().collect().await?;
        found.sort();
        let expected =
            [("be", 3), ("is", 1), ("not", 1), ("or", 1), ("question", 1), ("that", 1), ("the", 1), ("to", 3)];
        let expected: Vec<_> = expected.into_iter().map(|(word, n)| (word.to_owned(), n)).collect();
        assert_eq!(found, expected);

        ctx.register("counts", &counts)?;
        let rows = ctx.sql("SELECT _2 AS n, count(*) AS words FROM counts GROUP BY _2 ORDER BY n").await?;
        let rows: Vec<(u64, i64)> = rows.rdd()?.collect().await?;
        assert_eq!(rows, [(1, 6), (3, 2)]);
        Ok(())
    })
}

fn with_a_value(master: &str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let numbers = ctx.parallelize(1..=10i64, 4)?;
        let kept = numbers.with(&vec![3i64, 5])?.filter(|divisors, n| divisors.iter().any(|d| n % d == 0))?;
        let scaled = kept.with(&10i64)?.map(|factor, n| n * factor)?;
        assert_eq!(scaled.collect().await?, [30, 50, 60, 90, 100]);
        Ok(())
    })
}

fn map_batches(master: &str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let doubled = ctx.parallelize(1..=1000i64, 3)?.to_df().map_batches(|batch| {
            let column = batch.column(0).as_primitive::<Int64Type>();
            let doubled: Int64Array = column.unary(|value| value * 2);
            Ok(RecordBatch::try_new(batch.schema(), vec![Arc::new(doubled)])?)
        })?;
        let sum: Vec<i64> = doubled.rdd()?.collect().await?;
        assert_eq!(sum.iter().sum::<i64>(), 1_001_000);
        Ok(())
    })
}

fn panic_is_the_tasks_error(master: &str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let broken = ctx.parallelize(1..=4i64, 2)?.map(|n| if n == 3 { panic!("three is too much") } else { n })?;
        let error = broken.collect().await.unwrap_err().to_string();
        assert!(error.contains("three is too much"), "{error}");
        assert!(error.contains("4 failed attempts"), "{error}");
        // The context lives on.
        assert_eq!(ctx.parallelize(1..=4i64, 2)?.count().await?, 4);
        Ok(())
    })
}

fn an_error_is_tried_again(master: &str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let mut events = ctx.events();
        let broken = ctx.parallelize(1..=4i64, 2)?.to_df().map_batches(|batch| match batch.num_rows() {
            0 => Ok(batch),
            _ => Err(DataFusionError::Execution("the service does not answer".into())),
        })?;
        let error = broken.collect().await.unwrap_err().to_string();
        assert!(error.contains("the service does not answer") && error.contains("4 failed attempts"), "{error}");
        assert!(tasks(&mut events) >= 4);
        Ok(())
    })
}

fn cached_once(master: &str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let cached = ctx.parallelize(1..=100i64, 4)?.map(|n| n + 1)?.cache().await?;
        let mut events = ctx.events();
        assert_eq!(cached.clone().count().await?, 100);
        let first = tasks(&mut events);
        assert_eq!(cached.clone().collect().await?.iter().sum::<i64>(), 5150);
        let second = tasks(&mut events);
        assert!(first > second, "{first} tasks, then {second}: the second job should not compute the rows again");
        ctx.unpersist(&cached.to_df());
        assert_eq!(cached.count().await?, 100);
        assert_eq!(tasks(&mut events), first);
        Ok(())
    })
}

fn tasks(events: &mut tokio::sync::broadcast::Receiver<dpark::EngineEvent>) -> usize {
    let mut count = 0;
    while let Ok(event) = events.try_recv() {
        count += usize::from(matches!(event, dpark::EngineEvent::TaskStarted { .. }));
    }
    count
}
