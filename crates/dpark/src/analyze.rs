//! `EXPLAIN ANALYZE`: runs the job, drops its rows (a write is committed) and tells what each stage did.

use crate::driver::Driver;
use crate::job_exec::{Started, start};
use crate::lineage_text::{stage_text, time_text};
use crate::write::{Copy, Written};
use arrow::array::StringArray;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use datafusion::prelude::SessionConfig;
use futures::TryStreamExt;
use std::fmt;
use std::sync::Arc;
use tokio::sync::oneshot;

/// What is run.
#[derive(Debug, Clone)]
pub(crate) enum Analyzed {
    /// A query, whose rows are dropped.
    Rows(Arc<dyn ExecutionPlan>),
    /// A write, which is committed as without `EXPLAIN ANALYZE`.
    Copy(Copy),
}

/// See the module. Makes rows `(plan_type, plan)`: one for the job, one a stage.
pub(crate) struct AnalyzeExec {
    driver: Arc<Driver>,
    what: Analyzed,
    config: SessionConfig,
    properties: Arc<PlanProperties>,
    verbose: bool,
}

impl AnalyzeExec {
    pub(crate) fn new(
        driver: Arc<Driver>,
        what: Analyzed,
        config: SessionConfig,
        schema: SchemaRef,
        verbose: bool,
    ) -> Self {
        let eq = EquivalenceProperties::new(schema);
        let one = Partitioning::UnknownPartitioning(1);
        let properties = PlanProperties::new(eq, one, EmissionType::Final, Boundedness::Bounded);
        Self { driver, what, config, properties: Arc::new(properties), verbose }
    }

    async fn analyze(
        driver: Arc<Driver>,
        what: Analyzed,
        config: SessionConfig,
        schema: SchemaRef,
        verbose: bool,
    ) -> Result<RecordBatch> {
        let (send, report) = oneshot::channel();
        let (target, stages, count) = match what {
            Analyzed::Rows(input) => {
                let Started { target, stages, mut rows } = start(&driver, input, &config, Some(send))?;
                let mut count = 0;
                while let Some(batch) = rows.try_next().await? {
                    count += batch.num_rows() as u64;
                }
                (target, stages, count)
            }
            Analyzed::Copy(copy) => {
                let Written { target, stages, rows } = copy.run(&driver, &config, Some(send)).await?;
                (target, stages, rows)
            }
        };
        let report = report.await.map_err(|error| DataFusionError::External(Box::new(error)))?;
        let mut recomputed = String::new();
        if verbose || !report.recomputed.is_empty() {
            recomputed = format!(", recomputed={}", report.recomputed.len());
        }
        let mut kinds = vec!["Job".to_owned()];
        let mut texts = vec![format!(
            "stages={}, output_rows={count}, elapsed={}{recomputed}",
            stages.len(),
            time_text(report.elapsed)
        )];
        for stage in &stages {
            let did = report.stages.iter().find(|(id, _)| *id == stage.id).map(|(_, did)| did);
            kinds.push("Stage with Metrics".to_owned());
            texts.push(stage_text(stage, stage.id == target, did));
        }
        Ok(RecordBatch::try_new(schema, vec![Arc::new(StringArray::from(kinds)), Arc::new(StringArray::from(texts))])?)
    }
}

impl fmt::Debug for AnalyzeExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AnalyzeExec").field("what", &self.what).finish_non_exhaustive()
    }
}

impl DisplayAs for AnalyzeExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "AnalyzeExec: verbose={}", self.verbose)
    }
}

impl ExecutionPlan for AnalyzeExec {
    fn name(&self) -> &str {
        "AnalyzeExec"
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
    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }
    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = Arc::clone(self.properties.eq_properties.schema());
        let rows = Self::analyze(
            Arc::clone(&self.driver),
            self.what.clone(),
            self.config.clone(),
            Arc::clone(&schema),
            self.verbose,
        );
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::once(rows))))
    }
}
