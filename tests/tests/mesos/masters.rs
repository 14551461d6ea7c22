//! The master restarts, another one leads, it comes late, it is silent for a while: the query goes on.

use crate::fixture::{Held, check_sums, on_cluster, on_this, sums, trial, two_agents};
use dpark_test_cluster::{Cluster, Options, Signal};
use dpark_tests::story::Story;
use libtest_mimic::{Failed, Trial};
use std::time::Duration;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("masters::restarts", restarts),
        trial("masters::another_leads", another_leads),
        trial("masters::comes_late", comes_late),
        trial("masters::hangs", hangs),
    ]
}

fn framework_ids(cluster: &Cluster) -> Vec<String> {
    let frameworks = cluster.frameworks().unwrap();
    frameworks.iter().map(|framework| framework["id"].as_str().unwrap_or_default().to_owned()).collect()
}

fn restarts() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, cluster| {
        let held = Held::start(ctx, cluster).await?;
        let before = framework_ids(cluster);
        cluster.kill_master(0)?;
        tokio::time::sleep(Duration::from_secs(1)).await;
        cluster.start_master(0)?;
        cluster.wait_for_agents(2, Duration::from_secs(60))?;
        let mut story = held.finish().await?;
        assert_eq!(framework_ids(cluster), before, "the same framework");
        story.catch_up();
        assert!(story.removed.is_empty(), "{:?}", story.removed);
        Ok(())
    })
}

/// Three masters, found by ZooKeeper; the leading one dies.
fn another_leads() -> Result<(), Failed> {
    let cluster = Cluster::start(Options { masters: 3, ..two_agents() })?;
    let master = cluster.zk().expect("three masters are found by ZooKeeper");
    on_this(&cluster, &master, &[], async |ctx| {
        let held = Held::start(ctx, &cluster).await?;
        let (leader, before) = (cluster.leader()?, framework_ids(&cluster));
        cluster.kill_master(leader)?;
        cluster.wait_for_agents(2, Duration::from_secs(60))?;
        assert_ne!(cluster.leader()?, leader);
        held.finish().await?;
        assert_eq!(framework_ids(&cluster), before, "the same framework");
        Ok(())
    })?;
    cluster.close()?;
    Ok(())
}

/// A query waits for a master that is not there yet, and says so.
fn comes_late() -> Result<(), Failed> {
    let cluster = Cluster::start(two_agents())?;
    cluster.kill_master(0)?;
    on_this(&cluster, &cluster.masters(), &[], async |ctx| {
        let mut story = Story::of(ctx);
        let gates = cluster.directory().to_path_buf();
        let query = tokio::spawn(sums(ctx, &gates, &[])?.collect());
        story.until("word of the missing master", |story| !story.waiting.is_empty()).await;
        cluster.start_master(0)?;
        check_sums(query.await??);
        Ok(())
    })?;
    cluster.close()?;
    Ok(())
}

/// A master that says nothing for some seconds, less than its heartbeats are waited for, only delays a query.
fn hangs() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, cluster| {
        let held = Held::start(ctx, cluster).await?;
        cluster.signal_master(0, Signal::Stop)?;
        tokio::time::sleep(Duration::from_secs(3)).await;
        held.release();
        tokio::time::sleep(Duration::from_secs(1)).await;
        cluster.signal_master(0, Signal::Cont)?;
        held.finish().await?;
        Ok(())
    })
}
