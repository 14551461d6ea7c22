//! A data set in a logical plan: a leaf, so that SQL may stand above it.

use super::graph::{Dataset, Kind};
use datafusion::common::{DFSchemaRef, Result};
use datafusion::logical_expr::{Expr, Extension, LogicalPlan, UserDefinedLogicalNodeCore};
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// See the module.
#[derive(Debug, Clone)]
pub struct DatasetNode(Arc<Dataset>);

impl DatasetNode {
    /// A data set as a logical plan.
    pub fn plan(dataset: &Arc<Dataset>) -> LogicalPlan {
        match dataset.kind() {
            Kind::Rows(plan) => plan.clone(),
            _ => LogicalPlan::Extension(Extension { node: Arc::new(Self(Arc::clone(dataset))) }),
        }
    }

    /// The data set.
    pub fn dataset(&self) -> &Arc<Dataset> {
        &self.0
    }
}

impl PartialEq for DatasetNode {
    fn eq(&self, other: &Self) -> bool {
        self.0.id() == other.0.id()
    }
}
impl Eq for DatasetNode {}
impl PartialOrd for DatasetNode {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.0.id().cmp(&other.0.id()))
    }
}
impl Hash for DatasetNode {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.id().hash(state);
    }
}

impl UserDefinedLogicalNodeCore for DatasetNode {
    fn name(&self) -> &str {
        "Dataset"
    }
    fn inputs(&self) -> Vec<&LogicalPlan> {
        vec![]
    }
    fn schema(&self) -> &DFSchemaRef {
        self.0.df_schema()
    }
    fn expressions(&self) -> Vec<Expr> {
        vec![]
    }
    fn fmt_for_explain(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "Dataset: {}", self.0.id())
    }
    fn with_exprs_and_inputs(&self, _exprs: Vec<Expr>, _inputs: Vec<LogicalPlan>) -> Result<Self> {
        Ok(self.clone())
    }
}
