//! Agents die, are cut off, restart, and leave for maintenance.

use crate::fixture::{Held, check_sums, on_cluster, recomputed, sums, trial, two_agents};
use dpark_test_cluster::{Cluster, Signal};
use dpark_tests::story::Story;
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
        let mut held = Held::start(ctx, cluster).await?;
        let other_outputs = |story: &Story| story.finished.len() == 5;
        held.story.until("all other outputs", other_outputs).await;
        let other = |pid: u32| pid != held.pid && pid != std::process::id();
        let (dead, pid) = held.story.pids.iter().map(|(e, p)| (*e, *p)).find(|(_, pid)| other(*pid)).unwrap();
        let lost = held.story.outputs_of(dead);
        assert!(!lost.is_empty());
        cluster.kill_agent_node(agent_of(cluster, pid))?;
        held.story.until_noticed(dead).await;
        let story = held.finish().await?;
        assert_eq!(recomputed(&story), lost, "what was lost is computed again, and nothing else");
        assert!(story.failed.iter().all(|(_, _, error)| !error.contains("fetch")), "{:?}", story.failed);
        Ok(())
    })
}

/// The master loses an agent whose executor still answers: nothing is lost, and the agent's tasks count.
fn cut_off_and_healed() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, cluster| {
        let held = Held::start(ctx, cluster).await?;
        let agent = agent_of(cluster, held.pid);
        cluster.stop_agent(agent)?;
        let id = cluster.agent_id(agent).unwrap_or_default();
        dpark_test_cluster::wait_until("the master should lose the agent", Duration::from_secs(40), || {
            let state = cluster.state()?;
            let lost =
                state["unreachable_slaves"].as_f64() == Some(1.0) || state["activated_slaves"].as_f64() == Some(1.0);
            Ok(lost.then_some(()))
        })?;
        let mut story = held.finish().await?;
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
        let held = Held::start(ctx, cluster).await?;
        let agent = agent_of(cluster, held.pid);
        cluster.kill_agent(agent, Signal::Kill)?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        cluster.start_agent(agent, false)?;
        cluster.wait_for_agents(2, Duration::from_secs(60))?;
        let story = held.finish().await?;
        assert!(story.removed.is_empty(), "{:?}", story.removed);
        assert!(story.started.iter().all(|(task, _)| task.attempt == 0), "{:?}", story.started);
        Ok(())
    })
}

/// A drained agent's tasks are killed, and run elsewhere.
fn drains() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, cluster| {
        let mut held = Held::start(ctx, cluster).await?;
        cluster.drain(agent_of(cluster, held.pid), Duration::from_secs(1))?;
        held.story
            .until("the task to be launched again", |story| story.started.iter().any(|(task, _)| task.attempt == 1))
            .await;
        assert!(held.story.failed.iter().any(|(task, ..)| task.attempt == 0), "it was killed: {:?}", held.story.failed);
        held.finish().await?;
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
