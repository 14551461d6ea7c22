//! The query planner: DataFusion plans, the result becomes a job.

use crate::analyze::{AnalyzeExec, Analyzed};
use crate::damaged_footer;
use crate::driver::Driver;
use crate::job_exec::JobExec;
use crate::write::{CommitExec, plan_copy};
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::Result;
use datafusion::execution::context::QueryPlanner;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_planner::{DefaultPhysicalPlanner, ExtensionPlanner, PhysicalPlanner};
use dpark_plan::cache::CachePlanner;
use dpark_plan::dataset::DatasetPlanner;
use dpark_plan::needs::NeedsPlanner;
use std::fmt;
use std::sync::Arc;

/// DataFusion's physical planner with DPark's logical nodes.
pub(crate) fn physical_planner() -> DefaultPhysicalPlanner {
    let extensions: Vec<Arc<dyn ExtensionPlanner + Send + Sync>> =
        vec![Arc::new(CachePlanner), Arc::new(DatasetPlanner), Arc::new(NeedsPlanner)];
    DefaultPhysicalPlanner::with_extension_planners(extensions)
}

/// Turns every query of a session into a job of its driver.
pub(crate) struct JobPlanner {
    driver: Arc<Driver>,
}

impl JobPlanner {
    pub(crate) fn new(driver: Arc<Driver>) -> Self {
        Self { driver }
    }
}

impl fmt::Debug for JobPlanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobPlanner")
    }
}

#[async_trait]
impl QueryPlanner for JobPlanner {
    async fn create_physical_plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        match self.plan(plan, session).await {
            // Planning reads the statistics of files.
            Err(error) => Err(damaged_footer::named_in(error, session, plan).await),
            planned => planned,
        }
    }
}

impl JobPlanner {
    async fn plan(&self, plan: &LogicalPlan, session: &dyn Session) -> Result<Arc<dyn ExecutionPlan>> {
        let planner = physical_planner();
        match plan {
            LogicalPlan::Explain(_) => planner.create_physical_plan(plan, session).await,
            LogicalPlan::Analyze(analyze) => {
                let what = match plan_copy(&analyze.input, &planner, session).await? {
                    Some(copy) => Analyzed::Copy(copy),
                    None => Analyzed::Rows(planner.create_physical_plan(&analyze.input, session).await?),
                };
                let schema = Arc::clone(analyze.schema.inner());
                let driver = Arc::clone(&self.driver);
                Ok(Arc::new(AnalyzeExec::new(driver, what, session.config().clone(), schema, analyze.verbose)))
            }
            _ => {
                let (driver, config) = (Arc::clone(&self.driver), session.config().clone());
                if let Some(copy) = plan_copy(plan, &planner, session).await? {
                    return Ok(Arc::new(CommitExec::new(driver, copy, config, Arc::clone(plan.schema().inner()))));
                }
                let input = planner.create_physical_plan(plan, session).await?;
                Ok(Arc::new(JobExec::new(driver, input, config)))
            }
        }
    }
}
