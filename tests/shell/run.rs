//! Runs the shell's binary as a script would.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

/// The binary: the one `DPARK_SQL` names, else the one beside this test, brought up to date when cargo runs us.
pub(crate) fn binary() -> &'static Path {
    static BINARY: OnceLock<PathBuf> = OnceLock::new();
    BINARY.get_or_init(|| {
        if let Some(path) = std::env::var_os("DPARK_SQL") {
            return PathBuf::from(path);
        }
        let test = std::env::current_exe().unwrap();
        let directory = test.parent().and_then(Path::parent).unwrap().to_path_buf();
        if let Some(cargo) = std::env::var_os("CARGO") {
            let mut build = Command::new(cargo);
            build.args(["build", "-q", "-p", "dpark-sql"]).current_dir(root());
            if directory.ends_with("release") {
                build.arg("--release");
            }
            assert!(build.status().unwrap().success(), "the shell does not build");
        }
        directory.join("dpark-sql")
    })
}

/// The top of the repository.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A command for the shell in a clean environment: two threads, no history, no pager, no user configuration.
pub(crate) fn shell(args: &[&str]) -> Command {
    let mut command = Command::new(binary());
    command.args(args);
    for name in ["PAGER", "DPARK_PAGER", "RUST_LOG", "DPARK_MASTER", "DPARK_CONF"] {
        command.env_remove(name);
    }
    command.env("DPARK_HISTORY", "").env("DPARK_MASTER", "local[2]").stdin(Stdio::null());
    command
}

/// What came out of a run.
pub(crate) struct Ran {
    pub(crate) out: String,
    pub(crate) err: String,
    pub(crate) status: i32,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Ran {
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
            status: output.status.code().unwrap_or(-1),
        }
    }
}

/// Runs the shell with arguments.
pub(crate) fn run(args: &[&str]) -> Ran {
    shell(args).output().unwrap().into()
}

/// Runs the shell with a script on its standard input.
pub(crate) fn run_input(args: &[&str], input: &str) -> Ran {
    let mut child = shell(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap().into()
}

/// Runs statements that must succeed, and gives what they wrote.
pub(crate) fn csv(sql: &str) -> String {
    let ran = run(&["-q", "--format", "csv", "-e", sql]);
    assert_eq!((ran.status, ran.err.as_str()), (0, ""), "{sql}");
    ran.out
}
