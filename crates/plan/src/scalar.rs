//! [`ScalarInputExec`]: brings the values of uncorrelated scalar subqueries into a fragment.
//!
//! In one process DataFusion evaluates such subqueries once and keeps the values in a container that the expressions
//! of the plan share. Cut into stages, each subquery is a stage of its own with one row or none, and every fragment
//! whose expressions use a value is wrapped: the wrapper reads the subqueries' outputs and fills the container before
//! the fragment starts.

use arrow::datatypes::Schema;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, ScalarValue, exec_err, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::{ScalarSubqueryResults, SubqueryIndex};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::scalar_subquery::ScalarSubqueryExpr;
use datafusion::physical_plan::scalar_subquery::{ScalarSubqueryExec, ScalarSubqueryLink};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, TryStreamExt};
use std::any::Any;
use std::fmt;
use std::sync::Arc;
use tokio::sync::OnceCell;

/// The scalar subqueries of one query level: leaves that read their values, and the container to fill.
#[derive(Debug)]
pub struct ScalarScope {
    /// A single-partition, single-column plan for each subquery, with its place in the container.
    pub links: Vec<(Arc<dyn ExecutionPlan>, SubqueryIndex)>,
    /// Shared with the expressions of the level.
    pub results: ScalarSubqueryResults,
}

/// Fills the container of a scope, then runs its input; see the module.
#[derive(Debug)]
pub struct ScalarInputExec {
    input: Arc<dyn ExecutionPlan>,
    scope: Arc<ScalarScope>,
    filled: Arc<OnceCell<()>>,
}

impl ScalarInputExec {
    /// Wraps `fragment` if one of its expressions uses a value of the scope.
    pub fn wrap_if_used(fragment: Arc<dyn ExecutionPlan>, scope: &Option<Arc<ScalarScope>>) -> Arc<dyn ExecutionPlan> {
        match scope {
            Some(scope) if uses_scope(&fragment, scope) => {
                Arc::new(Self { input: fragment, scope: Arc::clone(scope), filled: Arc::default() })
            }
            _ => fragment,
        }
    }

    /// DataFusion's own operator for the same job; it can be encoded and is right within one process.
    pub fn to_datafusion(&self) -> Arc<dyn ExecutionPlan> {
        let links = self.scope.links.iter();
        let links = links.map(|(plan, index)| ScalarSubqueryLink { plan: Arc::clone(plan), index: *index }).collect();
        Arc::new(ScalarSubqueryExec::new(Arc::clone(&self.input), links, self.scope.results.clone()))
    }
}

fn uses_scope(plan: &Arc<dyn ExecutionPlan>, scope: &ScalarScope) -> bool {
    if plan.downcast_ref::<ScalarInputExec>().is_some() {
        return false;
    }
    let mut found = false;
    let _ = plan.apply_expressions(&mut |expr| {
        found |= expr_uses(expr, scope);
        Ok(TreeNodeRecursion::Continue)
    });
    found || plan.children().into_iter().any(|child| uses_scope(child, scope))
}

/// Whether an expression has the value of a scalar subquery in it.
pub(crate) fn contains_value(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.is::<ScalarSubqueryExpr>() || expr.children().into_iter().any(contains_value)
}

fn expr_uses(expr: &Arc<dyn PhysicalExpr>, scope: &ScalarScope) -> bool {
    let any: &dyn Any = expr.as_ref();
    if let Some(scalar) = any.downcast_ref::<ScalarSubqueryExpr>() {
        return ScalarSubqueryResults::ptr_eq(scalar.results(), &scope.results);
    }
    expr.children().into_iter().any(|child| expr_uses(child, scope))
}

async fn fill(scope: Arc<ScalarScope>, context: Arc<TaskContext>) -> Result<()> {
    for (plan, index) in &scope.links {
        if scope.results.get(*index).is_some() {
            continue;
        }
        let value = read_scalar(plan.execute(0, Arc::clone(&context))?, &plan.schema()).await?;
        // Another stage of the same process may have been quicker; the value is the same.
        if let Err(error) = scope.results.set(*index, value)
            && scope.results.get(*index).is_none()
        {
            return Err(error);
        }
    }
    Ok(())
}

async fn read_scalar(mut stream: SendableRecordBatchStream, schema: &Schema) -> Result<ScalarValue> {
    let mut value = None;
    while let Some(batch) = stream.next().await.transpose()? {
        if batch.num_rows() == 0 {
            continue;
        }
        if value.is_some() || batch.num_rows() > 1 {
            return exec_err!("Scalar subquery returned more than one row");
        }
        value = Some(ScalarValue::try_from_array(batch.column(0), 0)?);
    }
    match value {
        Some(value) => Ok(value),
        None => ScalarValue::try_from(schema.field(0).data_type()),
    }
}

impl DisplayAs for ScalarInputExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ScalarInputExec: subqueries={}", self.scope.links.len())
    }
}

impl ExecutionPlan for ScalarInputExec {
    fn name(&self) -> &str {
        "ScalarInputExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        std::iter::once(&self.input).chain(self.scope.links.iter().map(|(plan, _)| plan)).collect()
    }
    fn maintains_input_order(&self) -> Vec<bool> {
        std::iter::once(true).chain(self.scope.links.iter().map(|_| false)).collect()
    }
    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let mut children = children.into_iter();
        let Some(input) = children.next() else {
            return internal_err!("ScalarInputExec needs an input");
        };
        let links = children.zip(&self.scope.links).map(|(plan, (_, index))| (plan, *index)).collect();
        let scope = Arc::new(ScalarScope { links, results: self.scope.results.clone() });
        Ok(Arc::new(Self { input, scope, filled: Arc::default() }))
    }
    fn reset_state(self: Arc<Self>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(Arc::new(Self { input: Arc::clone(&self.input), scope: Arc::clone(&self.scope), filled: Arc::default() }))
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let (scope, filled, input) = (Arc::clone(&self.scope), Arc::clone(&self.filled), Arc::clone(&self.input));
        let stream = futures::stream::once(async move {
            filled.get_or_try_init(|| fill(scope, Arc::clone(&context))).await?;
            input.execute(partition, context)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), stream.try_flatten())))
    }
}
