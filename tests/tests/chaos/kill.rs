//! Workers are killed while a query runs: the answer stays right, and only what was lost is computed again.
//!
//! Each trial waits for the moment it wants in the engine's own event stream, kills the worker that the moment is
//! about, and asserts that the kill took place.

use crate::story::{kill, processes, wait_until};
use dpark::{Context, EngineEvent};
use libtest_mimic::{Failed, Trial};
use std::collections::HashSet;
use std::time::Duration;

/// Three stages: two that shuffle, one with the result.
const QUERY: &str = "
    SELECT k % 7 AS g, count(*) AS n, sum(v) AS s
    FROM (SELECT value % 1000 AS k, sum(value) AS v FROM generate_series(1, 400000) GROUP BY value % 1000)
    GROUP BY k % 7 ORDER BY g";

#[derive(Clone, Copy, PartialEq)]
enum Moment {
    /// While the first task of the first stage runs.
    MapRunning,
    /// When the first task has left its output.
    MapOutputThere,
    /// When the first task of the last stage starts.
    ResultStage,
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("chaos::kill::map_running", || kill_at(Moment::MapRunning)),
        Trial::test("chaos::kill::map_output_there", || kill_at(Moment::MapOutputThere)),
        Trial::test("chaos::kill::result_stage", || kill_at(Moment::ResultStage)),
        Trial::test("chaos::workers_leave_nothing", workers_leave_nothing),
    ]
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

fn context(dir: &std::path::Path) -> Context {
    let dir = dir.display().to_string();
    Context::builder().master("process[2]").conf("shuffle.partitions", "3").conf("dir", dir).build().unwrap()
}

async fn rows(ctx: &Context, table: &std::path::Path) -> Vec<String> {
    let sql = QUERY.replace("generate_series(1, 400000)", &format!("'{}/'", table.display()));
    let batches = ctx.sql(&sql).await.unwrap().collect().await.unwrap();
    let text = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
    text.lines().map(str::to_owned).collect()
}

/// A table of six files, so that the first stage has several tasks that can run anywhere.
fn make_table(dir: &std::path::Path) {
    let ctx = Context::builder().master("local[2]").conf("shuffle.partitions", "6").build().unwrap();
    runtime().block_on(async {
        for part in 0..6 {
            let sql = format!(
                "COPY (SELECT value FROM generate_series({}, {})) TO '{}/{part}.parquet'",
                part * 100_000 + 1,
                (part + 1) * 100_000,
                dir.display()
            );
            ctx.sql(&sql).await.unwrap().collect().await.unwrap();
        }
        ctx.stop().await;
    });
}

fn kill_at(moment: Moment) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let table = dir.path().join("table");
    std::fs::create_dir(&table)?;
    make_table(&table);
    runtime().block_on(async {
        let calm = context(&dir.path().join("calm"));
        let expected = rows(&calm, &table).await;
        calm.stop().await;

        let ctx = context(&dir.path().join("chaos"));
        let mut events = ctx.events();
        let work = dir.path().join("chaos");
        let killer = tokio::spawn(async move {
            let (mut target, mut killed) = (None, None);
            let mut held: HashSet<_> = HashSet::new();
            let mut recomputed = vec![];
            loop {
                match tokio::time::timeout(Duration::from_secs(60), events.recv()).await.unwrap().unwrap() {
                    EngineEvent::JobStarted { target: stage, .. } => target = Some(stage),
                    EngineEvent::TaskStarted { task, executor } => {
                        let last = Some(task.stage) == target;
                        let now = match moment {
                            Moment::MapRunning => true,
                            Moment::ResultStage => last,
                            Moment::MapOutputThere => false,
                        };
                        if now && killed.is_none() && executor.0 != 0 {
                            kill(processes(&work)[&executor]);
                            killed = Some(executor);
                        }
                    }
                    EngineEvent::TaskFinished { task, executor, .. } if killed.is_none() => {
                        held.insert((executor, task.stage, task.partition));
                        if moment == Moment::MapOutputThere && executor.0 != 0 {
                            kill(processes(&work)[&executor]);
                            killed = Some(executor);
                        }
                    }
                    EngineEvent::JobEnded { recomputed: again, error, .. } => {
                        assert_eq!(error, None);
                        recomputed = again;
                        break;
                    }
                    _ => {}
                }
            }
            let killed = killed.expect("a worker was killed");
            for (stage, partition) in &recomputed {
                let lost = held.contains(&(killed, *stage, *partition));
                assert!(lost, "{stage} partition {partition} was computed again but was not lost");
            }
            recomputed.len()
        });
        assert_eq!(rows(&ctx, &table).await, expected);
        let recomputed = killer.await.unwrap();
        if moment == Moment::MapOutputThere {
            assert!(recomputed > 0, "the killed worker's output was needed");
        }
        ctx.stop().await;
    });
    Ok(())
}

/// After `stop` no file and no process is left, also of a worker that was killed.
fn workers_leave_nothing() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let (table, work) = (dir.path().join("table"), dir.path().join("work"));
    std::fs::create_dir(&table)?;
    make_table(&table);
    runtime().block_on(async {
        let ctx = context(&work);
        rows(&ctx, &table).await;
        wait_until("the driver and two workers should have directories", || processes(&work).len() == 3);
        let workers = processes(&work).into_iter().filter(|(executor, _)| executor.0 != 0);
        let pids: Vec<_> = workers.map(|(_, pid)| pid).collect();
        kill(pids[0]);
        ctx.stop().await;
        drop(ctx);
        let left: Vec<_> = std::fs::read_dir(&work)?.flatten().map(|entry| entry.path()).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        for pid in pids {
            assert!(!std::path::Path::new(&format!("/proc/{pid}/cmdline")).exists(), "worker {pid} lives");
        }
        Ok(())
    })
}
