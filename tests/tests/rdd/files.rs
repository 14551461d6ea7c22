//! Files of records in and out: every source and saver, commits, checkpoints.

use crate::fixture::{Done, Trials};
use dpark::prelude::*;
use dpark::rdd::sources::{Codec, CsvDialect};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

pub(crate) fn add(trials: &mut Trials) {
    trials.add("files::text_in_pieces", text_in_pieces);
    trials.add("files::which_files", which_files);
    trials.add("files::a_range_of_bytes", a_range_of_bytes);
    trials.add("files::text_that_is_none", text_that_is_none);
    trials.add("files::packed_text", packed_text);
    trials.add("files::records", records);
    trials.add("files::csv_with_newlines", csv_with_newlines);
    trials.add("files::tables", tables);
    trials.add("files::text_by_key", text_by_key);
    trials.add("files::committed", committed);
    trials.add("files::checkpoint", checkpoint);
    trials.add("files::pipe", pipe);
    trials.add("files::line_breaks_within_rows", line_breaks_within_rows);
    trials.add("files::error_budget", error_budget);
    trials.add("files::a_budget_and_kept_rows", a_budget_and_kept_rows);
    trials.add("files::paths", paths);
    trials.add("files::a_commit_that_fails", a_commit_that_fails);
    trials.add("files::left_in_the_middle", left_in_the_middle);
}

fn texts(rows: &[&str]) -> Vec<String> {
    rows.iter().map(|row| (*row).to_owned()).collect()
}

/// Lines of many lengths, some empty, some not ASCII.
fn lines(count: usize) -> Vec<String> {
    (0..count)
        .map(|i| format!("{i}{}", "ü x".repeat(i * 7 % 13)))
        .map(|line| if line.len() % 5 == 0 { String::new() } else { line })
        .collect()
}

fn names(dir: &Path) -> BTreeSet<String> {
    fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

fn at(path: PathBuf) -> String {
    path.into_os_string().into_string().unwrap()
}

/// Every line once and in order, whatever the size of the pieces.
async fn text_in_pieces(ctx: Context) -> Done {
    let dir = TempDir::new()?;
    let wanted = lines(500);
    fs::write(dir.path().join("a.txt"), wanted.join("\n"))?;
    fs::write(dir.path().join("b.txt"), wanted.join("\r\n") + "\r\n")?;
    for size in [1, 7, 100, 1 << 20] {
        for name in ["a.txt", "b.txt"] {
            let found = ctx.files([at(dir.path().join(name))]).split_size(size.max(50)).lines().await?;
            assert_eq!(found.collect().await?, wanted, "{name} in pieces of {size}");
        }
    }
    let bytes = ctx.files([at(dir.path().join("a.txt"))]).split_size(64).byte_lines().await?;
    assert_eq!(bytes.map(|line| line.len()).collect().await?, wanted.iter().map(String::len).collect::<Vec<_>>());
    Ok(())
}

/// A directory with all below it, an ending, a depth, a pattern, a list, an empty file.
async fn which_files(ctx: Context) -> Done {
    let dir = TempDir::new()?;
    fs::create_dir_all(dir.path().join("sub/.hidden"))?;
    for (name, text) in [
        ("b.txt", "b\n"),
        ("a.txt", "a"),
        ("empty.txt", ""),
        ("sub/c.txt", "c\n"),
        ("sub/d.log", "d"),
        (".e.txt", "e"),
        ("sub/.hidden/f.txt", "f"),
    ] {
        fs::write(dir.path().join(name), text)?;
    }
    let root = at(dir.path().to_path_buf());
    assert_eq!(ctx.text_file(&root).await?.collect().await?, ["a", "b", "c", "d"]);
    assert_eq!(ctx.files([&root]).extension(".txt").lines().await?.collect().await?, ["a", "b", "c"]);
    assert_eq!(ctx.files([&root]).max_depth(1).lines().await?.collect().await?, ["a", "b"]);
    assert_eq!(ctx.text_file(format!("{root}/?.txt")).await?.collect().await?, ["a", "b"]);
    let list = [format!("{root}/sub/d.log"), format!("{root}/a.txt")];
    assert_eq!(ctx.files(list).lines().await?.collect().await?, ["d", "a"]);
    assert_eq!(ctx.text_file(format!("{root}/empty.txt")).await?.count().await?, 0);
    let missing = ctx.text_file(format!("{root}/nowhere.txt")).await.unwrap_err().to_string();
    assert!(missing.contains("nowhere.txt"), "{missing}");
    Ok(())
}

/// The lines that start within some bytes.
async fn a_range_of_bytes(ctx: Context) -> Done {
    let dir = TempDir::new()?;
    let file = dir.path().join("x.txt");
    fs::write(&file, "aaa\nbbb\nccc\nddd\n")?;
    let within = async |range| ctx.files([at(file.clone())]).range(range).lines().await?.collect().await;
    assert_eq!(within(4..8).await?, ["bbb"]);
    assert_eq!(within(1..9).await?, ["bbb", "ccc"]);
    assert_eq!(within(0..16).await?.len(), 4);
    let two = ctx.files([at(file.clone()), at(file.clone())]).range(0..4).lines().await.unwrap_err().to_string();
    assert!(two.contains("of one file, not of 2"), "{two}");
    Ok(())
}

/// Text that is no UTF-8 names its file and place.
async fn text_that_is_none(ctx: Context) -> Done {
    let dir = TempDir::new()?;
    let file = dir.path().join("latin.txt");
    fs::write(&file, b"good\nb\xe9d\n")?;
    let error = ctx.text_file(at(file.clone())).await?.collect().await.unwrap_err().to_string();
    assert!(error.contains("latin.txt") && error.contains("UTF-8"), "{error}");
    let bytes = ctx.files([at(file)]).byte_lines().await?;
    assert_eq!(bytes.map(|line| line.len()).collect().await?, [4, 3]);
    Ok(())
}

/// Packed text can be split again.
async fn packed_text(ctx: Context) -> Done {
    let wanted = lines(20_000);
    let rows = ctx.parallelize(wanted.clone(), 2);
    for codec in [Codec::Gzip, Codec::Bzip2, Codec::Zstd] {
        let dir = TempDir::new()?;
        let saved = rows.save(dir.path().join("out")).compression(codec).text().await?;
        assert_eq!((saved.files.len(), saved.rows), (2, wanted.len() as u64));
        assert!(saved.files[0].to_string_lossy().ends_with(&format!("part-00000.txt{}", codec.suffix())));
        let found = ctx.files([at(dir.path().join("out"))]).split_size(40_000).lines().await?;
        assert_eq!(found.collect().await?, wanted, "{codec:?}");
    }
    Ok(())
}

/// Records of one length, TFRecords, whole files.
async fn records(ctx: Context) -> Done {
    let dir = TempDir::new()?;
    let bytes: Vec<u8> = (0..=255).cycle().take(10 * 100).collect();
    fs::write(dir.path().join("fixed"), &bytes)?;
    let fixed = ctx.files([at(dir.path().join("fixed"))]).split_size(35).fixed_records(10).await?;
    assert_eq!(fixed.count().await?, 100);
    assert_eq!(fixed.collect().await?.concat(), bytes);
    let uneven = ctx.files([at(dir.path().join("fixed"))]).fixed_records(7).await.unwrap_err().to_string();
    assert!(uneven.contains("fixed") && uneven.contains('7'), "{uneven}");

    let saved = fixed.save(dir.path().join("tf")).tf_records().await?;
    assert_eq!(saved.rows, 100);
    let read = ctx.files([at(dir.path().join("tf"))]).split_size(64).tf_records().await?;
    assert_eq!(read.collect().await?, fixed.collect().await?);
    // DPark's own test vector.
    let hello = ctx
        .parallelize(["hello"].map(String::from), 1)
        .map(|text| dpark::rows::bytes::Bytes::copy_from_slice(text.as_bytes()));
    let saved = hello.save(dir.path().join("hello")).tf_records().await?;
    let written = fs::read(&saved.files[0])?;
    assert_eq!(written, b"\x05\0\0\0\0\0\0\0\xea\xb2\x04\x3ehello\xbb\x1f\x1c\x19");

    let whole = ctx.files([at(dir.path().join("fixed"))]).whole().await?.collect().await?;
    assert_eq!(whole.len(), 1);
    assert!(whole[0].0.ends_with("/fixed") && whole[0].1 == bytes);
    Ok(())
}

/// A quoted field keeps its newlines, also where pieces meet.
async fn csv_with_newlines(ctx: Context) -> Done {
    let dir = TempDir::new()?;
    let file = dir.path().join("x.csv");
    let mut text = String::new();
    let mut wanted = vec![];
    for i in 0..200 {
        let field = format!("line {i}\nand \"more\", {}", "\n".repeat(i % 5));
        text.push_str(&format!("{i},\"{}\"\n", field.replace('"', "\"\"")));
        wanted.push(vec![i.to_string(), field]);
    }
    fs::write(&file, text)?;
    for size in [30, 200, 1 << 20] {
        let rows = ctx.files([at(file.clone())]).split_size(size).csv_records(CsvDialect::default()).await?;
        assert_eq!(rows.collect().await?, wanted, "pieces of {size}");
    }
    Ok(())
}

/// What is saved as a table is read again as the same rows.
async fn tables(ctx: Context) -> Done {
    let dir = TempDir::new()?;
    let rows: Vec<(i64, String, f64)> = (0..100).map(|i| (i, format!("row {i}, \"quoted\""), i as f64 / 4.0)).collect();
    let data = ctx.parallelize(rows.clone(), 3);
    let path = |name: &str| at(dir.path().join(name));
    data.save(path("parquet")).parquet().await?;
    data.save(path("csv")).csv().await?;
    data.save(path("json")).json().await?;
    data.save(path("arrow")).arrow().await?;
    type Row3 = (i64, String, f64);
    let mut found = ctx.rdd::<Row3>(ctx.read_parquet(path("parquet")).await?)?.collect().await?;
    found.sort_by_key(|row| row.0);
    assert_eq!(found, rows);
    for (name, df) in [
        ("csv", ctx.read_csv(path("csv")).await?),
        ("json", ctx.read_json(path("json")).await?),
        ("arrow", ctx.read_arrow(path("arrow")).await?),
    ] {
        let mut found = ctx.rdd::<Row3>(df)?.collect().await?;
        found.sort_by_key(|row| row.0);
        assert_eq!(found, rows, "{name}");
    }
    let nested = data.map(|(i, ..)| vec![i]).save(path("nested")).csv().await.unwrap_err().to_string();
    assert!(nested.contains("CSV has no form"), "{nested}");
    assert!(!dir.path().join("nested").exists());
    Ok(())
}

/// A directory for each key.
async fn text_by_key(ctx: Context) -> Done {
    let dir = TempDir::new()?;
    let rows: Vec<(String, String)> = [("a", "1"), ("b/c", "2"), ("a", "3"), ("", "4"), ("..", "5")]
        .map(|(k, v)| (k.to_owned(), v.to_owned()))
        .into();
    let saved = ctx.parallelize(rows, 2).save(dir.path().join("out")).text_by_key().await?;
    assert_eq!(saved.rows, 5);
    assert_eq!(names(&dir.path().join("out")), ["%", "%2E%2E", "_SUCCESS", "a", "b%2Fc"].map(String::from).into());
    let mut found = ctx.text_file(at(dir.path().join("out/a"))).await?.collect().await?;
    found.sort();
    assert_eq!(found, ["1", "3"]);
    Ok(())
}

/// Nothing is there before everything is, and nothing of others is touched.
async fn committed(ctx: Context) -> Done {
    let dir = TempDir::new()?;
    let out = dir.path().join("out");
    let numbers = ctx.parallelize(0..10i64, 4).map(|n| n.to_string());
    numbers.save(&out).text().await?;
    assert_eq!(names(&out).len(), 5, "four files and _SUCCESS");
    let again = numbers.save(&out).text().await.unwrap_err().to_string();
    assert!(again.contains("not empty"), "{again}");
    // A failure leaves what was there.
    fs::write(out.join("notes.md"), "mine")?;
    let before = names(&out);
    let failing = ctx.parallelize(0..10i64, 4).try_map(|n| if n == 7 { Err("seven") } else { Ok(n.to_string()) });
    let error = failing.save(&out).overwrite().text().await.unwrap_err().to_string();
    assert!(error.contains("seven"), "{error}");
    assert_eq!(names(&out), before);
    assert_eq!(ctx.text_file(at(out.clone())).await?.filter(|line| line != "mine").count().await?, 10);
    // Fewer files than before: the old ones go, the notes stay.
    let saved = numbers.coalesce(2).save(&out).overwrite().text().await?;
    assert_eq!(saved.files.len(), 2);
    assert_eq!(names(&out), ["_SUCCESS", "notes.md", "part-00000.txt", "part-00001.txt"].map(String::from).into());
    assert_eq!(fs::read_to_string(out.join("notes.md"))?, "mine");
    // A file in the place of a new one that nobody knows is not replaced.
    let foreign = dir.path().join("foreign");
    fs::create_dir(&foreign)?;
    fs::write(foreign.join("part-00000.txt"), "theirs")?;
    let refused = numbers.save(&foreign).overwrite().text().await.unwrap_err().to_string();
    assert!(refused.contains("part-00000.txt"), "{refused}");
    assert_eq!(fs::read_to_string(foreign.join("part-00000.txt"))?, "theirs");
    Ok(())
}

/// A checkpoint is computed once, in this run and the next.
async fn checkpoint(ctx: Context) -> Done {
    let dir = TempDir::new()?;
    let runs = ctx.accumulator(0u64);
    let rows = ctx.parallelize(0..20i64, 4).with(&runs).map(|runs, n| {
        runs.add(1);
        (n, texts_of(n))
    });
    let first = rows.checkpoint(dir.path().join("rows")).await?;
    let wanted: Vec<_> = (0..20).map(|n| (n, texts_of(n))).collect();
    assert_eq!(first.collect().await?, wanted);
    assert_eq!(first.partition_count().await?, 4);
    let second = rows.checkpoint(dir.path().join("rows")).await?;
    assert_eq!(second.collect().await?, wanted);
    assert_eq!(runs.value()?, 20, "each row was computed once");
    let other = ctx.parallelize(0..3i64, 1).checkpoint(dir.path().join("rows")).await.unwrap_err().to_string();
    assert!(other.contains("other columns"), "{other}");
    Ok(())
}

fn texts_of(n: i64) -> Vec<String> {
    texts(&["x", "yy"][..(n % 3).min(2) as usize])
}

/// Rows through another program, and what goes wrong with it.
async fn pipe(ctx: Context) -> Done {
    let rows = ctx.parallelize(["b", "a", "c"].map(String::from), 1);
    assert_eq!(rows.pipe("sort", ["-r"]).collect().await?, ["c", "b", "a"]);
    assert_eq!(rows.pipe("head", ["-n", "1"]).collect().await?, ["b"]);
    let failed =
        rows.pipe("sh", ["-c", "cat >/dev/null; echo no luck >&2; exit 3"]).collect().await.unwrap_err().to_string();
    assert!(failed.contains("exit status: 3") && failed.contains("no luck"), "{failed}");
    let missing = rows.pipe("no-such-program", Vec::<String>::new()).collect().await.unwrap_err().to_string();
    assert!(missing.contains("no-such-program") && missing.contains("cannot be started"), "{missing}");
    Ok(())
}

/// A line ends with a line break, wherever it is from; tables and TFRecords keep those of a row.
async fn line_breaks_within_rows(ctx: Context) -> Done {
    let dir = TempDir::new()?;
    let wanted = texts(&["a\nb", "c\r", ""]);
    let rows = ctx.parallelize(wanted.clone(), 1);
    let saved = rows.save(dir.path().join("text")).text().await?;
    assert_eq!(saved.rows, 3);
    assert_eq!(ctx.text_file(at(dir.path().join("text"))).await?.collect().await?, ["a", "b", "c", ""]);
    assert_eq!(rows.pipe("cat", Vec::<String>::new()).collect().await?, ["a", "b", "c", ""]);
    rows.save(dir.path().join("table")).parquet().await?;
    let table = ctx.read_parquet(at(dir.path().join("table"))).await?;
    assert_eq!(ctx.rdd::<String>(table)?.collect().await?, wanted);
    let bytes = rows.map(|text| dpark::rows::bytes::Bytes::copy_from_slice(text.as_bytes()));
    bytes.save(dir.path().join("records")).tf_records().await?;
    let records = ctx.files([at(dir.path().join("records"))]).tf_records().await?;
    assert_eq!(records.collect().await?, wanted);
    Ok(())
}

/// A few bad records are left out and told of; too many fail the job, and nothing is saved.
async fn error_budget(ctx: Context) -> Done {
    let numbers = ctx.parallelize((0..1000).map(|n| if n % 100 == 50 { format!("bad {n}") } else { n.to_string() }), 4);
    let parsed = numbers.error_budget(0.02).try_map(str::parse::<i64>);
    assert_eq!(parsed.count().await?, 990);
    let bad = parsed.bad_records()?;
    assert_eq!(bad.bad(), 10);
    assert!(
        bad.closures.values().any(|failures| failures.samples.iter().any(|said| said.contains("invalid digit"))),
        "{bad:?}"
    );
    let panics = numbers.error_budget(0.02).map(|text| text.parse::<i64>().unwrap());
    assert_eq!(panics.count().await?, 990);
    let halves = numbers.error_budget(0.02).filter(|text| text.parse::<i64>().unwrap() % 2 == 0);
    assert_eq!(halves.count().await?, 500 - 10);
    let dir = TempDir::new()?;
    let strict = numbers.error_budget(0.001).try_map(|text| text.parse::<i64>().map(|n| n.to_string()));
    let error = strict.save(dir.path().join("out")).text().await.unwrap_err().to_string();
    assert!(error.contains("10 of 1000 rows") && error.contains("0.1 %"), "{error}");
    assert!(!dir.path().join("out").exists());
    let none = numbers.try_map(str::parse::<i64>).collect().await.unwrap_err().to_string();
    assert!(none.contains("invalid digit"), "{none}");
    Ok(())
}

/// Rows that were left out beyond the budget are not taken for complete by a later action.
async fn a_budget_and_kept_rows(ctx: Context) -> Done {
    let numbers = ctx.parallelize((0..100).map(|n| if n == 50 { "bad".to_owned() } else { n.to_string() }), 2);
    let kept = numbers.error_budget(0.001).try_map(str::parse::<i64>).cache();
    for _ in 0..2 {
        let error = kept.count().await.unwrap_err().to_string();
        assert!(error.contains("too many bad records"), "{error}");
    }
    Ok(())
}

/// Paths with `..`, and places that are no directories.
async fn paths(ctx: Context) -> Done {
    let dir = TempDir::new()?;
    fs::create_dir(dir.path().join("sub"))?;
    fs::write(dir.path().join("a.txt"), "a\n")?;
    assert_eq!(ctx.text_file(at(dir.path().join("sub/.././a.txt"))).await?.collect().await?, ["a"]);
    let url = format!("file://{}", at(dir.path().join("a.txt")));
    assert_eq!(ctx.text_file(url).await?.collect().await?, ["a"]);
    let rows = ctx.parallelize(["x"].map(String::from), 1);
    let refused = rows.save("s3://bucket/out").text().await.unwrap_err().to_string();
    assert!(refused.contains("not to s3"), "{refused}");
    let range = ctx.files([at(dir.path().join("a.txt"))]).range(0..1).whole().await.unwrap_err().to_string();
    assert!(range.contains("range of bytes"), "{range}");
    let nothing = rows.slice(5..9).checkpoint(dir.path().join("none")).await?;
    assert_eq!(nothing.count().await?, 0);
    Ok(())
}

/// What cannot be put in its place leaves what was there.
async fn a_commit_that_fails(ctx: Context) -> Done {
    let dir = TempDir::new()?;
    let out = dir.path().join("out");
    let pair = |key: &str| (key.to_owned(), "1".to_owned());
    ctx.parallelize([pair("a")], 1).save(&out).text_by_key().await?;
    // In the place where the directory of a key should be.
    fs::write(out.join("b"), "a file")?;
    let before = names(&out);
    let failed = ctx.parallelize([pair("a"), pair("b")], 1).save(&out).overwrite().text_by_key().await;
    assert!(failed.is_err());
    assert_eq!(names(&out), before);
    assert_eq!(fs::read_to_string(out.join("a/part-00000.txt"))?, "1\n");
    Ok(())
}

/// A closure over a whole partition never takes a failure for the end of its rows.
async fn left_in_the_middle(ctx: Context) -> Done {
    let ends = ctx.accumulator(0u64);
    let rows = ctx.parallelize(0..20_000i64, 1).try_map(|n| if n == 15_000 { Err("in the middle") } else { Ok(n) });
    let counted = rows.with(&ends).map_partitions(|ends, rows, out| {
        let count = rows.count() as u64;
        ends.add(1);
        out.push(count);
    });
    let error = counted.collect().await.unwrap_err().to_string();
    assert!(error.contains("in the middle"), "{error}");
    assert_eq!(ends.value()?, 0);
    // Endless input, of which a few rows are wanted.
    let few = ctx.range(0..i64::MAX, 2).map_partitions(|rows, out| rows.for_each(|n| out.push(n))).take(3).await?;
    assert_eq!(few, [0, 1, 2]);
    Ok(())
}
