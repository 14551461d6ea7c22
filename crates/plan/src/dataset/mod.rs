//! Data sets of closures: a graph of its own that DataFusion's optimizer does not look into.
//!
//! ```text
//!  Dataset (Rows | Source | Closure | Exchange | Sorted) ──DatasetPlanner──► ClosureExec, ExchangeExec, LocalSortExec
//!     ▲                                                                          │
//!     └── DatasetNode: a leaf of SQL's and DataFrames' logical plans             └── lowering: stages
//! ```
//!
//! A closure may do anything, so nothing can be pushed through it; and a loop that builds on its own result has a long
//! lineage, which should not be optimized again at each step. So the graph is planned node by node, once, and only the
//! SQL below a [`Kind::Rows`] is optimized.
//!
//! | room | what lives there |
//! |---|---|
//! | [`graph`] | the data sets |
//! | [`node`] | a data set in a logical plan |
//! | [`planner`] | from the graph to operators |
//! | [`closure`], [`mapping`] | functions over partitions |
//! | [`rows`] | a query's plan below a data set |
//! | [`exchange`], [`local_sort`] | marks for the lowering: where to cut, where to sort |

pub mod closure;
pub mod exchange;
pub mod graph;
pub mod local_sort;
pub mod mapping;
pub mod node;
pub mod planner;
pub mod rows;

pub use closure::{BatchFunction, BatchTask, ClosureError, ClosureExec, Step, function_ref, map_ref};
pub use graph::{Dataset, Kind, Scheme};
pub use node::DatasetNode;
pub use planner::DatasetPlanner;
