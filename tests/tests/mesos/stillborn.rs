//! A program that does not start is not started for ever.

use crate::fixture::{on_this, sums, trial, two_agents};
use dpark_test_cluster::Cluster;
use libtest_mimic::{Failed, Trial};
use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What the program has to say.
const WORDS: &str = "this machine has no licence";

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("stillborn::few_launches_and_its_words", few_launches_and_its_words)]
}

/// The user reads what the program wrote, and agents have started it a few times, no more.
fn few_launches_and_its_words() -> Result<(), Failed> {
    let cluster = Cluster::start(two_agents())?;
    let program = cluster.directory().join("unlicensed");
    std::fs::write(&program, format!("#!/bin/sh\necho '{WORDS}' >&2\nexit 1\n"))?;
    std::fs::set_permissions(&program, Permissions::from_mode(0o755))?;
    let path = program.display().to_string();
    let conf = [("mesos.executor.path", path.as_str())];
    on_this(&cluster, &cluster.masters(), &conf, async |ctx| {
        let start = Instant::now();
        let error = sums(ctx, cluster.directory(), &[])?.collect().await.unwrap_err().to_string();
        assert!(error.contains("did not start") && error.contains(WORDS), "{error}");
        assert!(error.contains("sandbox"), "{error}");
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
        // One may have been on its way on the other agent.
        tokio::time::sleep(Duration::from_secs(1)).await;
        let launched = launches(&cluster);
        assert!((1..=8).contains(&launched), "{launched} launches");
        tokio::time::sleep(Duration::from_secs(3)).await;
        assert_eq!(launches(&cluster), launched, "nothing is launched for a job that is over");
        Ok(())
    })?;
    cluster.close()?;
    Ok(())
}

/// How many executors the agents have started: each run has a sandbox, which stays for a while.
fn launches(cluster: &Cluster) -> usize {
    let mut runs = 0;
    for of_agent in (0..cluster.agents()).flat_map(|agent| entries(&cluster.sandbox_dir(agent))) {
        for of_framework in entries(&of_agent.join("frameworks")) {
            for executor in entries(&of_framework.join("executors")) {
                runs += entries(&executor.join("runs")).iter().filter(|run| !run.ends_with("latest")).count();
            }
        }
    }
    runs
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
}
