//! [`ExchangeExec`]: where the lowering cuts the plan of a data set, and where the rows go.

use super::closure::keyed;
use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use std::fmt;
use std::sync::Arc;

/// Where the rows of a partition go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// By the hash of the first column, to so many partitions.
    Key(usize),
    /// To the partition that the last column tells, of so many; the column is dropped.
    Bucket(usize),
    /// To a partition of the same number: the rows are computed once for several readers.
    Same,
}

/// See the module.
#[derive(Debug, Clone)]
pub struct ExchangeExec {
    input: Arc<dyn ExecutionPlan>,
    target: Target,
    properties: Arc<PlanProperties>,
}

/// The schema without its last column.
pub fn without_last(schema: &SchemaRef) -> SchemaRef {
    let fields = schema.fields();
    Arc::new(Schema::new(fields[..fields.len().saturating_sub(1)].to_vec()))
}

impl ExchangeExec {
    /// The rows of `input`, moved to where `target` says.
    pub fn new(input: Arc<dyn ExecutionPlan>, target: Target) -> Self {
        let properties = match target {
            Target::Same => Arc::clone(input.properties()),
            Target::Key(partitions) => properties(input.schema(), keyed(&input.schema(), partitions)),
            Target::Bucket(partitions) => {
                properties(without_last(&input.schema()), Partitioning::UnknownPartitioning(partitions))
            }
        };
        Self { input, target, properties }
    }

    /// Whose rows are moved.
    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }

    /// Where to.
    pub fn target(&self) -> Target {
        self.target
    }
}

fn properties(schema: SchemaRef, partitioning: Partitioning) -> Arc<PlanProperties> {
    let eq = EquivalenceProperties::new(schema);
    Arc::new(PlanProperties::new(eq, partitioning, EmissionType::Incremental, Boundedness::Bounded))
}

impl DisplayAs for ExchangeExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ExchangeExec: {:?}", self.target)
    }
}

impl ExecutionPlan for ExchangeExec {
    fn name(&self) -> &str {
        "ExchangeExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![self.target != Target::Same]
    }
    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::new(input, self.target))),
            _ => internal_err!("ExchangeExec takes one child"),
        }
    }
    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("an exchange runs only as stages")
    }
}
