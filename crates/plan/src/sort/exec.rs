//! [`SortRunsExec`], which stands in the place of DataFusion's `SortExec` in stages.

use super::keys::Encoder;
use super::run::project;
use super::sorter::{Shape, sort};
use crate::scalar;
use arrow::datatypes::{DataType, Schema};
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_err};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::coop::make_cooperative;
use datafusion::physical_plan::metrics::{BaselineMetrics, ExecutionPlanMetricsSet, MetricsSet, SpillMetrics};
use datafusion::physical_plan::projection::{ProjectionExec, ProjectionExpr};
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::spill::SpillManager;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements, PlanProperties,
};
use futures::{StreamExt, TryStreamExt};
use std::fmt;
use std::sync::Arc;

/// Sorts partitions; see [the module](crate::sort).
#[derive(Debug, Clone)]
pub struct SortRunsExec {
    /// What is sorted by what.
    sort: Arc<SortExec>,
    /// The columns that are left, if not all: what rows are sorted by need not be moved with them.
    projection: Option<Arc<ProjectionExec>>,
    metrics: ExecutionPlanMetricsSet,
}

impl SortRunsExec {
    /// The plan with this operator in the places of DataFusion's that sort all rows of a type that it can sort.
    pub(crate) fn replace(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            let sort = match node.downcast_ref::<ProjectionExec>() {
                Some(projection) => projection.input().downcast_ref::<Self>().and_then(|sort| sort.under(projection)),
                None => node.downcast_ref::<SortExec>().and_then(Self::over),
            };
            Ok(match sort {
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
        can.then(|| Self { sort: Arc::new(sort.clone()), projection: None, metrics: ExecutionPlanMetricsSet::new() })
    }

    /// The same in the place of a projection above, if that only chooses columns.
    fn under(&self, projection: &ProjectionExec) -> Option<Self> {
        let columns = projection.expr().iter().map(|kept| kept.expr.downcast_ref::<Column>().map(Column::index));
        let columns = columns.collect::<Option<Vec<_>>>().filter(|_| self.projection.is_none())?;
        let names = projection.expr().iter().map(|kept| kept.alias.clone());
        let merged = self.keeping(columns.into_iter().zip(names).collect()).ok()?;
        // Not if the projection gives columns metadata.
        (merged.schema() == projection.schema()).then_some(merged)
    }

    /// The same of which only some columns are left, under the given names.
    pub(crate) fn keeping(&self, columns: Vec<(usize, String)>) -> Result<Self> {
        let schema = self.sort.schema();
        let column = |(index, alias): (usize, String)| {
            let name = schema.fields().get(index).map_or("", |field| field.name());
            ProjectionExpr { expr: Arc::new(Column::new(name, index)), alias }
        };
        let columns = columns.into_iter().map(column);
        let projection = ProjectionExec::try_new(columns, Arc::clone(&self.sort) as Arc<dyn ExecutionPlan>)?;
        Ok(Self { projection: Some(Arc::new(projection)), ..self.clone() })
    }

    /// The columns that are left and their names, if not all with their own.
    pub(crate) fn kept(&self) -> Option<Vec<(usize, String)>> {
        let kept = |kept: &ProjectionExpr| Some((kept.expr.downcast_ref::<Column>()?.index(), kept.alias.clone()));
        self.projection.as_ref()?.expr().iter().map(kept).collect()
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
        write!(f, "SortRunsExec: expr=[{}], preserve_partitioning=[{preserve}]", self.sort.expr())?;
        match self.kept() {
            Some(kept) => {
                let names: Vec<_> = kept.into_iter().map(|(index, name)| format!("{name}@{index}")).collect();
                write!(f, ", projection=[{}]", names.join(", "))
            }
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for SortRunsExec {
    fn name(&self) -> &str {
        "SortRunsExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        match &self.projection {
            Some(projection) => projection.properties(),
            None => self.sort.properties(),
        }
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
        let all = Self { sort: Arc::new(sort), projection: None, metrics: ExecutionPlanMetricsSet::new() };
        Ok(Arc::new(match self.kept() {
            Some(kept) => all.keeping(kept)?,
            None => all,
        }))
    }
    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let input = self.sort.input();
        let rows = input.execute(partition, Arc::clone(&context))?;
        let kept = self.kept().map(|kept| kept.into_iter().map(|(index, _)| index).collect::<Vec<_>>());
        let output = self.schema();
        if input.equivalence_properties().ordering_satisfy(self.sort.expr().clone())? {
            let Some(kept) = kept else { return Ok(rows) };
            let schema = Arc::clone(&output);
            let rows = rows.map(move |batch| Ok(project(&batch?, &kept, &schema)?));
            return Ok(Box::pin(RecordBatchStreamAdapter::new(output, rows)));
        }
        let schema = input.schema();
        let Some(fields) = Encoder::fields(self.sort.expr(), &schema) else {
            return internal_err!("rows cannot be sorted by {}", self.sort.expr());
        };
        let files = SpillMetrics::new(&self.metrics, partition);
        let spills = SpillManager::new(context.runtime_env(), files, Arc::clone(&schema));
        let config = context.session_config();
        let shape = Shape {
            schema,
            output: Arc::clone(&output),
            kept,
            keys: Encoder::new(self.sort.expr().clone(), fields)?,
            rows: config.batch_size(),
            spills: spills.with_compression_type(config.spill_compression()),
            metrics: BaselineMetrics::new(&self.metrics, partition),
        };
        let memory = MemoryConsumer::new(format!("sort[{partition}]")).with_can_spill(true);
        let sorted = sort(shape, rows, memory.register(context.memory_pool()));
        let sorted = RecordBatchStreamAdapter::new(output, futures::stream::once(sorted).try_flatten());
        // What is in memory is always ready, but a task that reads it may be cancelled.
        Ok(make_cooperative(Box::pin(sorted)))
    }
}
