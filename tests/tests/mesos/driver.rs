//! The driver ends, well or not: no executor, no sandbox process and no shuffle file survives it.

use crate::fixture::{on_this, sums, trial, two_agents, until_held};
use dpark_test_cluster::{Cluster, wait_until};
use libtest_mimic::{Failed, Trial};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

const CHILD: &str = "DPARK_TEST_DRIVER";

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("driver::stops", || ends(None)),
        trial("driver::terminated", || ends(Some(libc::SIGTERM))),
        trial("driver::killed", || ends(Some(libc::SIGKILL))),
    ]
}

/// This program as a driver of its own, which runs a query that waits for a gate.
pub(crate) fn run_if_child() {
    let Ok(text) = std::env::var(CHILD) else { return };
    let mut parts = text.split('\n');
    let (master, dir) = (parts.next().unwrap().to_owned(), Path::new(parts.next().unwrap()).to_path_buf());
    let program = std::env::current_exe().unwrap().display().to_string();
    let builder = dpark::Context::builder().master(master).conf("mesos.executor.path", program);
    let builder = builder
        .conf("task.memory", "256MB")
        .conf("mesos.failover_timeout", "2s")
        .conf("task.speculation", "false")
        .conf("shuffle.memory", "false");
    let ctx = builder.conf("dir", dir.join("driver").display().to_string()).build().unwrap();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let done = runtime.block_on(async { sums(&ctx, &dir.join("gates"), &[5]).unwrap().collect().await });
    std::process::exit(i32::from(done.is_err()));
}

fn ends(signal: Option<i32>) -> Result<(), Failed> {
    let cluster = Cluster::start(two_agents())?;
    let gates = cluster.directory().join("gates");
    std::fs::create_dir(&gates)?;
    let runtime = tokio::runtime::Runtime::new()?;
    match signal {
        None => {
            let master = cluster.masters();
            on_this(&cluster, &master, &[("shuffle.memory", "false")], async |ctx| {
                let query = tokio::spawn(sums(ctx, &gates, &[5])?.collect());
                until_held(&gates, 1).await;
                wait_until("outputs on disk", Duration::from_secs(20), || {
                    Ok((!shuffle_files(cluster.directory()).is_empty()).then_some(()))
                })?;
                query.abort();
                Ok(())
            })?;
        }
        Some(signal) => {
            let setting = format!("{}\n{}", cluster.masters(), cluster.directory().display());
            let mut child = Command::new(std::env::current_exe()?).env(CHILD, setting).spawn()?;
            runtime.block_on(until_held(&gates, 1));
            wait_until("outputs on disk", Duration::from_secs(20), || {
                Ok((!shuffle_files(cluster.directory()).is_empty()).then_some(()))
            })?;
            // SAFETY: a signal to a process that this test started.
            assert_eq!(unsafe { libc::kill(child.id() as i32, signal) }, 0);
            child.wait()?;
        }
    }
    wait_until("executors should end", Duration::from_secs(20), || {
        Ok((cluster.executors(0)?.is_empty() && cluster.executors(1)?.is_empty()).then_some(()))
    })?;
    wait_until("the framework should be gone", Duration::from_secs(20), || {
        Ok(cluster.frameworks()?.is_empty().then_some(()))
    })?;
    let left = shuffle_files(cluster.directory());
    assert!(left.is_empty(), "left behind: {left:?}");
    cluster.close()?;
    Ok(())
}

/// Files of outputs and spills below a directory.
fn shuffle_files(dir: &Path) -> Vec<std::path::PathBuf> {
    let mut found = vec![];
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(shuffle_files(&path)),
            Ok(_) if path.extension().is_some_and(|e| e == "shuffle" || e == "tmp") => found.push(path),
            _ => {}
        }
    }
    found
}
