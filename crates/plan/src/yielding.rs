//! Joins that give way. A join makes many batches from one of its input, and what reads them (an aggregate that counts
//! them, say) asks for the next at once: without a pause the task could not be cancelled for as long as that takes.
//! DataFusion makes only leaves and exchanges pause (`EnsureCooperative`), which such a join does not ask for new rows.

use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::{
    CrossJoinExec, HashJoinExec, NestedLoopJoinExec, PiecewiseMergeJoinExec, SortMergeJoinExec, SymmetricHashJoinExec,
};
use datafusion::physical_plan::unnest::UnnestExec;
use std::sync::Arc;

/// `plan`, which gives way now and then if it makes more rows than it reads.
pub(crate) fn yielding(plan: Arc<dyn ExecutionPlan>) -> Arc<dyn ExecutionPlan> {
    let multiplies = plan.is::<HashJoinExec>()
        || plan.is::<NestedLoopJoinExec>()
        || plan.is::<CrossJoinExec>()
        || plan.is::<SortMergeJoinExec>()
        || plan.is::<SymmetricHashJoinExec>()
        || plan.is::<PiecewiseMergeJoinExec>()
        || plan.is::<UnnestExec>();
    if multiplies { Arc::new(CooperativeExec::new(plan)) } else { plan }
}
