//! Agents die, are cut off, restart, and leave for maintenance.

use crate::fixture::{check_sums, on_cluster, sums, trial, two_agents, until_held};
use dpark_test_cluster::{Cluster, Signal};
use dpark_tests::story::{Story, open};
use libtest_mimic::{Failed, Trial};
use std::time::{Duration, Instant, SystemTime};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("agents::dies_with_outputs", dies_with_outputs),
        trial("agents::cut_off_and_healed", cut_off_and_healed),
        trial("agents::restarts", restarts),
        trial("agents::drains", drains),
        trial("agents::leaves_for_maintenance", leaves_for_maintenance),
    ]
}

/// The agent on whose machine a process runs.
fn agent_of(cluster: &Cluster, pid: u32) -> usize {
    let runs = |agent: &usize| cluster.executors(*agent).unwrap().iter().any(|executor| executor.pid == pid);
    (0..cluster.agents()).find(runs).expect("the process should run on an agent")
}

/// A machine is gone while the other one runs the last map task: its outputs, and only those, are computed again, at
/// once and not when somebody misses them.
fn dies_with_outputs() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, cluster| {
        let gates = cluster.directory().join("gates");
        std::fs::create_dir(&gates)?;
        let mut story = Story::of(ctx);
        let query = tokio::spawn(sums(ctx, &gates, &[5])?.collect());
        let held = until_held(&gates, 1).await[0];
        story.until("all other outputs", |story| story.finished.len() == 5).await;
        let other = |pid: u32| pid != held && pid != std::process::id();
        let (dead, pid) = story.pids.iter().map(|(e, p)| (*e, *p)).find(|(_, pid)| other(*pid)).unwrap();
        let lost = story.outputs_of(dead);
        assert!(!lost.is_empty());
        cluster.kill_agent_node(agent_of(cluster, pid))?;
        story.until_noticed(dead).await;
        open(&gates.join("go"));
        check_sums(query.await??);
        story.catch_up();
        let [(None, recomputed)] = &story.ended[..] else { panic!("one job, without error: {:?}", story.ended) };
        let mut recomputed = recomputed.clone();
        recomputed.sort_unstable();
        assert_eq!(recomputed, lost, "what was lost is computed again, and nothing else");
        assert!(story.failed.iter().all(|(_, _, error)| !error.contains("fetch")), "{:?}", story.failed);
        Ok(())
    })
}

/// The master loses an agent whose executor still answers: nothing is lost, and the agent's tasks count.
fn cut_off_and_healed() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, cluster| {
        let gates = cluster.directory().join("gates");
        std::fs::create_dir(&gates)?;
        let mut story = Story::of(ctx);
        let query = tokio::spawn(sums(ctx, &gates, &[5])?.collect());
        let held = until_held(&gates, 1).await[0];
        let agent = agent_of(cluster, held);
        cluster.stop_agent(agent)?;
        let id = cluster.agent_id(agent).unwrap_or_default();
        dpark_test_cluster::wait_until("the master should lose the agent", Duration::from_secs(40), || {
            let state = cluster.state()?;
            let lost =
                state["unreachable_slaves"].as_f64() == Some(1.0) || state["activated_slaves"].as_f64() == Some(1.0);
            Ok(lost.then_some(()))
        })?;
        open(&gates.join("go"));
        check_sums(query.await??);
        cluster.cont_agent(agent)?;
        cluster.wait_for_agents(2, Duration::from_secs(60))?;
        assert!(!id.is_empty());
        check_sums(sums(ctx, cluster.directory(), &[])?.collect().await?);
        story.catch_up();
        assert!(story.removed.is_empty(), "{:?}", story.removed);
        assert!(story.started.iter().all(|(task, _)| task.attempt == 0), "{:?}", story.started);
        Ok(())
    })
}

/// An agent that is back within its time finds its executor and the task as they were.
fn restarts() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, cluster| {
        let gates = cluster.directory().join("gates");
        std::fs::create_dir(&gates)?;
        let mut story = Story::of(ctx);
        let query = tokio::spawn(sums(ctx, &gates, &[5])?.collect());
        let held = until_held(&gates, 1).await[0];
        let agent = agent_of(cluster, held);
        cluster.kill_agent(agent, Signal::Kill)?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        cluster.start_agent(agent, false)?;
        cluster.wait_for_agents(2, Duration::from_secs(60))?;
        open(&gates.join("go"));
        check_sums(query.await??);
        story.catch_up();
        assert!(story.removed.is_empty(), "{:?}", story.removed);
        assert!(story.started.iter().all(|(task, _)| task.attempt == 0), "{:?}", story.started);
        Ok(())
    })
}

/// A drained agent's tasks are killed, and run elsewhere.
fn drains() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, cluster| {
        let gates = cluster.directory().join("gates");
        std::fs::create_dir(&gates)?;
        let mut story = Story::of(ctx);
        let query = tokio::spawn(sums(ctx, &gates, &[5])?.collect());
        let held = until_held(&gates, 1).await[0];
        cluster.drain(agent_of(cluster, held), Duration::from_secs(1))?;
        story
            .until("the task to be launched again", |story| story.started.iter().any(|(task, _)| task.attempt == 1))
            .await;
        open(&gates.join("go"));
        check_sums(query.await??);
        Ok(())
    })
}

/// Nothing is started on a machine that is planned to go away.
fn leaves_for_maintenance() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, cluster| {
        cluster.schedule_maintenance(&[0], SystemTime::now() + Duration::from_secs(20), Duration::from_secs(600))?;
        let start = Instant::now();
        check_sums(sums(ctx, cluster.directory(), &[])?.collect().await?);
        assert!(start.elapsed() < Duration::from_secs(15), "maintenance may have begun");
        assert!(cluster.executors(0)?.is_empty());
        assert_eq!(cluster.executors(1)?.len(), 1);
        Ok(())
    })
}
