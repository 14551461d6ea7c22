//! Directories of test data, made once and atomically.
//!
//! Under nextest every test is a process, and many start at the same moment. Each that finds no data makes its own in a
//! directory beside and renames it; the first rename wins, the others throw theirs away. The name carries a hash of the
//! source that makes the data, so changed code never meets old data.

use super::Result;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// The directory `root/name-<hash of source>`, filled by `make` unless it exists.
pub fn dir(root: &Path, name: &str, source: &str, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
    let mut hasher = DefaultHasher::new();
    source.hash(&mut hasher);
    let target = root.join(format!("{name}-{:016x}", hasher.finish()));
    if target.is_dir() {
        return Ok(target);
    }
    fs::create_dir_all(root)?;
    let draft = tempfile::Builder::new().prefix(".draft-").tempdir_in(root)?;
    make(draft.path())?;
    match fs::rename(draft.path(), &target) {
        Err(error) if !target.is_dir() => Err(error.into()),
        // Ours moved, or another process was faster and ours is removed with `draft`.
        _ => Ok(target),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn racing_makers_agree_on_one_complete_directory() -> Result<()> {
        let root = tempfile::tempdir()?;
        let made = AtomicUsize::new(0);
        let make = |path: &Path| {
            fs::write(path.join("a"), "1")?;
            std::thread::sleep(std::time::Duration::from_millis(20));
            fs::write(path.join("b"), "2")?;
            made.fetch_add(1, Ordering::Relaxed);
            Ok(())
        };
        std::thread::scope(|scope| {
            let makers: Vec<_> = (0..4).map(|_| scope.spawn(|| dir(root.path(), "data", "v1", make))).collect();
            for maker in makers {
                let path = maker.join().map_err(|_| "panic")??;
                assert_eq!(fs::read_to_string(path.join("b"))?, "2");
            }
            Ok::<_, super::super::Error>(())
        })?;
        let before = made.load(Ordering::Relaxed);
        dir(root.path(), "data", "v1", make)?;
        assert_eq!(made.load(Ordering::Relaxed), before, "existing data is made again");
        dir(root.path(), "data", "v2", make)?;
        assert_eq!(made.load(Ordering::Relaxed), before + 1, "a changed source finds old data");
        assert_eq!(fs::read_dir(root.path())?.count(), 2, "drafts are left behind");
        Ok(())
    }

    #[test]
    fn a_failed_maker_leaves_nothing() -> Result<()> {
        let root = tempfile::tempdir()?;
        let failed = dir(root.path(), "data", "v1", |path| {
            fs::write(path.join("a"), "1")?;
            Err("no".into())
        });
        assert!(failed.is_err());
        assert_eq!(fs::read_dir(root.path())?.count(), 0);
        Ok(())
    }
}
