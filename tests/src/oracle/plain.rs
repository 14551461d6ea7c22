//! The oracle itself: DataFusion alone, in one process, with one partition, its defaults and all the memory.

use super::Result;
use super::rows::Answer;
use crate::suite::order;
use datafusion::dataframe::DataFrame;
use datafusion::physical_plan::collect;
use datafusion::prelude::{SessionConfig, SessionContext};
use std::path::Path;
use std::sync::Arc;

/// A fresh session.
pub fn session() -> SessionContext {
    SessionContext::new_with_config(SessionConfig::new().with_target_partitions(1)).enable_url_table()
}

/// The DDL for tables that lie below `data` as directories of Parquet files.
pub fn tables(data: &Path, names: &[&str]) -> Vec<String> {
    let ddl = |name: &&str| {
        let place = data.join(name);
        format!("CREATE EXTERNAL TABLE {name} STORED AS PARQUET LOCATION '{}/'", place.display())
    };
    names.iter().map(ddl).collect()
}

/// Runs a query to its end.
pub async fn answer(frame: DataFrame) -> Result<Answer> {
    let order = order::keys(frame.logical_plan());
    let task_context = Arc::new(frame.task_ctx());
    // The physical plan's schema: the logical one does not know yet what type coercion will do.
    let plan = frame.create_physical_plan().await?;
    let columns =
        plan.schema().fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect();
    Answer::read(columns, &collect(plan, task_context).await?, order)
}
