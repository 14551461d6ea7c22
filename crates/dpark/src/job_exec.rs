//! [`JobExec`]: a whole job as one leaf of DataFusion's kind, so that everything that executes a plan executes a job.

use crate::driver::{Driver, JobReport, options_of};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties, StatisticsArgs,
    StatisticsContext,
};
use datafusion::prelude::SessionConfig;
use dpark_lineage::StageId;
use dpark_plan::{JobPlan, StagePlan, lower, runtime_filter};
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::oneshot;

/// Executing its one partition lowers the plan, runs the job and streams the rows in partition order.
pub(crate) struct JobExec {
    driver: Arc<Driver>,
    plan: Arc<dyn ExecutionPlan>,
    config: SessionConfig,
    properties: Arc<PlanProperties>,
    executed: AtomicBool,
}

impl JobExec {
    pub(crate) fn new(driver: Arc<Driver>, plan: Arc<dyn ExecutionPlan>, config: SessionConfig) -> Self {
        let mut properties = PlanProperties::clone(plan.properties());
        if plan.output_partitioning().partition_count() != 1 {
            let mut eq = properties.eq_properties.clone();
            eq.clear_orderings();
            properties.set_eq_properties(eq);
        }
        let properties = properties.with_partitioning(Partitioning::UnknownPartitioning(1));
        Self { driver, plan, config, properties: Arc::new(properties), executed: AtomicBool::new(false) }
    }

    /// How many partitions the rows of a planned query have before they are brought together.
    pub(crate) fn partitions_of(plan: &Arc<dyn ExecutionPlan>) -> usize {
        let inner = plan.downcast_ref::<Self>().map(|job| &job.plan);
        inner.unwrap_or(plan).output_partitioning().partition_count()
    }

    /// Runs the job; its report is sent when it has ended well.
    pub(crate) fn run(&self, report: Option<oneshot::Sender<JobReport>>) -> Result<SendableRecordBatchStream> {
        let mut plan = Arc::clone(&self.plan);
        if self.executed.swap(true, Ordering::AcqRel) {
            // Operators keep state; a second run needs them as new.
            plan = runtime_filter::reset(plan, &[])?;
        }
        Ok(start(&self.driver, plan, &self.config, report)?.rows)
    }
}

/// A job that was started.
pub(crate) struct Started {
    pub(crate) target: StageId,
    pub(crate) stages: Vec<Arc<StagePlan>>,
    /// In partition order.
    pub(crate) rows: SendableRecordBatchStream,
}

/// Lowers a plan and starts its job; the report is sent when it has ended well.
pub(crate) fn start(
    driver: &Arc<Driver>,
    plan: Arc<dyn ExecutionPlan>,
    config: &SessionConfig,
    report: Option<oneshot::Sender<JobReport>>,
) -> Result<Started> {
    let _order = driver.submitting();
    let job = lower_for(driver, plan, config, false)?;
    let (target, stages) = (job.target, job.stages.clone());
    Ok(Started { target, stages, rows: driver.run(job, config.clone(), report) })
}

/// Lowers with the driver's stage ids; stages that compute the same become one.
pub(crate) fn lower_for(
    driver: &Arc<Driver>,
    plan: Arc<dyn ExecutionPlan>,
    config: &SessionConfig,
    dry_run: bool,
) -> Result<JobPlan> {
    let job = lower(plan, &|| driver.next_stage(), dry_run)?;
    if job.stages.len() < 2 {
        return Ok(job);
    }
    Ok(job.unified(&options_of(config), &driver.executor().context(None, config.clone())))
}

impl fmt::Debug for JobExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JobExec").field("plan", &self.plan).finish_non_exhaustive()
    }
}

impl DisplayAs for JobExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "JobExec: partitions={}", self.plan.output_partitioning().partition_count())
    }
}

impl ExecutionPlan for JobExec {
    fn name(&self) -> &str {
        "JobExec"
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
    fn execute(&self, partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        if partition != 0 {
            return internal_err!("a job has one partition, not {}", partition + 1);
        }
        self.run(None)
    }
    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let _ = args;
        StatisticsContext::new().compute(self.plan.as_ref(), &StatisticsArgs::new())
    }
}
