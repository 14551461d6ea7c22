//! What the lowering produces: a job as a graph of stages, each a plan fragment and what becomes of its output.

use crate::cache::CachedDataset;
use crate::fingerprint::{Fingerprint, Fingerprints, fingerprints};
use crate::needs::Needs;
use crate::runtime_filter::{FilterSource, RuntimeFilter};
use arrow::datatypes::SchemaRef;
use datafusion::execution::TaskContext;
use datafusion::physical_expr::Partitioning;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::ExecutionPlanProperties;
use dpark_lineage::{Dependency, DependencyKind, JobId, JobSpec, Placement, Resources, StageId, StageSpec};
use dpark_shuffle::Keep;
use std::collections::{HashMap, HashSet};
use std::fmt;
use std::sync::Arc;

/// What the tasks of a stage do with their rows.
#[derive(Debug, Clone)]
pub enum Output {
    /// One bucket a task, in order: read by partition, by everybody, or by the driver as a result.
    Forward,
    /// Rows go to buckets by hash, range or round-robin.
    Exchange(Partitioning),
    /// Rows go to one of so many buckets, which the last column tells; the column is left out.
    Bucket(usize),
}

impl Output {
    /// Buckets each task writes.
    pub fn buckets(&self) -> usize {
        match self {
            Output::Forward => 1,
            Output::Exchange(partitioning) => partitioning.partition_count(),
            Output::Bucket(buckets) => *buckets,
        }
    }
}

impl fmt::Display for Output {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Output::Forward => write!(f, "Forward"),
            Output::Exchange(partitioning) => write!(f, "{partitioning}"),
            Output::Bucket(buckets) => write!(f, "Bucket({buckets})"),
        }
    }
}

/// One stage: how to make partition `p` as a stream of batches, and where the rows go.
#[derive(Debug, Clone)]
pub struct StagePlan {
    /// Names the stage and its output.
    pub id: StageId,
    /// The fragment; its leaves are sources or [`crate::ShuffleReadExec`].
    pub plan: Arc<dyn ExecutionPlan>,
    /// What becomes of the rows.
    pub output: Output,
    /// The stages whose outputs the leaves read.
    pub inputs: Vec<Dependency>,
    /// Leaves that read another stage than they name: the name, and the stage with the same rows in its place.
    pub renamed: Vec<(StageId, StageId)>,
    /// Stages that must have ended before, because their key summaries become runtime filters of this one.
    pub after: Vec<StageId>,
    /// Where tasks may run.
    pub placement: Placement,
    /// Key summaries to make of the output, for runtime filters of other stages.
    pub summaries: Vec<FilterSource>,
    /// Runtime filters to set in this fragment before it starts.
    pub filters: Vec<Arc<RuntimeFilter>>,
    /// Where the output is kept.
    pub keep: Keep,
    /// The fragment changes the world (an insert): a failed task must not simply run again.
    pub side_effects: bool,
    /// What its tasks take of a cluster, where that is not what the session says.
    pub needs: Needs,
}

impl StagePlan {
    /// Number of tasks.
    pub fn partitions(&self) -> usize {
        self.plan.output_partitioning().partition_count()
    }

    /// Schema of the rows.
    pub fn schema(&self) -> SchemaRef {
        self.plan.schema()
    }

    /// The stages read, by the names that the leaves have for them.
    pub fn reads(&self) -> impl Iterator<Item = (StageId, StageId)> + '_ {
        let same = self.inputs.iter().map(|input| (input.stage, input.stage));
        // A name that was given away is no leaf's any more, but the stage itself may be a leaf's too.
        same.chain(self.renamed.iter().copied())
    }

    /// Everything that must have run before.
    fn requires(&self) -> impl Iterator<Item = StageId> + '_ {
        self.inputs.iter().map(|input| input.stage).chain(self.after.iter().copied())
    }

    /// Reads other stages in the places of some.
    fn redirect(&mut self, others: &HashMap<StageId, StageId>) {
        let other = |stage: StageId| others.get(&stage).copied().unwrap_or(stage);
        for (_, stage) in &mut self.renamed {
            *stage = other(*stage);
        }
        let mut inputs: Vec<Dependency> = vec![];
        for input in &self.inputs {
            let stage = other(input.stage);
            if stage != input.stage && !self.renamed.iter().any(|(name, _)| *name == input.stage) {
                self.renamed.push((input.stage, stage));
            }
            match inputs.iter_mut().find(|known| known.stage == stage) {
                Some(known) if known.kind != input.kind => known.kind = DependencyKind::Broadcast,
                Some(_) => {}
                None => inputs.push(Dependency { stage, kind: input.kind }),
            }
        }
        self.inputs = inputs;
        let mut after: Vec<StageId> = self.after.iter().copied().map(other).collect();
        after.sort_unstable();
        after.dedup();
        self.after = after;
        for filter in &mut self.filters {
            if let Some(source) = others.get(&filter.source) {
                *filter = Arc::new(RuntimeFilter::clone(filter).with_source(*source));
            }
        }
    }

    /// The scheduler's view.
    pub fn spec(&self) -> StageSpec {
        StageSpec {
            id: self.id,
            name: self.plan.name().to_owned(),
            partitions: self.partitions() as u32,
            inputs: self.inputs.clone(),
            after: self.after.clone(),
            placement: self.placement,
            needs: Resources::default(),
            // An insert must not run twice at a time.
            speculate: !self.side_effects,
        }
    }

    /// The ids of the dynamic filters that the driver sets.
    pub fn filter_ids(&self) -> Vec<u64> {
        self.filters.iter().map(|filter| filter.id).collect()
    }
}

/// A lowered plan, ready to be scheduled.
#[derive(Debug, Clone)]
pub struct JobPlan {
    /// In topological order: a stage comes after everything it reads.
    pub stages: Vec<Arc<StagePlan>>,
    /// The stage whose output is the result.
    pub target: StageId,
    /// Partitions of the result.
    pub partitions: usize,
    /// Schema of the result.
    pub schema: SchemaRef,
    /// Cached data sets that this job makes for the first time, by their stages, which outlive it.
    pub pins: Vec<(StageId, Arc<CachedDataset>)>,
    /// What the stages compute, as far as that can be compared; see [`crate::fingerprint`].
    pub fingerprints: HashMap<StageId, Fingerprint>,
}

impl JobPlan {
    /// The same job with fingerprints, in which stages that compute the same are one. See [`fingerprints`].
    pub fn unified(mut self, options: &[(String, String)], known: &Arc<TaskContext>) -> Self {
        if self.stages.len() < 2 {
            return self;
        }
        let Fingerprints { of, unfiltered } = fingerprints(&self, options, known);
        let shareable: Vec<StageId> =
            self.stages.iter().map(|stage| stage.id).filter(|stage| self.is_shareable(*stage)).collect();
        let mut first: HashMap<Fingerprint, StageId> = HashMap::new();
        for stage in &shareable {
            if let Some(fingerprint) = of.get(stage) {
                first.entry(*fingerprint).or_insert(*stage);
            }
        }
        let mut same = HashMap::new();
        for stage in shareable {
            let kept = unfiltered.get(&stage).and_then(|print| first.get(print));
            let kept = kept.or_else(|| first.get(of.get(&stage)?));
            if let Some(kept) = kept.filter(|kept| **kept != stage) {
                same.insert(stage, *kept);
            }
        }
        self.fingerprints = of;
        self.substitute(&same)
    }

    /// Whether the stage holds a cached data set.
    pub(crate) fn is_pinned(&self, stage: StageId) -> bool {
        self.pins.iter().any(|(pinned, _)| *pinned == stage)
    }

    /// Whether another job's stage may take the place of this one: it is neither the result nor a kept data set, which
    /// have names that others know.
    pub fn is_shareable(&self, stage: StageId) -> bool {
        stage != self.target && !self.is_pinned(stage)
    }

    /// The same job, reading other stages in the places of some, without what is then read by nobody.
    pub fn substitute(&self, others: &HashMap<StageId, StageId>) -> Self {
        if others.is_empty() {
            return self.clone();
        }
        let mut stages = self.stages.clone();
        for stage in &mut stages {
            Arc::make_mut(stage).redirect(others);
        }
        let roots: Vec<StageId> = self.pins.iter().map(|(stage, _)| *stage).chain([self.target]).collect();
        Self { stages: in_order(stages, roots), ..self.clone() }
    }

    /// All stages that are read by others of the job.
    pub fn read_stages(&self) -> impl Iterator<Item = StageId> + '_ {
        self.stages.iter().flat_map(|stage| stage.requires())
    }

    /// The scheduler's view.
    pub fn spec(&self, job: JobId) -> JobSpec {
        JobSpec { job, stages: self.stages.iter().map(|stage| stage.spec()).collect(), target: self.target }
    }
}

/// Those stages that `roots` need, each after what it needs. (A stage that takes another's place may stand behind readers
/// of the other.)
fn in_order(stages: Vec<Arc<StagePlan>>, roots: Vec<StageId>) -> Vec<Arc<StagePlan>> {
    let by_id: HashMap<StageId, Arc<StagePlan>> = stages.into_iter().map(|stage| (stage.id, stage)).collect();
    let (mut ordered, mut met) = (vec![], HashSet::new());
    let mut path: Vec<(StageId, bool)> = roots.into_iter().rev().map(|root| (root, false)).collect();
    while let Some((id, needs_done)) = path.pop() {
        let Some(stage) = by_id.get(&id) else { continue };
        if needs_done {
            ordered.push(Arc::clone(stage));
        } else if met.insert(id) {
            path.push((id, true));
            path.extend(stage.requires().map(|need| (need, false)));
        }
    }
    ordered
}
