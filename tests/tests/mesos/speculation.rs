//! Slow tasks get a second attempt elsewhere; tasks wait for the executor that has their rows.

use crate::fixture::{on_cluster, trial, two_agents, until_held};
use dpark_test_cluster::Options;
use dpark_tests::story::{Story, meet, open, said, say, wait_for};
use libtest_mimic::{Failed, Trial};
use std::collections::HashMap;
use std::fs::File;
use std::path::Path;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("speculation::a_second_attempt_wins", a_second_attempt_wins),
        trial("speculation::none_if_not_wanted", none_if_not_wanted),
        trial("speculation::tasks_go_to_their_rows", tasks_go_to_their_rows),
    ]
}

/// A task hangs on one machine; its copy on the other one ends the query, and the first is ended.
fn a_second_attempt_wins() -> Result<(), Failed> {
    on_cluster(two_agents(), &[("task.speculation", "true")], async |ctx, cluster| {
        let gates = cluster.directory().join("gates");
        std::fs::create_dir(&gates)?;
        let mut story = Story::of(ctx);
        let rows = ctx.parallelize(0..8i64, 8).with(&gates.display().to_string()).map(|gates, n| {
            let gates = Path::new(gates);
            if n == 7 && said(gates, "held").is_empty() {
                say(gates, "held");
                wait_for(&gates.join("go"));
            }
            n
        });
        assert_eq!(rows.collect().await?, (0..8).collect::<Vec<_>>());
        story.catch_up();
        let attempts: Vec<_> = story.started.iter().filter(|(task, _)| task.partition == 7).copied().collect();
        let [(first, slow), (second, quick)] = attempts[..] else { panic!("two attempts: {attempts:?}") };
        assert!(first.attempt < second.attempt && slow != quick, "{attempts:?}");
        assert!(story.finished.contains(&(second, quick)), "{:?}", story.finished);
        assert_eq!(story.started.len(), 9, "only the slow task runs twice");
        assert_eq!(story.failed, [], "a task that is not needed any more has not failed");
        // Closures cannot be interrupted; let it go, so that the executor ends in good order.
        open(&gates.join("go"));
        Ok(())
    })
}

/// The same task is waited for.
fn none_if_not_wanted() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, cluster| {
        let gates = cluster.directory().join("gates");
        std::fs::create_dir(&gates)?;
        let mut story = Story::of(ctx);
        let rows = ctx.parallelize(0..8i64, 8).with(&gates.display().to_string()).map(|gates, n| {
            let gates = Path::new(gates);
            if n == 7 {
                say(gates, "held");
                wait_for(&gates.join("go"));
            }
            n
        });
        let query = tokio::spawn(rows.collect());
        until_held(&gates, 1).await;
        tokio::time::sleep(std::time::Duration::from_secs(4)).await;
        assert_eq!(story.catch_up().started.len(), 8);
        open(&gates.join("go"));
        assert_eq!(query.await??, (0..8).collect::<Vec<_>>());
        Ok(())
    })
}

/// One executor is busy for as long as the other has nothing to do, and still all rows are read where they lie.
fn tasks_go_to_their_rows() -> Result<(), Failed> {
    let conf = [("task.locality_wait", "60s")];
    on_cluster(Options { agents: 2, ..two_agents() }, &conf, async |ctx, cluster| {
        let gates = cluster.directory().join("gates");
        std::fs::create_dir(&gates)?;
        let rows = ctx.parallelize(0..6i64, 6).with(&gates.display().to_string()).map(|gates, n| {
            meet(Path::new(gates), 2);
            n
        });
        let kept = rows.cache();
        let mut story = Story::of(ctx);
        assert_eq!(kept.clone().count().await?, 6);
        story.catch_up();
        let stage = story.stages[0];
        let places: HashMap<u32, _> = story
            .finished
            .iter()
            .filter(|(task, _)| task.stage == stage)
            .map(|(task, on)| (task.partition, *on))
            .collect();
        assert_eq!(places.len(), 6);

        story.started.clear();
        let slow = kept.with(&gates.display().to_string()).map(|gates, n| {
            let gates = Path::new(gates);
            say(gates, "second");
            // The first one to come keeps its executor busy until the other one has been idle for a while.
            if File::create_new(gates.join("slow")).is_ok() {
                std::thread::sleep(std::time::Duration::from_secs(2));
                say(gates, "woke");
            } else if !said(gates, "woke").is_empty() {
                say(gates, "waited");
            }
            n
        });
        assert_eq!(slow.collect().await?, (0..6).collect::<Vec<_>>());
        story.catch_up();
        let target = *story.stages.last().unwrap();
        let wrong: Vec<_> =
            story.started.iter().filter(|(task, on)| task.stage == target && places[&task.partition] != *on).collect();
        assert!(wrong.is_empty(), "{wrong:?} of {places:?}");
        assert_eq!(said(&gates, "waited").len(), 1, "tasks waited for the slow executor while the other one was idle");
        Ok(())
    })
}
