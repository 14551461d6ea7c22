//! DataFusion's `RepartitionExec` over the same rows: what moving rows costs inside one process.

use super::clock::thread_time;
use super::{Figure, Input};
use crate::Result;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::prelude::SessionContext;
use futures::TryStreamExt;
use futures::future::try_join_all;
use std::sync::Arc;

/// From one input partition to all output partitions, everything on one thread.
pub(super) fn measure(input: &Input) -> Result<Figure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let batches: Vec<_> = (0..input.passes).flat_map(|_| input.batches.iter().cloned()).collect();
    let schema = input.batches.first().ok_or("no rows")?.schema();
    let source = MemorySourceConfig::try_new_exec(&[batches], schema, None)?;
    let exchange = RepartitionExec::try_new(source, input.partitioning())?;
    let context = SessionContext::new().task_ctx();
    let begin = thread_time()?;
    let rows: usize = runtime.block_on(async {
        let outputs = (0..input.buckets).map(|bucket| {
            let stream = exchange.execute(bucket, Arc::clone(&context));
            async move { stream?.try_fold(0, |sum, batch| async move { Ok(sum + batch.num_rows()) }).await }
        });
        try_join_all(outputs).await.map(|rows| rows.into_iter().sum())
    })?;
    let seconds = thread_time()? - begin;
    if rows != input.rows * input.passes {
        return Err(format!("RepartitionExec gave {rows} rows").into());
    }
    Ok(input.rate("RepartitionExec, write and read", seconds))
}
