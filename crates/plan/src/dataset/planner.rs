//! From the graph of a data set to operators.
//!
//! Without recursion, since a lineage may be thousands of data sets long.

use super::closure::{ClosureExec, Step, keyed_partitions};
use super::exchange::{ExchangeExec, Target};
use super::graph::{Dataset, Kind, Scheme};
use super::local_sort::LocalSortExec;
use super::mapping::Mapping;
use super::node::DatasetNode;
use super::rows::RowsExec;
use crate::cache::CacheExec;
use crate::needs::NeedsExec;
use crate::shuffle_read::ShuffleReadExec;
use async_trait::async_trait;
use datafusion::catalog::Session;
use datafusion::common::{Result, internal_err};
use datafusion::execution::session_state::SessionState;
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{LogicalPlan, UserDefinedLogicalNode};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::{ExecutionPlan, ExecutionPlanProperties};
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use std::collections::HashMap;
use std::sync::Arc;

type Plan = Arc<dyn ExecutionPlan>;

/// Plans [`DatasetNode`]s.
#[derive(Debug)]
pub struct DatasetPlanner;

#[async_trait]
impl ExtensionPlanner for DatasetPlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        _physical_inputs: &[Plan],
        session: &dyn Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Plan>> {
        let Some(node) = node.as_any().downcast_ref::<DatasetNode>() else {
            return Ok(None);
        };
        let mut planned: HashMap<u64, Plan> = HashMap::new();
        let mut open: Vec<&Arc<Dataset>> = vec![node.dataset()];
        while let Some(dataset) = open.last().copied() {
            let missing: Vec<_> = dataset.inputs().iter().filter(|input| !planned.contains_key(&input.id())).collect();
            if !missing.is_empty() {
                open.extend(missing);
                continue;
            }
            open.pop();
            if !planned.contains_key(&dataset.id()) {
                let inputs = dataset.inputs().iter().filter_map(|input| planned.get(&input.id()).cloned()).collect();
                let plan = match dataset.kind() {
                    Kind::Rows(plan) => rows(plan, planner, session).await?,
                    _ => one(dataset, inputs, session.config().target_partitions())?,
                };
                planned.insert(dataset.id(), plan);
            }
        }
        Ok(planned.remove(&node.dataset().id()))
    }
}

async fn rows(plan: &LogicalPlan, planner: &dyn PhysicalPlanner, session: &dyn Session) -> Result<Plan> {
    let Some(state) = session.as_any().downcast_ref::<SessionState>() else {
        return internal_err!("a data set needs a session state to be planned");
    };
    let planned = planner.create_physical_plan(&state.optimize(plan)?, session).await?;
    // Kept rows are a leaf already, which tells how they are partitioned.
    let below = match planned.is::<CooperativeExec>() {
        true => planned.children().first().map(|child| Arc::clone(child)),
        false => None,
    };
    let kept = below.as_ref().unwrap_or(&planned);
    let is_leaf = kept.is::<ShuffleReadExec>() || kept.is::<CacheExec>();
    Ok(if is_leaf { planned } else { Arc::new(RowsExec::new(planned)) })
}

/// Plans one data set over its planned inputs.
fn one(dataset: &Dataset, mut inputs: Vec<Plan>, usual: usize) -> Result<Plan> {
    Ok(match dataset.kind() {
        Kind::Rows(_) => return internal_err!("rows are planned elsewhere"),
        Kind::Source { function, payloads } => {
            let (function, schema) = (function.clone(), Arc::clone(dataset.schema()));
            let argument = Arc::from([]);
            let step = Arc::new(Step { id: dataset.id(), function, argument, schema, keeps_key: false });
            let payloads = Some(Arc::new(payloads.clone()));
            Arc::new(ClosureExec::try_new(vec![], &Mapping::Same, payloads, vec![step])?)
        }
        Kind::Closure { mapping, step, .. } => {
            match mapping {
                Mapping::Keyed(partitions) => inputs = by_key(inputs, *partitions, usual),
                Mapping::Product => {
                    // What is read by many tasks is computed once.
                    let alone: Vec<bool> = (0..inputs.len()).map(|input| others_are_single(&inputs, input)).collect();
                    let read = |(input, alone)| if alone { input } else { once(input) };
                    inputs = inputs.into_iter().zip(alone).map(read).collect();
                }
                _ => {}
            }
            match inputs.as_slice() {
                [input] if mapping.is_same() => match input.downcast_ref::<ClosureExec>() {
                    Some(before) => Arc::new(before.then(Arc::clone(step))?),
                    None => Arc::new(ClosureExec::try_new(inputs, mapping, None, vec![Arc::clone(step)])?),
                },
                _ => Arc::new(ClosureExec::try_new(inputs, mapping, None, vec![Arc::clone(step)])?),
            }
        }
        Kind::Exchange { scheme, .. } => match (scheme, inputs.pop()) {
            (Scheme::Key { partitions }, Some(input)) => match by_key(vec![input], *partitions, usual).pop() {
                Some(moved) => moved,
                None => return internal_err!("an exchange has one input"),
            },
            (Scheme::Bucket { partitions }, Some(input)) => {
                Arc::new(ExchangeExec::new(input, Target::Bucket(*partitions)))
            }
            (_, None) => return internal_err!("an exchange has one input"),
        },
        Kind::Sorted { keys, kept, ties, .. } => match inputs.pop() {
            Some(input) => Arc::new(LocalSortExec::new(input, keys.clone(), kept.clone(), *ties)?),
            None => return internal_err!("a sort has one input"),
        },
        Kind::Needing { needs, .. } => match inputs.pop() {
            Some(input) => Arc::new(NeedsExec::new(input, *needs)),
            None => return internal_err!("needs are somebody's"),
        },
    })
}

/// Whether each partition of an input meets one partition of the others only.
fn others_are_single(inputs: &[Plan], input: usize) -> bool {
    let mut others = inputs.iter().enumerate().filter(|(other, _)| *other != input);
    others.all(|(_, other)| other.output_partitioning().partition_count() == 1)
}

fn once(input: Plan) -> Plan {
    Arc::new(ExchangeExec::new(input, Target::Same))
}

/// All inputs by the hash of their first column, in the same number of partitions. Those that are so already stay.
fn by_key(inputs: Vec<Plan>, partitions: Option<usize>, usual: usize) -> Vec<Plan> {
    let partitions = partitions.or_else(|| inputs.iter().filter_map(keyed_partitions).max()).unwrap_or(usual).max(1);
    let moved = inputs.into_iter().map(|input| match keyed_partitions(&input) {
        Some(have) if have == partitions => input,
        _ => Arc::new(ExchangeExec::new(input, Target::Key(partitions))) as Plan,
    });
    moved.collect()
}
