//! `EXPLAIN LINEAGE`: the stages a query would run in.

use crate::Context;
use crate::job_exec::lower_for;
use crate::lineage_text::job_text;
use crate::planner::physical_planner;
use crate::write::plan_copy;
use arrow::array::StringArray;
use arrow::record_batch::RecordBatch;
use datafusion::dataframe::DataFrame;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_planner::PhysicalPlanner;
use std::sync::Arc;

impl Context {
    /// The stages `plan` would run in, one row each in topological order: `lineage`, the stage's facts and fragment.
    pub async fn explain_lineage(&self, plan: LogicalPlan) -> Result<DataFrame> {
        let state = self.session().state();
        let plan = state.optimize(&plan)?;
        let planner = physical_planner();
        let plan = match plan_copy(&plan, &planner, &state).await? {
            Some(copy) => copy.plan(),
            None => planner.create_physical_plan(&plan, &state).await?,
        };
        let job = lower_for(&self.driver, plan, state.config(), true)?;
        let stages: Arc<StringArray> = Arc::new(job_text(&job).into());
        self.session().read_batch(RecordBatch::try_from_iter([("lineage", stages as _)])?)
    }
}
