//! One task: run partition `p` of a fragment and write its rows into the store, bucket by bucket.

use crate::damaged_file;
use crate::error::{store_error, task_error};
use crate::scatter::Scatter;
use crate::shared::Increment;
use datafusion::common::Result;
use datafusion::execution::TaskContext;
use datafusion::physical_plan::metrics::MetricValue;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use dpark_lineage::{MapOutput, TaskError, TaskId, UserErrorKind};
use dpark_plan::dataset::ClosureExec;
use dpark_plan::dataset::exchange::without_last;
use dpark_plan::runtime_filter::{KeyCollector, KeySummary};
use dpark_plan::{Output, StageSinkExec};
use dpark_shuffle::BlockStore;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a task did, for reports.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskMetrics {
    /// From launch to the finished output.
    pub elapsed: Duration,
    /// Bytes read from files by the fragment's scans.
    pub bytes_scanned: u64,
    /// Bytes that operators spilled, besides those of the output.
    pub operator_spilled_bytes: u64,
}

/// A finished task.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskSuccess {
    /// Sizes of the output.
    pub output: MapOutput,
    /// Key summaries for runtime filters, in the order in which the stage lists them.
    pub summaries: Vec<KeySummary>,
    /// What it did.
    pub metrics: TaskMetrics,
    /// What it added to accumulators.
    pub increments: Vec<Increment>,
}

/// How a task ended.
pub type TaskReport = Result<TaskSuccess, TaskError>;

/// Runs one task of a stage to its end. The output is complete in the store when this returns `Ok`.
pub async fn run(
    stage: &StageSinkExec,
    task: TaskId,
    store: &Arc<BlockStore>,
    context: Arc<TaskContext>,
) -> TaskReport {
    let started = Instant::now();
    let mut done = write_output(stage, task, store, context).await.map_err(|error| {
        let mut failed = task_error(&error);
        if let TaskError::User { message, .. } | TaskError::Io(message) = &mut failed {
            message.push_str(&damaged_file::place(&error, &stage.input));
        }
        match failed {
            // An insert that failed half-way must not simply run again.
            failed if stage.side_effects && failed.is_retryable() => {
                TaskError::User { kind: UserErrorKind::Execution, message: failed.to_string() }
            }
            failed => failed,
        }
    })?;
    done.metrics = scan_metrics(&stage.input, task.partition as usize);
    done.metrics.elapsed = started.elapsed();
    Ok(done)
}

async fn write_output(
    stage: &StageSinkExec,
    task: TaskId,
    store: &Arc<BlockStore>,
    context: Arc<TaskContext>,
) -> Result<TaskSuccess> {
    let schema = stage.input.schema();
    let partition = task.partition as usize;
    let collectors = stage.summaries.iter().map(|summary| KeyCollector::new(summary.keys.clone(), &schema));
    let mut collectors = collectors.collect::<Result<Vec<_>>>()?;
    let mut scatter = Scatter::new(&stage.output, partition, stage.input.output_partitioning().partition_count())?;
    let written = match stage.output {
        Output::Bucket(_) => without_last(&schema),
        _ => Arc::clone(&schema),
    };
    let mut writer = store.writer(task, written, stage.output.buckets()).keeping(stage.keep);
    let mut rows = stage.input.execute(partition, context)?;
    while let Some(batch) = rows.next().await {
        let batch = batch?;
        if batch.num_rows() == 0 {
            continue;
        }
        for collector in &mut collectors {
            collector.push(&batch)?;
        }
        scatter.write(batch, &mut writer)?;
    }
    let output = writer.finish().map_err(store_error)?;
    let summaries = collectors.into_iter().map(KeyCollector::finish).collect::<Result<_>>()?;
    Ok(TaskSuccess { output, summaries, metrics: TaskMetrics::default(), increments: vec![] })
}

/// Sums the counters of one partition over a fragment.
fn scan_metrics(plan: &Arc<dyn ExecutionPlan>, partition: usize) -> TaskMetrics {
    let mut sum = TaskMetrics::default();
    for metric in plan.metrics().iter().flat_map(|metrics| metrics.iter()) {
        if metric.partition() != Some(partition) {
            continue;
        }
        match metric.value() {
            MetricValue::Count { name, count } if name == "bytes_scanned" => sum.bytes_scanned += count.value() as u64,
            MetricValue::SpilledBytes(count) => sum.operator_spilled_bytes += count.value() as u64,
            _ => {}
        }
    }
    for (child, partitions) in read_by(plan, partition) {
        for below in partitions.map(|partition| scan_metrics(child, partition)) {
            sum.bytes_scanned += below.bytes_scanned;
            sum.operator_spilled_bytes += below.operator_spilled_bytes;
        }
    }
    sum
}

/// Which partitions of its children a partition of an operator reads.
fn read_by(plan: &Arc<dyn ExecutionPlan>, partition: usize) -> Vec<(&Arc<dyn ExecutionPlan>, Range<usize>)> {
    let children = plan.children();
    if let Some(closure) = plan.downcast_ref::<ClosureExec>() {
        return children.into_iter().zip(closure.reads(partition)).collect();
    }
    if plan.is::<UnionExec>() {
        let mut left = partition;
        for child in children {
            let partitions = child.output_partitioning().partition_count();
            match left.checked_sub(partitions) {
                Some(rest) => left = rest,
                None => return vec![(child, left..left + 1)],
            }
        }
        return vec![];
    }
    children.into_iter().map(|child| (child, partition..partition + 1)).collect()
}
