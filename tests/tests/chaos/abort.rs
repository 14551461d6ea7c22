//! A task that takes its whole process with it: once, and every time.

use crate::story::{Story, on};
use dpark_lineage::TaskId;
use libtest_mimic::{Failed, Trial};
use std::collections::HashSet;
use std::fs::File;

/// The row whose closure aborts; it is in the second of four partitions.
const FATAL: i64 = 42;

pub(crate) fn trials() -> Vec<Trial> {
    vec![Trial::test("chaos::abort::once", abort_once), Trial::test("chaos::abort::always", abort_always)]
}

/// The process is replaced and the task runs again.
fn abort_once() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    on("process[2]", &dir.path().join("work"), &[], async |ctx| {
        let mut story = Story::of(ctx);
        let marker = dir.path().join("aborted").display().to_string();
        let rows = ctx.parallelize(0..100i64, 4).with(&marker).map(|marker, n| {
            if n == FATAL && File::create_new(marker).is_ok() {
                std::process::abort();
            }
            (n % 10, n)
        });
        let mut sums = rows.reduce_by_key(|a, b| a + b).collect().await?;
        sums.sort_unstable();
        assert_eq!(sums, (0..10).map(|key| (key, 450 + 10 * key)).collect::<Vec<_>>());

        assert!(File::open(dir.path().join("aborted")).is_ok(), "the task aborted");
        story.catch_up();
        let [(dead, reason)] = &story.removed[..] else { panic!("one worker died: {:?}", story.removed) };
        assert!(reason.contains("signal: 6"), "{reason}");
        let attempts: Vec<_> = story.started.iter().filter(|(task, _)| is_fatal(&story, task)).collect();
        assert_eq!(attempts.iter().map(|(task, _)| task.attempt).collect::<Vec<_>>(), [0, 1]);
        assert_eq!(attempts[0].1, *dead);
        assert_ne!(attempts[1].1, *dead);
        let [(None, recomputed)] = &story.ended[..] else { panic!("one job, without error: {:?}", story.ended) };
        for (stage, partition) in recomputed {
            let held = story
                .finished
                .iter()
                .any(|(task, executor)| (task.stage, task.partition, *executor) == (*stage, *partition, *dead));
            assert!(held, "{stage} partition {partition} was computed again but was not lost");
        }
        Ok(())
    })
}

/// The job fails when the task was tried as often as it may be, and the context lives on.
fn abort_always() -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    on("process[2]", dir.path(), &[("task.max_failures", "3")], async |ctx| {
        let mut story = Story::of(ctx);
        let rows = ctx.parallelize(0..100i64, 4).map(|n| if n == FATAL { std::process::abort() } else { n });
        let error = rows.collect().await.unwrap_err().to_string();
        story.catch_up();
        let attempts: Vec<_> = story.started.iter().filter(|(task, _)| is_fatal(&story, task)).collect();
        assert_eq!(attempts.len(), 3, "{attempts:?}");
        let (last, executor) = attempts[2];
        assert!(error.contains(&format!("{last} failed on {executor} (3 failed attempts)")), "{error}");
        assert!(error.contains(&format!("{} partition 1 ", story.stages[0])), "{error}");
        assert!(error.contains("signal: 6"), "what became of the process is told: {error}");
        let dead: HashSet<_> = story.removed.iter().map(|(executor, _)| *executor).collect();
        let hosts: HashSet<_> = attempts.iter().map(|(_, executor)| *executor).collect();
        assert_eq!((dead.len(), &hosts), (3, &dead), "each attempt cost one worker");

        assert_eq!(ctx.parallelize(0..100i64, 4).map(|n| n + 1).count().await?, 100);
        story.catch_up();
        assert_eq!(story.removed.len(), 3);
        Ok(())
    })
}

fn is_fatal(story: &Story, task: &TaskId) -> bool {
    task.stage == story.stages[0] && task.partition == 1
}
