//! Which Parquet file's footer cannot be read: planning reads all of them, and DataFusion's error does not tell.

use datafusion::catalog::{Session, default_table_source::source_as_provider};
use datafusion::common::DataFusionError;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::datasource::listing::{ListingTable, ListingTableUrl};
use datafusion::datasource::physical_plan::parquet::metadata::DFParquetMetadata;
use datafusion::logical_expr::{DdlStatement, LogicalPlan};
use dpark_executor::error::query_error;
use futures::TryStreamExt;

/// The error, with the file behind its words if the footer of a file of the plan's tables cannot be read.
pub(crate) async fn named_in(error: DataFusionError, session: &dyn Session, plan: &LogicalPlan) -> DataFusionError {
    let mut urls = vec![];
    let _ = plan.apply_with_subqueries(|node| {
        match node {
            LogicalPlan::TableScan(scan) => {
                if let Ok(provider) = source_as_provider(&scan.source)
                    && let Some(table) = provider.downcast_ref::<ListingTable>()
                {
                    urls.extend(table.table_paths().iter().cloned());
                }
            }
            LogicalPlan::Ddl(DdlStatement::CreateExternalTable(table)) => {
                urls.extend(table.locations.iter().flat_map(ListingTableUrl::parse));
            }
            _ => {}
        }
        Ok(TreeNodeRecursion::Continue)
    });
    named(error, session, &urls).await
}

/// The error, with the file behind its words if the footer of a file below `urls` cannot be read.
pub(crate) async fn named(error: DataFusionError, session: &dyn Session, urls: &[ListingTableUrl]) -> DataFusionError {
    let root = error.find_root();
    if !matches!(root, DataFusionError::ParquetError(_)) {
        return error;
    }
    let words = root.strip_backtrace();
    for url in urls {
        match unreadable(session, url).await {
            // Some errors of the same kind tell it themselves.
            Ok(Some(file)) if !words.contains(file.trim_start_matches('/')) => {
                return query_error(&format!("{words} (in the file {file})"));
            }
            _ => {}
        }
    }
    error
}

/// The first file whose footer cannot be read, or nothing; errors of looking for it do not matter.
async fn unreadable(session: &dyn Session, url: &ListingTableUrl) -> Result<Option<String>, DataFusionError> {
    let store = session.runtime_env().object_store(url)?;
    let mut files = url.list_all_files(session, store.as_ref(), "").await?;
    while let Some(file) = files.try_next().await? {
        let hidden = file.location.filename().is_none_or(|name| name.starts_with(['_', '.']));
        if !hidden && DFParquetMetadata::new(store.as_ref(), &file).fetch_metadata().await.is_err() {
            let url = format!("{}{}", url.object_store(), file.location);
            return Ok(Some(url.strip_prefix("file://").map_or(url.clone(), str::to_owned)));
        }
    }
    Ok(None)
}
