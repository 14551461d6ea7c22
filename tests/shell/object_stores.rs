//! Tables in an object store give what the same files give on disk.

use super::run::*;
use dpark_tests::bucket::Bucket;
use std::path::{Path, PathBuf};

/// Both kinds of masters.
const MASTERS: [&str; 2] = ["local[2]", "process[2]"];

/// The tour's files in folders of a bucket.
fn bucket(dir: &Path) -> Bucket {
    let from = root().join("sql/examples/data");
    for (folder, file) in
        [("flights", "flights"), ("small", "airlines"), ("small", "airports"), ("small/more", "planes")]
    {
        let folder = dir.join(folder);
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::copy(from.join(format!("{file}.parquet")), folder.join(format!("{file}.parquet"))).unwrap();
    }
    // A directory is read as a whole: several files, over several pages of a listing.
    let planes = dir.join("planes");
    std::fs::create_dir(&planes).unwrap();
    for n in 0..5 {
        std::fs::copy(from.join("planes.parquet"), planes.join(format!("{n}.parquet"))).unwrap();
    }
    Bucket::serve(dir)
}

fn run_with(bucket: &Bucket, master: &str, sql: &str) -> Ran {
    let mut command = shell(&["-q", "--format", "csv", "-e", sql]);
    command.env("DPARK_MASTER", master).envs(bucket.environment());
    command.output().unwrap().into()
}

/// A join, an aggregate and a sort over tables below `root`.
fn query(root: &str) -> String {
    format!(
        "SELECT a.name, p.manufacturer, count(*) AS n, sum(f.distance) AS miles FROM '{root}/flights/*.parquet' f \
         JOIN '{root}/small/airlines.parquet' a ON a.carrier = f.carrier JOIN '{root}/planes/' p ON p.tailnum = f.tailnum \
         WHERE f.month <= 2 GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 20"
    )
}

#[test]
fn tables_are_read_by_ranges() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = bucket(dir.path());
    let expected = csv(&query(&dir.path().display().to_string()));
    assert_eq!(expected.lines().count(), 21);
    for master in MASTERS {
        let ran = run_with(&bucket, master, &query("s3://data"));
        assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.status), (expected.as_str(), "", 0), "{master}");
        let requests = bucket.requests();
        assert!(
            requests.iter().any(|request| request.starts_with("GET flights/flights.parquet bytes=")),
            "{requests:?}"
        );
        let whole = requests.iter().find(|request| request.starts_with("GET flights") && !request.contains("bytes="));
        assert_eq!(whole, None, "{master}: only what is needed is read");
        assert!(
            requests.iter().filter(|request| request.trim() == "GET").count() >= 3,
            "pages of a listing: {requests:?}"
        );
    }
}

#[test]
fn a_busy_store_is_asked_again() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = bucket(dir.path());
    for master in MASTERS {
        bucket.fail(2);
        let ran = run_with(&bucket, master, "SELECT count(*) AS n, max(dest) AS last FROM 's3://data/flights/'");
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("n,last\n336776,XNA\n", ""), "{master}");
    }
}

#[test]
fn one_file_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = bucket(dir.path());
    for master in MASTERS {
        let file = format!("s3://data/out/{}.parquet", master.len());
        let sql = format!(
            "COPY (SELECT carrier, count(*) AS n FROM 's3://data/flights/' GROUP BY carrier) TO '{file}'; \
             SELECT count(*) AS carriers, sum(n) AS flights FROM '{file}'"
        );
        let ran = run_with(&bucket, master, &sql);
        assert_eq!((ran.out.as_str(), ran.err.as_str()), ("carriers,flights\n16,336776\n", ""), "{master}");
    }
}

#[test]
fn what_is_wrong_has_a_name() {
    let dir = tempfile::tempdir().unwrap();
    let bucket = bucket(dir.path());
    for (sql, words) in [
        ("SELECT * FROM 's3://data/nothing/*.parquet'", &["s3://data/nothing/*.parquet"][..]),
        ("SELECT * FROM 's3://elsewhere/flights/flights.parquet'", &["elsewhere", "NoSuchBucket"]),
        ("CREATE EXTERNAL TABLE t STORED AS PARQUET LOCATION 's3://data/flights/*.parquet'", &["wildcards"]),
        ("SELECT * FROM 'ftp://data/flights.parquet'", &["ftp://data"]),
        ("COPY (SELECT 1 AS a) TO 's3://data/out' STORED AS PARQUET", &["s3://data/out/part.parquet", "yet"]),
    ] {
        let ran = run_with(&bucket, "local[2]", sql);
        assert_eq!((ran.status, ran.out.as_str()), (1, ""), "{sql}");
        assert!(words.iter().all(|word| ran.err.contains(word)), "{sql}: {}", ran.err);
    }
    let mut stranger = shell(&["-q", "-e", "SELECT count(*) FROM 's3://data/flights/flights.parquet'"]);
    let stranger: Ran =
        stranger.envs(bucket.environment()).env("AWS_ACCESS_KEY_ID", "stranger").output().unwrap().into();
    assert_eq!(stranger.status, 1);
    assert!(stranger.err.contains("flights.parquet") && stranger.err.contains("403 Forbidden"), "{}", stranger.err);
    assert!(!dir.path().join("out").exists());
}

#[test]
fn other_urls() {
    let dir = tempfile::tempdir().unwrap();
    let file: PathBuf = dir.path().join("a.csv");
    std::fs::write(&file, "x,y\n1,2\n3,4\n").unwrap();
    let url = format!("file://{}", file.display());
    assert_eq!(csv(&format!("SELECT sum(x) AS s FROM '{url}'")), "s\n4\n");
}
