//! `docs/config.md` is generated from the one table of options and must not be stale.
//!
//! After a change of the table: `DPARK_WRITE_DOCS=1 cargo test --release -p dpark-tests --test config_doc`.

#![allow(clippy::unwrap_used, reason = "a test")]

use std::fmt::Write;
use std::path::Path;

fn page() -> String {
    let mut text = String::from(
        "# Options\n\nGenerated from the table in `crates/dpark/src/conf.rs`; a test fails when this page is stale.\n\n\
         Options are given to the shell (`--conf key=value`), to the library (`.conf(key, value)`) or in a configuration\n\
         file (`~/.config/dpark/dpark.toml`, or the file named by `DPARK_CONF`):\n\n\
         ```toml\nmaster = \"process[4]\"\n\n[conf]\n\"shuffle.partitions\" = 8\n```\n\n\
         The master is taken from the builder or `-m`, then from `DPARK_MASTER`, then from the file, and is `local[*]` at last.\n\
         Keys that begin with `datafusion.` go to DataFusion's own configuration.\n\n\
         | key | default | what it does |\n|---|---|---|\n",
    );
    for option in dpark::OPTIONS {
        writeln!(text, "| `{}` | {} | {} |", option.key, option.default, option.description).unwrap();
    }
    text
}

#[test]
fn the_page_of_options_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/config.md");
    if std::env::var_os("DPARK_WRITE_DOCS").is_some() {
        std::fs::write(&path, page()).unwrap();
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(found, page(), "docs/config.md is stale; see the top of this test for how to write it anew");
}
