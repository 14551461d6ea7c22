//! Which files a path means: one file, all files below a folder, or all that a pattern matches.

use crate::error::FormatError;
use crate::split::FileEntry;
use futures::TryStreamExt;
use glob::{MatchOptions, Pattern};
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use std::sync::Arc;

/// Which of the files below a folder are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListOptions {
    /// Only names that end in this, such as `.txt`.
    pub extension: Option<String>,
    /// Only files that lie at most so many levels below the folder: `Some(1)` does not go into its folders.
    pub max_depth: Option<usize>,
}

const MATCH: MatchOptions =
    MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: false };

/// The files of all paths, in the order of the paths.
pub async fn list_all(
    store: &Arc<dyn ObjectStore>,
    paths: &[impl AsRef<str>],
    options: &ListOptions,
) -> Result<Vec<FileEntry>, FormatError> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(list_files(store, path.as_ref(), options).await?);
    }
    Ok(files)
}

/// The files that a path in a store means, sorted by name.
///
/// A path that names a file is that file, whatever it is called. Otherwise it is a folder or, with any of `*?[`, a
/// pattern: matched files, and those below matched folders. Hidden files and folders (`.name`, `_name`) are left out
/// unless the path itself names them. Nothing that matches is an empty list only if the folder has other files.
pub async fn list_files(
    store: &Arc<dyn ObjectStore>,
    path: &str,
    options: &ListOptions,
) -> Result<Vec<FileEntry>, FormatError> {
    let trimmed = path.trim_matches('/');
    if trimmed.contains(['*', '?', '[']) {
        return list_pattern(store, path, trimmed, options).await;
    }
    let folder = parse(path, trimmed)?;
    if !trimmed.is_empty() && !path.ends_with('/') {
        match store.head(&folder).await {
            Ok(meta) => return Ok(vec![entry(meta)]),
            Err(object_store::Error::NotFound { .. }) => {}
            Err(source) => return Err(FormatError::Store { action: "looking up", path: path.into(), source }),
        }
    }
    let found = walk(store, path, &folder, options.max_depth == Some(1)).await?;
    if found.is_empty() {
        return Err(FormatError::NotFound { path: path.into() });
    }
    let depth = segments(&folder);
    Ok(select(found, |name| wanted(&name[depth.min(name.len())..], options)))
}

async fn list_pattern(
    store: &Arc<dyn ObjectStore>,
    path: &str,
    trimmed: &str,
    options: &ListOptions,
) -> Result<Vec<FileEntry>, FormatError> {
    let pattern = Pattern::new(trimmed)
        .map_err(|e| FormatError::BadPath { path: path.into(), detail: format!("as a pattern: {e}") })?;
    let parts: Vec<&str> = trimmed.split('/').collect();
    let fixed = parts.iter().take_while(|part| !part.contains(['*', '?', '['])).count();
    let folder = parse(path, &parts[..fixed].join("/"))?;
    let found = walk(store, path, &folder, false).await?;
    let files = select(found, |name| {
        // The shortest folder that matches, or the file itself.
        let matched = (fixed + 1..=name.len()).find(|&n| pattern.matches_with(&name[..n].join("/"), MATCH));
        matched.is_some_and(|n| {
            let visible = name[fixed..n].iter().all(|part| !hidden(part) || spelled_out(part, &parts[fixed..]));
            visible && if n == name.len() { suffix(name, options) } else { wanted(&name[n..], options) }
        })
    });
    if files.is_empty() { Err(FormatError::NotFound { path: path.into() }) } else { Ok(files) }
}

async fn walk(
    store: &Arc<dyn ObjectStore>,
    path: &str,
    folder: &Path,
    flat: bool,
) -> Result<Vec<ObjectMeta>, FormatError> {
    let prefix = (!folder.as_ref().is_empty()).then_some(folder);
    let found = if flat {
        // A folder that only has folders is there, too; one of its files' metas stands for it and is not selected.
        let level = store.list_with_delimiter(prefix).await;
        match level {
            Ok(level) if level.objects.is_empty() => store.list(prefix).try_collect().await,
            other => other.map(|level| level.objects),
        }
    } else {
        store.list(prefix).try_collect().await
    };
    match found {
        Err(object_store::Error::NotFound { .. }) => Ok(Vec::new()),
        other => other.map_err(|source| FormatError::Store { action: "listing", path: path.into(), source }),
    }
}

fn select(found: Vec<ObjectMeta>, keep: impl Fn(&[&str]) -> bool) -> Vec<FileEntry> {
    let mut files: Vec<FileEntry> = found
        .into_iter()
        .filter(|meta| keep(&meta.location.as_ref().split('/').collect::<Vec<_>>()))
        .map(entry)
        .collect();
    files.sort_by(|a, b| a.location.cmp(&b.location));
    files
}

/// Whether a file below a folder is wanted, by the parts of its name from there on.
fn wanted(below: &[&str], options: &ListOptions) -> bool {
    !below.iter().any(|part| hidden(part))
        && options.max_depth.is_none_or(|depth| below.len() <= depth)
        && suffix(below, options)
}

fn suffix(name: &[&str], options: &ListOptions) -> bool {
    options.extension.as_ref().is_none_or(|suffix| name.last().is_some_and(|file| file.ends_with(suffix.as_str())))
}

fn hidden(part: &str) -> bool {
    part.starts_with(['.', '_'])
}

/// Whether some part of a pattern starts like this hidden name.
fn spelled_out(part: &str, pattern: &[&str]) -> bool {
    pattern.iter().any(|p| hidden(p) && p.chars().next() == part.chars().next())
}

fn segments(path: &Path) -> usize {
    path.parts().count()
}

fn parse(path: &str, trimmed: &str) -> Result<Path, FormatError> {
    Path::parse(trimmed).map_err(|e| FormatError::BadPath { path: path.into(), detail: e.to_string() })
}

fn entry(meta: ObjectMeta) -> FileEntry {
    FileEntry { location: meta.location, size: meta.size }
}
