//! Cached data sets: computed once, shared, freed, recomputed where lost, and moved to disk when memory is short.
//!
//! Every row that is computed adds a byte to a file, in whatever process that is; so computing is counted, not guessed.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test, with a main of its own")]

use arrow::util::pretty::pretty_format_batches;
use dpark::Context;
use dpark::prelude::{DataFrameExt, Rdd};
use dpark_lineage::StageId;
use dpark_tests::story::{MASTERS, Story, kill, meet, on, processes, wait_until};
use libtest_mimic::{Arguments, Failed, Trial};
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

type Test = fn(&str) -> Result<(), Failed>;

fn main() {
    dpark::init();
    let args = Arguments::from_args();
    let tests: [(&str, Test); 5] = [
        ("computed_once", computed_once),
        ("counted", counted),
        ("freed", freed),
        ("shared_by_threads", shared_by_threads),
        ("short_of_memory", short_of_memory),
    ];
    let mut trials = vec![];
    for (what, test) in tests {
        for (name, master) in MASTERS {
            trials.push(Trial::test(format!("cache::{what}::{name}"), move || test(master)));
        }
    }
    trials.push(Trial::test("cache::lost_worker::process2", lost_worker));
    libtest_mimic::run(&args, trials).exit();
}

/// Where a trial works.
struct Place {
    _dir: tempfile::TempDir,
    /// Files of the engine.
    work: PathBuf,
    /// Files of the tasks.
    gates: PathBuf,
}

impl Place {
    fn new() -> std::io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let [work, gates] = ["work", "gates"].map(|name| dir.path().join(name));
        std::fs::create_dir(&gates)?;
        Ok(Self { _dir: dir, work, gates })
    }

    /// Rows computed so far.
    fn computed(&self) -> u64 {
        std::fs::metadata(self.gates.join("computed")).map_or(0, |file| file.len())
    }

    /// Files of a stage's outputs.
    fn files(&self, stage: StageId) -> usize {
        let stores = std::fs::read_dir(&self.work).unwrap().flatten();
        let files = stores.flat_map(|store| std::fs::read_dir(store.path()).into_iter().flatten().flatten());
        let names = files.map(|file| file.file_name().to_string_lossy().into_owned());
        let prefix = format!("{}-", stage.0);
        names.filter(|name| name.starts_with(&prefix) && name.ends_with(".shuffle")).count()
    }
}

/// A hundred rows in four partitions; `processes` must take part in the computing.
fn rows(ctx: &Context, place: &Place, processes: usize) -> Result<Rdd<i64>, Failed> {
    let argument = (place.gates.display().to_string(), processes);
    let rows = ctx.parallelize(0..100i64, 4).with(&argument).map(|(gates, processes), n| {
        let gates = Path::new(gates);
        if n % 25 == 0 {
            meet(gates, *processes);
        }
        let file = OpenOptions::new().create(true).append(true).open(gates.join("computed"));
        file.unwrap().write_all(b".").unwrap();
        3 * n
    });
    Ok(rows)
}

fn expected() -> Vec<i64> {
    (0..100).map(|n| 3 * n).collect()
}

/// How many processes compute.
fn workers(master: &str) -> usize {
    if master.starts_with("process") { 2 } else { 1 }
}

fn computed_once(master: &str) -> Result<(), Failed> {
    let place = Place::new()?;
    on(master, &place.work, &[], async |ctx| {
        let rows = rows(ctx, &place, workers(master))?.cache();
        assert_eq!(place.computed(), 0, "nothing runs before an action");
        let mut story = Story::of(ctx);
        assert_eq!(rows.clone().count().await?, 100);
        let kept = story.catch_up().stages[0];
        assert_eq!(story.started.iter().filter(|(task, _)| task.stage == kept).count(), 4);
        assert_eq!(place.computed(), 100);

        story.started.clear();
        assert_eq!(rows.clone().collect().await?, expected());
        ctx.register("kept", &rows)?;
        let sum = ctx.sql("SELECT sum(_1) FROM kept WHERE _1 % 2 = 0").await?;
        assert_eq!(sum.rdd::<i64>()?.collect().await?, [7350]);
        story.catch_up();
        assert!(!story.started.is_empty());
        assert!(story.started.iter().all(|(task, _)| task.stage != kept), "{:?}", story.started);
        assert_eq!(place.computed(), 100);
        Ok(())
    })
}

/// Once the rows are there, the planner knows how many: counting them takes no task, and it orders
/// joins by that. After `unpersist` it knows nothing any more.
fn counted(master: &str) -> Result<(), Failed> {
    let place = Place::new()?;
    on(master, &place.work, &[], async |ctx| {
        let rows = rows(ctx, &place, workers(master))?.cache();
        ctx.register("kept", &rows)?;
        let count = async || -> Result<Vec<i64>, Failed> {
            Ok(ctx.sql("SELECT count(*) FROM kept").await?.rdd::<i64>()?.collect().await?)
        };
        let mut story = Story::of(ctx);
        assert_eq!((count().await?, place.computed()), (vec![100], 100));
        let kept = story.catch_up().stages[0];
        assert!(story.started.iter().any(|(task, _)| task.stage == kept));

        story.started.clear();
        assert_eq!(count().await?, [100]);
        story.catch_up();
        assert!(story.started.len() <= 1, "nothing is read: {:?}", story.started);
        ctx.sql("SET datafusion.explain.show_statistics = true").await?;
        let plan = async || -> Result<String, Failed> {
            let rows = ctx.sql("EXPLAIN SELECT _1 FROM kept WHERE _1 > 7").await?.collect().await?;
            Ok(pretty_format_batches(&rows)?.to_string())
        };
        let known = plan().await?;
        assert!(known.contains("Rows=Exact(100)"), "{known}");
        rows.unpersist();
        let unknown = plan().await?;
        assert!(!unknown.contains("Rows=Exact(100)"), "{unknown}");
        assert_eq!((count().await?, place.computed()), (vec![100], 200));
        Ok(())
    })
}

/// After `unpersist` nothing is kept; the data set is computed and kept anew when it is used again.
fn freed(master: &str) -> Result<(), Failed> {
    let place = Place::new()?;
    on(master, &place.work, &[("shuffle.memory", "false")], async |ctx| {
        let rows = rows(ctx, &place, workers(master))?.cache();
        let mut story = Story::of(ctx);
        assert_eq!(rows.clone().collect().await?, expected());
        let kept = story.catch_up().stages[0];
        assert_eq!(place.files(kept), 4);
        rows.unpersist();
        wait_until("the files should be removed", || place.files(kept) == 0);
        assert_eq!(rows.clone().collect().await?, expected());
        assert_eq!(place.computed(), 200);
        let again = story.catch_up().stages[0];
        assert_ne!(again, kept);
        assert_eq!(rows.collect().await?, expected());
        assert_eq!((place.files(again), place.computed()), (4, 200));
        Ok(())
    })
}

/// Two threads use the data set at the same time, before it is there.
fn shared_by_threads(master: &str) -> Result<(), Failed> {
    let place = Place::new()?;
    on(master, &place.work, &[], async |ctx| {
        let rows = rows(ctx, &place, workers(master))?.cache();
        let threads = [rows.clone(), rows].map(|rows| {
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
                runtime.unwrap().block_on(rows.collect()).unwrap()
            })
        });
        for thread in threads {
            assert_eq!(thread.join().map_err(|_| "a thread failed")?, expected());
        }
        assert_eq!(place.computed(), 100, "both read what was computed once");
        Ok(())
    })
}

/// The partitions that a dead worker kept are computed again when they are needed, and no others.
fn lost_worker() -> Result<(), Failed> {
    let place = Place::new()?;
    on("process[2]", &place.work, &[], async |ctx| {
        let rows = rows(ctx, &place, 2)?.cache();
        let mut story = Story::of(ctx);
        assert_eq!(rows.clone().collect().await?, expected());
        let kept = story.catch_up().stages[0];
        let (_, killed) = *story.finished.iter().find(|(task, _)| task.stage == kept).unwrap();
        let mut lost = story.outputs_of(killed);
        lost.retain(|(stage, _)| *stage == kept);
        assert!((1..4).contains(&lost.len()), "both workers keep some: {:?}", story.finished);
        kill(processes(&place.work)[&killed]);
        story.until_noticed(killed).await;
        assert_eq!(place.computed(), 100, "nobody needs it yet");

        story.ended.clear();
        assert_eq!(rows.collect().await?, expected());
        story.catch_up();
        let [(None, recomputed)] = &story.ended[..] else { panic!("one job, without error: {:?}", story.ended) };
        let mut recomputed = recomputed.clone();
        recomputed.sort_unstable();
        assert_eq!(recomputed, lost);
        assert_eq!(place.computed(), 100 + 25 * lost.len() as u64);
        Ok(())
    })
}

/// Fifty megabytes are kept: in memory where there is enough, else on disk, and never computed twice.
fn short_of_memory(master: &str) -> Result<(), Failed> {
    for (memory, on_disk) in [("1GB", false), ("32MB", true)] {
        let place = Place::new()?;
        on(master, &place.work, &[("executor.memory", memory)], async |ctx| {
            let gates = place.gates.display().to_string();
            let wide = ctx.parallelize(0..200_000i64, 4).with(&(gates, workers(master)));
            let wide = wide.map(|(gates, processes), n| {
                if n % 50_000 == 0 {
                    meet(Path::new(gates), *processes);
                }
                (n, format!("{n:0>250}"))
            });
            ctx.register("kept", &wide.cache())?;
            let mut story = Story::of(ctx);
            let mut kept = None;
            for _ in 0..2 {
                let sql = "SELECT count(*), sum(_1), sum(char_length(_2)) FROM kept";
                let rows: Vec<(i64, i64, i64)> = ctx.sql(sql).await?.rdd()?.collect().await?;
                assert_eq!(rows, [(200_000, 19_999_900_000, 50_000_000)]);
                kept = kept.or(story.catch_up().stages.first().copied());
            }
            let kept = kept.unwrap();
            assert_eq!(story.started.iter().filter(|(task, _)| task.stage == kept).count(), 4, "computed once");
            let files = place.files(kept);
            assert_eq!(files > 0, on_disk, "{files} files with {memory}");
            Ok(())
        })?;
    }
    Ok(())
}
