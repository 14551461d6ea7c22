//! [`ClosureExec`]: functions of this binary over partitions, one after another.
//!
//! A [`BatchFunction`] turns the streams of batches of one partition into another stream. Functions that follow each
//! other without an exchange between them are one operator, so that a long lineage is no deep plan.

use super::exchange::ExchangeExec;
use super::local_sort::LocalSortExec;
use super::mapping::Mapping;
use crate::cache::CacheExec;
use crate::functions::{FunctionRef, conjure};
use crate::needs::NeedsExec;
use crate::shuffle_read::ShuffleReadExec;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::coop::{CooperativeExec, make_cooperative};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::metrics::{ExecutionPlanMetricsSet, MetricsSet, SpillMetrics};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::{StreamExt, TryStreamExt};
use std::fmt;
use std::sync::Arc;

/// What a task of a batch function works with.
pub struct BatchTask {
    /// The partition's rows, of each input.
    pub inputs: Vec<SendableRecordBatchStream>,
    /// The schema of the batches to make.
    pub schema: SchemaRef,
    /// The serialised value that came with the closure, or what a source's partition is made from.
    pub argument: Arc<[u8]>,
    /// The closure's name.
    pub name: String,
    /// The partition's index.
    pub partition: usize,
    /// How many partitions there are.
    pub partitions: usize,
    /// Rows to put into a batch.
    pub batch_size: usize,
    /// The task's memory, files and settings.
    pub context: Arc<TaskContext>,
    /// What is counted of rows that go to files.
    pub spills: SpillMetrics,
}

impl BatchTask {
    /// The one input.
    pub fn input(&mut self) -> Result<SendableRecordBatchStream> {
        match self.inputs.pop() {
            Some(input) => Ok(input),
            None => internal_err!("a closure should have an input"),
        }
    }
}

/// A user's closure returned an error; its task is tried again, as the closure may talk to the world.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct ClosureError(String);

impl ClosureError {
    /// What the closure said.
    pub fn of(error: impl fmt::Display) -> DataFusionError {
        DataFusionError::External(Box::new(Self(error.to_string())))
    }
}

/// Turns a partition's streams of batches into another.
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
    F: Fn(RecordBatch) -> Result<RecordBatch> + Copy + Send + 'static,
{
    fn entry<F>(mut task: BatchTask) -> Result<SendableRecordBatchStream>
    where
        F: Fn(RecordBatch) -> Result<RecordBatch> + Send + 'static,
    {
        // SAFETY: `map_ref` was called with a value of `F`.
        let closure: F = unsafe { conjure::<F>() };
        let expected = Arc::clone(&task.schema);
        let batches = task.input()?.map(move |batch| {
            let made = closure(batch?).map_err(|error| ClosureError::of(error.strip_backtrace()))?;
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
    function_ref(entry::<F>, std::any::type_name::<F>())
}

/// One function and what it needs.
#[derive(Debug, Clone)]
pub struct Step {
    /// Tells the data set that it makes from others of the driver's process. Tasks elsewhere do not know it.
    pub id: u64,
    /// The function.
    pub function: FunctionRef,
    /// See [`BatchTask::argument`].
    pub argument: Arc<[u8]>,
    /// What it makes.
    pub schema: SchemaRef,
    /// Whether each row has the first column of the row it was made from.
    pub keeps_key: bool,
}

/// Runs functions over partitions; see the module.
#[derive(Debug, Clone)]
pub struct ClosureExec {
    inputs: Vec<Arc<dyn ExecutionPlan>>,
    mapping: Mapping,
    /// What each partition of a source is made from.
    payloads: Option<Arc<Vec<Arc<[u8]>>>>,
    steps: Vec<Arc<Step>>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ClosureExec {
    /// `steps` over partitions of `inputs`; a source has none, and `payloads`.
    pub fn try_new(
        inputs: Vec<Arc<dyn ExecutionPlan>>,
        mapping: &Mapping,
        payloads: Option<Arc<Vec<Arc<[u8]>>>>,
        steps: Vec<Arc<Step>>,
    ) -> Result<Self> {
        let Some(last) = steps.last() else {
            return internal_err!("a closure has no function");
        };
        let counts: Vec<usize> = inputs.iter().map(|input| input.output_partitioning().partition_count()).collect();
        let mapping = mapping.resolved(&counts)?;
        let partitions = payloads.as_ref().map_or_else(|| mapping.partitions(&counts), |payloads| payloads.len());
        let mut partitioning = Partitioning::UnknownPartitioning(partitions);
        if mapping.is_same()
            && steps.iter().all(|step| step.keeps_key)
            && inputs.iter().all(|input| keyed_partitions(input).is_some())
            && !inputs.is_empty()
        {
            partitioning = keyed(&last.schema, partitions);
        }
        let eq = EquivalenceProperties::new(Arc::clone(&last.schema));
        let properties = PlanProperties::new(eq, partitioning, EmissionType::Incremental, Boundedness::Bounded);
        let metrics = ExecutionPlanMetricsSet::new();
        Ok(Self { inputs, mapping, payloads, steps, properties: Arc::new(properties), metrics })
    }

    /// The same with one more function behind.
    pub(super) fn then(&self, step: Arc<Step>) -> Result<Self> {
        let steps = self.steps.iter().cloned().chain([step]).collect();
        Self::try_new(self.inputs.clone(), &self.mapping, self.payloads.clone(), steps)
    }

    /// The functions.
    pub fn steps(&self) -> &[Arc<Step>] {
        &self.steps
    }

    /// Which partitions of the inputs make one.
    pub fn mapping(&self) -> &Mapping {
        &self.mapping
    }

    /// Which partitions of each input a partition reads.
    pub fn reads(&self, partition: usize) -> Vec<std::ops::Range<usize>> {
        let counts: Vec<usize> =
            self.inputs.iter().map(|input| input.output_partitioning().partition_count()).collect();
        self.mapping.of(partition, &counts)
    }

    /// What the partitions of a source are made from.
    pub fn payloads(&self) -> Option<&Arc<Vec<Arc<[u8]>>>> {
        self.payloads.as_ref()
    }

    fn input(
        &self,
        input: usize,
        range: std::ops::Range<usize>,
        context: &Arc<TaskContext>,
    ) -> Result<SendableRecordBatchStream> {
        let plan = &self.inputs[input];
        if range.len() == 1 {
            return plan.execute(range.start, Arc::clone(context));
        }
        let (inner, context) = (Arc::clone(plan), Arc::clone(context));
        let streams = futures::stream::iter(range).map(move |partition| inner.execute(partition, Arc::clone(&context)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(plan.schema(), streams.try_flatten())))
    }
}

/// Partitioned by the hash of the first column.
pub(super) fn keyed(schema: &SchemaRef, partitions: usize) -> Partitioning {
    let name = schema.fields().first().map_or("", |field| field.name());
    Partitioning::Hash(vec![Arc::new(Column::new(name, 0))], partitions)
}

/// Into how many partitions the rows are divided by the hash of their first column, if they are. Only operators of data sets are
/// believed: DataFusion's optimizer may still take out an exchange below, that nothing of its own asks for.
pub(crate) fn keyed_partitions(plan: &Arc<dyn ExecutionPlan>) -> Option<usize> {
    let sorts = plan.downcast_ref::<LocalSortExec>().is_some_and(LocalSortExec::keeps_key);
    if plan.is::<CooperativeExec>() || plan.is::<NeedsExec>() || sorts {
        return plan.children().first().and_then(|input| keyed_partitions(input));
    }
    let ours = plan.is::<ClosureExec>() || plan.is::<ExchangeExec>();
    let kept = plan.is::<ShuffleReadExec>() || plan.is::<CacheExec>();
    let partitioning = plan.output_partitioning();
    ((ours || kept) && is_keyed(partitioning)).then(|| partitioning.partition_count())
}

/// Whether rows with the same first column are in one partition, which their hash tells.
fn is_keyed(partitioning: &Partitioning) -> bool {
    match partitioning {
        Partitioning::Hash(keys, _) => match keys.as_slice() {
            [key] => key.downcast_ref::<Column>().is_some_and(|column| column.index() == 0),
            _ => false,
        },
        _ => false,
    }
}

impl DisplayAs for ClosureExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        let names: Vec<_> = self.steps.iter().map(|step| step.function.name()).collect();
        write!(f, "ClosureExec: {}", names.join(" | "))?;
        if !self.mapping.is_same() {
            write!(f, ", mapping={:?}", self.mapping)?;
        }
        Ok(())
    }
}

impl ExecutionPlan for ClosureExec {
    fn name(&self) -> &str {
        "ClosureExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        self.inputs.iter().collect()
    }
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![false; self.inputs.len()]
    }
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![self.inputs.len() == 1 && self.mapping.is_same(); self.inputs.len()]
    }
    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        if children.len() != self.inputs.len() {
            return internal_err!("ClosureExec takes {} children", self.inputs.len());
        }
        Ok(Arc::new(Self::try_new(children, &self.mapping, self.payloads.clone(), self.steps.clone())?))
    }
    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let parts = self.reads(partition).into_iter().enumerate();
        // Each gives way now and then, so that a task can be cancelled whatever its closures do.
        let mut streams: Vec<_> = match self.payloads {
            Some(_) => vec![],
            None => {
                let inputs = parts.map(|(input, range)| Ok(make_cooperative(self.input(input, range, &context)?)));
                inputs.collect::<Result<_>>()?
            }
        };
        let spills = SpillMetrics::new(&self.metrics, partition);
        let payload = self.payloads.as_ref().and_then(|payloads| payloads.get(partition));
        for (i, step) in self.steps.iter().enumerate() {
            let made = resolve(&step.function)?(BatchTask {
                inputs: streams,
                schema: Arc::clone(&step.schema),
                argument: Arc::clone(payload.filter(|_| i == 0).unwrap_or(&step.argument)),
                name: step.function.name().to_owned(),
                partition,
                partitions: self.properties.partitioning.partition_count(),
                batch_size: context.session_config().batch_size(),
                context: Arc::clone(&context),
                spills: spills.clone(),
            })?;
            streams = vec![if i == 0 { make_cooperative(made) } else { made }];
        }
        match streams.pop() {
            Some(stream) => Ok(stream),
            None => internal_err!("a closure has no function"),
        }
    }
}
