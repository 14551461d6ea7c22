//! Runs the shell's binary as a script would.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

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

/// Runs the shell with arguments under a master.
pub(crate) fn run_on(master: &str, args: &[&str]) -> Ran {
    shell(args).env("DPARK_MASTER", master).output().unwrap().into()
}

/// A process as the kernel tells of it.
pub(crate) struct Process {
    state: String,
    parent: u32,
    /// Processor time in hundredths of a second.
    ticks: u64,
}

impl Process {
    /// `None` when there is no such process.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The command's name may hold blanks and parentheses; fields are counted after its last one.
        let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
        let number = |at: usize| fields.get(at)?.parse::<u64>().ok();
        let (parent, ticks) = (number(1)? as u32, number(11)? + number(12)?);
        Some(Process { state: fields.first()?.to_string(), parent, ticks })
    }

    /// Whether it still runs; one that only waits for its parent to ask does not.
    pub(crate) fn lives(pid: u32) -> bool {
        Self::of(pid).is_some_and(|process| process.state != "Z" && process.state != "X")
    }

    /// Whether it has computed for half a second, which is more than starting takes.
    pub(crate) fn is_busy(pid: u32) -> bool {
        Self::of(pid).is_some_and(|process| process.ticks >= 50)
    }

    /// The processes that it has started.
    pub(crate) fn children(parent: u32) -> Vec<u32> {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid| Self::of(*pid).is_some_and(|process| process.parent == parent)).collect()
    }
}

/// Waits until something is so.
pub(crate) fn wait_until(what: &str, patience: Duration, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < patience, "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
