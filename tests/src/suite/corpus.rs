//! Where the suite lies, its files, their groups and records.
//!
//! The files are read from the source folder of the crate `datafusion-sqllogictest`, found through `cargo metadata`;
//! nothing is copied. Statements name files relative to that folder, and write below `test_files/scratch`, so the
//! process works in a folder of its own that has the crate's small `data` folder linked in.

use super::Result;
use datafusion_sqllogictest::DFColumnType;
use sqllogictest::Record;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One `.slt` file of the suite.
#[derive(Debug, Clone)]
pub struct SuiteFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its name within the suite, as `spark/math/abs.slt`.
    pub name: String,
}

/// The suite's files by group.
pub type Groups = BTreeMap<String, Vec<SuiteFile>>;

/// The source folder of `datafusion-sqllogictest`, as cargo resolved it for this workspace.
pub fn crate_dir() -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--locked", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()?;
    if !output.status.success() {
        return Err(format!("cargo metadata: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata lists no packages")?;
    let manifest = packages
        .iter()
        .find(|package| package["name"] == "datafusion-sqllogictest")
        .and_then(|package| package["manifest_path"].as_str())
        .ok_or("cargo metadata does not know datafusion-sqllogictest")?;
    Ok(Path::new(manifest).parent().ok_or("a manifest lies in a folder")?.to_owned())
}

/// Every `.slt` file of the suite in its group.
pub fn groups(crate_dir: &Path) -> Result<Groups> {
    let root = crate_dir.join("test_files");
    let mut names: Vec<String> = Vec::new();
    for path in datafusion_sqllogictest::read_dir_recursive(&root)? {
        if path.extension().is_some_and(|extension| extension == "slt") {
            names.push(path.strip_prefix(&root)?.to_string_lossy().into_owned());
        }
    }
    names.sort();
    let mut words: BTreeMap<&str, usize> = BTreeMap::new();
    for name in names.iter().filter(|name| !name.contains('/')) {
        *words.entry(word(name)).or_default() += 1;
    }
    let mut groups = Groups::new();
    for name in &names {
        let file = SuiteFile { path: root.join(name), name: name.clone() };
        groups.entry(group(name, &words)).or_default().push(file);
    }
    Ok(groups)
}

/// A file's folder; in the top folder the first word that it shares with others, else its first letter.
fn group(name: &str, words: &BTreeMap<&str, usize>) -> String {
    match name.rsplit_once('/') {
        Some((folder, _)) => folder.replace('/', "_"),
        None if words.get(word(name)).is_some_and(|&files| files > 1) => word(name).to_owned(),
        None => name.chars().take(1).collect(),
    }
}

/// The first word of a file's name, without the plural's s.
fn word(name: &str) -> &str {
    let stem = name.strip_suffix(".slt").unwrap_or(name);
    let word = stem.split('_').next().unwrap_or(stem);
    word.strip_suffix('s').unwrap_or(word)
}

impl SuiteFile {
    /// The records, included files in place.
    pub fn records(&self) -> Result<Vec<Record<DFColumnType>>> {
        Ok(sqllogictest::parse_file(&self.path)?)
    }

    /// The file's name without folder and ending; scratch folders are named so.
    pub fn stem(&self) -> String {
        Path::new(&self.name).file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Makes the folder that the process works in and enters it. It lies two folders deep, so that `../..` in a record
/// stays inside.
pub fn enter_work_dir(tmp: &Path, crate_dir: &Path) -> Result<()> {
    let home = tmp.join(format!("datafusion_suite-{}", std::process::id())).join("datafusion").join("sqllogictest");
    std::fs::create_dir_all(home.join("test_files").join("scratch"))?;
    std::os::unix::fs::symlink(crate_dir.join("data"), home.join("data"))?;
    std::env::set_current_dir(&home)?;
    Ok(())
}

/// Removes what [`enter_work_dir`] made.
pub fn remove_work_dir(tmp: &Path) -> Result<()> {
    std::env::set_current_dir(tmp)?;
    Ok(std::fs::remove_dir_all(tmp.join(format!("datafusion_suite-{}", std::process::id())))?)
}
