//! Closures over batches as plan nodes: the base on which typed row operations stand.
//!
//! A [`BatchFunction`] turns one partition's stream of batches into another. Its logical node is opaque to the
//! optimizer (it needs every column and lets no filter through); with `keys` it asks for its rows hash-partitioned by
//! those columns, which is how a keyed reduction gets its exchange.

use crate::functions::{FunctionRef, conjure};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use async_trait::async_trait;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchema, DFSchemaRef, DataFusionError, Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{Distribution, EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, InputDistributionRequirements, Partitioning,
    PlanProperties,
};
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use futures::StreamExt;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as Atomic};

/// What a task of a batch function works with.
pub struct BatchTask {
    /// The partition's rows.
    pub input: SendableRecordBatchStream,
    /// The schema of the batches to make.
    pub schema: SchemaRef,
    /// The serialised value that came with the closure (empty when there is none).
    pub argument: Arc<[u8]>,
    /// The partition's index.
    pub partition: usize,
    /// Rows to put into a batch.
    pub batch_size: usize,
    /// What the executor lends the task.
    pub context: Arc<TaskContext>,
}

/// A user's closure returned an error; its task is tried again, as the closure may talk to the world.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClosureError(String);

impl ClosureError {
    fn of(error: DataFusionError) -> DataFusionError {
        DataFusionError::External(Box::new(Self(error.strip_backtrace())))
    }
}

/// Turns a partition's stream of batches into another.
pub type BatchFunction = fn(BatchTask) -> Result<SendableRecordBatchStream>;

/// A batch function of this binary as something that can be encoded.
pub fn function_ref(function: BatchFunction, name: &str) -> FunctionRef {
    FunctionRef::new(function as usize, name)
}

fn resolve(function: &FunctionRef) -> Result<BatchFunction> {
    let address = function.address()?;
    // SAFETY: references are made only by `function_ref` from this very type, and executors refuse other binaries.
    Ok(unsafe { std::mem::transmute::<usize, BatchFunction>(address) })
}

/// The reference to a closure that maps batch to batch; fails to compile for closures that capture.
pub fn map_ref<F>(_closure: &F) -> FunctionRef
where
    F: Fn(RecordBatch) -> Result<RecordBatch> + Send + 'static,
{
    fn entry<F>(task: BatchTask) -> Result<SendableRecordBatchStream>
    where
        F: Fn(RecordBatch) -> Result<RecordBatch> + Send + 'static,
    {
        // SAFETY: `map_ref` was called with a value of `F`.
        let closure: F = unsafe { conjure::<F>() };
        let expected = Arc::clone(&task.schema);
        let batches = task.input.map(move |batch| {
            let made = closure(batch?).map_err(ClosureError::of)?;
            if made.schema().fields() != expected.fields() {
                return datafusion::common::exec_err!(
                    "map_batches: the closure made a batch of {} but promised {expected}",
                    made.schema()
                );
            }
            Ok(made)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(task.schema, batches)))
    }
    const { assert!(std::mem::size_of::<F>() == 0, "the closure captures its environment: pass it as a value") };
    function_ref(entry::<F>, std::any::type_name::<F>())
}

/// The logical node; see the module.
#[derive(Debug, Clone)]
pub struct MapBatchesNode {
    /// Tells one use of a closure from another: what a closure makes need not be the same each time, so only one and
    /// the same data set is taken for equal to itself.
    id: u64,
    input: LogicalPlan,
    function: FunctionRef,
    argument: Arc<[u8]>,
    schema: DFSchemaRef,
    /// Columns (by index) by which the input must be hash-partitioned.
    keys: Vec<usize>,
}

impl MapBatchesNode {
    /// `function` over each partition of `input`, making batches of `schema`; the input is exchanged by `keys` first,
    /// unless there are none.
    pub fn plan(
        input: LogicalPlan,
        function: FunctionRef,
        argument: Arc<[u8]>,
        schema: SchemaRef,
        keys: Vec<usize>,
    ) -> Result<LogicalPlan> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let schema = Arc::new(DFSchema::try_from(schema)?);
        let id = NEXT.fetch_add(1, Atomic::Relaxed);
        let node = Self { id, input, function, argument, schema, keys };
        Ok(LogicalPlan::Extension(Extension { node: Arc::new(node) }))
    }
}

// A use of a closure is known by its number; only the input may have been rewritten since. (Hashing or ordering whole
// logical plans here would compile those of every statement of the SQL grammar once more.)
impl PartialEq for MapBatchesNode {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id && self.input == other.input
    }
}
impl Eq for MapBatchesNode {}
impl PartialOrd for MapBatchesNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.id.cmp(&other.id) {
            Ordering::Equal => (self == other).then_some(Ordering::Equal),
            different => Some(different),
        }
    }
}
impl Hash for MapBatchesNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.id.hash(state);
    }
}

impl UserDefinedLogicalNodeCore for MapBatchesNode {
    fn name(&self) -> &str {
        "MapBatches"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }
    fn schema(&self) -> &DFSchemaRef {
        &self.schema
    }
    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "MapBatches: {}", self.function.name())
    }
    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (inputs.pop(), inputs.is_empty()) {
            (Some(input), true) => Ok(Self { input, ..self.clone() }),
            _ => internal_err!("MapBatches takes one input"),
        }
    }
    fn necessary_children_exprs(&self, _output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![(0..self.input.schema().fields().len()).collect()])
    }
}

/// Plans [`MapBatchesNode`]s.
#[derive(Debug)]
pub struct MapBatchesPlanner;

#[async_trait]
impl ExtensionPlanner for MapBatchesPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn datafusion::catalog::Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<MapBatchesNode>() else {
            return Ok(None);
        };
        let [input] = physical_inputs else {
            return internal_err!("MapBatches takes one input");
        };
        let schema = Arc::clone(node.schema.inner());
        let exec =
            MapBatchesExec::new(Arc::clone(input), node.function.clone(), Arc::clone(&node.argument), schema, false);
        Ok(Some(Arc::new(exec.with_keys(node.keys.clone()).with_id(node.id))))
    }
}

/// Runs a batch function over each partition; see the module.
#[derive(Debug, Clone)]
pub struct MapBatchesExec {
    id: u64,
    input: Arc<dyn ExecutionPlan>,
    function: FunctionRef,
    argument: Arc<[u8]>,
    keys: Vec<usize>,
    ordered: bool,
    properties: Arc<PlanProperties>,
}

impl MapBatchesExec {
    /// See [`MapBatchesNode::plan`].
    pub fn new(
        input: Arc<dyn ExecutionPlan>,
        function: FunctionRef,
        argument: Arc<[u8]>,
        schema: SchemaRef,
        ordered: bool,
    ) -> Self {
        let partitioning = Partitioning::UnknownPartitioning(input.output_partitioning().partition_count());
        let eq = EquivalenceProperties::new(schema);
        let properties = PlanProperties::new(eq, partitioning, EmissionType::Incremental, Boundedness::Bounded);
        Self { id: u64::MAX, input, function, argument, keys: vec![], ordered, properties: Arc::new(properties) }
    }

    /// Asks for an input that is hash-partitioned by these columns.
    pub fn with_keys(self, keys: Vec<usize>) -> Self {
        Self { keys, ..self }
    }

    fn with_id(self, id: u64) -> Self {
        Self { id, ..self }
    }

    /// Tells the data set that is made from others of the driver's process. Tasks elsewhere do not know it.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// The function and the value it works with.
    pub fn function(&self) -> (&FunctionRef, &Arc<[u8]>) {
        (&self.function, &self.argument)
    }

    /// Whether rows come out in the order of the input.
    pub fn keeps_order(&self) -> bool {
        self.ordered
    }
}

impl DisplayAs for MapBatchesExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "MapBatchesExec: {}", self.function.name())
    }
}

impl ExecutionPlan for MapBatchesExec {
    fn name(&self) -> &str {
        "MapBatchesExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }
    fn input_distribution_requirements(&self) -> InputDistributionRequirements {
        if self.keys.is_empty() {
            return InputDistributionRequirements::new(vec![Distribution::UnspecifiedDistribution]);
        }
        let schema = self.input.schema();
        let keys = self.keys.iter().map(|&key| {
            let name = schema.fields().get(key).map_or("", |field| field.name());
            Arc::new(Column::new(name, key)) as Arc<dyn PhysicalExpr>
        });
        InputDistributionRequirements::new(vec![Distribution::KeyPartitioned(keys.collect())])
    }
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![self.ordered]
    }
    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => {
                let (function, argument) = (self.function.clone(), Arc::clone(&self.argument));
                let made = Self::new(input, function, argument, self.schema(), self.ordered);
                Ok(Arc::new(made.with_keys(self.keys.clone()).with_id(self.id)))
            }
            _ => internal_err!("MapBatchesExec takes one child"),
        }
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let function = resolve(&self.function)?;
        let batch_size = context.session_config().batch_size();
        let input = self.input.execute(partition, Arc::clone(&context))?;
        function(BatchTask {
            input,
            schema: self.schema(),
            argument: Arc::clone(&self.argument),
            partition,
            batch_size,
            context,
        })
    }
}
