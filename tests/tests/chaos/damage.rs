//! Outputs on disk are damaged before they are read: the reader notices, the output is computed again, nothing else is,
//! and the answer is right.
//!
//! Three outputs that lie in a file for a while:
//! - a shuffle: of the four tasks of its stage one is held at a gate, so nobody reads before the gate is opened;
//! - a cached data set, between two jobs (its file is open by then, so its deletion harms nobody);
//! - the result, whose first partition is held at a gate, so that the driver does not come to the second.

use crate::story::{MASTERS, Story, on, open, wait_for};
use arrow::util::pretty::pretty_format_batches;
use dpark::Context;
use dpark::rdd::Rdd;
use dpark_lineage::{ExecutorId, TaskId};
use libtest_mimic::{Failed, Trial};
use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Copy, PartialEq)]
enum Damage {
    /// The second half of the file is gone.
    Cut,
    /// One bit of the last block.
    Flip,
    /// The file is gone.
    Delete,
}

impl Damage {
    /// What the reader says of it.
    fn cause(self) -> &'static str {
        if self == Damage::Delete { "Gone" } else { "Corrupt" }
    }
}

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![];
    for (name, master) in MASTERS {
        for damage in [Damage::Cut, Damage::Flip, Damage::Delete] {
            let name = |what| format!("chaos::damage::{what}::{}::{name}", format!("{damage:?}").to_lowercase());
            trials.push(Trial::test(name("shuffle"), move || shuffle(master, damage)));
            trials.push(Trial::test(name("result"), move || result(master, damage)));
            if damage != Damage::Delete {
                trials.push(Trial::test(name("cached"), move || cached(master, damage)));
            }
        }
    }
    trials
}

/// Every output goes to disk.
const ON_DISK: [(&str, &str); 1] = [("shuffle.memory", "false")];

fn shuffle(master: &str, damage: Damage) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let work = dir.path().join("work");
    on(master, &work, &ON_DISK, async |ctx| {
        let gate = dir.path().join("gate");
        ctx.register("free", &ctx.parallelize(0..3000i64, 3))?;
        ctx.register("held", &held(ctx, 3000..4000, 1, &gate)?)?;
        let sql = "SELECT k, count(*) AS n, sum(v) AS s
                   FROM (SELECT _1 % 100 AS k, _1 AS v FROM free UNION ALL SELECT _1 % 100, _1 FROM held)
                   GROUP BY k ORDER BY k";
        let mut story = Story::of(ctx);
        let query = tokio::spawn(ctx.sql(sql).await?.collect());
        story.until("three outputs", |story| story.finished.len() == 3).await;
        let harmed = harm(&work, story.finished[0], damage);
        open(&gate);

        let found = pretty_format_batches(&query.await??)?.to_string();
        let rows: Vec<Vec<i64>> = found.lines().filter_map(numbers).collect();
        let expected: Vec<_> = (0..100).map(|k| vec![k, 40, 40 * k + 100 * (0..40).sum::<i64>()]).collect();
        assert_eq!(rows, expected);
        story.catch_up();
        noticed(&story, harmed, damage);
        Ok(())
    })
}

fn cached(master: &str, damage: Damage) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    on(master, dir.path(), &ON_DISK, async |ctx| {
        let rows = ctx.parallelize(0..4000i64, 4).map(|n| 3 * n).cache();
        let mut story = Story::of(ctx);
        assert_eq!(rows.clone().count().await?, 4000);
        let kept = story.catch_up().stages[0];
        let outputs: Vec<_> = story.finished.iter().filter(|(task, _)| task.stage == kept).copied().collect();
        assert_eq!(outputs.len(), 4);
        let harmed = harm(dir.path(), outputs[2], damage);
        story.ended.clear();

        assert_eq!(rows.collect().await?, (0..4000).map(|n| 3 * n).collect::<Vec<_>>());
        story.catch_up();
        noticed(&story, harmed, damage);
        Ok(())
    })
}

fn result(master: &str, damage: Damage) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let work = dir.path().join("work");
    on(master, &work, &ON_DISK, async |ctx| {
        let gate = dir.path().join("gate");
        // Only the first partition has rows that wait.
        let rows = held(ctx, 0..2000, 2, &gate)?;
        let mut story = Story::of(ctx);
        let query = tokio::spawn(rows.collect());
        story.until("an output", |story| !story.finished.is_empty()).await;
        let [(task, executor)] = story.finished[..] else { panic!("one task is held: {:?}", story.finished) };
        assert_eq!(task.partition, 1);
        harm(&work, (task, executor), damage);
        open(&gate);

        assert_eq!(query.await??, (0..2000).collect::<Vec<_>>());
        let [(None, recomputed)] = &story.catch_up().ended[..] else { panic!("one job: {:?}", story.ended) };
        assert_eq!(*recomputed, [(task.stage, 1)]);
        Ok(())
    })
}

/// Rows of which those of the first partition wait at the gate.
fn held(ctx: &Context, rows: std::ops::Range<i64>, partitions: usize, gate: &Path) -> Result<Rdd<i64>, Failed> {
    let held = (gate.display().to_string(), rows.start);
    let rows = ctx.parallelize(rows, partitions).with(&held).map(|(gate, first), n| {
        if n == *first {
            wait_for(Path::new(gate));
        }
        n
    });
    Ok(rows)
}

/// Damages the file of an output.
fn harm(work: &Path, (task, executor): (TaskId, ExecutorId), damage: Damage) -> TaskId {
    let path = file(work, task, executor);
    let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let length = file.metadata().unwrap().len();
    match damage {
        Damage::Cut => file.set_len(length / 2).unwrap(),
        Damage::Delete => std::fs::remove_file(&path).unwrap(),
        Damage::Flip => {
            // The file ends in its index, the index's length and a magic; before them is the end of the last block.
            let mut tail = [0; 8];
            file.read_exact_at(&mut tail, length - 16).unwrap();
            let at = length - 16 - u64::from_le_bytes(tail) - 1;
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[byte[0] ^ 1], at).unwrap();
        }
    }
    task
}

/// `dpark-shuffle-<executor>-…/<stage>-<partition>-<attempt>.shuffle`
fn file(work: &Path, task: TaskId, executor: ExecutorId) -> PathBuf {
    let stores = std::fs::read_dir(work).unwrap().map(|entry| entry.unwrap().path());
    let prefix = format!("dpark-shuffle-{}-", executor.0);
    let mut own =
        stores.filter(|store| store.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&prefix)));
    let store = own.next().expect("the executor has a directory");
    store.join(format!("{}-{}-{}.shuffle", task.stage.0, task.partition, task.attempt))
}

/// A reader found the damage, and only the damaged output was computed again.
fn noticed(story: &Story, harmed: TaskId, damage: Damage) {
    let TaskId { stage, partition, attempt } = harmed;
    let output = format!("cannot fetch the output of {stage} partition {partition} attempt {attempt} from ");
    assert!(!story.failed.is_empty(), "the damage should be noticed");
    for (task, _, error) in &story.failed {
        assert!(error.starts_with(&output) && error.contains(damage.cause()), "{task}: {error}");
    }
    let [(None, recomputed)] = &story.ended[..] else { panic!("one job, without error: {:?}", story.ended) };
    assert_eq!(*recomputed, [(stage, partition)]);
}

/// The numbers of a row of a printed table.
fn numbers(line: &str) -> Option<Vec<i64>> {
    line.trim_matches('|').split('|').map(|cell| cell.trim().parse().ok()).collect()
}
