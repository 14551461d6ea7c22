//! The graph: what a data set is made of.

use super::closure::Step;
use super::mapping::Mapping;
use super::node::DatasetNode;
use crate::cache::CacheNode;
use crate::functions::FunctionRef;
use crate::needs::Needs;
use arrow::compute::SortOptions;
use arrow::datatypes::SchemaRef;
use datafusion::common::{DFSchema, DFSchemaRef, Result};
use datafusion::logical_expr::LogicalPlan;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Rows in partitions, not computed yet.
#[derive(Debug)]
pub struct Dataset {
    /// Tells one data set from another: what a closure makes need not be the same each time, so only one and the same
    /// data set is taken for equal to itself.
    id: u64,
    schema: SchemaRef,
    df_schema: DFSchemaRef,
    kind: Kind,
}

/// How a data set comes to be.
#[derive(Debug)]
pub enum Kind {
    /// What SQL or a DataFrame makes.
    Rows(LogicalPlan),
    /// A function for each of some payloads.
    Source {
        /// Makes the rows of a partition.
        function: FunctionRef,
        /// What each partition is made from.
        payloads: Vec<Arc<[u8]>>,
    },
    /// A function over partitions of others.
    Closure {
        /// The others.
        inputs: Vec<Arc<Dataset>>,
        /// Which of their partitions make one.
        mapping: Mapping,
        /// Makes the rows of a partition.
        step: Arc<Step>,
    },
    /// The rows of another, moved between partitions.
    Exchange {
        /// The other.
        input: Arc<Dataset>,
        /// Where to.
        scheme: Scheme,
    },
    /// The rows of another, sorted within each partition.
    Sorted {
        /// The other.
        input: Arc<Dataset>,
        /// Columns to sort by.
        keys: Vec<(usize, SortOptions)>,
        /// The columns that are left, if not all.
        kept: Option<Vec<usize>>,
        /// Whether rows of equal keys are sorted by their other columns.
        ties: bool,
    },
    /// The same rows, computed with other means.
    Needing {
        /// The other.
        input: Arc<Dataset>,
        /// What its tasks take of a cluster.
        needs: Needs,
    },
}

/// To which partition a row goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scheme {
    /// By the hash of the first column. No rows move that are there already.
    Key {
        /// Number of partitions, or the session's.
        partitions: Option<usize>,
    },
    /// To the partition that the last column tells, a `UInt32`, which is dropped.
    Bucket {
        /// Number of partitions.
        partitions: usize,
    },
}

/// Whether a query gives its rows in the same order each time, as far as its operators tell.
fn is_ordered(plan: &LogicalPlan) -> bool {
    match plan {
        LogicalPlan::Extension(extension) => {
            let node = extension.node.as_any();
            match (node.downcast_ref::<DatasetNode>(), CacheNode::dataset_of(plan)) {
                (Some(node), _) => node.dataset().is_ordered(),
                // A kept partition that is lost is computed again.
                (None, Some(kept)) => is_ordered(kept.plan()),
                (None, None) => false,
            }
        }
        LogicalPlan::TableScan(_) | LogicalPlan::Values(_) | LogicalPlan::EmptyRelation(_) | LogicalPlan::Sort(_) => {
            true
        }
        // Which of several partitions has the first rows is not said.
        LogicalPlan::Limit(limit) => matches!(*limit.input, LogicalPlan::Sort(_)),
        LogicalPlan::Projection(_) | LogicalPlan::Filter(_) | LogicalPlan::SubqueryAlias(_) => {
            plan.inputs().into_iter().all(is_ordered)
        }
        _ => false,
    }
}

impl Dataset {
    fn new(schema: SchemaRef, df_schema: DFSchemaRef, kind: Kind) -> Arc<Self> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        Arc::new(Self { id: NEXT.fetch_add(1, Ordering::Relaxed), schema, df_schema, kind })
    }

    fn of(schema: SchemaRef, kind: Kind) -> Result<Arc<Self>> {
        let df_schema = Arc::new(DFSchema::try_from(Arc::clone(&schema))?);
        Ok(Self::new(schema, df_schema, kind))
    }

    /// The rows of a plan.
    pub fn rows(plan: LogicalPlan) -> Result<Arc<Self>> {
        // Qualifiers are of no use any more, and two columns may differ by nothing else.
        let schema = Arc::clone(plan.schema().inner());
        let df_schema = Arc::clone(plan.schema());
        Ok(Self::new(schema, df_schema, Kind::Rows(plan)))
    }

    /// `function` for each of `payloads`, making batches of `schema`.
    pub fn source(schema: SchemaRef, function: FunctionRef, payloads: Vec<Arc<[u8]>>) -> Result<Arc<Self>> {
        Self::of(schema, Kind::Source { function, payloads })
    }

    /// `function` over partitions of `inputs`, making batches of `schema`.
    pub fn closure(
        inputs: Vec<Arc<Dataset>>,
        mapping: Mapping,
        schema: SchemaRef,
        function: FunctionRef,
        argument: Arc<[u8]>,
        keeps_key: bool,
    ) -> Result<Arc<Self>> {
        let df_schema = Arc::new(DFSchema::try_from(Arc::clone(&schema))?);
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let step = Arc::new(Step { id, function, argument, schema: Arc::clone(&schema), keeps_key });
        Ok(Self::new(schema, df_schema, Kind::Closure { inputs, mapping, step }))
    }

    /// The rows of `input`, moved.
    pub fn exchange(input: Arc<Dataset>, scheme: Scheme) -> Result<Arc<Self>> {
        let schema = match scheme {
            Scheme::Key { .. } => Arc::clone(&input.schema),
            Scheme::Bucket { .. } => super::exchange::without_last(&input.schema),
        };
        Self::of(schema, Kind::Exchange { input, scheme })
    }

    /// The rows of `input`, sorted within each partition.
    pub fn sorted(input: Arc<Dataset>, keys: Vec<(usize, SortOptions)>) -> Arc<Self> {
        Self::new(
            Arc::clone(&input.schema),
            Arc::clone(&input.df_schema),
            Kind::Sorted { input, keys, kept: None, ties: false },
        )
    }

    /// The same of which only the columns `kept` are left: what rows are sorted by need not be moved with them.
    pub fn sorted_keeping(input: Arc<Dataset>, keys: Vec<(usize, SortOptions)>, kept: Vec<usize>) -> Result<Arc<Self>> {
        let schema = Arc::new(input.schema.project(&kept)?);
        Self::of(schema, Kind::Sorted { input, keys, kept: Some(kept), ties: false })
    }

    /// The rows of `input`, computed with `needs`.
    pub fn needing(input: Arc<Dataset>, needs: Needs) -> Arc<Self> {
        Self::new(Arc::clone(&input.schema), Arc::clone(&input.df_schema), Kind::Needing { input, needs })
    }

    /// Tells it from others.
    pub fn id(&self) -> u64 {
        self.id
    }

    /// How it comes to be.
    pub fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Whether each partition has its rows in the same order whenever it is computed. Behind a shuffle it has not: outputs come in
    /// the order in which they are there. Sorted rows have, but for those of equal keys: see [`with_settled_ties`](Self::with_settled_ties).
    pub fn is_ordered(&self) -> bool {
        match &self.kind {
            Kind::Rows(plan) => is_ordered(plan),
            Kind::Source { .. } | Kind::Sorted { .. } => true,
            Kind::Closure { mapping: Mapping::Keyed(_), .. } | Kind::Exchange { .. } => false,
            Kind::Closure { inputs, .. } => inputs.iter().all(|input| input.is_ordered()),
            Kind::Needing { input, .. } => input.is_ordered(),
        }
    }

    /// The same rows, of which also those of equal keys behind a sort of data sets are in the same order whenever a partition is
    /// computed.
    pub fn with_settled_ties(self: &Arc<Self>) -> Arc<Self> {
        let kind = match &self.kind {
            Kind::Sorted { input, keys, kept, ties: false } => {
                Kind::Sorted { input: Arc::clone(input), keys: keys.clone(), kept: kept.clone(), ties: true }
            }
            Kind::Closure { inputs, mapping, step } => {
                let settled: Vec<_> = inputs.iter().map(Self::with_settled_ties).collect();
                if settled.iter().zip(inputs).all(|(settled, input)| Arc::ptr_eq(settled, input)) {
                    return Arc::clone(self);
                }
                Kind::Closure { inputs: settled, mapping: mapping.clone(), step: Arc::clone(step) }
            }
            Kind::Needing { input, needs } => match input.with_settled_ties() {
                settled if Arc::ptr_eq(&settled, input) => return Arc::clone(self),
                settled => Kind::Needing { input: settled, needs: *needs },
            },
            _ => return Arc::clone(self),
        };
        Self::new(Arc::clone(&self.schema), Arc::clone(&self.df_schema), kind)
    }

    /// Its columns, for a logical plan.
    pub(super) fn df_schema(&self) -> &DFSchemaRef {
        &self.df_schema
    }

    /// What it is made of.
    pub fn inputs(&self) -> &[Arc<Dataset>] {
        match &self.kind {
            Kind::Rows(_) | Kind::Source { .. } => &[],
            Kind::Closure { inputs, .. } => inputs,
            Kind::Exchange { input, .. } | Kind::Sorted { input, .. } | Kind::Needing { input, .. } => {
                std::slice::from_ref(input)
            }
        }
    }
}
