//! Tasks that were cancelled end, also in the middle of a long step.
//!
//! Cancelling a task takes effect when it gives way (see `yielding`). A join that rejects almost all
//! pairs by its filter makes no batch, and does not give way, for as long as it takes to compare one batch of its input
//! with all rows of the other side. So the filter itself looks whether the task it runs in is still wanted.

use arrow::datatypes::{DataType, FieldRef, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::{Transformed, TreeNode};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::joins::utils::JoinFilter;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, NestedLoopJoinExecBuilder};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

tokio::task_local! {
    /// Whether the task that is being polled shall end.
    static CANCELLED: Arc<AtomicBool>;
}

/// Runs a task whose join filters fail once `cancelled` is set.
pub async fn interruptible<F: Future>(cancelled: Arc<AtomicBool>, task: F) -> F::Output {
    CANCELLED.scope(cancelled, task).await
}

/// The same plan with join filters that look whether their task was cancelled. Only for execution: such a plan cannot be
/// encoded.
pub fn with_interrupts(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let changed = plan.transform_up(|node| {
        if let Some(join) = node.downcast_ref::<NestedLoopJoinExec>()
            && let Some(filter) = join.filter()
        {
            let builder = NestedLoopJoinExecBuilder::from(join).with_filter(Some(looking(filter)));
            return Ok(Transformed::yes(Arc::new(builder.build()?) as _));
        }
        if let Some(join) = node.downcast_ref::<HashJoinExec>()
            && let Some(filter) = join.filter()
        {
            return Ok(Transformed::yes(join.builder().with_filter(Some(looking(filter))).build_exec()?));
        }
        Ok(Transformed::no(node))
    })?;
    Ok(changed.data)
}

fn looking(filter: &JoinFilter) -> JoinFilter {
    let expression = Arc::new(WhileWanted { inner: Arc::clone(filter.expression()) });
    JoinFilter::new(expression, filter.column_indices().to_vec(), Arc::clone(filter.schema()))
}

/// An expression that fails when its task was cancelled.
#[derive(Debug, Eq)]
struct WhileWanted {
    inner: Arc<dyn PhysicalExpr>,
}

impl PartialEq for WhileWanted {
    fn eq(&self, other: &Self) -> bool {
        self.inner.eq(&other.inner)
    }
}

impl Hash for WhileWanted {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.inner.hash(state);
    }
}

impl fmt::Display for WhileWanted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}

impl PhysicalExpr for WhileWanted {
    fn data_type(&self, schema: &Schema) -> Result<DataType> {
        self.inner.data_type(schema)
    }
    fn nullable(&self, schema: &Schema) -> Result<bool> {
        self.inner.nullable(schema)
    }
    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if CANCELLED.try_with(|cancelled| cancelled.load(Ordering::Relaxed)).unwrap_or(false) {
            return exec_err!("the task was cancelled");
        }
        self.inner.evaluate(batch)
    }
    fn return_field(&self, schema: &Schema) -> Result<FieldRef> {
        self.inner.return_field(schema)
    }
    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        vec![&self.inner]
    }
    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        match children.pop() {
            Some(inner) if children.is_empty() => Ok(Arc::new(Self { inner })),
            _ => internal_err!("WhileWanted takes one child"),
        }
    }
    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt_sql(f)
    }
}
