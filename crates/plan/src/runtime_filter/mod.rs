//! Runtime filters that cross the cuts.
//!
//! In one process DataFusion pushes a filter from a hash join's build side into the scans of its probe side while the
//! query runs. Between stages the same happens in three steps:
//!
//! ```text
//! build stage: each task summarises the join keys it writes      (KeySummary: rows, NULLs, bounds, hashes)
//! driver:      merges the summaries when the stage has ended     (RuntimeFilter::resolve: bounds + Bloom filter)
//! probe stage: launched after that, with the filter in its plan  (DataFusion's DynamicFilterPhysicalExpr, updated)
//! ```
//!
//! Which joins make filters, and which scans take them, is DataFusion's decision; here the shared expression is found
//! by its id on both sides of the cut. In process, the scan sees the update through the shared expression; to other
//! processes the fragment is encoded after the update.

mod bloom;
mod late;
mod summary;

pub use bloom::{Bloom, BloomProbeExpr};
pub use summary::{KeyCollector, KeySummary};

use crate::shuffle_read::ShuffleReadExec;
use crate::stage::StagePlan;
use arrow::datatypes::DataType;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{NullEquality, Result, internal_err};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, DynamicFilterPhysicalExpr, is_null, lit};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::joins::HashJoinExec;
use dpark_lineage::StageId;
use std::any::Any;
use std::collections::HashSet;
use std::sync::Arc;

/// Keys to summarise in the output of a stage. A stage has a list of them; filters name theirs by its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterSource {
    /// The build-side key expressions over the stage's output schema.
    pub keys: Vec<Arc<dyn PhysicalExpr>>,
}

/// A filter from the build side of one join for the scans of its probe side.
#[derive(Debug, Clone)]
pub struct RuntimeFilter {
    /// DataFusion's expression id, the same on both sides.
    pub id: u64,
    /// The stage that holds the build side.
    pub source: StageId,
    /// The place of the filter's keys among those that the source summarises.
    pub slot: usize,
    expr: Arc<DynamicFilterPhysicalExpr>,
    build_keys: Vec<Arc<dyn PhysicalExpr>>,
    probe_keys: Vec<Arc<dyn PhysicalExpr>>,
    null_equality: NullEquality,
}

impl RuntimeFilter {
    /// The same filter, fed by `source`.
    pub fn with_source(self, source: StageId) -> Self {
        Self { source, ..self }
    }

    /// The key expressions, those of the build side first.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<dyn PhysicalExpr>> {
        self.build_keys.iter().chain(&self.probe_keys)
    }

    /// Whether a NULL key finds a NULL key.
    pub fn nulls_are_equal(&self) -> bool {
        self.null_equality == NullEquality::NullEqualsNull
    }

    /// Sets the filter from the summaries of all map outputs of the source.
    pub fn resolve(&self, summaries: &[Arc<KeySummary>]) -> Result<()> {
        let merged = KeySummary::merge(summaries)?;
        self.expr.update(self.predicate(&merged)?)?;
        self.expr.mark_complete();
        Ok(())
    }

    fn predicate(&self, summary: &KeySummary) -> Result<Arc<dyn PhysicalExpr>> {
        let mut conjuncts: Vec<Arc<dyn PhysicalExpr>> = vec![];
        if summary.rows() == 0 {
            conjuncts.push(lit(false));
        } else {
            for (key, bounds) in self.probe_keys.iter().zip(summary.bounds()) {
                if let Some((min, max)) = bounds {
                    conjuncts.push(compare(key, Operator::GtEq, lit(min.clone())));
                    conjuncts.push(compare(key, Operator::LtEq, lit(max.clone())));
                }
            }
            if let Some(bloom) = summary.bloom() {
                conjuncts.push(Arc::new(BloomProbeExpr::new(self.probe_keys.clone(), Arc::new(bloom))));
            }
        }
        let all = conjuncts.into_iter().reduce(|all, next| compare(&all, Operator::And, next));
        let mut predicate = all.unwrap_or_else(|| lit(true));
        if self.nulls_are_equal() && summary.nulls() {
            for key in &self.probe_keys {
                predicate = compare(&predicate, Operator::Or, is_null(Arc::clone(key))?);
            }
        }
        Ok(predicate)
    }
}

fn compare(left: &Arc<dyn PhysicalExpr>, op: Operator, right: Arc<dyn PhysicalExpr>) -> Arc<dyn PhysicalExpr> {
    Arc::new(BinaryExpr::new(Arc::clone(left), op, right))
}

/// The filter that `join` would make for scans of its probe side, if there is one and its keys can be summarised.
/// Its source is not known yet.
pub(crate) fn wanted_by(join: &HashJoinExec) -> Result<Option<RuntimeFilter>> {
    let Some(produced) = join.dynamic_expressions_produced().pop() else {
        return Ok(None);
    };
    let Some(id) = produced.expression_id() else {
        return Ok(None);
    };
    if join.null_aware || !consumed_ids(join.right())?.contains(&id) {
        return Ok(None);
    }
    let schema = join.left().schema();
    for (left, _) in join.on() {
        if !is_summarisable(&left.data_type(&schema)?) {
            return Ok(None);
        }
    }
    let Ok(expr) = (produced as Arc<dyn Any + Send + Sync>).downcast::<DynamicFilterPhysicalExpr>() else {
        return internal_err!("a join's dynamic filter has an unknown type");
    };
    let (build_keys, probe_keys) = join.on().iter().cloned().unzip();
    let null_equality = join.null_equality();
    Ok(Some(RuntimeFilter { id, source: StageId(u64::MAX), slot: 0, expr, build_keys, probe_keys, null_equality }))
}

/// Floats are left out: NaN and -0.0 compare differently in filters, hashes and joins.
fn is_summarisable(data_type: &DataType) -> bool {
    data_type.is_integer()
        || data_type.is_temporal()
        || data_type.is_decimal()
        || matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View)
}

/// The fragment as new, for another run in the same process.
///
/// Resetting operators is not enough: a `LIMIT` over a sort tells the scan below which rows can no longer matter, by a
/// shared expression that the scan keeps. A second run would start with the first one's last bound and miss rows that
/// the first had already given. So all such expressions are opened again but those in `set_by_driver`.
pub fn reset(plan: Arc<dyn ExecutionPlan>, set_by_driver: &[u64]) -> Result<Arc<dyn ExecutionPlan>> {
    open(&plan, set_by_driver)?;
    reset_plan_states(plan)
}

fn open(plan: &Arc<dyn ExecutionPlan>, set_by_driver: &[u64]) -> Result<()> {
    plan.apply_expressions(&mut |root| {
        root.apply(|expr| {
            let own = expr.expression_id().is_none_or(|id| !set_by_driver.contains(&id));
            if own && let Some(filter) = expr.downcast_ref::<DynamicFilterPhysicalExpr>() {
                filter.update(lit(true))?;
            }
            Ok(TreeNodeRecursion::Continue)
        })
    })?;
    plan.children().into_iter().try_for_each(|child| open(child, set_by_driver))
}

/// The stage whose whole output `plan` passes on unchanged, if it is nothing but a read.
pub(crate) fn source_stage(plan: &Arc<dyn ExecutionPlan>) -> Option<StageId> {
    if let Some(read) = plan.downcast_ref::<ShuffleReadExec>() {
        return Some(read.stage());
    }
    plan.downcast_ref::<CoalescePartitionsExec>().filter(|gather| gather.fetch().is_none())?;
    source_stage(plan.children().first()?)
}

/// The ids of all dynamic filters that expressions of the plan refer to.
fn consumed_ids(plan: &Arc<dyn ExecutionPlan>) -> Result<HashSet<u64>> {
    let mut ids = HashSet::new();
    visit(plan, &mut ids)?;
    Ok(ids)
}

fn visit(plan: &Arc<dyn ExecutionPlan>, ids: &mut HashSet<u64>) -> Result<()> {
    plan.apply_expressions(&mut |expr| {
        visit_expr(expr, ids);
        Ok(TreeNodeRecursion::Continue)
    })?;
    plan.children().into_iter().try_for_each(|child| visit(child, ids))
}

fn visit_expr(expr: &Arc<dyn PhysicalExpr>, ids: &mut HashSet<u64>) {
    if let Some(id) = expr.expression_id() {
        ids.insert(id);
    }
    expr.children().into_iter().for_each(|child| visit_expr(child, ids));
}

/// Connects the joins' filters with the stages that feed and take them.
pub(crate) fn attach(stages: &mut [StagePlan], filters: Vec<RuntimeFilter>) -> Result<()> {
    for mut filter in filters {
        let summary = FilterSource { keys: filter.build_keys.clone() };
        let of_source = stages.iter().find(|stage| stage.id == filter.source).map(|stage| &stage.summaries);
        let known = of_source.and_then(|known| known.iter().position(|known| *known == summary));
        filter.slot = known.unwrap_or_else(|| of_source.map_or(0, Vec::len));
        let filter = Arc::new(filter);
        let mut used = false;
        for i in 0..stages.len() {
            let consumes = consumed_ids(&stages[i].plan).is_ok_and(|ids| ids.contains(&filter.id));
            // Stages are in topological order, so a source behind its consumer would be a cycle.
            let source_is_reachable = !depends_on(stages, filter.source, stages[i].id);
            if consumes && stages[i].id != filter.source && source_is_reachable {
                if !stages[i].after.contains(&filter.source) {
                    stages[i].after.push(filter.source);
                }
                stages[i].filters.push(Arc::clone(&filter));
                stages[i].plan = late::decode_late(Arc::clone(&stages[i].plan), filter.id)?;
                used = true;
            }
        }
        if used
            && known.is_none()
            && let Some(source) = stages.iter_mut().find(|stage| stage.id == filter.source)
        {
            source.summaries.push(summary);
        }
    }
    Ok(())
}

/// Whether `stage` needs `other` to have run before it.
fn depends_on(stages: &[StagePlan], stage: StageId, other: StageId) -> bool {
    let Some(plan) = stages.iter().find(|plan| plan.id == stage) else {
        return false;
    };
    let mut needs = plan.inputs.iter().map(|input| input.stage).chain(plan.after.iter().copied());
    needs.any(|need| need == other || depends_on(stages, need, other))
}
