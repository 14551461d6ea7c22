//! Where the history is kept.

use std::path::PathBuf;

/// `$DPARK_HISTORY` (empty: none), else `dpark/history` in `$XDG_STATE_HOME` or `~/.local/state`; its directory exists then.
pub(super) fn path() -> Option<PathBuf> {
    let path = match std::env::var_os("DPARK_HISTORY") {
        Some(path) if path.is_empty() => return None,
        Some(path) => PathBuf::from(path),
        None => state_directory()?.join("dpark").join("history"),
    };
    std::fs::create_dir_all(path.parent()?).ok()?;
    Some(path)
}

fn state_directory() -> Option<PathBuf> {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_STATE_HOME").or_else(|| Some(set("HOME")?.join(".local").join("state")))
}
