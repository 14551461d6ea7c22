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
pub const KNOWN: &[Known] = &[
    Known { file: "copy.slt", place: "copy.slt:232", master: None, reason: COMMITTED },
    Known { file: "copy.slt", place: "copy.slt:241", master: None, reason: COMMITTED },
    Known { file: "copy.slt", place: "copy.slt:366", master: None, reason: COMMITTED },
    Known { file: "copy.slt", place: "copy.slt:378", master: None, reason: COMMITTED },
    Known {
        file: "ordered_aggregate_spill.slt",
        place: "ordered_aggregate_spill.slt:69",
        master: None,
        reason: MEMORY,
    },
];

const COMMITTED: &str = "COPY into a folder that holds files adds to them in DataFusion. Here an output is committed as a \
    whole and never mixes with what is there: the statement fails, and a later one reads what the first COPY left.";

const MEMORY: &str = "The suite lowers datafusion.runtime.memory_limit until the query fails. That limit is of a session in \
    one process; tasks have their executor's memory (executor.memory), and the query ends with its rows.";

/// The exceptions of one file under one master.
pub fn of(file: &str, master: &str) -> impl Iterator<Item = &'static Known> {
    KNOWN.iter().filter(move |known| known.file == file && known.master.is_none_or(|only| only == master))
}
