//! An executor is killed in the last stage of a query, while it reduces and keeps outputs of both stages before.

use crate::fixture::{check_sums, on_cluster, recomputed, trial, two_agents, until_held};
use crate::serving;
use dpark::Context;
use dpark::rdd::Rdd;
use dpark_lineage::TaskId;
use dpark_tests::story::{Story, kill, open, said, say, wait_for, wait_until};
use libtest_mimic::{Failed, Trial};
use std::path::Path;

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("reduces::executor_killed", executor_killed),
        trial("reduces::executor_killed_while_it_serves", executor_killed_while_it_serves),
    ]
}

/// Goes on once tasks have come to this place on both executors, so that each has outputs of the stage.
fn meet(gates: &Path, place: &str) {
    say(gates, place);
    wait_until("tasks should run on both executors", || said(gates, place).len() >= 2);
}

/// The sums of the other trials, with tasks of the first two stages that meet, and tasks of the last one that have read
/// all their input when they say so and wait.
fn sums(ctx: &Context, gates: &Path) -> Result<Rdd<(i64, i64)>, Failed> {
    let gates = gates.display().to_string();
    let maps = ctx.parallelize(0..600i64, 6).with(&gates).map(|gates, n| {
        if n % 100 == 0 {
            meet(Path::new(gates), "maps");
        }
        (n % 100, n)
    });
    let sums = maps.reduce_by_key(|a, b| a + b).with(&gates).map(|gates, (key, sum)| {
        meet(Path::new(gates), "sums");
        (key % 50, sum)
    });
    let last = sums.reduce_by_key(|a, b| a + b).with(&gates).map(|gates, row| {
        let gates = Path::new(gates);
        say(gates, "held");
        wait_for(&gates.join("go"));
        row
    });
    Ok(last)
}

/// What the dead executor had is computed again, nothing else; its task runs on another one.
fn executor_killed() -> Result<(), Failed> {
    on_cluster(two_agents(), &[], async |ctx, cluster| {
        let gates = cluster.directory().join("gates");
        std::fs::create_dir(&gates)?;
        let mut story = Story::of(ctx);
        let query = tokio::spawn(sums(ctx, &gates)?.collect());
        let pid = until_held(&gates, 2).await[0];
        story.until("the outputs of two stages", |story| story.finished.len() == 9).await;
        let killed = *story.pids.iter().find(|(_, of)| **of == pid).unwrap().0;
        let lost = story.outputs_of(killed);
        let [maps, middle, last] = story.stages[..] else { panic!("three stages: {:?}", story.stages) };
        assert!([maps, middle].iter().all(|stage| lost.iter().any(|(of, _)| of == stage)), "{lost:?}");
        let reduces = |(task, on): &&(TaskId, _)| task.stage == last && *on == killed;
        let reducing: Vec<TaskId> = story.started.iter().filter(reduces).map(|(task, _)| *task).collect();
        let [reducing] = reducing[..] else { panic!("one task runs on {killed}: {reducing:?}") };

        kill(pid);
        story.until_noticed(killed).await;
        open(&gates.join("go"));
        check_sums(query.await??);
        story.catch_up();
        assert_eq!(recomputed(&story), lost, "what was lost is computed again, and nothing else");
        let done = story.finished.iter().find(|(task, _)| (task.stage, task.partition) == (last, reducing.partition));
        let (done, on) = done.expect("the task that died should have run again");
        assert!(done.attempt > reducing.attempt && *on != killed, "{done} on {on}");
        Ok(())
    })
}

/// An executor is killed in the middle of an output that another one reads from it.
fn executor_killed_while_it_serves() -> Result<(), Failed> {
    on_cluster(two_agents(), &serving::CONF, async |ctx, cluster| {
        let gates = cluster.directory().join("gates");
        std::fs::create_dir(&gates)?;
        let executor_of = |story: &Story, pid| *story.pids.iter().find(|(_, of)| **of == pid).unwrap().0;
        serving::kill_the_server(ctx, &gates, executor_of).await
    })
}
