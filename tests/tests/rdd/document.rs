//! `docs/semantics.md` and the trials agree.

use super::fixture::{Done, Trials};
use std::path::Path;

pub(crate) fn add(trials: &mut Trials) {
    let mut names = trials.names.clone();
    names.insert("semantics_document::names_exist");
    trials.plain("semantics_document::names_exist", move || -> Done {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/semantics.md");
        let page = std::fs::read_to_string(path)?;
        // A line of a table: what is asked, the answer, the trial in backticks.
        let lines = page.lines().filter(|line| line.starts_with("| ") && line.contains("::"));
        let named: Vec<&str> = lines.filter_map(|line| line.trim_end_matches([' ', '|']).rsplit('`').nth(1)).collect();
        assert!(named.len() > 50, "only {} lines of the page name a trial: is it read as it should be?", named.len());
        let missing: Vec<_> = named.into_iter().filter(|name| !names.contains(name)).collect();
        assert!(missing.is_empty(), "docs/semantics.md names trials that do not exist: {missing:?}");
        let unproved = page.lines().filter(|line| line.starts_with("| ") && !line.contains("::") && line.contains('?'));
        assert_eq!(unproved.collect::<Vec<_>>(), Vec::<&str>::new(), "lines without a trial");
        Ok(())
    });
}
