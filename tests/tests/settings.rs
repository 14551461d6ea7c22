//! Where the master and the options come from, and what is said of wrong ones.
//!
//! The environment belongs to a whole process, so the asking is done by copies of this program: each builds a context
//! in its own environment and prints what it got.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test, with a main of its own")]
#![allow(clippy::print_stdout, reason = "test code: what is printed is the answer")]

use dpark::Context;
use libtest_mimic::{Arguments, Failed, Trial};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Makes a copy of this program answer; the value is the builder's master, or empty.
const ASKED: &str = "DPARK_TEST_MASTER";

fn main() {
    dpark::init();
    if let Ok(master) = std::env::var(ASKED) {
        println!("{}", answer(&master));
        return;
    }
    let args = Arguments::from_args();
    let trials = vec![
        Trial::test("settings::master", master),
        Trial::test("settings::options", options),
        Trial::test("settings::usual_file", usual_file),
        Trial::test("settings::wrong_file", wrong_file),
        Trial::test("settings::wrong_builder", wrong_builder),
    ];
    libtest_mimic::run(&args, trials).exit();
}

/// The master and the partitions of exchanges, or the error.
fn answer(master: &str) -> String {
    let builder = Context::builder();
    let builder = if master.is_empty() { builder } else { builder.master(master) };
    match builder.build() {
        Ok(ctx) => format!("{} {}", ctx.master(), ctx.session().copied_config().target_partitions()),
        Err(error) => format!("error: {error}"),
    }
}

/// What a program is told that gives `master` to the builder and has these variables, and no others of ours.
fn ask(home: &Path, master: &str, variables: &[(&str, &str)]) -> String {
    let mut program = Command::new(std::env::current_exe().unwrap());
    program.env_remove("DPARK_MASTER").env_remove("DPARK_CONF").env("XDG_CONFIG_HOME", home);
    let output = program.env(ASKED, master).envs(variables.iter().copied()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A configuration file and a home without one.
struct Files {
    home: tempfile::TempDir,
    conf: PathBuf,
}

impl Files {
    fn new(text: &str) -> std::io::Result<Self> {
        let home = tempfile::tempdir()?;
        let conf = home.path().join("mine.toml");
        std::fs::write(&conf, text)?;
        Ok(Self { home, conf })
    }

    fn ask(&self, master: &str, variables: &[(&str, &str)]) -> String {
        ask(self.home.path(), master, variables)
    }

    /// The variable that names the file.
    fn named(&self) -> (&'static str, &str) {
        ("DPARK_CONF", self.conf.to_str().unwrap())
    }
}

/// The builder's, the environment's, the file's, all processors.
fn master() -> Result<(), Failed> {
    let files = Files::new("master = \"local[5]\"")?;
    let environment = ("DPARK_MASTER", "process[1]");
    assert_eq!(files.ask("local[3]", &[environment, files.named()]), "local[3] 3");
    assert_eq!(files.ask("", &[environment, files.named()]), "process[1] 1");
    assert_eq!(files.ask("", &[files.named()]), "local[5] 5");
    let cores = std::thread::available_parallelism()?;
    assert_eq!(files.ask("", &[]), format!("local[{cores}] {cores}"));
    Ok(())
}

/// Those of a file hold whoever gives the master.
fn options() -> Result<(), Failed> {
    let files = Files::new("[conf]\n\"shuffle.partitions\" = 7\n\"shuffle.compression\" = \"zstd\"\n")?;
    assert_eq!(files.ask("local[2]", &[files.named()]), "local[2] 7");
    assert_eq!(files.ask("", &[("DPARK_MASTER", "local[3]"), files.named()]), "local[3] 7");
    Ok(())
}

/// Without `DPARK_CONF` the file of the user's configuration directory counts.
fn usual_file() -> Result<(), Failed> {
    let files = Files::new("master = \"local[5]\"")?;
    let usual = files.home.path().join("dpark");
    std::fs::create_dir(&usual)?;
    std::fs::write(usual.join("dpark.toml"), "master = \"local[4]\"")?;
    assert_eq!(files.ask("", &[]), "local[4] 4");
    assert_eq!(files.ask("", &[files.named()]), "local[5] 5");
    Ok(())
}

/// The error names the file, what is wrong in it, and what would be right.
fn wrong_file() -> Result<(), Failed> {
    for (text, words) in [
        ("master = local", &["master"][..]),
        ("masster = \"local[2]\"", &["masster"][..]),
        ("master = \"nowhere[2]\"", &["nowhere[2]", "local[N]"][..]),
        ("[conf]\n\"shuffle.partition\" = 3", &["'shuffle.partition'", "shuffle.partitions"][..]),
        ("[conf]\n\"shuffle.partitions\" = \"many\"", &["shuffle.partitions", "many", "a number from 1"][..]),
    ] {
        let files = Files::new(text)?;
        let error = files.ask("", &[files.named()]);
        let file = files.conf.display().to_string();
        for word in words.iter().copied().chain(["error: ", file.as_str()]) {
            assert!(error.contains(word), "{text}: {word} should be in: {error}");
        }
    }
    let files = Files::new("")?;
    let missing = files.home.path().join("missing.toml").display().to_string();
    let error = files.ask("", &[("DPARK_CONF", &missing)]);
    assert!(error.starts_with("error: ") && error.contains(&missing), "{error}");
    Ok(())
}

/// Wrong masters, whoever gives them.
fn wrong_builder() -> Result<(), Failed> {
    let files = Files::new("")?;
    for (builder, environment) in [("nowhere", "local[2]"), ("local[0]", "local[2]"), ("", "process[x]")] {
        let error = files.ask(builder, &[("DPARK_MASTER", environment)]);
        let wrong = if builder.is_empty() { environment } else { builder };
        assert!(error.contains(&format!("unknown master '{wrong}'")) && error.contains("process[N]"), "{error}");
    }
    let error = Context::builder().master("local[1]").conf("no.such.option", "1").build().err().unwrap().to_string();
    assert!(error.contains("no.such.option") && error.contains("shuffle.partitions"), "{error}");
    let error =
        Context::builder().master("local[1]").conf("executor.memory", "much").build().err().unwrap().to_string();
    assert!(error.contains("executor.memory") && error.contains("much") && error.contains("4GB"), "{error}");
    Ok(())
}
