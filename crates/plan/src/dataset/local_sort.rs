//! [`LocalSortExec`]: each partition sorted by itself.
//!
//! The lowering puts a [sort](crate::sort) in its place. Before that, DataFusion's optimizer would take out a
//! sort that no operator above says it needs.

use super::closure::{keyed, keyed_partitions};
use arrow::compute::SortOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, LexOrdering, PhysicalExpr, PhysicalSortExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::projection::ProjectionExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use std::fmt;
use std::sync::Arc;

/// See the module.
#[derive(Debug, Clone)]
pub struct LocalSortExec {
    input: Arc<dyn ExecutionPlan>,
    keys: Vec<(usize, SortOptions)>,
    kept: Option<Vec<usize>>,
    ties: bool,
    properties: Arc<PlanProperties>,
}

impl LocalSortExec {
    /// `input`, sorted by columns, of which all or those of `kept` are left; with `ties`, rows of equal keys are sorted by the other
    /// columns.
    pub fn new(
        input: Arc<dyn ExecutionPlan>,
        keys: Vec<(usize, SortOptions)>,
        kept: Option<Vec<usize>>,
        ties: bool,
    ) -> Result<Self> {
        let properties = match &kept {
            None => Arc::clone(input.properties()),
            Some(kept) => {
                let schema = Arc::new(input.schema().project(kept)?);
                let partitioning = match keyed_partitions(&input) {
                    Some(partitions) if kept.first() == Some(&0) => keyed(&schema, partitions),
                    _ => Partitioning::UnknownPartitioning(input.output_partitioning().partition_count()),
                };
                let eq = EquivalenceProperties::new(schema);
                Arc::new(PlanProperties::new(eq, partitioning, EmissionType::Final, Boundedness::Bounded))
            }
        };
        Ok(Self { input, keys, kept, ties, properties })
    }

    /// Whose rows are sorted.
    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    /// Whether the first column stays the first.
    pub(super) fn keeps_key(&self) -> bool {
        self.kept.as_ref().is_none_or(|kept| kept.first() == Some(&0))
    }

    /// DataFusion's operators in its place, over `input`.
    pub(crate) fn sort(&self, input: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        let schema = input.schema();
        let column = |index: usize| Arc::new(Column::new(schema.field(index).name(), index)) as Arc<dyn PhysicalExpr>;
        let keys = self.keys.iter().map(|(index, options)| PhysicalSortExpr::new(column(*index), *options));
        let others =
            (0..schema.fields().len()).filter(|other| self.ties && self.keys.iter().all(|(key, _)| key != other));
        let keys = keys.chain(others.map(|index| PhysicalSortExpr::new_default(column(index))));
        let sorted = match LexOrdering::new(keys) {
            Some(ordering) => Arc::new(SortExec::new(ordering, input).with_preserve_partitioning(true)),
            None => input,
        };
        let Some(kept) = &self.kept else { return Ok(sorted) };
        let kept = kept.iter().map(|index| (column(*index), schema.field(*index).name().clone()));
        Ok(Arc::new(ProjectionExec::try_new(kept.collect::<Vec<_>>(), sorted)?))
    }
}

impl DisplayAs for LocalSortExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "LocalSortExec: {:?}", self.keys)?;
        if self.ties {
            write!(f, ", ties")?;
        }
        match &self.kept {
            Some(kept) => write!(f, ", kept={kept:?}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for LocalSortExec {
    fn name(&self) -> &str {
        "LocalSortExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
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
            (Some(input), true) => Ok(Arc::new(Self::new(input, self.keys.clone(), self.kept.clone(), self.ties)?)),
            _ => internal_err!("LocalSortExec takes one child"),
        }
    }
    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("a sort within partitions runs only as a part of a stage")
    }
}
