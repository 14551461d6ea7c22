//! Whether the small memory of a mode made anything spill. Without this, a forced spill that never happens would pass.

use super::Result;
use super::modes::Mode;
use super::queries::Queries;
use arrow::util::pretty::pretty_format_batches;

/// Runs every query of the group; errors unless at least `wanted` of them wrote spill files.
pub fn check(group: &Queries, ddl: &[String], mode: Mode, wanted: usize) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let context = mode.context()?;
        for statement in ddl.iter().chain(&group.setup) {
            context.sql(statement).await?.collect().await?;
        }
        let mut names = Vec::new();
        for query in &group.queries {
            let frame = context.sql(&format!("EXPLAIN ANALYZE {}", query.sql)).await?;
            let text = pretty_format_batches(&frame.collect().await?)?.to_string();
            let mut spills = text.split("spilled=").skip(1);
            if spills.any(|amount| !amount.starts_with("0 B")) {
                names.push(query.name.as_str());
            }
        }
        context.stop().await;
        eprintln!("spilled: {names:?}");
        if names.len() < wanted { Err(format!("only {names:?} spilled").into()) } else { Ok(()) }
    })
}
