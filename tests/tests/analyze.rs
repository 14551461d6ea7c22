//! `EXPLAIN ANALYZE` tells what happened: exact rows, plausible bytes and spills, and which stage had a slow task.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test, with a main of its own")]

use arrow::array::AsArray;
use datafusion::dataframe::DataFrame;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use dpark::Context;
use dpark_plan::dataset::mapping::Mapping;
use dpark_plan::dataset::{BatchTask, Dataset, DatasetNode, function_ref};
use futures::StreamExt;
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

fn main() {
    dpark::init();
    let args = Arguments::from_args();
    let mut trials = vec![];
    for (name, master) in [("local2", "local[2]"), ("process2", "process[2]")] {
        trials.push(Trial::test(format!("analyze::numbers::{name}"), move || numbers(master)));
        trials.push(Trial::test(format!("analyze::spilled::{name}"), move || spilled(master)));
        trials.push(Trial::test(format!("analyze::spilled_by_key::{name}"), move || spilled_by_key(master)));
        trials.push(Trial::test(format!("analyze::skew::{name}"), move || skew(master)));
    }
    libtest_mimic::run(&args, trials).exit();
}

fn on(
    master: &str,
    conf: &[(&str, &str)],
    body: impl AsyncFnOnce(&Context, &Path) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let builder = Context::builder().master(master).conf("shuffle.partitions", "3");
    let ctx = conf.iter().fold(builder, |builder, (key, value)| builder.conf(*key, *value)).build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let done = body(&ctx, dir.path()).await;
        ctx.stop().await;
        done
    })
}

/// Three files of so many rows; each has all of the keys 0 to 99.
async fn make_table(ctx: &Context, dir: &Path, rows: usize) -> Result<u64, Failed> {
    for part in 0..3 {
        let (first, last) = (part * rows, (part + 1) * rows - 1);
        let rows = format!("SELECT value % 100 AS k, value AS v FROM generate_series({first}, {last})");
        ctx.sql(&format!("COPY ({rows}) TO '{}/{part}.parquet'", dir.display())).await?.collect().await?;
    }
    let sizes = (0..3).map(|part| Ok(std::fs::metadata(dir.join(format!("{part}.parquet")))?.len()));
    sizes.sum::<Result<u64, Failed>>()
}

fn numbers(master: &str) -> Result<(), Failed> {
    on(master, &[], async |ctx, dir| {
        let size = make_table(ctx, dir, 10_000).await?;
        let sql = format!("SELECT k, count(*), sum(v) FROM '{}/' GROUP BY k ORDER BY k", dir.display());
        let (job, stages) = analyze(ctx, &sql).await?;
        assert!(job.starts_with("stages=3, output_rows=100, elapsed="), "{job}");
        let counts: Vec<_> = stages.iter().map(|stage| (stage.count("tasks"), stage.count("rows"))).collect();
        assert_eq!(counts, [(3, 300), (3, 100), (1, 100)], "{stages:?}");
        let read: Vec<_> = stages.iter().map(|stage| stage.bytes("read")).collect();
        assert!(0.0 < read[0] && read[0] <= size as f64 && read[1] + read[2] == 0.0, "{size}: {read:?}");
        for (stage, rows) in stages.iter().zip([300.0, 100.0, 100.0]) {
            // Two or three numbers of eight bytes, compressed or not, and what describes them.
            let shuffled = stage.bytes("shuffled");
            assert!(rows < shuffled && shuffled < rows * 24.0 + 9.0 * 4096.0, "{shuffled}: {stage:?}");
            assert_eq!(stage.bytes("spilled"), 0.0, "{stage:?}");
            assert!(stage.text("time").ends_with('s'), "{stage:?}");
        }
        // What was there already is not told as work.
        ctx.sql(&format!("CACHE TABLE kept AS SELECT * FROM '{}/'", dir.display())).await?.collect().await?;
        let (_, stages) = analyze(ctx, "SELECT count(*) FROM kept").await?;
        assert!(stages.iter().all(|stage| stage.bytes("read") == 0.0), "{stages:?}");
        Ok(())
    })
}

fn spilled(master: &str) -> Result<(), Failed> {
    on(master, &[("shuffle.memory", "false"), ("executor.memory", "64MB")], async |ctx, dir| {
        make_table(ctx, dir, 150_000).await?;
        // Each of three sorts has 30 MB, for which it wants twice as much.
        let wide = format!("SELECT v, lpad(v::VARCHAR, 200, md5(v::VARCHAR)) AS wide FROM '{}/'", dir.display());
        let (job, stages) = analyze(ctx, &format!("SELECT * FROM ({wide}) ORDER BY wide")).await?;
        assert!(job.contains("output_rows=450000,"), "{job}");
        let spilled: f64 = stages.iter().map(|stage| stage.bytes("spilled")).sum();
        assert!(1e6 < spilled && spilled < 1e9, "{spilled}: {stages:?}");
        let (_, stages) = analyze(ctx, &format!("SELECT count(*) FROM ({wide})")).await?;
        assert!(stages.iter().all(|stage| stage.bytes("spilled") == 0.0), "{stages:?}");
        Ok(())
    })
}

/// Operators of closures tell what they spill too.
fn spilled_by_key(master: &str) -> Result<(), Failed> {
    on(master, &[("shuffle.memory", "false"), ("executor.memory", "24MB")], async |ctx, _| {
        let wide = ctx.range(0..300_000, 3).map(|n| (n % 75_000, format!("{n:0>200}")));
        let few = ctx.range(0..75_000, 3).map(|n| (n, format!("{n:0>800}")));
        let counts = wide.group_by_key().map_values(|texts| texts.len() as u64);
        let joined = wide.join(&few).map_values(|(one, other)| (one.len() + other.len()) as u64);
        for (name, rows) in [("grouped", counts), ("joined", joined)] {
            ctx.register(name, &rows)?;
            let (_, stages) = analyze(ctx, &format!("SELECT sum(_2) FROM {name}")).await?;
            let spilled: f64 = stages.iter().map(|stage| stage.bytes("spilled")).sum();
            assert!(1e6 < spilled && spilled < 1e9, "{name}: {spilled}: {stages:?}");
        }
        Ok(())
    })
}

fn skew(master: &str) -> Result<(), Failed> {
    on(master, &[], async |ctx, _| {
        let mut skews = vec![];
        for (name, keys) in [("even", 6000), ("skewed", 600)] {
            // 5400 of the skewed rows have one key.
            let rows = ctx.parallelize((0..6000i64).map(|row| if row < keys { row } else { 0 }), 2);
            let (state, plan) = rows.to_df()?.into_parts();
            let schema = Arc::clone(plan.schema().inner());
            let (inputs, by_key) = (vec![Dataset::rows(plan)?], Mapping::Keyed(None));
            let function = function_ref(slow, "slow");
            let slow = Dataset::closure(inputs, by_key, schema, function, Arc::from([]), false)?;
            ctx.session().register_table(name, DataFrame::new(state, DatasetNode::plan(&slow)).into_view())?;
            let (_, stages) = analyze(ctx, &format!("SELECT * FROM {name}")).await?;
            assert_eq!(stages.iter().map(|stage| stage.count("rows")).collect::<Vec<_>>(), [6000, 6000], "{stages:?}");
            skews.push(stages[1].text("skew").parse::<f64>()?);
        }
        // The task with the heavy key sleeps for 270 ms or more, the median task for about 10.
        assert!(skews[1] > 3.0 && skews[0] < skews[1] / 2.0, "{skews:?}");
        Ok(())
    })
}

/// A closure that takes its time for each row.
fn slow(mut task: BatchTask) -> datafusion::common::Result<SendableRecordBatchStream> {
    let batches = task.input()?.inspect(|batch| {
        let rows = batch.as_ref().map_or(0, |batch| batch.num_rows());
        std::thread::sleep(Duration::from_micros(50) * rows as u32);
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(task.schema, batches)))
}

/// One stage's line of numbers: `tasks=3, rows=300, read=1.5 KiB, …`.
#[derive(Debug)]
struct Stage(String);

impl Stage {
    fn text(&self, key: &str) -> &str {
        let values = self.0.split(", ").filter_map(|pair| pair.split_once('='));
        values.into_iter().find(|(found, _)| *found == key).unwrap_or_else(|| panic!("no {key} in {self:?}")).1
    }
    fn count(&self, key: &str) -> u64 {
        self.text(key).parse().unwrap()
    }
    fn bytes(&self, key: &str) -> f64 {
        let (number, unit) = self.text(key).split_once(' ').unwrap();
        let power = ["B", "KiB", "MiB", "GiB"].iter().position(|known| *known == unit).unwrap();
        number.parse::<f64>().unwrap() * 1024f64.powi(power as i32)
    }
}

/// What is told of the job, and of each stage that ran.
async fn analyze(ctx: &Context, sql: &str) -> Result<(String, Vec<Stage>), Failed> {
    let batches = ctx.sql(&format!("EXPLAIN ANALYZE {sql}")).await?.collect().await?;
    let texts = batches.iter().flat_map(|batch| batch.column(1).as_string::<i32>().iter().flatten().map(str::to_owned));
    let mut texts = texts.collect::<Vec<_>>().into_iter();
    let job = texts.next().ok_or("no line about the job")?;
    let stages = texts.map(|text| text.lines().nth(1).unwrap().trim().to_owned());
    Ok((job, stages.filter(|line| !line.starts_with("not run")).map(Stage).collect()))
}
