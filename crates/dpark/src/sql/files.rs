//! A path as a table: which files it names, what format they are in, how they are partitioned.

use crate::damaged_footer;
use crate::globs::with_glob;
use datafusion::catalog::TableProvider;
use datafusion::common::plan_err;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::error::Result;
use datafusion::execution::cache::TableScopedPath;
use datafusion::execution::context::SessionState;
use futures::TryStreamExt;
use object_store::{ObjectMeta, ObjectStore, ObjectStoreExt};
use std::collections::HashMap;
use std::sync::Arc;

/// How many files are looked at to learn the format.
const LOOKED_AT: usize = 1000;

/// Whether a name in `FROM` means a file: it has a slash or a wildcard, or ends like a data file.
pub(super) fn looks_like_path(name: &str) -> bool {
    name.contains(['/', '*', '?']) || name.contains("://") || Format::of(name).is_some()
}

/// Opens a file, a directory or a glob, local or in an object store.
pub(super) async fn open(state: &SessionState, name: &str) -> Result<Arc<dyn TableProvider>> {
    let url = with_glob(ListingTableUrl::parse(at_home(name))?)?;
    let store = state.runtime_env().object_store(&url)?;
    forget_listing(state, &url);
    let found = first_data_file(state, store.as_ref(), &url).await?;
    let (url, deep_files) = match found {
        Some(_) => (url, Vec::new()),
        None => (url.clone(), deep_glob(store.as_ref(), &url).await?),
    };
    let Some(first) = found.or_else(|| deep_files.first().map(|(meta, _)| meta.clone())) else {
        return plan_err!("No data file matches '{name}' (known are {})", Format::EXTENSIONS.join(", "));
    };
    let Some(format) = Format::of(first.location.as_ref()) else {
        return plan_err!("'{}' is in no known format", first.location);
    };
    let options =
        ListingOptions::new(format.reader(state, store.as_ref(), &first).await?).with_file_extension(format.suffix());
    let urls = if deep_files.is_empty() { vec![url] } else { deep_files.into_iter().map(|(_, url)| url).collect() };
    let config = ListingTableConfig::new_with_multi_paths(urls.clone())
        .with_listing_options(options)
        .infer_partitions_from_path(state)
        .await?;
    let config = match config.infer_schema(state).await {
        Ok(config) => config,
        Err(error) => return Err(damaged_footer::named(error, state, &urls).await),
    };
    let cache = state.runtime_env().cache_manager.get_file_statistic_cache();
    Ok(Arc::new(ListingTable::try_new(config)?.with_cache(cache)))
}

/// A path means what is there now: a statement before may have written files, so a remembered listing is dropped.
fn forget_listing(state: &SessionState, url: &ListingTableUrl) {
    if let Some(listings) = state.runtime_env().cache_manager.get_list_files_cache() {
        listings.remove(&TableScopedPath { table: None, path: url.prefix().clone() });
    }
}

fn at_home(name: &str) -> String {
    match (name.strip_prefix("~/"), std::env::var("HOME")) {
        (Some(rest), Ok(home)) => format!("{home}/{rest}"),
        _ => name.to_string(),
    }
}

/// The first file under a path that a reader knows, by name; hidden files and markers such as `_SUCCESS` are no data.
async fn first_data_file(
    state: &SessionState,
    store: &dyn ObjectStore,
    url: &ListingTableUrl,
) -> Result<Option<ObjectMeta>> {
    let mut files = url.list_all_files(state, store, "").await?;
    let mut first: Option<ObjectMeta> = None;
    let mut seen = 0;
    while let Some(file) = files.try_next().await? {
        let name = file.location.filename().unwrap_or("");
        let Some(format) = Format::of(name).filter(|_| !name.starts_with(['_', '.'])) else { continue };
        if file.size == 0 && matches!(format.name, "parquet" | "arrow" | "avro") {
            return plan_err!("'{}' is empty: it is no {} file", file.location, format.name);
        }
        // A glob names each file by itself; what could not be read with the others must not be left out.
        if url.get_glob().is_some()
            && let Some(other) = first
                .as_ref()
                .filter(|other| Format::of(other.location.as_ref()).is_some_and(|f| f.suffix != format.suffix))
        {
            return plan_err!(
                "'{}' and '{}' are of different kinds: one table is made of files with one extension",
                other.location,
                file.location
            );
        }
        seen += 1;
        if first.as_ref().is_none_or(|first| file.location < first.location) {
            first = Some(file);
        }
        if seen >= LOOKED_AT {
            break;
        }
    }
    Ok(first)
}

/// The files of a glob with a slash in it (`data/*/part-*.parquet`), which a listing table matches one level deep only.
async fn deep_glob(store: &dyn ObjectStore, url: &ListingTableUrl) -> Result<Vec<(ObjectMeta, ListingTableUrl)>> {
    let Some(glob) = url.get_glob().as_ref().filter(|glob| glob.as_str().contains('/')) else { return Ok(Vec::new()) };
    let base = &url.get_url()[..url::Position::BeforePath];
    let mut files: Vec<ObjectMeta> = store.list(Some(url.prefix())).try_collect().await?;
    files.sort_by(|a, b| a.location.cmp(&b.location));
    let mut found = Vec::new();
    for file in files {
        let relative = url.strip_prefix(&file.location).map(|parts| parts.collect::<Vec<_>>().join("/"));
        if relative.is_some_and(|path| glob.matches(&path)) && Format::of(file.location.as_ref()).is_some() {
            let url = ListingTableUrl::parse(format!("{base}/{}", file.location))?;
            found.push((file, url));
        }
    }
    Ok(found)
}

/// What a file name's end says of its content.
struct Format {
    /// The name DataFusion registers the format under.
    name: &'static str,
    /// Extension as written, with the compression.
    suffix: String,
    compression: Option<String>,
}

impl Format {
    const EXTENSIONS: [&str; 9] =
        ["parquet", "csv", "tsv", "json", "jsonl", "ndjson", "arrow", "avro", "also .gz .bz2 .xz .zst"];

    fn of(path: &str) -> Option<Format> {
        let file = path.rsplit('/').next().unwrap_or(path);
        let mut parts = file.rsplit('.');
        let last = parts.next()?;
        let compressed = matches!(last.to_ascii_lowercase().as_str(), "gz" | "bz2" | "xz" | "zst");
        let (extension, compression) = if compressed { (parts.next()?, Some(last)) } else { (last, None) };
        parts.next().filter(|stem| !stem.is_empty())?;
        let name = match extension.to_ascii_lowercase().as_str() {
            "parquet" | "parq" | "pq" => "parquet",
            "csv" | "tsv" => "csv",
            "json" | "jsonl" | "ndjson" => "json",
            "arrow" | "ipc" | "feather" => "arrow",
            "avro" => "avro",
            _ => return None,
        };
        let suffix = compression.map_or_else(|| extension.to_string(), |c| format!("{extension}.{c}"));
        Some(Format { name, suffix, compression: compression.map(str::to_ascii_lowercase) })
    }

    fn suffix(&self) -> String {
        format!(".{}", self.suffix)
    }

    async fn reader(
        &self,
        state: &SessionState,
        store: &dyn ObjectStore,
        first: &ObjectMeta,
    ) -> Result<Arc<dyn datafusion::datasource::file_format::FileFormat>> {
        let mut options = HashMap::new();
        if let Some(compression) = &self.compression {
            options.insert("format.compression".to_string(), compression.clone());
        }
        if self.suffix.to_ascii_lowercase().starts_with("tsv") {
            options.insert("format.delimiter".to_string(), "\t".to_string());
        }
        if self.name == "json" && self.compression.is_none() && is_json_array(store, first).await? {
            options.insert("format.newline_delimited".to_string(), "false".to_string());
        }
        match state.get_file_format_factory(self.name) {
            Some(factory) => factory.create(state, &options),
            None => plan_err!("This build cannot read {} files", self.name),
        }
    }
}

/// Whether a JSON file holds one array instead of an object a line.
async fn is_json_array(store: &dyn ObjectStore, file: &ObjectMeta) -> Result<bool> {
    if file.size == 0 {
        return Ok(false);
    }
    let start = store.get_range(&file.location, 0..file.size.min(256)).await?;
    Ok(start.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'['))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_path() {
        for path in ["a.parquet", "dir/", "dir/x", "*.csv", "x.csv.gz", "s3://b/k", "~/x.jsonl"] {
            assert!(looks_like_path(path), "{path}");
        }
        for name in ["flights", "my.table", "csv", ".csv", "x.txt", "parquet"] {
            assert!(!looks_like_path(name), "{name}");
        }
    }

    #[test]
    fn extensions() {
        let format = Format::of("a/b.c/data.CSV.gz").unwrap();
        assert_eq!((format.name, format.suffix().as_str()), ("csv", ".CSV.gz"));
        assert_eq!(Format::of("a/x.pq").unwrap().name, "parquet");
        assert!(Format::of("a.gz").is_none());
    }
}
