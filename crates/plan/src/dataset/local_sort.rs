//! [`LocalSortExec`]: each partition sorted by itself.
//!
//! The lowering puts DataFusion's sort in its place, which spills. Before that, DataFusion's optimizer would take out a
//! sort that no operator above says it needs.

use arrow::compute::SortOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use std::fmt;
use std::sync::Arc;

/// See the module.
#[derive(Debug, Clone)]
pub struct LocalSortExec {
    input: Arc<dyn ExecutionPlan>,
    keys: Vec<(usize, SortOptions)>,
}

impl LocalSortExec {
    /// `input`, sorted by columns.
    pub fn new(input: Arc<dyn ExecutionPlan>, keys: Vec<(usize, SortOptions)>) -> Self {
        Self { input, keys }
    }

    /// Whose rows are sorted.
    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    /// DataFusion's operator in its place, over `input`.
    pub(crate) fn sort(&self, input: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
        let schema = input.schema();
        let keys = self.keys.iter().filter_map(|(index, options)| {
            let name = schema.fields().get(*index)?.name();
            Some(PhysicalSortExpr { expr: Arc::new(Column::new(name, *index)), options: *options })
        });
        match LexOrdering::new(keys) {
            Some(ordering) => Arc::new(SortExec::new(ordering, input).with_preserve_partitioning(true)),
            None => input,
        }
    }
}

impl DisplayAs for LocalSortExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "LocalSortExec: {:?}", self.keys)
    }
}

impl ExecutionPlan for LocalSortExec {
    fn name(&self) -> &str {
        "LocalSortExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }
    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::new(input, self.keys.clone()))),
            _ => internal_err!("LocalSortExec takes one child"),
        }
    }
    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("a sort within partitions runs only as a part of a stage")
    }
}
