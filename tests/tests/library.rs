//! What programs call: readers of all formats over a file, a directory, a glob and a list; DataFrame calls with their
//! values; jobs of several threads.
//!
//! Nothing in the tree writes Avro, so its few bytes are put together here.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test, with a main of its own")]

use arrow::array::Int64Array;
use arrow::ipc::writer::FileWriter;
use arrow::record_batch::RecordBatch;
use arrow::util::pretty::pretty_format_batches;
use datafusion::functions_aggregate::expr_fn::{count, sum};
use datafusion::functions_window::expr_fn::row_number;
use datafusion::logical_expr::ExprFunctionExt;
use datafusion::prelude::{Column, Expr, JoinType, col, lit};
use dpark::Context;
use dpark::prelude::{DataFrame, DataFrameExt};
use dpark_tests::story::{MASTERS, Story, on};
use futures::TryStreamExt;
use libtest_mimic::{Arguments, Failed, Trial};
use parquet::arrow::ArrowWriter;
use std::fs::File;
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Barrier};
use std::time::{Duration, Instant};

type Test = fn(&str) -> Result<(), Failed>;

fn main() {
    dpark::init();
    let args = Arguments::from_args();
    let tests: [(&str, Test); 13] = [
        ("select_filter_sort_limit", select_filter_sort_limit),
        ("aggregate", aggregate),
        ("join", join),
        ("window", window),
        ("union", union),
        ("explain", explain),
        ("execute_stream", execute_stream),
        ("show", show),
        ("threads", threads),
        ("several_statements", several_statements),
        ("cancelled", cancelled),
        ("needs", needs),
        ("csv_with_line_breaks", csv_with_line_breaks),
    ];
    let mut trials = vec![];
    for (name, master) in MASTERS {
        for format in ["parquet", "csv", "json", "arrow", "avro"] {
            trials.push(Trial::test(format!("library::read_{format}::{name}"), move || read(master, format)));
        }
        for (what, test) in tests {
            trials.push(Trial::test(format!("library::{what}::{name}"), move || test(master)));
        }
    }
    libtest_mimic::run(&args, trials).exit();
}

/// Runs `body` on a context whose files go away with it.
fn with(master: &str, body: impl AsyncFnOnce(&Context) -> Result<(), Failed>) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    on(master, dir.path(), &[], body)
}

// ---- readers

/// Three files of ten numbers.
fn read(master: &str, format: &str) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let data = dir.path().join("data");
    std::fs::create_dir(&data)?;
    for (part, name) in (0..).zip(["a", "b", "c"]) {
        write(&data.join(format!("{name}.{format}")), format, part * 10..(part + 1) * 10)?;
    }
    let path = |name: &str| data.join(name).display().to_string();
    let [a, b] = ["a", "b"].map(|name| path(&format!("{name}.{format}")));
    on(master, &dir.path().join("work"), &[], async |ctx| {
        assert_eq!(numbers(open(ctx, format, vec![a.clone()]).await?).await?, (0..10).collect::<Vec<_>>());
        assert_eq!(numbers(open(ctx, format, vec![path("")]).await?).await?, (0..30).collect::<Vec<_>>());
        let glob = path(&format!("[bc].{format}"));
        assert_eq!(numbers(open(ctx, format, vec![glob]).await?).await?, (10..30).collect::<Vec<_>>());
        assert_eq!(numbers(open(ctx, format, vec![a.clone(), b]).await?).await?, (0..20).collect::<Vec<_>>());
        for missing in ["missing", "nothing*"] {
            let missing = path(&format!("{missing}.{format}"));
            let said = open(ctx, format, vec![a.clone(), missing.clone()]).await.err().map(|error| error.to_string());
            let said = said.ok_or_else(|| format!("{missing} is not there, which should be an error"))?;
            assert!(said.contains(&format!("there is no file at {missing}")), "{said}");
        }
        Ok(())
    })
}

/// Files that could be read by several tasks are not, since a task could begin within a quoted field.
fn csv_with_line_breaks(master: &str) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let file = dir.path().join("notes.csv");
    let rows = (0..5000).map(|n| format!("{n},\"one\nand,two\nof {}\"\n", n % 3));
    std::fs::write(&file, std::iter::once("n,note\n".to_owned()).chain(rows).collect::<String>())?;
    let conf = [("datafusion.optimizer.repartition_file_min_size", "1"), ("shuffle.partitions", "7")];
    on(master, &dir.path().join("work"), &conf, async |ctx| {
        // Columns are declared: DataFusion cannot find them out from such a file.
        let place = file.display();
        let table = format!("CREATE EXTERNAL TABLE notes (n BIGINT, note VARCHAR) STORED AS CSV LOCATION '{place}'");
        ctx.sql(&table).await?.collect().await?;
        let sql = "SELECT count(*), count(distinct note), sum(n) FROM notes";
        let counts = ctx.sql(sql).await?.rdd::<(i64, i64, Option<i64>)>()?.collect().await?;
        assert_eq!(counts, [(5000, 3, Some(4999 * 2500))]);
        Ok(())
    })
}

async fn open(ctx: &Context, format: &str, paths: Vec<String>) -> datafusion::error::Result<DataFrame> {
    match format {
        "parquet" => ctx.read_parquet(paths).await,
        "csv" => ctx.read_csv(paths).await,
        "json" => ctx.read_json(paths).await,
        "arrow" => ctx.read_arrow(paths).await,
        "avro" => ctx.read_avro(paths).await,
        other => panic!("no reader of {other}"),
    }
}

/// The values of column `n`, in order.
async fn numbers(frame: DataFrame) -> Result<Vec<i64>, Failed> {
    let mut numbers: Vec<i64> = frame.select(vec![col("n")])?.rdd()?.collect().await?;
    numbers.sort_unstable();
    Ok(numbers)
}

fn write(path: &Path, format: &str, numbers: Range<i64>) -> Result<(), Failed> {
    let batch = RecordBatch::try_from_iter([("n", Arc::new(Int64Array::from_iter_values(numbers.clone())) as _)])?;
    match format {
        "parquet" => {
            let mut writer = ArrowWriter::try_new(File::create(path)?, batch.schema(), None)?;
            writer.write(&batch)?;
            writer.close()?;
        }
        "arrow" => {
            let mut writer = FileWriter::try_new(File::create(path)?, &batch.schema())?;
            writer.write(&batch)?;
            writer.finish()?;
        }
        "csv" => {
            let lines: String = numbers.map(|n| format!("{n}\n")).collect();
            std::fs::write(path, format!("n\n{lines}"))?;
        }
        "json" => {
            let lines: String = numbers.map(|n| format!("{{\"n\":{n}}}\n")).collect();
            std::fs::write(path, lines)?;
        }
        "avro" => std::fs::write(path, avro(numbers))?,
        other => return Err(format!("no writer of {other}").into()),
    }
    Ok(())
}

/// An object container file of one block: a magic, a map with the schema, a mark; rows, bytes, the rows, the mark.
fn avro(numbers: Range<i64>) -> Vec<u8> {
    let schema = r#"{"type":"record","name":"row","fields":[{"name":"n","type":"long"}]}"#;
    let mark = [7; 16];
    let mut file = b"Obj\x01".to_vec();
    long(&mut file, 2);
    for text in ["avro.schema", schema, "avro.codec", "null"] {
        long(&mut file, text.len() as i64);
        file.extend_from_slice(text.as_bytes());
    }
    long(&mut file, 0);
    file.extend_from_slice(&mark);
    long(&mut file, numbers.end - numbers.start);
    let mut rows = vec![];
    numbers.for_each(|n| long(&mut rows, n));
    long(&mut file, rows.len() as i64);
    file.extend_from_slice(&rows);
    file.extend_from_slice(&mark);
    file
}

/// Signs alternate, then seven bits a byte, the lowest first.
fn long(out: &mut Vec<u8>, value: i64) {
    let mut rest = ((value << 1) ^ (value >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

// ---- DataFrame calls

/// A hundred rows in three partitions: `k`, from 0 to 4, and `v`, from 0 to 99.
fn frame(ctx: &Context) -> Result<DataFrame, Failed> {
    let rows = ctx.parallelize((0..100i64).map(|n| (n % 5, n)), 3).to_df()?;
    Ok(rows.select(vec![col("_1").alias("k"), col("_2").alias("v")])?)
}

fn select_filter_sort_limit(master: &str) -> Result<(), Failed> {
    with(master, async |ctx| {
        let late = frame(ctx)?.filter(col("v").gt_eq(lit(90i64)))?;
        let doubled = late.select(vec![col("k"), (col("v") * lit(2i64)).alias("twice")])?;
        let some = doubled.sort(vec![col("twice").sort(false, false)])?.limit(1, Some(3))?;
        let rows: Vec<(i64, i64)> = some.rdd()?.collect().await?;
        assert_eq!(rows, [(3, 196), (2, 194), (1, 192)]);
        Ok(())
    })
}

fn aggregate(master: &str) -> Result<(), Failed> {
    with(master, async |ctx| {
        let groups =
            frame(ctx)?.aggregate(vec![col("k")], vec![count(lit(1i64)).alias("n"), sum(col("v")).alias("s")])?;
        let mut rows: Vec<(i64, i64, i64)> = groups.rdd()?.collect().await?;
        rows.sort_unstable();
        assert_eq!(rows, (0..5).map(|k| (k, 20, 20 * k + 950)).collect::<Vec<_>>());
        Ok(())
    })
}

fn join(master: &str) -> Result<(), Failed> {
    with(master, async |ctx| {
        let words = [(0i64, "zero".to_owned()), (3, "three".to_owned()), (9, "nine".to_owned())];
        let words = ctx.parallelize(words, 2).to_df()?.select(vec![col("_1").alias("id"), col("_2").alias("word")])?;
        for (kind, expected) in [(JoinType::Inner, 40), (JoinType::Left, 100), (JoinType::LeftAnti, 60)] {
            let joined = frame(ctx)?.join(words.clone(), kind, &["k"], &["id"], None)?;
            assert_eq!(joined.count().await?, expected, "{kind}");
        }
        let joined = frame(ctx)?.join(words, JoinType::Inner, &["k"], &["id"], Some(col("v").lt(lit(10i64))))?;
        let mut rows: Vec<(String, i64)> = joined.select(vec![col("word"), col("v")])?.rdd()?.collect().await?;
        rows.sort_unstable();
        let expected = [("three", 3), ("three", 8), ("zero", 0), ("zero", 5)];
        assert_eq!(rows, expected.map(|(word, v)| (word.to_owned(), v)));
        Ok(())
    })
}

/// The two last rows of each key.
fn window(master: &str) -> Result<(), Failed> {
    with(master, async |ctx| {
        let place = row_number().partition_by(vec![col("k")]).order_by(vec![col("v").sort(false, false)]).build()?;
        let placed = frame(ctx)?.window(vec![place])?;
        let name = placed.schema().fields().last().unwrap().name().clone();
        let place = Expr::Column(Column::from_name(name)).alias("place");
        let last = placed.select(vec![col("k"), col("v"), place])?.filter(col("place").lt_eq(lit(2u64)))?;
        let mut rows: Vec<(i64, i64, u64)> = last.rdd()?.collect().await?;
        rows.sort_unstable();
        let expected: Vec<_> = (0..5).flat_map(|k| [(k, 90 + k, 2), (k, 95 + k, 1)]).collect();
        assert_eq!(rows, expected);
        Ok(())
    })
}

fn union(master: &str) -> Result<(), Failed> {
    with(master, async |ctx| {
        let numbers = |range: Range<i64>| ctx.parallelize(range, 2).to_df();
        let both = numbers(0..10)?.union(numbers(5..15)?)?;
        let mut rows: Vec<i64> = both.rdd()?.collect().await?;
        rows.sort_unstable();
        let mut expected: Vec<i64> = (0..10).chain(5..15).collect();
        expected.sort_unstable();
        assert_eq!(rows, expected);
        assert_eq!(numbers(0..10)?.union_distinct(numbers(5..15)?)?.count().await?, 15);
        Ok(())
    })
}

fn explain(master: &str) -> Result<(), Failed> {
    with(master, async |ctx| {
        let groups = frame(ctx)?.aggregate(vec![col("k")], vec![sum(col("v"))])?;
        let text = |batches: &[RecordBatch]| pretty_format_batches(batches).unwrap().to_string();
        let planned = text(&groups.clone().explain(false, false)?.collect().await?);
        assert!(planned.contains("logical_plan") && planned.contains("AggregateExec"), "{planned}");
        let analyzed = text(&groups.explain(false, true)?.collect().await?);
        assert!(analyzed.contains("output_rows=5"), "{analyzed}");
        Ok(())
    })
}

/// Batches come one by one, in partition order; a stream that is dropped ends its job.
fn execute_stream(master: &str) -> Result<(), Failed> {
    with(master, async |ctx| {
        let mut stream = frame(ctx)?.execute_stream().await?;
        let (mut batches, mut rows) = (0, 0);
        while let Some(batch) = stream.try_next().await? {
            batches += 1;
            rows += batch.num_rows();
        }
        assert!(batches >= 3 && rows == 100, "{batches} batches, {rows} rows");
        let mut stream = frame(ctx)?.execute_stream().await?;
        assert!(stream.try_next().await?.is_some());
        drop(stream);
        assert_eq!(frame(ctx)?.count().await?, 100);
        Ok(())
    })
}

fn show(master: &str) -> Result<(), Failed> {
    with(master, async |ctx| {
        let first = frame(ctx)?.sort(vec![col("v").sort(true, false)])?.limit(0, Some(2))?;
        first.clone().show().await?;
        let expected = ["+---+---+", "| k | v |", "+---+---+", "| 0 | 0 |", "| 1 | 1 |", "+---+---+"];
        assert_eq!(first.to_string().await?, expected.join("\n"));
        Ok(())
    })
}

// ---- contexts

/// Jobs of several threads at once have each their own answer.
fn threads(master: &str) -> Result<(), Failed> {
    const THREADS: i64 = 4;
    with(master, async |ctx| {
        ctx.session().register_table("t", frame(ctx)?.into_view())?;
        let start = Arc::new(Barrier::new(THREADS as usize));
        let threads = (0..THREADS).map(|thread| {
            let (ctx, start) = (ctx.clone(), Arc::clone(&start));
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
                start.wait();
                runtime.unwrap().block_on(ask(&ctx, thread)).unwrap();
            })
        });
        let threads: Vec<_> = threads.collect();
        for thread in threads {
            thread.join().map_err(|_| "a thread's answer was wrong")?;
        }
        Ok(())
    })
}

/// Five queries, whose answers nobody else gets.
async fn ask(ctx: &Context, thread: i64) -> datafusion::error::Result<()> {
    for round in 0..5i64 {
        let sum = format!("sum(v + {thread}) FROM t WHERE v % 10 >= {round}");
        let rows = ctx.sql(&format!("SELECT k, {sum} GROUP BY k ORDER BY k")).await?;
        let rows: Vec<(i64, i64)> = rows.rdd()?.collect().await?;
        let kept = |k: i64| (0..100i64).filter(move |v| v % 5 == k && v % 10 >= round);
        let expected = (0..5i64).map(|k| (k, kept(k).map(|v| v + thread).sum::<i64>()));
        assert_eq!(rows, expected.collect::<Vec<(i64, i64)>>(), "thread {thread}, round {round}");
    }
    Ok(())
}

/// What a stage asks of a cluster changes no row, and is no place where a plan ends.
fn needs(master: &str) -> Result<(), Failed> {
    with(master, async |ctx| {
        let needing = frame(ctx)?.with_cpus(2.0).filter(col("v").gt_eq(lit(50i64)))?.with_memory(64);
        let sums = needing.aggregate(vec![col("k")], vec![sum(col("v"))])?.with_cpus(0.5);
        let rows: Vec<(i64, i64)> = sums.sort_by(vec![col("k")])?.rdd()?.collect().await?;
        let expected = (0..5i64).map(|k| (k, (50..100i64).filter(|v| v % 5 == k).sum::<i64>()));
        assert_eq!(rows, expected.collect::<Vec<_>>());
        Ok(())
    })
}

/// Tasks that were cancelled make room within moments, whatever they are at: joins with many rows, and with none.
fn cancelled(master: &str) -> Result<(), Failed> {
    const SERIES: &str = "generate_series(1, 400000)";
    for join in [
        // Billions of rows by a key.
        format!("{SERIES} AS a(x) JOIN {SERIES} AS b(y) ON x % 7 = y % 7"),
        // No row of as many pairs.
        format!("{SERIES} AS a(x) JOIN {SERIES} AS b(y) ON x * y < 0"),
        format!("{SERIES} AS a(x) JOIN {SERIES} AS b(y) ON x % 7 = y % 7 AND x * y < 0"),
        format!("{SERIES} AS a(x) CROSS JOIN {SERIES} AS b(y)"),
    ] {
        with(master, async |ctx| {
            let mut story = Story::of(ctx);
            let long = ctx.sql(&format!("SELECT count(*) FROM {join}")).await?;
            let long = tokio::spawn(long.collect());
            // Long enough that the join has begun.
            story.until("tasks", |story| !story.started.is_empty()).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            ctx.cancel_all();
            let error = long.await?.unwrap_err().to_string();
            assert!(error.contains("cancel"), "{error}");
            let start = Instant::now();
            assert_eq!(
                ctx.sql("SELECT count(*) FROM generate_series(1, 10)").await?.rdd::<i64>()?.collect().await?,
                [10]
            );
            assert!(start.elapsed() < Duration::from_secs(10), "{join}: {:?}", start.elapsed());
            Ok(())
        })?;
    }
    Ok(())
}

/// `Context::sql` takes one statement.
fn several_statements(master: &str) -> Result<(), Failed> {
    with(master, async |ctx| {
        let error = ctx.sql("SELECT 1; SELECT 2").await.unwrap_err().to_string();
        assert!(error.contains("one statement"), "{error}");
        ctx.sql("CREATE VIEW two AS SELECT 2 AS n").await?;
        assert_eq!(ctx.sql("SELECT n FROM two;").await?.rdd::<i64>()?.collect().await?, [2]);
        Ok(())
    })
}
