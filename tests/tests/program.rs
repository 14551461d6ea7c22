//! A whole program, run as its user would: the master, options and the error budget from the command line, files of a
//! directory and of an object store, what it prints and with which status it ends.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

#[allow(dead_code, reason = "the shell's tests use all of it")]
#[path = "../shell/run.rs"]
mod run;

use dpark_test_cluster::{Cluster, Options};
use dpark_tests::bucket::Bucket;
use dpark_tests::oracle::modes::MESOS;
use run::{Ran, wait_until};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;

/// The words of `a.txt` and `d.txt`, in which somebody says every line.
const OF_TWO: &str = "be 20\nto 20\ngood 10\nnight 10\n";

/// The words of all four files.
const OF_ALL: &str = "words 27\nbe 20\nto 20\ngood 10\n";

/// A directory with four files of ten lines each in `play/acts`. In two of them there is a line that nobody says.
fn play() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let acts = dir.path().join("play/acts");
    std::fs::create_dir_all(&acts).unwrap();
    for (name, line, last) in [
        ("a.txt", "Hamlet: to be or not to be\n", "Hamlet: to be or not to be\n"),
        ("b.txt", "Polonius: brevity is the soul of wit\n", "Exit Polonius\n"),
        ("c.txt", "Hamlet: words words words\n", "Exit Hamlet\n"),
        ("d.txt", "Horatio: good night sweet prince\n", "Horatio: good night sweet prince\n"),
    ] {
        std::fs::write(acts.join(name), line.repeat(9) + last).unwrap();
    }
    dir
}

/// The program in a clean environment, with three partitions and its files below `dir`.
fn program(dir: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_program"));
    for name in ["RUST_LOG", "DPARK_MASTER", "DPARK_CONF"] {
        command.env_remove(name);
    }
    let work = format!("dir={}", dir.join("work").display());
    command.args(["--conf", &work, "--conf=shuffle.partitions=3"]).args(args);
    command.current_dir(dir.join("play/acts")).stdin(Stdio::null());
    command
}

fn run(dir: &Path, args: &[&str]) -> Ran {
    program(dir, args).output().unwrap().into()
}

/// A run that ended well, and said nothing but this; on standard error, what was left out.
fn assert_printed(ran: &Ran, words: &str, lines: u64, elsewhere: u64, left_out: u64) {
    let numbers = format!("{lines} lines, {elsewhere} of them read by others, {left_out} left out\n3 partitions\n");
    assert_eq!((ran.out.as_str(), ran.status), ((words.to_owned() + &numbers).as_str(), 0), "{}", ran.err);
    match left_out {
        0 => assert_eq!(ran.err, ""),
        _ => {
            let (all, place) = (lines + left_out, "src/bin/program.rs:");
            let failed = format!("failed for {left_out} of {all} rows, among them: nobody says \"Exit ");
            let told = ["rows were left out: ", place, &failed].iter().all(|words| ran.err.contains(words));
            assert!(told && !ran.err.contains("Error: "), "{}", ran.err);
        }
    }
}

/// A run that ended with these words, and without a result.
fn assert_refused(ran: &Ran, words: &[&str]) {
    assert_eq!((ran.out.as_str(), ran.status), ("", 1), "{}", ran.err);
    let told = ran.err.find("Error: ").map_or("", |start| &ran.err[start..]);
    assert!(words.iter().all(|word| told.contains(word)) && !told.is_empty(), "{words:?}: {}", ran.err);
}

#[test]
fn the_master_is_on_the_command_line() {
    let dir = play();
    // Relative paths are those of the directory in which the program was started.
    for (master, elsewhere) in [("local", 0), ("local[2]", 0), ("process[2]", 20)] {
        assert_printed(&run(dir.path(), &["a.txt", "-m", master, "d.txt"]), OF_TWO, 20, elsewhere, 0);
    }
    // Or in the environment, which the command line overrules.
    let ran = program(dir.path(), &["a.txt", "d.txt"]).env("DPARK_MASTER", "process[2]").output().unwrap().into();
    assert_printed(&ran, OF_TWO, 20, 20, 0);
    let ran = program(dir.path(), &["-mlocal[1]", "[ad].txt"]).env("DPARK_MASTER", "nowhere").output().unwrap().into();
    assert_printed(&ran, OF_TWO, 20, 0, 0);
    wait_until("programs leave nothing behind", Duration::from_secs(20), || {
        std::fs::read_dir(dir.path().join("work")).unwrap().count() == 0
    });
}

#[test]
fn other_arguments_are_the_programs() {
    let dir = play();
    let ran = run(dir.path(), &["--top", "1", "-m", "local[2]", "--conf", "shuffle.partitions=5", "--", "a.txt"]);
    assert_eq!(ran.out, "be 20\n10 lines, 0 of them read by others, 0 left out\n5 partitions\n", "{}", ran.err);
    assert_refused(&run(dir.path(), &["-m", "local[2]"]), &["usage: program [--top N] FILE..."]);
    assert_refused(&run(dir.path(), &["--", "-m", "local[2]"]), &["unknown option -m"]);
    assert_refused(&run(dir.path(), &["-m", "local[2]", "z.txt"]), &["/acts/z.txt does not exist"]);
}

#[test]
fn what_is_wrong_with_the_command_line_is_told() {
    let dir = play();
    for (args, words) in [
        (&["-m", "yarn"][..], &["unknown master 'yarn': use local[N], local[*], process[N]", "mesos://host:port"][..]),
        (&["-m", "process[0]"], &["unknown master 'process[0]'"]),
        (&["-m"], &["-m needs a value"]),
        (&["--conf", "shuffle.partition=3"], &["unknown option 'shuffle.partition': known are shuffle.partitions,"]),
        (&["--conf", "shuffle.partitions=none"], &["option shuffle.partitions = 'none': expected a number from 1"]),
        (&["--conf", "shuffle.partitions"], &["--conf shuffle.partitions: expected key=value"]),
        (&["--err", "2"], &["option task.error_budget = '2': expected a part from 0 to 1"]),
        (&["--frobnicate"], &["unknown option --frobnicate"]),
    ] {
        assert_refused(&run(dir.path(), &[&["a.txt"], args].concat()), words);
    }
}

/// Lines that nobody says fail the program, unless they are few enough.
#[test]
fn bad_lines() {
    let dir = play();
    for (master, elsewhere) in [("local[2]", 0), ("process[2]", 38)] {
        let ran = run(dir.path(), &["-m", master, "--err", "0.1", "."]);
        assert_printed(&ran, OF_ALL, 38, elsewhere, 2);
        let ran = run(dir.path(), &["-m", master, "--err=0.01", "."]);
        assert_refused(&ran, &["failed for 2 of 40 rows", "nobody says \"Exit Hamlet\"", "the error budget is 1 %"]);
        let ran = run(dir.path(), &["-m", master, "."]);
        assert_refused(&ran, &["nobody says \"Exit ", "4 failed attempts"]);
    }
}

/// A file, a directory, a pattern, a list, and what is not there.
#[test]
fn files_of_an_object_store() {
    let dir = play();
    let bucket = Bucket::serve(&dir.path().join("play"));
    for (master, by_others) in [("local[2]", false), ("process[2]", true)] {
        let of = |paths: &[&str]| -> Ran {
            let args = [&["-m", master, "--err", "0.1"], paths].concat();
            program(dir.path(), &args).envs(bucket.environment()).output().unwrap().into()
        };
        let elsewhere = |lines| if by_others { lines } else { 0 };
        let one = of(&["s3://data/acts/d.txt"]);
        assert_printed(&one, "good 10\nnight 10\nprince 10\nsweet 10\n", 10, elsewhere(10), 0);
        for directory in ["s3://data/acts", "s3://data/acts/"] {
            bucket.requests();
            assert_printed(&of(&[directory]), OF_ALL, 38, elsewhere(38), 2);
            let requests = bucket.requests();
            let reads =
                |name| requests.iter().filter(|request| request.starts_with(&format!("GET acts/{name} "))).count();
            assert!(["a.txt", "b.txt", "c.txt", "d.txt"].iter().all(|name| reads(*name) > 0), "{requests:?}");
        }
        assert_printed(&of(&["s3://data/acts/[ad].*"]), OF_TWO, 20, elsewhere(20), 0);
        assert_printed(&of(&["s3://data/acts/d.txt", "s3://data/acts/a.txt"]), OF_TWO, 20, elsewhere(20), 0);
        assert_refused(&of(&["s3://data/acts/z.txt"]), &["s3://data/acts/z.txt does not exist"]);
        assert_refused(&of(&["s3://data/acts/*.log"]), &["s3://data/acts/*.log does not exist, matches nothing"]);
    }
}

/// Agents fetch the program from its driver.
#[test]
fn mesos() {
    let dir = play();
    let cluster = Cluster::start(Options { agents: 2, ..Options::default() }).unwrap();
    let (masters, conf) = (cluster.masters(), MESOS.map(|(key, value)| format!("{key}={value}")));
    let of = |args: &[&str]| -> Ran {
        let mut command = program(dir.path(), &["-m", &masters]);
        command.args(conf.iter().flat_map(|pair| ["--conf", pair])).args(args).output().unwrap().into()
    };
    let acts = dir.path().join("play/acts").display().to_string();
    assert_printed(&of(&["--err", "0.1", &acts]), OF_ALL, 38, 38, 2);
    assert_refused(&of(&["--err", "0.01", &acts]), &["failed for 2 of 40 rows", "the error budget is 1 %"]);
    assert_refused(&of(&["--conf", "mesos.nam=x", &acts]), &["unknown option 'mesos.nam'", "mesos.name"]);
    cluster.close().unwrap();
}
