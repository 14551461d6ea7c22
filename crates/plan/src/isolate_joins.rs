//! A physical optimizer rule that keeps joins right when each partition runs as a task of its own.
//!
//! A join with a collected build side that must emit unmatched build rows (left, left semi, left anti, left mark,
//! full) does so when the *last* probe partition ends, counted in memory that the tasks of one operator instance
//! share. Tasks in different processes share nothing, so such a join
//! - becomes a partitioned hash join where there are equality keys, or
//! - runs in one task (null-aware anti joins, nested-loop joins), its probe side gathered.
//!
//! The rule runs after join selection, which fixes modes and sides, and before the distribution rule, which places
//! the exchanges that the new modes ask for.

use crate::gather::GatherExec;
use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::logical_expr::JoinType;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::joins::{HashJoinExec, NestedLoopJoinExec, PartitionMode, PiecewiseMergeJoinExec};
use datafusion::physical_plan::{ExecutionPlan, replace_children_if_necessary};
use std::sync::Arc;

/// See the module.
#[derive(Debug, Default)]
pub struct IsolateJoins;

impl IsolateJoins {
    /// The rule's name in the optimizer's list.
    pub const NAME: &'static str = "isolate_joins";
}

/// Whether the join emits build rows after the probe side has ended.
fn emits_build_rows(join_type: JoinType) -> bool {
    matches!(join_type, JoinType::Left | JoinType::LeftSemi | JoinType::LeftAnti | JoinType::LeftMark | JoinType::Full)
}

fn gather_probe(plan: Arc<dyn ExecutionPlan>) -> Result<Transformed<Arc<dyn ExecutionPlan>>> {
    let children = plan.children();
    let (build, probe) = (Arc::clone(children[0]), Arc::clone(children[1]));
    if probe.downcast_ref::<GatherExec>().is_some() {
        return Ok(Transformed::no(plan));
    }
    let probe = Arc::new(GatherExec::new(probe)) as Arc<dyn ExecutionPlan>;
    replace_children_if_necessary(plan, vec![build, probe]).map(Transformed::yes)
}

impl PhysicalOptimizerRule for IsolateJoins {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|plan| {
            if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
                if *join.partition_mode() == PartitionMode::CollectLeft && emits_build_rows(*join.join_type()) {
                    if join.null_aware || join.on().is_empty() {
                        return gather_probe(plan);
                    }
                    let partitioned = join
                        .builder()
                        .with_partition_mode(PartitionMode::Partitioned)
                        .recompute_properties()
                        .build_exec()?;
                    return Ok(Transformed::yes(partitioned));
                }
            } else if let Some(join) = plan.downcast_ref::<NestedLoopJoinExec>() {
                if emits_build_rows(*join.join_type()) {
                    return gather_probe(plan);
                }
            } else if let Some(join) = plan.downcast_ref::<PiecewiseMergeJoinExec>()
                && emits_build_rows(join.join_type())
            {
                return gather_probe(plan);
            }
            Ok(Transformed::no(plan))
        })
        .data()
    }

    fn name(&self) -> &str {
        Self::NAME
    }

    fn schema_check(&self) -> bool {
        true
    }
}
