//! A file that is whole or not there: written beside its target under another name, renamed at the end, removed when the
//! end never comes.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A file in the making.
pub(crate) struct AtomicFile {
    out: BufWriter<File>,
    temporary: PathBuf,
    target: PathBuf,
    mark: u64,
    committed: bool,
}

impl AtomicFile {
    /// Starts a file that will be at `path`. A link is followed, so that its target is replaced and not the link.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let name = target.file_name().ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let mut hidden = std::ffi::OsString::from(".");
        hidden.push(name);
        hidden.push(format!(".{}.tmp", std::process::id()));
        let temporary = target.with_file_name(hidden);
        let file = File::options().write(true).create_new(true).open(&temporary)?;
        if let Ok(old) = std::fs::metadata(&target) {
            let _ = file.set_permissions(old.permissions());
        }
        let out = BufWriter::with_capacity(super::BUFFER, file);
        Ok(AtomicFile { out, temporary, target, mark: 0, committed: false })
    }

    /// Remembers the end of what is written.
    pub(crate) fn mark(&mut self) -> io::Result<()> {
        self.mark = self.out.stream_position()?;
        Ok(())
    }

    /// Takes back what was written since the mark.
    pub(crate) fn back_to_mark(&mut self) -> io::Result<()> {
        self.out.seek(SeekFrom::Start(self.mark))?;
        self.out.get_ref().set_len(self.mark)
    }

    /// Gives the file its name.
    pub(crate) fn commit(&mut self) -> io::Result<()> {
        self.out.flush()?;
        self.out.get_ref().sync_all()?;
        std::fs::rename(&self.temporary, &self.target)?;
        self.committed = true;
        Ok(())
    }
}

impl Write for AtomicFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.out.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        if !self.committed {
            let _ = std::fs::remove_file(&self.temporary);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_content_stays_until_the_commit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.csv");
        std::fs::write(&path, "old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write_all(b"one").unwrap();
        file.mark().unwrap();
        file.write_all(b"two").unwrap();
        file.back_to_mark().unwrap();
        file.write_all(b"!").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "old");
        file.commit().unwrap();
        drop(file);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one!");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn without_a_commit_nothing_is_left() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = AtomicFile::create(&dir.path().join("x")).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
