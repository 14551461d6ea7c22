//! Executors that keep cached rows, and idle ones that keep nothing.

use crate::fixture::{on_cluster, trial, two_agents};
use dpark::Context;
use dpark::rdd::Rdd;
use dpark_test_cluster::{Error, Executor, wait_until};
use dpark_tests::story::{Story, meet, said, say};
use libtest_mimic::{Failed, Trial};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

pub(crate) fn trials() -> Vec<Trial> {
    vec![trial("caches::rows_keep_their_executor", rows_keep_their_executor)]
}

/// Rows of one partition, so that one executor keeps them all. Each that is computed adds a byte to a file.
fn rows(ctx: &Context, gates: &Path) -> Result<Rdd<i64>, Failed> {
    let rows = ctx.parallelize(0..25i64, 1).with(&gates.display().to_string()).map(|gates, n| {
        let gates = Path::new(gates);
        say(gates, "kept");
        let file = OpenOptions::new().create(true).append(true).open(gates.join("computed"));
        file.unwrap().write_all(b".").unwrap();
        3 * n
    });
    Ok(rows)
}

/// The other executor ends when it is idle; the one with the rows does so only when they are freed.
fn rows_keep_their_executor() -> Result<(), Failed> {
    on_cluster(two_agents(), &[("mesos.executor.idle", "1s")], async |ctx, cluster| {
        let gates = cluster.directory().join("gates");
        std::fs::create_dir(&gates)?;
        let running = || Ok::<Vec<Executor>, Error>([cluster.executors(0)?, cluster.executors(1)?].concat());
        let computed = || std::fs::metadata(gates.join("computed")).map_or(0, |file| file.len());
        let expected: Vec<i64> = (0..25).map(|n| 3 * n).collect();

        let both = ctx.parallelize(0..2i64, 2).with(&gates.display().to_string()).map(|gates, n| {
            meet(Path::new(gates), 2);
            n
        });
        assert_eq!(both.collect().await?, [0, 1]);
        assert_eq!(running()?.len(), 2);
        let rows = rows(ctx, &gates)?.cache();
        let mut story = Story::of(ctx);
        assert_eq!(rows.clone().collect().await?, expected);
        assert_eq!(computed(), 25);
        let kept = story.catch_up().stages[0];
        let keeper = said(&gates, "kept");
        wait_until("the other executor should end", Duration::from_secs(20), || {
            Ok((running()?.len() == 1).then_some(()))
        })?;

        tokio::time::sleep(Duration::from_secs(4)).await;
        let left = running()?;
        assert_eq!(left.iter().map(|executor| executor.pid).collect::<Vec<_>>(), keeper);
        story.started.clear();
        assert_eq!(rows.clone().collect().await?, expected);
        assert_eq!(computed(), 25, "the second use reads what is kept");
        story.catch_up();
        assert!(story.started.iter().all(|(task, _)| task.stage != kept), "{:?}", story.started);
        assert!(running()?.contains(&left[0]), "{left:?}");
        assert!(story.removed.iter().all(|(_, reason)| reason.contains("nothing to do")), "{:?}", story.removed);

        rows.unpersist();
        wait_until("executors should end that keep nothing", Duration::from_secs(20), || {
            Ok(running()?.is_empty().then_some(()))
        })?;
        assert_eq!(rows.collect().await?, expected);
        assert_eq!(computed(), 50, "nothing was kept");
        Ok(())
    })
}
