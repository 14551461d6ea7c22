//! Exchanges are computed once: equal stages of a job are one, and a later job over the same unchanged data finds what an
//! earlier one has left. What ran is read from the engine's own events.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test, with a main of its own")]

use dpark::prelude::*;
use dpark::{ContextBuilder, EngineEvent};
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::Path;
use tokio::sync::broadcast::Receiver;

/// A scan and a grouping: the scan's stage feeds an exchange.
const GROUPS: &str = "SELECT k, sum(v) AS s FROM t GROUP BY k ORDER BY k";

type Test = fn(ContextBuilder, &Path) -> Result<(), Failed>;

fn main() {
    dpark::init();
    let args = Arguments::from_args();
    let tests: [(&str, Test); 9] = [
        ("later_job", later_job),
        ("another_query", another_query),
        ("changed_file", changed_file),
        ("changed_option", changed_option),
        ("volatile_function", volatile_function),
        ("nothing_kept", nothing_kept),
        ("equal_stages_of_a_job", equal_stages_of_a_job),
        ("closures", closures),
        ("jobs_at_the_same_time", jobs_at_the_same_time),
    ];
    let mut trials = vec![];
    for (name, test) in tests {
        for (short, master) in [("local2", "local[2]"), ("process2", "process[2]")] {
            trials.push(Trial::test(format!("reuse::{name}::{short}"), move || {
                let dir = tempfile::tempdir()?;
                let work = dir.path().join("work").display().to_string();
                let builder = Context::builder().master(master).conf("shuffle.partitions", "3").conf("dir", work);
                test(builder, dir.path())
            }));
        }
    }
    trials.push(Trial::test("reuse::lost_worker::process2", lost_worker));
    libtest_mimic::run(&args, trials).exit();
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap()
}

/// A context and its events.
struct Seen {
    ctx: Context,
    events: Receiver<EngineEvent>,
}

impl Seen {
    async fn new(builder: ContextBuilder, dir: &Path) -> Self {
        let ctx = builder.build().unwrap();
        write_table(dir, 1).await;
        let events = ctx.events();
        let ddl = format!("CREATE EXTERNAL TABLE t STORED AS CSV LOCATION '{}' OPTIONS (has_header true)", table(dir));
        ctx.sql(&ddl).await.unwrap();
        Self { ctx, events }
    }

    /// The rows of a query as text, and how many tasks ran for it.
    async fn run(&mut self, sql: &str) -> (String, usize) {
        while self.events.try_recv().is_ok() {}
        let batches = self.ctx.sql(sql).await.unwrap().collect().await.unwrap();
        let rows = arrow::util::pretty::pretty_format_batches(&batches).unwrap().to_string();
        (rows, self.tasks().await)
    }

    /// Tasks started until the job at hand has ended.
    async fn tasks(&mut self) -> usize {
        let mut started = 0;
        loop {
            match self.events.recv().await.unwrap() {
                EngineEvent::TaskStarted { .. } => started += 1,
                EngineEvent::JobEnded { error, .. } => {
                    assert_eq!(error, None);
                    return started;
                }
                _ => {}
            }
        }
    }
}

fn table(dir: &Path) -> String {
    format!("{}/t/", dir.display())
}

/// Six files; `factor` changes the values but not the length of the files.
async fn write_table(dir: &Path, factor: u64) {
    let table = dir.join("t");
    std::fs::create_dir_all(&table).unwrap();
    for part in 0..6 {
        let rows: Vec<String> = (0..100).map(|n| format!("{},{}", n % 7, (part + n) % 3 * factor)).collect();
        std::fs::write(table.join(format!("{part}.csv")), format!("k,v\n{}\n", rows.join("\n"))).unwrap();
    }
}

fn later_job(builder: ContextBuilder, dir: &Path) -> Result<(), Failed> {
    runtime().block_on(async {
        let mut seen = Seen::new(builder, dir).await;
        let (first, all) = seen.run(GROUPS).await;
        let (second, fewer) = seen.run(GROUPS).await;
        assert_eq!(first, second);
        assert!(fewer < all && fewer <= 2, "{all} tasks, then {fewer}: only the result's stage should run again");
        seen.ctx.stop().await;
        Ok(())
    })
}

/// Another query over the same exchange: the common part is found, the rest runs.
fn another_query(builder: ContextBuilder, dir: &Path) -> Result<(), Failed> {
    runtime().block_on(async {
        let mut seen = Seen::new(builder.clone(), dir).await;
        seen.run(GROUPS).await;
        let sql = "SELECT count(*) AS n FROM (SELECT k, sum(v) AS s FROM t GROUP BY k) WHERE s > 90";
        let (found, fewer) = seen.run(sql).await;
        seen.ctx.stop().await;
        let mut alone = Seen::new(builder, dir).await;
        let (expected, all) = alone.run(sql).await;
        alone.ctx.stop().await;
        assert_eq!(found, expected);
        assert!(fewer < all, "{fewer} tasks, alone {all}");
        Ok(())
    })
}

fn changed_file(builder: ContextBuilder, dir: &Path) -> Result<(), Failed> {
    runtime().block_on(async {
        let mut seen = Seen::new(builder, dir).await;
        let (before, all) = seen.run(GROUPS).await;
        write_table(dir, 2).await;
        let (after, again) = seen.run(GROUPS).await;
        assert_ne!(before, after, "the new values should be seen");
        assert_eq!(all, again);
        seen.ctx.stop().await;
        Ok(())
    })
}

fn changed_option(builder: ContextBuilder, dir: &Path) -> Result<(), Failed> {
    runtime().block_on(async {
        let mut seen = Seen::new(builder, dir).await;
        let (_, all) = seen.run(GROUPS).await;
        seen.ctx.sql("SET datafusion.execution.time_zone = '+05:00'").await?;
        let (_, again) = seen.run(GROUPS).await;
        assert_eq!(all, again);
        seen.ctx.stop().await;
        Ok(())
    })
}

fn volatile_function(builder: ContextBuilder, dir: &Path) -> Result<(), Failed> {
    runtime().block_on(async {
        let mut seen = Seen::new(builder, dir).await;
        let sql = "SELECT k, max(v + random()) AS m FROM t GROUP BY k ORDER BY k";
        let (before, all) = seen.run(sql).await;
        let (after, again) = seen.run(sql).await;
        assert_ne!(before, after);
        assert_eq!(all, again);
        seen.ctx.stop().await;
        Ok(())
    })
}

fn nothing_kept(builder: ContextBuilder, dir: &Path) -> Result<(), Failed> {
    runtime().block_on(async {
        let mut seen = Seen::new(builder.conf("shuffle.keep", "0"), dir).await;
        let (_, all) = seen.run(GROUPS).await;
        let (_, again) = seen.run(GROUPS).await;
        assert_eq!(all, again);
        seen.ctx.stop().await;
        Ok(())
    })
}

/// The same subquery twice: its exchange is listed once and read twice.
fn equal_stages_of_a_job(builder: ContextBuilder, dir: &Path) -> Result<(), Failed> {
    runtime().block_on(async {
        let mut seen = Seen::new(builder, dir).await;
        let sql = "WITH g AS (SELECT k, sum(v) AS s FROM t GROUP BY k)
                   SELECT k, s FROM g WHERE s = (SELECT max(s) FROM g) ORDER BY k";
        let plan = seen.ctx.sql(&format!("EXPLAIN LINEAGE {sql}")).await?.collect().await?;
        let plan = arrow::util::pretty::pretty_format_batches(&plan)?.to_string();
        assert_eq!(plan.matches("DataSourceExec").count(), 1, "{plan}");
        assert!(plan.contains(" as stage "), "{plan}");
        let (rows, _) = seen.run(sql).await;
        let (all, _) = seen.run("SELECT k, sum(v) AS s FROM t GROUP BY k ORDER BY s DESC, k LIMIT 1").await;
        assert_eq!(rows.lines().nth(3), all.lines().nth(3));
        seen.ctx.stop().await;
        Ok(())
    })
}

/// One data set of closures twice is the same; two data sets of the same closure are not, as closures may do anything.
fn closures(builder: ContextBuilder, dir: &Path) -> Result<(), Failed> {
    runtime().block_on(async {
        let mut seen = Seen::new(builder, dir).await;
        let make = |ctx: &Context| {
            let pairs = ctx.parallelize(0..1000u64, 4).map(|n| (n % 10, n));
            pairs.reduce_by_key(|a, b| a + b)
        };
        let one = make(&seen.ctx);
        let mut first = one.clone().collect().await?;
        let all = seen.tasks().await;
        let mut second = one.collect().await?;
        let fewer = seen.tasks().await;
        first.sort_unstable();
        second.sort_unstable();
        assert_eq!(first, second);
        assert!(fewer < all, "{all} tasks, then {fewer}");
        make(&seen.ctx).collect().await?;
        assert_eq!(seen.tasks().await, all);
        seen.ctx.stop().await;
        Ok(())
    })
}

/// A job whose rows nobody has taken yet is alive; others start, share its exchange and end meanwhile.
fn jobs_at_the_same_time(builder: ContextBuilder, dir: &Path) -> Result<(), Failed> {
    runtime().block_on(async {
        let mut seen = Seen::new(builder, dir).await;
        let waiting = seen.ctx.sql(GROUPS).await?.execute_stream().await?;
        let threads: Vec<_> = (0..3)
            .map(|_| {
                let ctx = seen.ctx.clone();
                std::thread::spawn(move || {
                    runtime().block_on(async { ctx.sql(GROUPS).await.unwrap().collect().await.unwrap() })
                })
            })
            .collect();
        let answers: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
        let waited = datafusion::physical_plan::common::collect(waiting).await?;
        assert!(answers.iter().all(|answer| *answer == waited));
        let (mut alive, mut most) = (0, 0);
        while let Ok(event) = seen.events.try_recv() {
            match event {
                EngineEvent::JobStarted { .. } => alive += 1,
                EngineEvent::JobEnded { .. } => alive -= 1,
                _ => {}
            }
            most = most.max(alive);
        }
        assert!(most >= 2, "the waiting job and another should have lived at the same time");
        seen.ctx.stop().await;
        Ok(())
    })
}

/// A kept exchange whose holder dies is computed again from its lineage.
fn lost_worker() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    runtime().block_on(async {
        let builder = Context::builder().master("process[2]").conf("shuffle.partitions", "3");
        let mut seen = Seen::new(builder.conf("dir", dir.path().join("work").display().to_string()), dir.path()).await;
        let mut all_events = seen.ctx.events();
        let (first, _) = seen.run(GROUPS).await;
        let mut holder = None;
        // Workers may have come before anybody listened, so the one to kill is found by the name of its program.
        while let Ok(event) = all_events.try_recv() {
            if let EngineEvent::TaskFinished { executor, .. } = event
                && executor.0 != 0
            {
                holder = Some(executor);
            }
        }
        assert!(holder.is_some(), "some worker holds an output");
        for pid in children() {
            // SAFETY: a signal to a process that this test started.
            assert_eq!(unsafe { libc::kill(pid, libc::SIGKILL) }, 0);
        }
        loop {
            if let EngineEvent::ExecutorRemoved { .. } = all_events.recv().await.unwrap() {
                break;
            }
        }
        let (second, again) = seen.run(GROUPS).await;
        assert_eq!(first, second);
        assert!(again > 2, "the exchange had to be computed again, {again} tasks ran");
        seen.ctx.stop().await;
        Ok(())
    })
}

/// The worker processes of this one.
fn children() -> Vec<i32> {
    let me = std::process::id().to_string();
    let processes = std::fs::read_dir("/proc").unwrap().flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let child = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)).is_some_and(|parent| parent == me)
    };
    pids.filter(child).collect()
}
