//! Workers are killed while a query runs: the answer stays right, and only what was lost is computed again.
//!
//! Gates make the moment certain. Map tasks meet first, so that both workers have some. The tasks of the moment say
//! that they run and wait, and before the kill every other task has ended: what the dead worker had is known exactly.

use crate::story::{Story, executor_of, kill, meet, on, open, processes, said, say, wait_for, wait_until};
use dpark::Context;
use dpark::rdd::Rdd;
use libtest_mimic::{Failed, Trial};
use std::path::Path;

#[derive(Clone, Copy, PartialEq)]
enum Moment {
    /// While the worker runs a task of the first stage.
    MapRunning,
    /// When the worker has left outputs of the first stage, and the other one still runs a task of it.
    MapOutputThere,
    /// While both run tasks of the last stage.
    ResultStage,
}

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        Trial::test("chaos::kill::map_running", || kill_at(Moment::MapRunning)),
        Trial::test("chaos::kill::map_output_there", || kill_at(Moment::MapOutputThere)),
        Trial::test("chaos::kill::result_stage", || kill_at(Moment::ResultStage)),
        Trial::test("chaos::workers_leave_nothing", workers_leave_nothing),
    ]
}

/// Three stages of six, three and three tasks: two that shuffle, one with the result.
fn sums(ctx: &Context, gates: &Path, moment: Moment) -> Result<Rdd<(i64, i64)>, Failed> {
    let gates = gates.display().to_string();
    // The first row of the fourth or of the sixth partition; or none.
    let held: i64 = match moment {
        Moment::MapRunning => 300,
        Moment::MapOutputThere => 500,
        Moment::ResultStage => -1,
    };
    let maps = ctx.parallelize(0..600i64, 6).with(&(gates.clone(), held)).map(|(gates, held), n| {
        let gates = Path::new(gates);
        if n % 100 == 0 {
            meet(gates, 2);
        }
        if n == *held {
            hold(gates);
        }
        (n % 100, n)
    });
    let sums = maps.reduce_by_key(|a, b| a + b).map(|(key, sum)| (key % 50, sum)).reduce_by_key(|a, b| a + b);
    let sums = sums.with(&(gates, moment == Moment::ResultStage)).map(|(gates, held), row| {
        if *held {
            hold(Path::new(gates));
        }
        row
    });
    Ok(sums)
}

/// Says that a task of the moment runs here, and waits.
fn hold(gates: &Path) {
    say(gates, "held");
    wait_for(&gates.join("go"));
}

fn kill_at(moment: Moment) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let (gates, work) = (dir.path().join("gates"), dir.path().join("work"));
    std::fs::create_dir(&gates)?;
    // How many workers are held, and the outputs that are there when they are.
    let (holding, outputs) = if moment == Moment::ResultStage { (2, 9) } else { (1, 5) };
    on("process[2]", &work, &[], async |ctx| {
        let mut story = Story::of(ctx);
        let query = tokio::spawn(sums(ctx, &gates, moment)?.collect());
        wait_until("tasks of the moment should run", || said(&gates, "held").len() == holding);
        story.until("all other outputs", |story| story.finished.len() == outputs).await;
        let held = executor_of(&work, said(&gates, "held")[0]);
        let killed = match moment {
            Moment::MapRunning | Moment::ResultStage => held,
            Moment::MapOutputThere => story.finished.iter().map(|(_, on)| *on).find(|on| *on != held).unwrap(),
        };
        let lost = story.outputs_of(killed);
        assert!(!lost.is_empty(), "{killed} should have outputs: {:?}", story.finished);
        kill(processes(&work)[&killed]);
        story.until_noticed(killed).await;
        open(&gates.join("go"));

        let mut found = query.await??;
        found.sort_unstable();
        let sum = |key: i64| (0..12).map(|round| key + 50 * round).sum::<i64>();
        assert_eq!(found, (0..50).map(|key| (key, sum(key))).collect::<Vec<_>>());
        story.catch_up();
        assert_eq!(story.removed.len(), 1, "{:?}", story.removed);
        let [(None, recomputed)] = &story.ended[..] else { panic!("one job, without error: {:?}", story.ended) };
        let mut recomputed = recomputed.clone();
        recomputed.sort_unstable();
        assert_eq!(recomputed, lost, "what was lost is computed again, and nothing else");
        // Second attempts are for what was lost, and for the task that died.
        let again = story.started.iter().filter(|(task, _)| task.attempt > 0).count();
        assert_eq!(again, lost.len() + usize::from(killed == held), "{:?}", story.started);
        Ok(())
    })
}

/// After `stop` no file and no process is left, also of a worker that was killed.
fn workers_leave_nothing() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let (gates, work) = (dir.path().join("gates"), dir.path().join("work"));
    std::fs::create_dir(&gates)?;
    open(&gates.join("go"));
    let mut pids: Vec<u32> = vec![];
    on("process[2]", &work, &[], async |ctx| {
        assert_eq!(sums(ctx, &gates, Moment::MapRunning)?.count().await?, 50);
        wait_until("the driver and two workers should have directories", || processes(&work).len() == 3);
        let workers = processes(&work).into_iter().filter(|(executor, _)| executor.0 != 0);
        pids.extend(workers.map(|(_, pid)| pid));
        kill(pids[0]);
        Ok(())
    })?;
    let left: Vec<_> = std::fs::read_dir(&work)?.flatten().map(|entry| entry.path()).collect();
    assert!(left.is_empty(), "left behind: {left:?}");
    for pid in pids {
        assert!(!Path::new(&format!("/proc/{pid}/cmdline")).exists(), "worker {pid} lives");
    }
    Ok(())
}
