//! The store's directory: made for one process, removed with it, and swept by the next one when the process could not.
//!
//! Each directory holds a file `owner` that names its process (pid and start time) and that the process keeps locked.
//! The lock says whether it lives: the system releases it at any kind of death, a number used again cannot be
//! mistaken, and it works between containers that do not see each other's processes.

use crate::error::StoreError;
use dpark_lineage::ExecutorId;
use std::fs::{File, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

const PREFIX: &str = "dpark-shuffle-";
/// A directory gets its proper name once its owner file is locked; only a process that died in between leaves this.
const UNFINISHED: &str = ".dpark-shuffle-";
const UNFINISHED_AGE: Duration = Duration::from_secs(3600);
const OWNER: &str = "owner";

/// A directory that lives as long as this value.
pub(crate) struct StoreDir {
    pub(crate) path: PathBuf,
    _owner: File,
}

impl StoreDir {
    pub(crate) fn create(base: &Path, executor: ExecutorId) -> Result<StoreDir, StoreError> {
        // Several stores of one process, and processes with one pid in different containers, must not meet.
        static COUNT: AtomicU64 = AtomicU64::new(0);
        std::fs::create_dir_all(base).map_err(StoreError::io("creating", base))?;
        let pid = std::process::id();
        let started = start_time();
        let mut name;
        let mut making;
        loop {
            name = format!("{}-{pid}-{started}-{}", executor.0, COUNT.fetch_add(1, Relaxed));
            making = base.join(format!("{UNFINISHED}{name}"));
            let taken = base.join(format!("{PREFIX}{name}")).exists();
            match std::fs::create_dir(&making) {
                Ok(()) if !taken => break,
                Ok(()) => drop(std::fs::remove_dir(&making)),
                Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(StoreError::io("creating", &making)(e)),
            }
        }
        let owner_path = making.join(OWNER);
        let error = || StoreError::io("creating", &owner_path);
        let mut owner = File::create_new(&owner_path).map_err(error())?;
        owner.lock().map_err(error())?;
        writeln!(owner, "pid {pid}\nstarted {started}").map_err(error())?;
        let path = base.join(format!("{PREFIX}{name}"));
        std::fs::rename(&making, &path).map_err(StoreError::io("renaming", &making))?;
        Ok(StoreDir { path, _owner: owner })
    }
}

impl StoreDir {
    /// Removes the directory and what is in it; nothing if that has been done.
    pub(crate) fn remove(&self) {
        match std::fs::remove_dir_all(&self.path) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!(dir = %self.path.display(), "cannot remove the shuffle directory: {e}");
            }
            _ => {}
        }
    }
}

impl Drop for StoreDir {
    fn drop(&mut self) {
        self.remove();
    }
}

/// Clock ticks from boot to the start of this process, as the kernel tells; 0 where it does not.
fn start_time() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    // The command's name may hold blanks and parentheses; fields are counted after its last one.
    stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(19)?.parse().ok()).unwrap_or(0)
}

/// Removes the store directories below `base` whose process is dead. Returns what was removed. Safe to run beside
/// living stores and other sweepers; directories that cannot be read or removed are left.
pub fn sweep_stale(base: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut removed = Vec::new();
    let entries = match std::fs::read_dir(base) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(removed),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let path = entry.path();
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let stale = if name.starts_with(PREFIX) {
            owner_is_dead(&path)
        } else if name.starts_with(UNFINISHED) {
            let age =
                entry.metadata().and_then(|m| m.modified()).ok().and_then(|t| SystemTime::now().duration_since(t).ok());
            age.is_some_and(|age| age > UNFINISHED_AGE)
        } else {
            false
        };
        if stale && std::fs::remove_dir_all(&path).is_ok() {
            tracing::info!(dir = %path.display(), "removed the shuffle directory of a dead process");
            removed.push(path);
        }
    }
    Ok(removed)
}

fn owner_is_dead(dir: &Path) -> bool {
    match File::open(dir.join(OWNER)) {
        // `WouldBlock` is a living owner; other errors say nothing, so the directory stays.
        Ok(owner) => !matches!(owner.try_lock(), Err(TryLockError::WouldBlock | TryLockError::Error(_))),
        // Named but without an owner file: a removal that was interrupted.
        Err(e) => e.kind() == std::io::ErrorKind::NotFound && dir.is_dir(),
    }
}
