//! What it ran on.

use crate::{ALLOCATOR_NAME, memory};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

/// A machine and the programs on it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    cpu: String,
    cores: usize,
    memory_gb: f64,
    /// Running tasks, averages over 1, 5 and 15 minutes before the start: more than a little means a shared machine.
    load: String,
    kernel: String,
    dpark: String,
    datafusion: &'static str,
    /// Those that run in a process of Python, if there.
    #[serde(flatten)]
    peers: BTreeMap<&'static str, Option<String>>,
    allocator: &'static str,
    date: String,
}

impl Machine {
    /// This one, with a peer and its version.
    pub(crate) fn here(peer: &'static str, version: Option<String>) -> Machine {
        Machine { peers: BTreeMap::from([(peer, version)]), ..Machine::alone() }
    }

    /// This one, without peers.
    pub(crate) fn alone() -> Machine {
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let cpuinfo = read("/proc/cpuinfo");
        let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")).unwrap_or("unknown");
        let load = read("/proc/loadavg");
        Machine {
            cpu: model.trim_start_matches([' ', '\t', ':']).to_owned(),
            cores: std::thread::available_parallelism().map_or(0, usize::from),
            memory_gb: memory::field(&read("/proc/meminfo"), "MemTotal:").unwrap_or(0) as f64 / 1024.0 / 1024.0,
            load: load.split(' ').take(3).collect::<Vec<_>>().join(" "),
            kernel: read("/proc/sys/kernel/osrelease").trim().to_owned(),
            dpark: commit().map_or(env!("CARGO_PKG_VERSION").to_owned(), |commit| {
                format!("{} ({commit})", env!("CARGO_PKG_VERSION"))
            }),
            datafusion: datafusion::DATAFUSION_VERSION,
            peers: BTreeMap::new(),
            allocator: ALLOCATOR_NAME,
            date: today(),
        }
    }

    /// In a line or two.
    pub(crate) fn line(&self) -> String {
        let peer = |(name, version): (&&str, &Option<String>)| {
            format!(" · {name} {}", version.as_deref().unwrap_or("not there"))
        };
        format!(
            "{} · {} cores · {:.1} GB · Linux {} · load {}\ndpark {} · datafusion {}{} · {} · {}",
            self.cpu,
            self.cores,
            self.memory_gb,
            self.kernel,
            self.load,
            self.dpark,
            self.datafusion,
            self.peers.iter().map(peer).collect::<String>(),
            self.allocator,
            self.date
        )
    }
}

/// The commit, with a `+` if files differ from it.
fn commit() -> Option<String> {
    let git = |args: &[&str]| {
        let output =
            Command::new("git").arg("-C").arg(Path::new(env!("CARGO_MANIFEST_DIR"))).args(args).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    let head = git(&["rev-parse", "--short", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no", "../crates"]).is_some_and(|s| !s.is_empty());
    Some(if changed { head + "+" } else { head })
}

/// Today as year-month-day, UTC.
fn today() -> String {
    let seconds = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let days = i32::try_from(seconds / 86_400).unwrap_or(0);
    arrow::array::temporal_conversions::date32_to_datetime(days).map_or(String::new(), |day| day.date().to_string())
}
