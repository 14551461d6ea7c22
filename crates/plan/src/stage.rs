//! What the lowering produces: a job as a graph of stages, each a plan fragment and what becomes of its output.

use crate::runtime_filter::{FilterSource, RuntimeFilter};
use arrow::datatypes::SchemaRef;
use datafusion::common::Result;
use datafusion::physical_expr::Partitioning;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::ExecutionPlanProperties;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use dpark_lineage::{Dependency, JobId, JobSpec, Placement, StageId, StageSpec};
use std::fmt;
use std::sync::Arc;

/// What the tasks of a stage do with their rows.
#[derive(Debug, Clone)]
pub enum Output {
    /// One bucket a task, in order: read by partition, by everybody, or by the driver as a result.
    Forward,
    /// Rows go to buckets by hash, range or round-robin.
    Exchange(Partitioning),
}

impl Output {
    /// Buckets each task writes.
    pub fn buckets(&self) -> usize {
        match self {
            Output::Forward => 1,
            Output::Exchange(partitioning) => partitioning.partition_count(),
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Forward => write!(f, "Forward"),
            Output::Exchange(partitioning) => write!(f, "{partitioning}"),
        }
    }
}

/// One stage: how to make partition `p` as a stream of batches, and where the rows go.
#[derive(Debug, Clone)]
pub struct StagePlan {
    /// Names the stage and its output.
    pub id: StageId,
    /// The fragment; its leaves are sources or [`crate::ShuffleReadExec`].
    pub plan: Arc<dyn ExecutionPlan>,
    /// What becomes of the rows.
    pub output: Output,
    /// The stages whose outputs the leaves read.
    pub inputs: Vec<Dependency>,
    /// Stages that must have ended before, because their key summaries become runtime filters of this one.
    pub after: Vec<StageId>,
    /// Where tasks may run.
    pub placement: Placement,
    /// Key summaries to make of the output, for runtime filters of other stages.
    pub summaries: Vec<FilterSource>,
    /// Runtime filters to set in this fragment before it starts.
    pub filters: Vec<Arc<RuntimeFilter>>,
    /// The fragment changes the world (an insert): a failed task must not simply run again.
    pub side_effects: bool,
}

impl StagePlan {
    /// Number of tasks.
    pub fn partitions(&self) -> usize {
        self.plan.output_partitioning().partition_count()
    }

    /// Schema of the rows.
    pub fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    /// The scheduler's view.
    pub fn spec(&self) -> StageSpec {
        StageSpec {
            id: self.id,
            name: self.plan.name().to_owned(),
            partitions: self.partitions() as u32,
            inputs: self.inputs.clone(),
            after: self.after.clone(),
            placement: self.placement,
        }
    }

    /// The same fragment with fresh operator state, for another run in the same process.
    pub fn fresh_plan(&self) -> Result<Arc<dyn ExecutionPlan>> {
        reset_plan_states(Arc::clone(&self.plan))
    }
}

/// A lowered plan, ready to be scheduled.
#[derive(Debug, Clone)]
pub struct JobPlan {
    /// In topological order: a stage comes after everything it reads.
    pub stages: Vec<Arc<StagePlan>>,
    /// The stage whose output is the result.
    pub target: StageId,
    /// Partitions of the result.
    pub partitions: usize,
    /// Schema of the result.
    pub schema: SchemaRef,
    /// Cached data sets that this job makes for the first time; their stages outlive it.
    pub pins: Vec<StageId>,
}

impl JobPlan {
    /// The scheduler's view.
    pub fn spec(&self, job: JobId) -> JobSpec {
        JobSpec { job, stages: self.stages.iter().map(|stage| stage.spec()).collect(), target: self.target }
    }
}
