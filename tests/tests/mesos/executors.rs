//! Executors are killed at chosen moments, or do not start at all.

use crate::fixture::{check_sums, on_cluster, sums, trial, two_agents, until_held};
use dpark_tests::story::{Story, kill, open};
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
        let gates = cluster.directory().join("gates");
        std::fs::create_dir(&gates)?;
        let mut story = Story::of(ctx);
        let query = tokio::spawn(sums(ctx, &gates, &[5])?.collect());
        let held = until_held(&gates, 1).await[0];
        story.until("all other outputs", |story| story.finished.len() == 5).await;
        story.catch_up();
        let killed = *story.pids.iter().find(|(_, pid)| **pid == held).unwrap().0;
        let lost = story.outputs_of(killed);
        kill(held);
        story.until_noticed(killed).await;
        open(&gates.join("go"));
        check_sums(query.await??);
        story.catch_up();
        let [(None, recomputed)] = &story.ended[..] else { panic!("one job, without error: {:?}", story.ended) };
        let mut recomputed = recomputed.clone();
        recomputed.sort_unstable();
        assert_eq!(recomputed, lost, "what was lost is computed again, and nothing else");
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

/// The reason reaches the user soon, and nothing is launched for ever.
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
        let rows = ctx.parallelize(0..100i64, 4)?.map(|n| if n == 30 { std::process::abort() } else { n })?;
        let error = rows.collect().await.unwrap_err().to_string();
        assert!(error.contains("3 failed attempts") && error.contains("on the agent"), "{error}");
        story.catch_up();
        assert_eq!(story.removed.len(), 3, "each attempt cost one executor: {:?}", story.removed);
        check_sums(sums(ctx, cluster.directory(), &[])?.collect().await?);
        Ok(())
    })
}
