//! Executors are killed at chosen moments, or do not start at all.

use crate::fixture::{Held, check_sums, on_cluster, recomputed, sums, trial, two_agents};
use dpark_tests::story::{Story, kill};
use libtest_mimic::{Failed, Trial};
use std::path::Path;
use std::time::{Duration, Instant};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("executors::killed_with_task_and_outputs", killed_with_task_and_outputs),
        trial("executors::killed_idle", killed_idle),
        trial("executors::fetched", fetched),
        trial("executors::missing_program", missing_program),
        trial("executors::wrong_program", wrong_program),
        trial("executors::aborts_each_time", aborts_each_time),
    ]
}

/// The last map task is held on one executor when that is killed, with the outputs it has.
fn killed_with_task_and_outputs() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, cluster| {
        let mut held = Held::start(ctx, cluster).await?;
        held.story.until("all other outputs", |story| story.finished.len() == 5).await;
        let killed = *held.story.pids.iter().find(|(_, pid)| **pid == held.pid).unwrap().0;
        let lost = held.story.outputs_of(killed);
        kill(held.pid);
        held.story.until_noticed(killed).await;
        let story = held.finish().await?;
        assert_eq!(recomputed(&story), lost, "what was lost is computed again, and nothing else");
        Ok(())
    })
}

fn killed_idle() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, cluster| {
        let gates = cluster.directory().to_path_buf();
        let mut story = Story::of(ctx);
        check_sums(sums(ctx, &gates, &[])?.collect().await?);
        story.catch_up();
        let of_agents = |pid: &u32| *pid != std::process::id();
        let (executor, pid) = story.pids.iter().map(|(e, p)| (*e, *p)).find(|(_, pid)| of_agents(pid)).unwrap();
        kill(pid);
        story.until_noticed(executor).await;
        check_sums(sums(ctx, &gates, &[])?.collect().await?);
        Ok(())
    })
}

/// Agents fetch the program from the driver.
fn fetched() -> Result<(), Failed> {
    on_cluster(two_agents(), &[("mesos.executor.path", "")], async |ctx, cluster| {
        check_sums(sums(ctx, cluster.directory(), &[])?.collect().await?);
        let executors = [cluster.executors(0)?, cluster.executors(1)?].concat();
        assert!(!executors.is_empty());
        for executor in executors {
            assert!(executor.sandbox.join("dpark-executor").exists(), "{executor:?}");
        }
        Ok(())
    })
}

/// The job ends with the reason.
fn does_not_start(program: &str, reason: &str) -> Result<(), Failed> {
    let start = Instant::now();
    on_cluster(two_agents(), &[("mesos.executor.path", program)], async |ctx, cluster| {
        let gates = cluster.directory().to_path_buf();
        let error = sums(ctx, &gates, &[])?.collect().await.unwrap_err().to_string();
        // Which of Mesos' two messages comes first is open.
        assert!(error.contains(reason) || error.contains("exit status"), "{error}");
        assert!(error.contains("sandbox"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
        Ok(())
    })
}

fn missing_program() -> Result<(), Failed> {
    does_not_start("/nowhere/dpark-executor", "/nowhere/dpark-executor")
}

fn wrong_program() -> Result<(), Failed> {
    assert!(Path::new("/bin/false").exists());
    does_not_start("/bin/false", "terminated")
}

/// A task that takes its process with it fails its job after so many attempts, and the context lives on.
fn aborts_each_time() -> Result<(), Failed> {
    on_cluster(two_agents(), &[("task.max_failures", "3")], async |ctx, cluster| {
        let mut story = Story::of(ctx);
        let rows = ctx.parallelize(0..100i64, 4).map(|n| if n == 30 { std::process::abort() } else { n });
        let error = rows.collect().await.unwrap_err().to_string();
        assert!(error.contains("3 failed attempts") && error.contains("on the agent"), "{error}");
        story.catch_up();
        assert_eq!(story.removed.len(), 3, "each attempt cost one executor: {:?}", story.removed);
        check_sums(sums(ctx, cluster.directory(), &[])?.collect().await?);
        Ok(())
    })
}
