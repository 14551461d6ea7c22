//! The query texts, which `tests/tpcds/queries.py` fetches: they belong to the TPC and are not in this repository.

use crate::suite::Result;
use std::path::{Path, PathBuf};

/// How many there are.
pub const COUNT: usize = 99;

/// A query that DataFusion itself cannot run; every master must fail with the same message.
#[derive(Debug)]
pub struct Unsupported {
    /// Its number.
    pub query: usize,
    /// What DataFusion's message contains.
    pub message: &'static str,
}

/// All of them.
pub const UNSUPPORTED: &[Unsupported] = &[];

/// The texts, the first at index 0.
pub fn load(tmp: &Path) -> Result<Vec<String>> {
    let folder = match std::env::var_os("DPARK_TPCDS_QUERIES") {
        Some(folder) => PathBuf::from(folder),
        // Cargo gives tests `target/tmp`.
        None => tmp.parent().unwrap_or(tmp).join("tpcds-queries"),
    };
    let read = |number: usize| {
        let path = folder.join(format!("q{number:02}.sql"));
        std::fs::read_to_string(&path).map_err(|error| {
            let path = path.display();
            format!("{path}: {error}. Fetch the query texts first: python3 tests/tpcds/queries.py").into()
        })
    };
    (1..=COUNT).map(read).collect()
}
