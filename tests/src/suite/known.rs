//! The reviewed table of records that may differ.
//!
//! An entry is for one record of one file, named by its line in the pinned version of the suite. An entry whose record
//! is equal after all, or is not compared any more, fails the test.

/// One exception.
#[derive(Debug)]
pub struct Known {
    /// The file that runs, and the record: `copy.slt`, `copy.slt:12`.
    pub file: &'static str,
    /// `file:line` of the record; the file differs from `file` if it was included.
    pub place: &'static str,
    /// `None`: under every master.
    pub master: Option<&'static str>,
    /// Why it may differ.
    pub reason: &'static str,
}

/// All exceptions.
pub const KNOWN: &[Known] = &[];

/// The exceptions of one file under one master.
pub fn of(file: &str, master: &str) -> impl Iterator<Item = &'static Known> {
    KNOWN.iter().filter(move |known| known.file == file && known.master.is_none_or(|only| only == master))
}
