//! Others are on the cluster: one who holds everything for a while, and another driver.

use crate::fixture::{check_sums, on_cluster, sums, trial, two_agents, until_held};
use dpark::Context;
use dpark_test_cluster::{Cluster, wait_until};
use dpark_tests::oracle::modes::MESOS;
use dpark_tests::story::{Story, open};
use libtest_mimic::{Failed, Trial};
use mesos_rs::Masters;
use mesos_rs::proto::FrameworkInfo;
use mesos_rs::scheduler::{self, Config, Event, SchedulerHandle};
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("neighbours::one_takes_everything_for_a_minute", one_takes_everything_for_a_minute),
        trial("neighbours::two_drivers_at_a_time", two_drivers_at_a_time),
    ]
}

/// A framework that keeps all it is offered, which is everything.
async fn take_everything(cluster: &Cluster) -> Result<SchedulerHandle, Failed> {
    let masters: Masters = cluster.master_addresses().join(",").parse()?;
    let (handle, mut events) = scheduler::start(Config::new(masters, FrameworkInfo::new("root", "greedy")))?;
    let mut agents = BTreeSet::new();
    while agents.len() < cluster.agents() {
        match tokio::time::timeout(Duration::from_secs(30), events.recv()).await? {
            Some(Event::Offers(offers)) => agents.extend(offers.into_iter().map(|offer| offer.agent_id)),
            Some(Event::Ended(end)) => return Err(end.into()),
            Some(_) => {}
            None => return Err("the greedy framework has ended".into()),
        }
    }
    // It stays subscribed as long as somebody listens.
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    Ok(handle)
}

/// The query says what it waits for, waits, and runs when there is room.
fn one_takes_everything_for_a_minute() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, cluster| {
        let greedy = take_everything(cluster).await?;
        let start = Instant::now();
        let mut story = Story::of(ctx);
        let query = tokio::spawn(sums(ctx, cluster.directory(), &[])?.collect());
        let says_so = |why: &String| why.contains("no offer of the cluster has 1 cpus and 256 MB");
        story.until("word of the missing room", |story| story.waiting.iter().any(says_so)).await;
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
        tokio::time::sleep(Duration::from_secs(60).saturating_sub(start.elapsed())).await;
        assert!(!query.is_finished());
        story.catch_up();
        assert!(story.started.is_empty(), "there was no room: {:?}", story.started);
        assert_eq!(story.waiting.iter().filter(|why| says_so(why)).count(), 1, "{:?}", story.waiting);
        greedy.teardown().await?;
        check_sums(query.await??);
        Ok(())
    })
}

/// A second context on the same cluster.
fn another(cluster: &Cluster) -> Result<Context, Failed> {
    let program = std::env::current_exe()?.display().to_string();
    let builder = Context::builder().master(cluster.masters()).conf("shuffle.partitions", "3");
    let builder = MESOS.into_iter().fold(builder, |builder, (key, value)| builder.conf(key, value));
    let dir = cluster.directory().join("other-driver").display().to_string();
    let builder = builder.conf("task.speculation", "false");
    Ok(builder.conf("mesos.executor.path", program).conf("dir", dir).build()?)
}

/// Each has a task that runs while the other's does, and both are right; one goes, the other stays.
fn two_drivers_at_a_time() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, cluster| {
        let other = another(cluster)?;
        let gates = ["gates", "other-gates"].map(|name| cluster.directory().join(name));
        for gates in &gates {
            std::fs::create_dir(gates)?;
        }
        let query = tokio::spawn(sums(ctx, &gates[0], &[0])?.collect());
        let of_other = tokio::spawn(sums(&other, &gates[1], &[0])?.collect());
        for gates in &gates {
            until_held(gates, 1).await;
        }
        let frameworks = cluster.frameworks()?;
        let used = frameworks.iter().map(|framework| framework["used_resources"]["cpus"].as_f64().unwrap_or(0.0));
        let used: Vec<f64> = used.collect();
        assert!(used.len() == 2 && used.iter().all(|cpus| *cpus > 1.0), "a task and an executor each: {used:?}");
        for gates in &gates {
            open(&gates.join("go"));
        }
        check_sums(query.await??);
        check_sums(of_other.await??);

        other.stop().await;
        wait_until("one framework should be left", Duration::from_secs(20), || {
            Ok((cluster.frameworks()?.len() == 1).then_some(()))
        })?;
        check_sums(sums(ctx, &gates[0], &[])?.collect().await?);
        Ok(())
    })
}
