//! [`StageSinkExec`]: a stage as one encodable node, the fragment below and what becomes of its rows as attributes.
//!
//! It never executes: the executor takes it apart after decoding. Making it a plan node lets the partitioning and the
//! summarised keys travel through the same expression codec as the fragment.

use crate::runtime_filter::FilterSource;
use crate::stage::{Output, StagePlan};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use dpark_shuffle::Keep;
use std::fmt;
use std::sync::Arc;

/// See the module.
#[derive(Debug, Clone)]
pub struct StageSinkExec {
    /// The fragment.
    pub input: Arc<dyn ExecutionPlan>,
    /// What becomes of the rows.
    pub output: Output,
    /// Keys to summarise.
    pub summaries: Vec<FilterSource>,
    /// Where the output is kept.
    pub keep: Keep,
    /// See [`StagePlan::side_effects`].
    pub side_effects: bool,
    /// Dynamic filters that the driver sets; only for runs in its process.
    pub set_by_driver: Vec<u64>,
}

impl StageSinkExec {
    /// The same stage with fresh operator state.
    pub fn fresh(&self) -> Result<Self> {
        let input = crate::runtime_filter::reset(Arc::clone(&self.input), &self.set_by_driver)?;
        Ok(Self { input, ..self.clone() })
    }
}

impl From<&StagePlan> for StageSinkExec {
    fn from(stage: &StagePlan) -> Self {
        Self {
            input: Arc::clone(&stage.plan),
            output: stage.output.clone(),
            summaries: stage.summaries.clone(),
            keep: stage.keep,
            side_effects: stage.side_effects,
            set_by_driver: stage.filter_ids(),
        }
    }
}

impl DisplayAs for StageSinkExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "StageSinkExec: output={}", self.output)?;
        for summary in &self.summaries {
            let keys: Vec<_> = summary.keys.iter().map(|key| key.to_string()).collect();
            write!(f, ", summary=[{}]", keys.join(", "))?;
        }
        Ok(())
    }
}

impl ExecutionPlan for StageSinkExec {
    fn name(&self) -> &str {
        "StageSinkExec"
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
            (Some(input), true) => Ok(Arc::new(Self { input, ..Self::clone(&self) })),
            _ => internal_err!("StageSinkExec takes one child"),
        }
    }
    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("a stage is run by an executor, not as a plan")
    }
}
