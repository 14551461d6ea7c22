//! Cached data sets: a leaf for the planner, a node for recovery.
//!
//! `df.cache()` wraps the plan in a [`CacheNode`]. The first job that meets it lowers the plan below to a stage whose
//! output outlives the job; later jobs plan a mere read of that stage. The scheduler keeps the stage's lineage, so a
//! lost partition is recomputed when a job needs it.

use crate::shuffle_read::ShuffleReadExec;
use async_trait::async_trait;
use datafusion::common::stats::Precision;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DFSchemaRef, Result, Statistics, internal_err};
use datafusion::execution::session_state::{CacheFactory, SessionState};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::physical_planning_context::PhysicalPlanningContext;
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNode, UserDefinedLogicalNodeCore};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties, StatisticsArgs,
};
use datafusion::physical_planner::{ExtensionPlanner, PhysicalPlanner};
use dpark_lineage::StageId;
use dpark_shuffle::Keep;
use parking_lot::{Mutex, MutexGuard};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as Atomic};

/// A data set whose partitions are kept once computed.
#[derive(Debug)]
pub struct CachedDataset {
    id: u64,
    plan: LogicalPlan,
    keep: Keep,
    aside: bool,
    read: Mutex<Option<ShuffleReadExec>>,
}

/// Access to a data set's stage; held while the first job lowers it, so that two jobs never compute it twice.
pub struct Claim<'a>(MutexGuard<'a, Option<ShuffleReadExec>>);

impl Claim<'_> {
    /// The leaf that reads the data set, if a job has claimed it already.
    pub fn read(&self) -> Option<Arc<dyn ExecutionPlan>> {
        self.0.clone().map(|read| Arc::new(read) as _)
    }
    /// Remembers the leaf.
    pub fn set(&mut self, read: ShuffleReadExec) {
        *self.0 = Some(read);
    }
}

impl CachedDataset {
    /// A data set with the rows of `plan`, not computed yet.
    pub fn new(plan: LogicalPlan, keep: Keep) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self { id: NEXT.fetch_add(1, Atomic::Relaxed), plan, keep, aside: false, read: Mutex::new(None) })
    }

    /// The same, kept for jobs only that run beside an action.
    pub fn aside(self: Arc<Self>) -> Arc<Self> {
        Arc::new(Self { id: self.id, plan: self.plan.clone(), keep: self.keep, aside: true, read: Mutex::new(None) })
    }

    /// Whether it is kept for such jobs only.
    pub fn is_aside(&self) -> bool {
        self.aside
    }

    /// Where the rows are kept.
    pub fn keep(&self) -> Keep {
        self.keep
    }

    /// Locks the data set's stage.
    pub fn claim(&self) -> Claim<'_> {
        Claim(self.read.lock())
    }

    /// The stage that holds the rows, once a job was started with it.
    pub fn stage(&self) -> Option<StageId> {
        self.read.lock().as_ref().map(ShuffleReadExec::stage)
    }

    /// Forgets the stage; the next job computes the rows anew. Returns the stage to free.
    pub fn unclaim(&self) -> Option<StageId> {
        self.read.lock().take().map(|read| read.stage())
    }

    /// The rows were computed: later plans see how many there are, unless another stage has taken the place of `stage`.
    ///
    /// The bytes are those of the outputs as they are kept, so they only tell the planner about how many they are.
    pub fn computed(&self, stage: StageId, rows: u64, bytes: u64) {
        let mut read = self.read.lock();
        *read = read.take().map(|leaf| {
            if leaf.stage() != stage {
                return leaf;
            }
            let mut statistics = Statistics::new_unknown(&leaf.schema());
            statistics.num_rows = Precision::Exact(rows as usize);
            statistics.total_byte_size = Precision::Inexact(bytes as usize);
            leaf.with_statistics(Arc::new(statistics))
        });
    }

    /// The plan of the rows.
    pub fn plan(&self) -> &LogicalPlan {
        &self.plan
    }
}

/// The logical leaf of a cached data set.
#[derive(Debug, Clone)]
pub struct CacheNode(Arc<CachedDataset>);

impl CacheNode {
    /// `dataset` as a logical plan.
    pub fn plan(dataset: Arc<CachedDataset>) -> LogicalPlan {
        LogicalPlan::Extension(Extension { node: Arc::new(Self(dataset)) })
    }
    /// The data set, if `plan` is nothing but a cached one.
    pub fn dataset_of(plan: &LogicalPlan) -> Option<&Arc<CachedDataset>> {
        match plan {
            LogicalPlan::Extension(extension) => {
                let any = extension.node.as_any();
                any.downcast_ref::<CacheNode>().map(|node| &node.0)
            }
            LogicalPlan::SubqueryAlias(alias) => Self::dataset_of(&alias.input),
            _ => None,
        }
    }
}

impl PartialEq for CacheNode {
    fn eq(&self, other: &Self) -> bool {
        self.0.id == other.0.id
    }
}
impl Eq for CacheNode {}
impl PartialOrd for CacheNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.0.id.cmp(&other.0.id))
    }
}
impl Hash for CacheNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id.hash(state);
    }
}

impl UserDefinedLogicalNodeCore for CacheNode {
    fn name(&self) -> &str {
        "Cache"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![]
    }
    fn schema(&self) -> &DFSchemaRef {
        self.0.plan.schema()
    }
    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Cache: data set {}", self.0.id)
    }
    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, _inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(self.clone())
    }
}

/// Makes DataFusion's `df.cache()` ours.
#[derive(Debug)]
pub struct DatasetCacheFactory;

impl CacheFactory for DatasetCacheFactory {
    fn create(&self, plan: LogicalPlan, _session_state: &SessionState) -> Result<LogicalPlan> {
        Ok(CacheNode::plan(CachedDataset::new(plan, Keep::default())))
    }
}

/// Plans [`CacheNode`]s.
#[derive(Debug)]
pub struct CachePlanner;

#[async_trait]
impl ExtensionPlanner for CachePlanner {
    async fn plan_extension(
        &self,
        planner: &dyn PhysicalPlanner,
        node: &dyn UserDefinedLogicalNode,
        _logical_inputs: &[&LogicalPlan],
        _physical_inputs: &[Arc<dyn ExecutionPlan>],
        session: &dyn datafusion::catalog::Session,
        _context: &PhysicalPlanningContext,
    ) -> Result<Option<Arc<dyn ExecutionPlan>>> {
        let any = node.as_any();
        let Some(CacheNode(dataset)) = any.downcast_ref::<CacheNode>() else {
            return Ok(None);
        };
        if let Some(read) = dataset.claim().read() {
            return Ok(Some(read));
        }
        let Some(state) = session.as_any().downcast_ref::<SessionState>() else {
            return internal_err!("a cached data set needs a session state to be planned");
        };
        let input = planner.create_physical_plan(&state.optimize(&dataset.plan)?, session).await?;
        Ok(Some(Arc::new(CacheExec::new(Arc::clone(dataset), input))))
    }
}

/// A cached data set in a physical plan, before the lowering. The plan below is finished and hidden from optimizers.
#[derive(Debug)]
pub struct CacheExec {
    dataset: Arc<CachedDataset>,
    input: Arc<dyn ExecutionPlan>,
    properties: Arc<PlanProperties>,
}

impl CacheExec {
    fn new(dataset: Arc<CachedDataset>, input: Arc<dyn ExecutionPlan>) -> Self {
        let partitions = input.output_partitioning().partition_count();
        let properties = PlanProperties::clone(input.properties());
        // The rows stay where they are, but a hash is only promised where it is that of a data set's key.
        let properties = match crate::dataset::closure::keyed_partitions(&input).is_some() {
            true => properties,
            false => properties.with_partitioning(Partitioning::UnknownPartitioning(partitions)),
        };
        Self { dataset, input, properties: Arc::new(properties) }
    }
    /// The data set.
    pub fn dataset(&self) -> &Arc<CachedDataset> {
        &self.dataset
    }
    /// How its rows are made.
    pub fn input(&self) -> &Arc<dyn ExecutionPlan> {
        &self.input
    }
}

impl DisplayAs for CacheExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "CacheExec: data set {}", self.dataset.id)
    }
}

impl ExecutionPlan for CacheExec {
    fn name(&self) -> &str {
        "CacheExec"
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
    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("a cached data set runs only as a stage")
    }
    fn statistics_from_inputs(&self, _: &[Arc<Statistics>], args: &StatisticsArgs) -> Result<Arc<Statistics>> {
        let context = datafusion::physical_plan::StatisticsContext::new();
        context.compute(self.input.as_ref(), args)
    }
}
