//! Wildcards in URLs of object stores. DataFusion knows them in paths of the file system only.

use datafusion::common::{DataFusionError, Result};
use datafusion::datasource::listing::ListingTableUrl;
use glob::Pattern;
use percent_encoding::percent_decode_str;

/// The same location with what has wildcards in a URL's path taken as a pattern.
pub(crate) fn with_glob(url: ListingTableUrl) -> Result<ListingTableUrl> {
    let Some((base, pattern)) = wildcards(&url) else { return Ok(url) };
    let failed = |error| DataFusionError::External(format!("{url}: {error}").into());
    let pattern = percent_decode_str(&pattern).decode_utf8().map_err(|error| failed(error.to_string()))?;
    let pattern = Pattern::new(&pattern).map_err(|error| failed(error.to_string()))?;
    let mut base_url = url.get_url().clone();
    base_url.set_query(None);
    base_url.set_path(&base);
    ListingTableUrl::try_new(base_url, Some(pattern))
}

/// Whether a URL has wildcards that DataFusion would take for a name.
pub(crate) fn has_wildcards(url: &ListingTableUrl) -> bool {
    wildcards(url).is_some()
}

/// The path in front of the first part with a wildcard, and the rest.
fn wildcards(url: &ListingTableUrl) -> Option<(String, String)> {
    if url.get_glob().is_some() || url.scheme() == "file" {
        return None;
    }
    let parsed = url.get_url();
    // A question mark ends the path of a web address, and is a wildcard elsewhere.
    let path = match parsed.query().filter(|_| !parsed.scheme().starts_with("http")) {
        Some(rest) => format!("{}?{rest}", parsed.path()),
        None => parsed.path().to_owned(),
    };
    let first = path.find(['*', '?', '['])?;
    let base = path.get(..first)?.rfind('/')? + 1;
    Some((path.get(..base)?.to_owned(), path.get(base..)?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(url: &str) -> (String, Option<String>) {
        let url = with_glob(ListingTableUrl::parse(url).unwrap()).unwrap();
        (url.get_url().to_string(), url.get_glob().as_ref().map(|glob| glob.to_string()))
    }

    #[test]
    fn urls_are_split_at_the_first_wildcard() {
        for (url, base, pattern) in [
            ("s3://b/logs/*.parquet", "s3://b/logs/", Some("*.parquet")),
            ("s3://b/year=*/month=?/x.csv", "s3://b/", Some("year=*/month=?/x.csv")),
            ("gs://b/a/part-[0-9].parquet", "gs://b/a/", Some("part-[0-9].parquet")),
            ("s3://b/my dir/my file ü*.csv", "s3://b/my%20dir/", Some("my file ü*.csv")),
            ("s3://b/plain.parquet", "s3://b/plain.parquet", None),
            ("https://h/x.parquet?sign=*", "https://h/x.parquet?sign=*", None),
        ] {
            assert_eq!(split(url), (base.to_owned(), pattern.map(str::to_owned)), "{url}");
        }
    }
}
