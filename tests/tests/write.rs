//! Parquet output is committed: whole or not there, one file a partition, whatever happens to the tasks that write it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test, with a main of its own")]

use arrow::array::AsArray;
use arrow::datatypes::UInt64Type;
use arrow::util::pretty::pretty_format_batches;
use datafusion::common::config::TableParquetOptions;
use datafusion::dataframe::DataFrameWriteOptions;
use dpark::Context;
use dpark::rdd::DataFrameExt;
use dpark_tests::story::{MASTERS, Story, executor_of, kill, on, open, processes, said, say, wait_for, wait_until};
use libtest_mimic::{Arguments, Failed, Trial};
use parquet::basic::Compression;
use parquet::file::reader::{FileReader, SerializedFileReader};
use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

type Test = fn(&str) -> Result<(), Failed>;

fn main() {
    dpark::init();
    let args = Arguments::from_args();
    let tests: [(&str, Test); 10] = [
        ("copy", copy),
        ("data_frame", data_frame),
        ("file", file),
        ("refused", refused),
        ("failed_new", failed_new),
        ("failed_empty", failed_empty),
        ("cancelled", cancelled),
        ("explain_analyze", explain_analyze),
        ("explain", explain),
        ("options", options),
    ];
    let mut trials = vec![];
    for (what, test) in tests {
        for (name, master) in MASTERS {
            trials.push(Trial::test(format!("write::{what}::{name}"), move || test(master)));
        }
    }
    trials.push(Trial::test("write::killed_writing::process2", || killed(Victim::Writing)));
    trials.push(Trial::test("write::killed_written::process2", || killed(Victim::Written)));
    libtest_mimic::run(&args, trials).exit();
}

/// Where a trial works.
struct Place {
    _dir: tempfile::TempDir,
    /// Files of the engine.
    work: PathBuf,
    gates: PathBuf,
    /// The target of the write; not there yet.
    out: PathBuf,
}

impl Place {
    fn new() -> std::io::Result<Self> {
        let dir = tempfile::tempdir()?;
        let [work, gates, out] = ["work", "gates", "out"].map(|name| dir.path().join(name));
        std::fs::create_dir(&gates)?;
        Ok(Self { _dir: dir, work, gates, out })
    }
}

/// No row is held.
const FREE: i64 = -1;

/// The table `numbers` has 3000 rows in three partitions; the task with the row `held` says so and waits.
fn make_table(ctx: &Context, gates: &Path, held: i64) -> Result<(), Failed> {
    let rows = ctx.parallelize(0..3000i64, 3).with(&(gates.display().to_string(), held));
    let rows = rows.map(|(gates, held), n| {
        if n == *held {
            say(Path::new(gates), "held");
            wait_for(&Path::new(gates).join("go"));
        }
        n
    });
    ctx.register("numbers", &rows)?;
    Ok(())
}

const ROWS: &str = "SELECT _1 AS n, _1 % 7 AS k FROM numbers";
/// Fails in the last row of the last partition.
const WRONG: &str = "SELECT 6000 / (_1 - 2999) AS n FROM numbers";

fn copy_sql(query: &str, out: &Path) -> String {
    format!("COPY ({query}) TO '{}' STORED AS PARQUET", out.display())
}

async fn text(ctx: &Context, sql: &str) -> Result<String, Failed> {
    Ok(pretty_format_batches(&ctx.sql(sql).await?.collect().await?)?.to_string())
}

/// Every file below a directory and its bytes.
fn files(dir: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.clone(), std::fs::read(&path).unwrap());
        }
    }
    found
}

fn names(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// One file a partition, the mark of success, and nothing else; the rows are those of the query.
async fn check(ctx: &Context, out: &Path) -> Result<(), Failed> {
    assert_eq!(names(out), ["_SUCCESS", "part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]);
    let found = text(ctx, &format!("SELECT n, k FROM '{}/' ORDER BY n", out.display())).await?;
    let expected = text(ctx, &format!("{ROWS} ORDER BY n")).await?;
    assert!(found == expected, "the rows that were written differ: {found}");
    Ok(())
}

fn copy(master: &str) -> Result<(), Failed> {
    let place = Place::new()?;
    on(master, &place.work, &[], async |ctx| {
        make_table(ctx, &place.gates, FREE)?;
        let count = ctx.sql(&copy_sql(ROWS, &place.out)).await?.collect().await?;
        assert_eq!(count[0].column(0).as_primitive::<UInt64Type>().values(), &[3000u64]);
        check(ctx, &place.out).await
    })
}

/// Also into a directory that is there and empty.
fn data_frame(master: &str) -> Result<(), Failed> {
    let place = Place::new()?;
    std::fs::create_dir(&place.out)?;
    on(master, &place.work, &[], async |ctx| {
        make_table(ctx, &place.gates, FREE)?;
        let out = place.out.display().to_string();
        let count = ctx.sql(ROWS).await?.write_parquet(&out, DataFrameWriteOptions::new(), None).await?;
        assert_eq!(count[0].column(0).as_primitive::<UInt64Type>().values(), &[3000u64]);
        check(ctx, &place.out).await
    })
}

/// A target with anything in it: nothing runs, nothing is changed.
/// A file is replaced when all of it is written, and otherwise left as it was, with nothing beside it.
fn file(master: &str) -> Result<(), Failed> {
    let place = Place::new()?;
    on(master, &place.work, &[], async |ctx| {
        let dir = place.out.parent().unwrap().join("files");
        std::fs::create_dir(&dir)?;
        for format in ["csv", "json", "parquet", "arrow"] {
            let path = dir.join(format!("out.{format}"));
            let copy = |query: &str| format!("COPY ({query}) TO '{}'", path.display());
            std::fs::write(&path, "old")?;
            // Fails after millions of rows, which no writer keeps to itself.
            let broken = copy("SELECT 1 / (value - 3000000) AS q FROM generate_series(1, 4000000) AS t(value)");
            let error = ctx.sql(&broken).await?.collect().await.unwrap_err().to_string();
            assert!(error.contains("Divide by zero"), "{error}");
            assert_eq!(std::fs::read_to_string(&path)?, "old", "{format}");

            let good = copy("SELECT value FROM generate_series(1, 10) AS t(value)");
            ctx.sql(&good).await?.collect().await?;
            let sum = format!("SELECT sum(value) FROM '{}'", path.display());
            assert_eq!(ctx.sql(&sum).await?.rdd::<i64>()?.collect().await?, [55], "{format}");
            ctx.sql(&good.replace("10)", "0)")).await?.collect().await?;
            assert_eq!(names(&dir), [format!("out.{format}")]);
            std::fs::remove_file(&path)?;
        }
        // Names that look like wildcards, and what others may do with the file.
        for name in ["o[1].csv", "a*b.csv", "sp ace%20.csv"] {
            let path = dir.join(name);
            std::fs::write(&path, "old")?;
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
            ctx.sql(&format!("COPY (SELECT 7 AS a) TO '{}'", path.display())).await?.collect().await?;
            assert_eq!((std::fs::read_to_string(&path)?.as_str(), names(&dir)), ("a\n7\n", vec![name.to_owned()]));
            assert_eq!(std::fs::metadata(&path)?.permissions().mode() & 0o777, 0o600);
            std::fs::remove_file(&path)?;
        }
        // Cancelled in the middle.
        let path = dir.join("big.csv");
        std::fs::write(&path, "old")?;
        let big = format!(
            "COPY (SELECT value, repeat('x', 100) FROM generate_series(1, 100000000) AS t(value)) TO '{}'",
            path.display()
        );
        let copy = tokio::spawn(ctx.sql(&big).await?.collect());
        // The target, the hidden file, and what the store has begun.
        while names(&dir).len() < 3 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        ctx.cancel_all();
        copy.await?.unwrap_err();
        assert_eq!(std::fs::read_to_string(&path)?, "old");
        wait_until("what was begun should be removed", || names(&dir) == ["big.csv"]);
        let link = dir.join("link.csv");
        std::fs::write(dir.join("real.csv"), "old")?;
        std::os::unix::fs::symlink(dir.join("real.csv"), &link)?;
        ctx.sql(&format!("COPY (SELECT 1 AS a) TO '{}'", link.display())).await?.collect().await?;
        assert!(link.is_symlink() && std::fs::read_to_string(dir.join("real.csv"))?.contains("a\n1"));
        for (target, words) in [("/proc/nowhere/x.csv", "/proc/nowhere"), ("/dev/null/x.csv", "/dev/null")] {
            let copy = format!("COPY (SELECT 1 AS a) TO '{target}'");
            let error = ctx.sql(&copy).await?.collect().await.unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        Ok(())
    })
}

fn refused(master: &str) -> Result<(), Failed> {
    let place = Place::new()?;
    std::fs::create_dir(&place.out)?;
    std::fs::write(place.out.join("part-00000.parquet"), "somebody else's")?;
    std::fs::write(place.out.join(".hidden"), "and this")?;
    on(master, &place.work, &[], async |ctx| {
        make_table(ctx, &place.gates, FREE)?;
        let before = files(&place.out);
        let mut story = Story::of(ctx);
        let out = place.out.display().to_string();
        let by_sql = ctx.sql(&copy_sql(ROWS, &place.out)).await?.collect().await;
        let by_frame = ctx.sql(ROWS).await?.write_parquet(&out, DataFrameWriteOptions::new(), None).await;
        for refused in [by_sql, by_frame] {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("exists and is not empty") && error.contains(&out), "{error}");
        }
        assert_eq!(files(&place.out), before);
        assert!(story.catch_up().started.is_empty(), "{:?}", story.started);
        Ok(())
    })
}

fn failed_new(master: &str) -> Result<(), Failed> {
    failed(master, false)
}

fn failed_empty(master: &str) -> Result<(), Failed> {
    failed(master, true)
}

/// The last partition fails when the others are written: the target is as it was, not there or empty.
fn failed(master: &str, existing: bool) -> Result<(), Failed> {
    let place = Place::new()?;
    if existing {
        std::fs::create_dir(&place.out)?;
    }
    on(master, &place.work, &[], async |ctx| {
        make_table(ctx, &place.gates, 2000)?;
        let mut story = Story::of(ctx);
        let write = tokio::spawn(ctx.sql(&copy_sql(WRONG, &place.out)).await?.collect());
        story.until("two written partitions", |story| story.finished.len() == 2).await;
        assert_eq!(names(&place.out), ["_temporary"], "nothing is to be seen before the commit");
        assert!(names(&place.out.join("_temporary")).len() >= 2);
        open(&place.gates.join("go"));
        let error = write.await?.unwrap_err().to_string();
        assert!(error.contains("Divide by zero"), "{error}");
        assert_eq!(place.out.exists(), existing);
        assert!(!existing || names(&place.out).is_empty(), "{:?}", names(&place.out));
        assert_eq!(story.catch_up().started.len(), 3, "nothing is tried again: {:?}", story.started);
        // The next write to the same place finds it free.
        ctx.sql(&copy_sql(ROWS, &place.out)).await?.collect().await?;
        check(ctx, &place.out).await
    })
}

/// The statement is given up half way.
fn cancelled(master: &str) -> Result<(), Failed> {
    let place = Place::new()?;
    on(master, &place.work, &[], async |ctx| {
        make_table(ctx, &place.gates, 0)?;
        let mut story = Story::of(ctx);
        let write = tokio::spawn(ctx.sql(&copy_sql(ROWS, &place.out)).await?.collect());
        wait_until("the first partition should be written", || !said(&place.gates, "held").is_empty());
        story.until("the other partitions", |story| story.finished.len() == 2).await;
        write.abort();
        assert!(write.await.unwrap_err().is_cancelled());
        wait_until("what was written should be removed", || !place.out.exists());
        open(&place.gates.join("go"));
        story.until("the end of the job", |story| !story.ended.is_empty()).await;
        assert!(!place.out.exists());
        Ok(())
    })
}

#[derive(Clone, Copy, PartialEq)]
enum Victim {
    /// The worker that writes the first partition.
    Writing,
    /// The worker that has written the others; nobody knows their files' names yet but it.
    Written,
}

/// A worker dies during the write: right rows, one file a partition, nothing left of lost attempts.
fn killed(victim: Victim) -> Result<(), Failed> {
    let place = Place::new()?;
    on("process[2]", &place.work, &[], async |ctx| {
        make_table(ctx, &place.gates, 0)?;
        let mut story = Story::of(ctx);
        let write = tokio::spawn(ctx.sql(&copy_sql(ROWS, &place.out)).await?.collect());
        wait_until("the first partition should be written", || !said(&place.gates, "held").is_empty());
        // The worker that is held cannot run them, so the other one has.
        story.until("the other partitions", |story| story.finished.len() == 2).await;
        assert_eq!(names(&place.out.join("_temporary")).len(), 3, "each has its file already");
        let writing = executor_of(&place.work, said(&place.gates, "held")[0]);
        let killed = match victim {
            Victim::Writing => writing,
            Victim::Written => story.finished[0].1,
        };
        let lost = story.outputs_of(killed);
        assert_eq!(lost.len(), if victim == Victim::Writing { 0 } else { 2 });
        kill(processes(&place.work)[&killed]);
        story.until_noticed(killed).await;
        open(&place.gates.join("go"));

        let count = write.await??;
        assert_eq!(count[0].column(0).as_primitive::<UInt64Type>().values(), &[3000u64]);
        story.catch_up();
        let [(None, recomputed)] = &story.ended[..] else { panic!("one job, without error: {:?}", story.ended) };
        let mut recomputed = recomputed.clone();
        recomputed.sort_unstable();
        assert_eq!(recomputed, lost);
        check(ctx, &place.out).await
    })
}

/// It runs the write, so it commits it, and is refused like it.
fn explain_analyze(master: &str) -> Result<(), Failed> {
    let place = Place::new()?;
    on(master, &place.work, &[], async |ctx| {
        make_table(ctx, &place.gates, FREE)?;
        let sql = format!("EXPLAIN ANALYZE {}", copy_sql(ROWS, &place.out));
        let told = text(ctx, &sql).await?;
        assert!(told.contains("ParquetWriteExec"), "{told}");
        check(ctx, &place.out).await?;
        let before = files(&place.out);
        let error = ctx.sql(&sql).await?.collect().await.unwrap_err().to_string();
        assert!(error.contains("exists and is not empty"), "{error}");
        assert_eq!(files(&place.out), before);
        Ok(())
    })
}

/// Other explanations do not run the query, and write nothing.
fn explain(master: &str) -> Result<(), Failed> {
    let place = Place::new()?;
    on(master, &place.work, &[], async |ctx| {
        make_table(ctx, &place.gates, 0)?;
        for what in ["EXPLAIN LINEAGE", "EXPLAIN"] {
            text(ctx, &format!("{what} {}", copy_sql(ROWS, &place.out))).await?;
            assert!(said(&place.gates, "held").is_empty(), "{what} ran the query");
            assert!(!place.out.exists(), "{what} made the target");
        }
        Ok(())
    })
}

/// The writer's options: of the session, of the call, of the statement; the later ones win.
fn options(master: &str) -> Result<(), Failed> {
    let place = Place::new()?;
    on(master, &place.work, &[], async |ctx| {
        make_table(ctx, &place.gates, FREE)?;
        let mut asked = TableParquetOptions::default();
        asked.global.created_by = "me".to_owned();
        asked.global.compression = Some("zstd(1)".to_owned());
        let out = place.out.join("call");
        let written = ctx.sql(ROWS).await?;
        written.write_parquet(&out.display().to_string(), DataFrameWriteOptions::new(), Some(asked)).await?;
        assert_eq!(made(&out), ("me".to_owned(), "zstd".to_owned()));

        ctx.sql("SET datafusion.execution.parquet.created_by = 'the session'").await?.collect().await?;
        ctx.sql("SET datafusion.execution.parquet.compression = 'snappy'").await?.collect().await?;
        let out = place.out.join("session");
        ctx.sql(&copy_sql(ROWS, &out)).await?.collect().await?;
        assert_eq!(made(&out), ("the session".to_owned(), "snappy".to_owned()));

        let out = place.out.join("statement");
        let sql = format!("{} OPTIONS ('format.compression' 'zstd(1)')", copy_sql(ROWS, &out));
        ctx.sql(&sql).await?.collect().await?;
        assert_eq!(made(&out), ("the session".to_owned(), "zstd".to_owned()));
        Ok(())
    })
}

/// What all files of a data set say of their writer and their compression.
fn made(dir: &Path) -> (String, String) {
    let parts = names(dir).into_iter().filter(|name| name.starts_with("part-"));
    let made = parts.map(|part| {
        let reader = SerializedFileReader::new(File::open(dir.join(part)).unwrap()).unwrap();
        let metadata = reader.metadata();
        let by = metadata.file_metadata().created_by().unwrap_or_default().to_owned();
        let compression = match metadata.row_group(0).column(0).compression() {
            Compression::ZSTD(_) => "zstd".to_owned(),
            Compression::SNAPPY => "snappy".to_owned(),
            other => format!("{other:?}"),
        };
        (by, compression)
    });
    let mut made: Vec<_> = made.collect();
    assert_eq!(made.len(), 3);
    made.dedup();
    assert_eq!(made.len(), 1, "{made:?}");
    made.remove(0)
}
