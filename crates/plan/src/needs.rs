//! What the tasks of one stage take of a cluster, where that is not what the session says.
//!
//! `df.with_cpus(2.0)` puts a [`NeedsNode`] on the plan, which changes nothing but who computes it: the stage into which it
//! falls asks for that much. It is taken out again when stages are cut.

use async_trait::async_trait;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{DFSchemaRef, Result, Statistics, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::filter_pushdown::{FilterDescription, FilterPushdownPhase};
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties, StatisticsArgs};
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use dpark_lineage::Resources;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Only what is not the session's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Hash)]
pub struct Needs {
    /// Thousandths of a core.
    pub cpus: Option<u32>,
    /// MiB.
    pub memory: Option<u64>,
}

impl Needs {
    /// So many cores, at least a thousandth of one.
    pub fn cpus(cores: f64) -> Self {
        Self { cpus: Some(((cores * 1000.0).round().min(4_096_000.0) as u32).max(1)), memory: None }
    }

    /// So many MiB, at least one.
    pub fn memory(mib: u64) -> Self {
        Self { cpus: None, memory: Some(mib.max(1)) }
    }

    /// Enough for both.
    fn and(self, other: Self) -> Self {
        Self { cpus: self.cpus.max(other.cpus), memory: self.memory.max(other.memory) }
    }

    /// With the session's in the other places.
    pub fn or(self, session: Resources) -> Resources {
        Resources { cpus: self.cpus.unwrap_or(session.cpus), memory: self.memory.unwrap_or(session.memory) }
    }
}

/// The logical node; see the module.
#[derive(Debug, Clone)]
pub struct NeedsNode {
    needs: Needs,
    input: LogicalPlan,
}

impl NeedsNode {
    /// `input`, computed with `needs`.
    pub fn plan(input: LogicalPlan, needs: Needs) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Self { needs, input }) })
    }
}

// Hashing or ordering whole logical plans here would compile those of every statement of the SQL grammar once more.
impl PartialEq for NeedsNode {
    fn eq(&self, other: &Self) -> bool {
        self.needs == other.needs && self.input == other.input
    }
}
impl Eq for NeedsNode {}
impl PartialOrd for NeedsNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        match self.needs.partial_cmp(&other.needs) {
            Some(Ordering::Equal) => (self == other).then_some(Ordering::Equal),
            different => different,
        }
    }
}
impl Hash for NeedsNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.needs.hash(state);
    }
}

impl UserDefinedLogicalNodeCore for NeedsNode {
    fn name(&self) -> &str {
        "Needs"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![&self.input]
    }
    fn schema(&self) -> &DFSchemaRef {
        self.input.schema()
    }
    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }
    fn prevent_predicate_push_down_columns(&self) -> HashSet<String> {
        HashSet::new()
    }
    fn supports_limit_pushdown(&self) -> bool {
        true
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Needs: {:?}", self.needs)
    }
    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, mut inputs: Vec<LogicalPlan>) -> Result<Self> {
        match (inputs.pop(), inputs.is_empty()) {
            (Some(input), true) => Ok(Self { input, ..self.clone() }),
            _ => internal_err!("Needs takes one input"),
        }
    }
    fn necessary_children_exprs(&self, output_columns: &[usize]) -> Option<Vec<Vec<usize>>> {
        Some(vec![output_columns.to_vec()])
    }
}

/// Plans [`NeedsNode`]s.
#[derive(Debug)]
pub struct NeedsPlanner;

#[async_trait]
impl ExtensionPlanner for NeedsPlanner {
    async fn plan_extension(
        &self,
        _planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        physical_inputs: &[Arc<dyn ExecutionPlan>],
        _session: &dyn datafusion::catalog::Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let Some(node) = node.as_any().downcast_ref::<NeedsNode>() else {
            return Ok(None);
        };
        let [input] = physical_inputs else {
            return internal_err!("Needs takes one input");
        };
        Ok(Some(Arc::new(NeedsExec::new(Arc::clone(input), node.needs))))
    }
}

/// The physical node, which hands its input's rows on.
#[derive(Debug, Clone)]
pub struct NeedsExec {
    needs: Needs,
    input: Arc<dyn ExecutionPlan>,
}

impl NeedsExec {
    /// `input`, computed with `needs`.
    pub(crate) fn new(input: Arc<dyn ExecutionPlan>, needs: Needs) -> Self {
        Self { needs, input }
    }
}

/// Takes the nodes out of a fragment, and gives what they ask for.
pub(crate) fn take(fragment: Arc<dyn ExecutionPlan>) -> Result<(Arc<dyn ExecutionPlan>, Needs)> {
    let mut needs = Needs::default();
    let without = fragment.transform_up(|node| {
        Ok(match node.downcast_ref::<NeedsExec>() {
            Some(found) => {
                needs = needs.and(found.needs);
                Transformed::yes(Arc::clone(&found.input))
            }
            None => Transformed::no(node),
        })
    })?;
    Ok((without.data, needs))
}

impl DisplayAs for NeedsExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "NeedsExec: {:?}", self.needs)
    }
}

impl ExecutionPlan for NeedsExec {
    fn name(&self) -> &str {
        "NeedsExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }
    fn gather_filters_for_pushdown(
        &self,
        _phase: FilterPushdownPhase,
        parent_filters: Vec<Arc<dyn PhysicalExpr>>,
        _config: &ConfigOptions,
    ) -> Result<FilterDescription> {
        FilterDescription::from_children(parent_filters, &self.children())
    }
    fn supports_limit_pushdown(&self) -> bool {
        true
    }
    fn maintains_input_order(&self) -> Vec<bool> {
        vec![true]
    }
    fn benefits_from_input_partitioning(&self) -> Vec<bool> {
        vec![false]
    }
    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self { needs: self.needs, input })),
            _ => internal_err!("NeedsExec takes one child"),
        }
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        self.input.execute(partition, context)
    }
    fn statistics_from_inputs(&self, inputs: &[Arc<Statistics>], _: &StatisticsArgs) -> Result<Arc<Statistics>> {
        match inputs {
            [input] => Ok(Arc::clone(input)),
            _ => internal_err!("NeedsExec has one input"),
        }
    }
}
