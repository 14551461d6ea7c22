//! Parquet scans that look at a runtime filter's columns first and decode the others only for the rows it lets through.
//!
//! Such a filter often leaves one row in a thousand, and then this is most of the scan's time. Everything else in the
//! scan's predicate is looked at in the same way; a filter operator above it, if there is one, finds only rows that pass.

use super::visit_expr;
use datafusion::common::Result;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::physical_plan::ExecutionPlan;
use std::collections::HashSet;
use std::sync::Arc;

/// The fragment, with this done for the scans that have the filter `id`.
pub(super) fn decode_late(plan: Arc<dyn ExecutionPlan>, id: u64) -> Result<Arc<dyn ExecutionPlan>> {
    plan.transform_up(|node| {
        Ok(match late(&node, id)? {
            Some(scan) => Transformed::yes(scan),
            None => Transformed::no(node),
        })
    })
    .data()
}

fn late(node: &Arc<dyn ExecutionPlan>, id: u64) -> Result<Option<Arc<dyn ExecutionPlan>>> {
    let Some(config) =
        node.downcast_ref::<DataSourceExec>().and_then(|scan| scan.data_source().downcast_ref::<FileScanConfig>())
    else {
        return Ok(None);
    };
    let Some(parquet) = config.file_source().downcast_ref::<ParquetSource>() else { return Ok(None) };
    let mut ids = HashSet::new();
    node.apply_expressions(&mut |expr| {
        visit_expr(expr, &mut ids);
        Ok(TreeNodeRecursion::Continue)
    })?;
    if !ids.contains(&id) {
        return Ok(None);
    }
    let source = Arc::new(parquet.clone().with_pushdown_filters(true));
    let config = FileScanConfigBuilder::from(config.clone()).with_source(source).build();
    Ok(Some(DataSourceExec::from_data_source(config)))
}
