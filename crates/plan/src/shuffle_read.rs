//! [`ShuffleReadExec`]: the leaf that stands where a plan was cut. It reads what another stage wrote.
//!
//! The leaf does not know where the outputs lie: the executor puts a [`ShuffleSource`] into the task's session
//! configuration, and the leaf asks it. So a fragment is encoded once and stays valid when outputs move.

use arrow::datatypes::SchemaRef;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, ReplaceChildrenOptions, StatisticsArgs,
};
use dpark_lineage::StageId;
use std::fmt;
use std::sync::Arc;

/// Which part of a stage's outputs one partition of a leaf reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// Bucket `b` of every map output.
    Bucket(u32),
    /// Everything the one map partition wrote, in the order it was written.
    Map(u32),
}

/// How the partitions of a leaf correspond to the outputs of the stage it reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum ReadKind {
    /// Partition `p` reads bucket `p` of every map output (after a hash, range or round-robin exchange).
    Bucket,
    /// Partition `p` reads the output of map partition `p` (a forward exchange; order is kept).
    Forward,
}

/// Gives a fragment its input. Implemented by the executor over its block store and fetcher.
pub trait ShuffleSource: Send + Sync + fmt::Debug {
    /// Streams the selected part of `stage`'s outputs as batches of `schema`. A missing output is an error that
    /// carries `FetchFailed`, never an empty stream.
    fn read(&self, stage: StageId, selection: Selection, schema: SchemaRef) -> Result<SendableRecordBatchStream>;
}

/// The session extension under which a task finds its source.
#[derive(Debug)]
pub struct ShuffleInputs(pub Arc<dyn ShuffleSource>);

/// Reads the outputs of a stage; see the module.
#[derive(Debug, Clone)]
pub struct ShuffleReadExec {
    stage: StageId,
    kind: ReadKind,
    properties: Arc<PlanProperties>,
    statistics: Arc<Statistics>,
}

impl ShuffleReadExec {
    /// A leaf with the partitioning, ordering and schema of the plan it stands for.
    pub fn new(stage: StageId, kind: ReadKind, properties: Arc<PlanProperties>) -> Self {
        let statistics = Arc::new(Statistics::new_unknown(properties.eq_properties.schema()));
        Self { stage, kind, properties, statistics }
    }

    /// The same leaf with known statistics (rows and columns over all partitions).
    pub fn with_statistics(mut self, statistics: Arc<Statistics>) -> Self {
        self.statistics = statistics;
        self
    }

    /// The same leaf under another stage's name.
    pub(crate) fn with_stage(self, stage: StageId) -> Self {
        Self { stage, ..self }
    }

    /// The stage whose outputs are read.
    pub fn stage(&self) -> StageId {
        self.stage
    }

    /// How partitions map to outputs.
    pub fn kind(&self) -> ReadKind {
        self.kind
    }
}

impl DisplayAs for ShuffleReadExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ShuffleReadExec: {}, {:?}, partitioning={}", self.stage, self.kind, self.properties.partitioning)
    }
}

impl ExecutionPlan for ShuffleReadExec {
    fn name(&self) -> &str {
        "ShuffleReadExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }
    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn replace_children(
        self: Arc<Self>,
        _: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }
    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let Some(inputs) = context.session_config().get_extension::<ShuffleInputs>() else {
            return internal_err!("{} is read outside of a task", self.stage);
        };
        if partition >= self.properties.partitioning.partition_count() {
            return internal_err!("{} has no partition {partition}", self.stage);
        }
        let selection = match self.kind {
            ReadKind::Bucket => Selection::Bucket(partition as u32),
            ReadKind::Forward => Selection::Map(partition as u32),
        };
        inputs.0.read(self.stage, selection, self.schema())
    }
    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        Ok(match args.partition() {
            None => Arc::clone(&self.statistics),
            Some(_) => Arc::new(Statistics::new_unknown(&self.schema())),
        })
    }
}
