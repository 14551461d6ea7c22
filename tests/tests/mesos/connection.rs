//! The line between the driver and the master is disturbed while a query runs; nothing else is.

use crate::fixture::{Held, on_this, trial, two_agents};
use crate::proxy::Proxy;
use dpark_test_cluster::Cluster;
use libtest_mimic::{Failed, Trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("connection::silent_then_mended", || disturbed(Proxy::silence)),
        trial("connection::cut_then_mended", || disturbed(Proxy::cut)),
    ]
}

/// The driver notices, and subscribes again as the same framework; no executor and no task is lost.
fn disturbed(disturb: fn(&Proxy)) -> Result<(), Failed> {
    let cluster = Cluster::start(two_agents())?;
    let proxy = Proxy::start(&cluster.master_addresses()[0])?;
    on_this(&cluster, &proxy.master(), &[], async |ctx| {
        let mut held = Held::start(ctx, &cluster).await?;
        held.story.until("all other outputs", |story| story.finished.len() == 5).await;
        assert!(proxy.hastened(), "the master should have announced its heartbeats");
        let before = only_framework(&cluster)?;
        assert!(before["reregistered_time"].is_null(), "{before}");

        held.story.waiting.clear();
        disturb(&proxy);
        let no_master = |why: &String| why.contains("no Mesos master");
        held.story.until("word of the lost master", |story| story.waiting.iter().any(no_master)).await;
        proxy.mend();
        let story = held.finish().await?;

        let after = only_framework(&cluster)?;
        assert_eq!(after["id"], before["id"], "the same framework");
        assert!(after["reregistered_time"].as_f64() > before["registered_time"].as_f64(), "{after}");
        assert!(story.removed.is_empty(), "{:?}", story.removed);
        assert!(story.started.iter().all(|(task, _)| task.attempt == 0), "{:?}", story.started);
        Ok(())
    })?;
    cluster.close()?;
    Ok(())
}

/// The one framework that the master has seen.
fn only_framework(cluster: &Cluster) -> Result<serde_json::Value, Failed> {
    let all = cluster.get("/master/frameworks")?;
    assert!(all["completed_frameworks"].as_array().is_some_and(Vec::is_empty), "{all}");
    match all["frameworks"].as_array().map(Vec::as_slice) {
        Some([framework]) => Ok(framework.clone()),
        _ => Err(format!("one framework: {all}").into()),
    }
}
