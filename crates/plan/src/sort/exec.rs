//! [`SortRunsExec`], which stands in the place of DataFusion's `SortExec` in stages.

use super::keys::Encoder;
use super::sorter::{Shape, sort};
use crate::scalar;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, SpillMetrics};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::spill::SpillManager;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements, PlanProperties,
};
use futures::TryStreamExt;
use std::fmt;
use std::sync::Arc;

/// Sorts partitions; see [the module](crate::sort).
#[derive(Debug, Clone)]
pub struct SortRunsExec {
    /// What is sorted by what.
    sort: Arc<SortExec>,
    metrics: ExecutionPlanMetricsSet,
}

impl SortRunsExec {
    /// The plan with this operator in the places of DataFusion's that sort all rows of a type that it can sort.
    pub(crate) fn replace(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match node.downcast_ref::<SortExec>().and_then(Self::over) {
                Some(sort) => Transformed::yes(Arc::new(sort) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    /// In the place of a sort, unless that wants the first rows only or rows cannot be sorted here.
    pub(crate) fn over(sort: &SortExec) -> Option<Self> {
        let schema = sort.input().schema();
        let is_all = sort.fetch().is_none();
        // The value of a scalar subquery is known only to operators that DataFusion encodes.
        let is_plain = !sort.expr().iter().any(|key| scalar::contains_value(&key.expr));
        let can = is_all && is_plain && Encoder::fields(sort.expr(), &schema).is_some() && is_gathered(&schema);
        can.then(|| Self { sort: Arc::new(sort.clone()), metrics: ExecutionPlanMetricsSet::new() })
    }

    /// DataFusion's operator that does the same.
    pub fn sort(&self) -> &SortExec {
        &self.sort
    }
}

/// Whether rows can be picked from many batches at once: dictionaries would be merged for each few rows.
fn is_gathered(schema: &Schema) -> bool {
    fn can(kind: &DataType) -> bool {
        match kind {
            DataType::Dictionary(..) | DataType::RunEndEncoded(..) | DataType::Union(..) => false,
            DataType::List(field)
            | DataType::LargeList(field)
            | DataType::ListView(field)
            | DataType::LargeListView(field)
            | DataType::FixedSizeList(field, _)
            | DataType::Map(field, _) => can(field.data_type()),
            DataType::Struct(fields) => fields.iter().all(|field| can(field.data_type())),
            _ => true,
        }
    }
    schema.fields().iter().all(|field| can(field.data_type()))
}

impl DisplayAs for SortRunsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let preserve = self.sort.preserve_partitioning();
        write!(f, "SortRunsExec: expr=[{}], preserve_partitioning=[{preserve}]", self.sort.expr())
    }
}

impl ExecutionPlan for SortRunsExec {
    fn name(&self) -> &str {
        "SortRunsExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        self.sort.properties()
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.sort.children()
    }
    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        self.sort.input_distribution_requirements()
    }
    fn maintains_input_order(&self) -> Vec<bool> {
        self.sort.maintains_input_order()
    }
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        self.sort.benefits_from_input_partitioning()
    }
    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        self.sort.apply_expressions(f)
    }
    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        let [input] = children.as_slice() else { return internal_err!("SortRunsExec takes one child") };
        let sort = SortExec::new(self.sort.expr().clone(), Arc::clone(input));
        let sort = sort.with_preserve_partitioning(self.sort.preserve_partitioning());
        Ok(Arc::new(Self { sort: Arc::new(sort), metrics: ExecutionPlanMetricsSet::new() }))
    }
    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.sort.input();
        let rows = input.execute(partition, Arc::clone(&context))?;
        if input.equivalence_properties().ordering_satisfy(self.sort.expr().clone())? {
            return Ok(rows);
        }
        let schema = self.schema();
        let Some(fields) = Encoder::fields(self.sort.expr(), &schema) else {
            return internal_err!("rows cannot be sorted by {}", self.sort.expr());
        };
        let files = SpillMetrics::new(&self.metrics, partition);
        let spills = SpillManager::new(context.runtime_env(), files, Arc::clone(&schema));
        let config = context.session_config();
        let shape = Shape {
            schema: Arc::clone(&schema),
            keys: Encoder::new(self.sort.expr().clone(), fields)?,
            rows: config.batch_size(),
            spills: spills.with_compression_type(config.spill_compression()),
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let memory = MemoryConsumer::new(format!("sort[{partition}]")).with_can_spill(true);
        let sorted = sort(shape, rows, memory.register(context.memory_pool()));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::once(sorted).try_flatten())))
    }
}
