//! `CACHE TABLE` and `UNCACHE TABLE`: a table's rows, computed once and kept by the executors.
//!
//! A cached table is a view over a cached data set, under the name of the table it hides until it is uncached.

use crate::Context;
use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::common::plan_err;
use datafusion::dataframe::DataFrame;
use datafusion::datasource::ViewTable;
use datafusion::error::Result;
use datafusion::logical_expr::LogicalPlan;
use dpark_plan::cache::{CacheNode, CachedDataset};
use dpark_shuffle::Keep;
use std::sync::Arc;

/// What `UNCACHE TABLE` needs to undo a `CACHE TABLE`.
#[derive(Debug)]
pub(crate) struct CachedTable {
    plan: LogicalPlan,
    hidden: Option<Arc<dyn TableProvider>>,
}

impl Context {
    /// Caches a table, or a query under a new name. Unless `lazy`, the rows are computed now.
    pub async fn cache_table(&self, name: TableReference, plan: Option<LogicalPlan>, lazy: bool) -> Result<DataFrame> {
        if self.cached.lock().contains_key(&name) {
            return plan_err!("table '{name}' is already cached");
        }
        let session = self.session();
        let (plan, hidden) = match plan {
            Some(_) if session.table_exist(name.clone())? => {
                return plan_err!("table '{name}' already exists");
            }
            Some(plan) => (plan, None),
            None => {
                let provider = session.table_provider(name.clone()).await?;
                (session.table(name.clone()).await?.logical_plan().clone(), Some(provider))
            }
        };
        let cached = CacheNode::plan(CachedDataset::new(plan, Keep::default()));
        if !lazy {
            // Counting computes every partition; the count itself is of no interest.
            DataFrame::new(session.state(), cached.clone()).count().await?;
        }
        if hidden.is_some() {
            session.deregister_table(name.clone())?;
        }
        session.register_table(name.clone(), Arc::new(ViewTable::new(cached.clone(), None)))?;
        self.cached.lock().insert(name, CachedTable { plan: cached, hidden });
        session.read_empty()
    }

    /// Frees a cached table's rows; the table it hid is there again.
    pub async fn uncache_table(&self, name: TableReference, if_exists: bool) -> Result<DataFrame> {
        let session = self.session();
        let Some(CachedTable { plan, hidden }) = self.cached.lock().remove(&name) else {
            if if_exists {
                return session.read_empty();
            }
            return plan_err!("table '{name}' is not cached");
        };
        self.unpersist_plan(&plan);
        session.deregister_table(name.clone())?;
        if let Some(hidden) = hidden {
            session.register_table(name, hidden)?;
        }
        session.read_empty()
    }
}
