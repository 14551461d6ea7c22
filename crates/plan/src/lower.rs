//! The lowering: cuts one physical plan into stages.
//!
//! Cuts are made
//! - at every hash, range or round-robin repartitioning: the stage below writes buckets, the leaf above reads one;
//! - below whatever gathers many partitions into one ([`CoalescePartitionsExec`], [`SortPreservingMergeExec`]): the
//!   stage below runs its partitions as tasks, the gathering operator stays above a forward leaf;
//! - at each child that an operator wants as a single partition while it has several itself (the build side of a
//!   collected join): the side is computed once and read by every task (a broadcast);
//! - at cached data sets and scalar subqueries, which are computed once for all readers.
//!
//! A recursive query stays whole: its iterations talk through memory, so it runs in one task, uncut.

use crate::cache::{CacheExec, CachedDataset};
use crate::dataset::ClosureExec;
use crate::dataset::exchange::{ExchangeExec, Target};
use crate::dataset::local_sort::LocalSortExec;
use crate::dataset::rows::RowsExec;
use crate::gather::GatherExec;
use crate::needs::{self, Needs, NeedsExec};
use crate::runtime_filter::{self, RuntimeFilter};
use crate::scalar::{ScalarInputExec, ScalarScope};
use crate::shuffle_read::{ReadKind, ShuffleReadExec};
use crate::sort::SortRunsExec;
use crate::stage::{JobPlan, Output, StagePlan};
use crate::yielding::yielding;
use datafusion::common::{Result, internal_err};
use datafusion::datasource::sink::DataSinkExec;
use datafusion::physical_expr::{Distribution, LexOrdering, Partitioning};
use datafusion::physical_plan::coalesce_partitions::CoalescePartitionsExec;
use datafusion::physical_plan::joins::HashJoinExec;
use datafusion::physical_plan::recursive_query::RecursiveQueryExec;
use datafusion::physical_plan::repartition::RepartitionExec;
use datafusion::physical_plan::scalar_subquery::ScalarSubqueryExec;
use datafusion::physical_plan::sorts::sort::SortExec;
use datafusion::physical_plan::sorts::sort_preserving_merge::SortPreservingMergeExec;
use datafusion::physical_plan::union::UnionExec;
use datafusion::physical_plan::{
    ExecutionPlan, ExecutionPlanProperties, PlanProperties, replace_children_if_necessary,
};
use dpark_lineage::{Dependency, DependencyKind, Placement, StageId};
use dpark_shuffle::Keep;
use std::sync::Arc;

/// Hands out stage ids, unique in an application.
pub trait StageIds {
    /// The next unused id.
    fn next(&self) -> StageId;
}

impl<F: Fn() -> StageId> StageIds for F {
    fn next(&self) -> StageId {
        self()
    }
}

/// Cuts `plan` into stages.
///
/// With `dry_run`, cached data sets are shown but not claimed, so that the result can be looked at and dropped.
pub fn lower(plan: Arc<dyn ExecutionPlan>, ids: &dyn StageIds, dry_run: bool) -> Result<JobPlan> {
    let mut lowering = Lowering { ids, dry_run, stages: vec![], joins: vec![], pins: vec![] };
    let schema = plan.schema();
    let root = lowering.root(plan);
    if root.is_err() {
        // No job will make them.
        for (_, dataset) in &lowering.pins {
            dataset.unclaim();
        }
    }
    let (target, partitions) = root?;
    let mut stages = lowering.stages;
    runtime_filter::attach(&mut stages, lowering.joins)?;
    Ok(JobPlan {
        stages: stages.into_iter().map(Arc::new).collect(),
        target,
        partitions,
        schema,
        pins: lowering.pins,
        fingerprints: Default::default(),
    })
}

struct Lowering<'a> {
    ids: &'a dyn StageIds,
    dry_run: bool,
    stages: Vec<StagePlan>,
    joins: Vec<RuntimeFilter>,
    pins: Vec<(StageId, Arc<CachedDataset>)>,
}

type Plan = Arc<dyn ExecutionPlan>;
type Scope = Option<Arc<ScalarScope>>;

impl Lowering<'_> {
    /// Lowers everything; the target and its partitions.
    fn root(&mut self, plan: Plan) -> Result<(StageId, usize)> {
        let fragment = self.node(plan, &None)?;
        let partitions = fragment.output_partitioning().partition_count();
        let target = self.ids.next();
        // The scope of the root, if it has scalar subqueries, was applied inside `node`.
        self.push_stage(target, fragment, Output::Forward, &None)?;
        Ok((target, partitions))
    }

    /// Lowers the subtree at `plan`, cutting off stages below it, and returns what remains for the enclosing fragment.
    fn node(&mut self, plan: Plan, scope: &Scope) -> Result<Plan> {
        if let Some(repartition) = plan.downcast_ref::<RepartitionExec>() {
            return self.repartition(repartition, scope);
        }
        if plan.downcast_ref::<CoalescePartitionsExec>().is_some()
            || plan.downcast_ref::<SortPreservingMergeExec>().is_some()
        {
            return self.gathering(&plan, scope);
        }
        if let Some(exchange) = plan.downcast_ref::<ExchangeExec>() {
            return self.exchange(exchange, scope);
        }
        if let Some(rows) = plan.downcast_ref::<RowsExec>() {
            return self.node(Arc::clone(rows.input()), &None);
        }
        if let Some(sort) = plan.downcast_ref::<LocalSortExec>() {
            let input = self.node(Arc::clone(sort.input()), scope)?;
            return sort.sort(input);
        }
        if let Some(gather) = plan.downcast_ref::<GatherExec>() {
            return self.node(Arc::clone(gather.input()), scope);
        }
        if plan.downcast_ref::<RecursiveQueryExec>().is_some() {
            return Ok(plan);
        }
        if let Some(subqueries) = plan.downcast_ref::<ScalarSubqueryExec>() {
            return self.scalar_subqueries(subqueries);
        }
        if let Some(cache) = plan.downcast_ref::<CacheExec>() {
            return self.cached(cache);
        }
        if let Some(join) = plan.downcast_ref::<HashJoinExec>() {
            return Ok(yielding(self.hash_join(&plan, join, scope)?));
        }
        let children = self.children(&plan, scope)?;
        Ok(yielding(replace_children_if_necessary(plan, children)?))
    }

    /// Lowers the children; those wanted as a single partition by an operator with several are cut off.
    fn children(&mut self, plan: &Plan, scope: &Scope) -> Result<Vec<Plan>> {
        let requirements = plan.input_distribution_requirements();
        let several = plan.output_partitioning().partition_count() > 1;
        let originals: Vec<Plan> = plan.children().into_iter().cloned().collect();
        let mut children = Vec::with_capacity(originals.len());
        for (i, child) in originals.into_iter().enumerate() {
            let mut lowered = self.node(child, scope)?;
            let single = matches!(requirements.child_distribution(i), Some(Distribution::SinglePartition));
            if single && several && !is_gathered_read(&lowered) {
                lowered = self.cut_forward(lowered, scope)?;
            }
            children.push(lowered);
        }
        Ok(children)
    }

    fn repartition(&mut self, repartition: &RepartitionExec, scope: &Scope) -> Result<Plan> {
        let input = self.node(Arc::clone(repartition.input()), scope)?;
        let output = Output::Exchange(repartition.partitioning().clone());
        let mut properties = Arc::clone(repartition.properties());
        let mut ordering = properties.output_ordering().cloned().filter(|_| repartition.preserve_order());
        if input.output_partitioning().partition_count() == 1 {
            // A bucket of a single map output is in the order of its rows, and operators above may count on that.
            let kept = RepartitionExec::try_new(Arc::clone(&input), repartition.partitioning().clone())?;
            properties = Arc::clone(kept.properties());
            ordering = None;
        } else if properties.output_ordering().is_some() {
            // Buckets of several map outputs come in no order, even where one process would have merged them.
            let mut eq = properties.eq_properties.clone();
            eq.clear_orderings();
            properties = Arc::new(PlanProperties::clone(&properties).with_eq_properties(eq));
        }
        let stage = self.stage(input, output, scope)?;
        let read: Plan = Arc::new(ShuffleReadExec::new(stage, ReadKind::Bucket, properties));
        Ok(match ordering {
            Some(ordering) => sorted(read, ordering),
            None => read,
        })
    }

    /// The exchange of a data set: the stage below writes buckets, or its partitions as they are.
    fn exchange(&mut self, exchange: &ExchangeExec, scope: &Scope) -> Result<Plan> {
        let input = self.node(Arc::clone(exchange.input()), scope)?;
        let properties = exchange.properties();
        let output = match exchange.target() {
            Target::Same if input.is::<ShuffleReadExec>() => return Ok(input),
            Target::Same => return self.cut_forward(input, scope),
            Target::Bucket(buckets) => Output::Bucket(buckets),
            Target::Key(_) => Output::Exchange(Partitioning::clone(&properties.partitioning)),
        };
        let stage = self.stage(input, output, scope)?;
        Ok(Arc::new(ShuffleReadExec::new(stage, ReadKind::Bucket, Arc::clone(properties))))
    }

    fn gathering(&mut self, plan: &Plan, scope: &Scope) -> Result<Plan> {
        let [child] = plan.children()[..] else {
            return internal_err!("{} should have one child", plan.name());
        };
        let mut lowered = self.node(Arc::clone(child), scope)?;
        if lowered.output_partitioning().partition_count() > 1 {
            lowered = self.cut_forward(lowered, scope)?;
        }
        replace_children_if_necessary(Arc::clone(plan), vec![lowered])
    }

    fn scalar_subqueries(&mut self, exec: &ScalarSubqueryExec) -> Result<Plan> {
        let mut links = vec![];
        for link in exec.subqueries() {
            let lowered = self.node(Arc::clone(&link.plan), &None)?;
            let several = lowered.output_partitioning().partition_count() > 1;
            let read = self.cut_forward(lowered, &None)?;
            // Whichever partition has the row, and also a second row, which is an error.
            links.push((if several { Arc::new(CoalescePartitionsExec::new(read)) } else { read }, link.index));
        }
        let scope = Some(Arc::new(ScalarScope { links, results: exec.results().clone() }));
        let input = self.node(Arc::clone(exec.input()), &scope)?;
        // The rest of the fragment above belongs to an outer level, so this level's needs are met here.
        Ok(ScalarInputExec::wrap_if_used(input, &scope))
    }

    fn cached(&mut self, cache: &CacheExec) -> Result<Plan> {
        let dataset = cache.dataset();
        let mut claimed = dataset.claim();
        if let Some(read) = claimed.read() {
            return Ok(read);
        }
        let input = self.node(Arc::clone(cache.input()), &None)?;
        // What the data set is known to be, which may be less than what its stage's plan claims.
        let partitioning = cache.properties().partitioning.clone();
        let properties = Arc::new(PlanProperties::clone(input.properties()).with_partitioning(partitioning));
        let stage = self.stage(input, Output::Forward, &None)?;
        if let Some(made) = self.stages.last_mut() {
            made.keep = dataset.keep();
        }
        let read = ShuffleReadExec::new(stage, ReadKind::Forward, properties);
        if !self.dry_run {
            claimed.set(read.clone());
            self.pins.push((stage, Arc::clone(dataset)));
        }
        Ok(Arc::new(read))
    }

    fn hash_join(&mut self, plan: &Plan, join: &HashJoinExec, scope: &Scope) -> Result<Plan> {
        let wanted = runtime_filter::wanted_by(join)?;
        let mut children = self.children(plan, scope)?;
        if let Some(wanted) = wanted {
            let source = match runtime_filter::source_stage(&children[0]) {
                Some(stage) => stage,
                None => {
                    // The build side becomes a stage of its own, so that its keys are known before the probe starts.
                    children[0] = self.cut_forward(Arc::clone(&children[0]), scope)?;
                    match runtime_filter::source_stage(&children[0]) {
                        Some(stage) => stage,
                        None => return internal_err!("a cut build side should be read from a stage"),
                    }
                }
            };
            self.joins.push(wanted.with_source(source));
        }
        if join.dynamic_expressions_produced().is_empty() {
            return replace_children_if_necessary(Arc::clone(plan), children);
        }
        // The join must not make the filter itself: it would wait for all its partitions to meet in one process,
        // which tasks never do. The driver sets it, or it stays open where keys cannot be summarised.
        join.builder().reset_state().recompute_properties().with_new_children(children)?.build_exec()
    }

    fn cut_forward(&mut self, fragment: Plan, scope: &Scope) -> Result<Plan> {
        let properties = Arc::clone(fragment.properties());
        let stage = self.stage(fragment, Output::Forward, scope)?;
        Ok(Arc::new(ShuffleReadExec::new(stage, ReadKind::Forward, properties)))
    }

    fn stage(&mut self, fragment: Plan, output: Output, scope: &Scope) -> Result<StageId> {
        let id = self.ids.next();
        self.push_stage(id, fragment, output, scope)?;
        Ok(id)
    }

    fn push_stage(&mut self, id: StageId, fragment: Plan, output: Output, scope: &Scope) -> Result<()> {
        let (fragment, needs) = match contains(&fragment, &|node| node.is::<NeedsExec>()) {
            true => needs::take(fragment)?,
            false => (fragment, Needs::default()),
        };
        let fragment = ScalarInputExec::wrap_if_used(SortRunsExec::replace(fragment)?, scope);
        let mut inputs = vec![];
        collect_inputs(&fragment, true, &mut inputs);
        let side_effects = contains(&fragment, &|node| node.downcast_ref::<DataSinkExec>().is_some());
        self.stages.push(StagePlan {
            id,
            plan: fragment,
            output,
            inputs,
            renamed: vec![],
            after: vec![],
            placement: if side_effects { Placement::Driver } else { Placement::Anywhere },
            summaries: vec![],
            filters: vec![],
            keep: Keep::default(),
            side_effects,
            needs,
        });
        Ok(())
    }
}

/// Whether the single partition of `plan` is nothing but the gathered outputs of a stage, so that a cut would only
/// copy them.
fn is_gathered_read(plan: &Plan) -> bool {
    let below = match plan.children()[..] {
        [child]
            if plan.downcast_ref::<CoalescePartitionsExec>().is_some()
                || plan.downcast_ref::<SortPreservingMergeExec>().is_some() =>
        {
            child
        }
        _ => plan,
    };
    below.downcast_ref::<ShuffleReadExec>().is_some()
}

fn sorted(input: Plan, ordering: LexOrdering) -> Plan {
    Arc::new(SortExec::new(ordering, input).with_preserve_partitioning(true))
}

/// Whether `test` holds for a node of the fragment.
pub(crate) fn contains(plan: &Plan, test: &dyn Fn(&Plan) -> bool) -> bool {
    test(plan) || plan.children().into_iter().any(|child| contains(child, test))
}

/// Collects what the leaves read. `partitionwise` tells that task `p` reads partition `p` of what is below.
fn collect_inputs(plan: &Plan, partitionwise: bool, inputs: &mut Vec<Dependency>) {
    if let Some(read) = plan.downcast_ref::<ShuffleReadExec>() {
        let kind = match read.kind() {
            ReadKind::Bucket => DependencyKind::Shuffle,
            ReadKind::Forward if partitionwise => DependencyKind::Narrow,
            ReadKind::Forward => DependencyKind::Broadcast,
        };
        match inputs.iter_mut().find(|input| input.stage == read.stage()) {
            Some(known) if known.kind != kind => known.kind = DependencyKind::Broadcast,
            Some(_) => {}
            None => inputs.push(Dependency { stage: read.stage(), kind }),
        }
    }
    let requirements = plan.input_distribution_requirements();
    let moves = plan.downcast_ref::<UnionExec>().is_some() || plan.downcast_ref::<ScalarInputExec>().is_some();
    let partitionwise = partitionwise && plan.downcast_ref::<ClosureExec>().is_none_or(|made| made.mapping().is_same());
    for (i, child) in plan.children().into_iter().enumerate() {
        let single = matches!(requirements.child_distribution(i), Some(Distribution::SinglePartition))
            || plan.downcast_ref::<CoalescePartitionsExec>().is_some()
            || plan.downcast_ref::<SortPreservingMergeExec>().is_some();
        collect_inputs(child, partitionwise && !single && !(moves && i > 0), inputs);
    }
}
