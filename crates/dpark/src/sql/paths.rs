//! Names in `FROM` that are paths: a catalog list around the session's own that asks [`files`](super::files) for what is
//! no registered table.
//!
//! DataFusion's `enable_url_table` does the same for plain cases; this one also reads directories that hold marker
//! files, globs over several levels and more extensions, says what is wrong with a path instead of "table not found",
//! and keeps `DROP SCHEMA` working.

use super::files;
use async_trait::async_trait;
use datafusion::catalog::{CatalogProvider, CatalogProviderList, SchemaProvider, TableProvider};
use datafusion::error::Result;
use datafusion::execution::context::{SessionContext, SessionState};
use datafusion::logical_expr::TableType;
use parking_lot::RwLock;
use std::fmt;
use std::sync::{Arc, Weak};

/// Makes paths work as table names in a session: files, directories and globs of Parquet, CSV, TSV, JSON, Arrow and Avro.
pub fn enable_paths(session: &SessionContext) {
    let inner = Arc::clone(session.state_ref().read().catalog_list());
    if !inner.is::<PathCatalogs>() {
        let session_state = SessionRef(session.state_weak_ref());
        session.register_catalog_list(Arc::new(PathCatalogs { inner, session: session_state }));
    }
}

#[derive(Clone)]
struct SessionRef(Weak<RwLock<SessionState>>);

impl fmt::Debug for SessionRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("session")
    }
}

#[derive(Debug)]
struct PathCatalogs {
    inner: Arc<dyn CatalogProviderList>,
    session: SessionRef,
}

impl CatalogProviderList for PathCatalogs {
    fn register_catalog(&self, name: String, catalog: Arc<dyn CatalogProvider>) -> Option<Arc<dyn CatalogProvider>> {
        self.inner.register_catalog(name, catalog)
    }

    fn catalog_names(&self) -> Vec<String> {
        self.inner.catalog_names()
    }

    fn catalog(&self, name: &str) -> Option<Arc<dyn CatalogProvider>> {
        let inner = self.inner.catalog(name)?;
        Some(Arc::new(PathCatalog { inner, session: self.session.clone() }))
    }
}

#[derive(Debug)]
struct PathCatalog {
    inner: Arc<dyn CatalogProvider>,
    session: SessionRef,
}

impl CatalogProvider for PathCatalog {
    fn schema_names(&self) -> Vec<String> {
        self.inner.schema_names()
    }

    fn schema(&self, name: &str) -> Option<Arc<dyn SchemaProvider>> {
        let inner = self.inner.schema(name)?;
        Some(Arc::new(PathSchema { inner, session: self.session.clone() }))
    }

    fn register_schema(&self, name: &str, schema: Arc<dyn SchemaProvider>) -> Result<Option<Arc<dyn SchemaProvider>>> {
        self.inner.register_schema(name, schema)
    }

    fn deregister_schema(&self, name: &str, cascade: bool) -> Result<Option<Arc<dyn SchemaProvider>>> {
        self.inner.deregister_schema(name, cascade)
    }
}

#[derive(Debug)]
struct PathSchema {
    inner: Arc<dyn SchemaProvider>,
    session: SessionRef,
}

#[async_trait]
impl SchemaProvider for PathSchema {
    fn owner_name(&self) -> Option<&str> {
        self.inner.owner_name()
    }

    fn table_names(&self) -> Vec<String> {
        self.inner.table_names()
    }

    async fn table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        if !self.inner.table_exist(name)
            && files::looks_like_path(name)
            && let Some(session) = self.session.0.upgrade()
        {
            let state = session.read().clone();
            return files::open(&state, name).await.map(Some);
        }
        self.inner.table(name).await
    }

    async fn table_type(&self, name: &str) -> Result<Option<TableType>> {
        self.inner.table_type(name).await
    }

    fn register_table(&self, name: String, table: Arc<dyn TableProvider>) -> Result<Option<Arc<dyn TableProvider>>> {
        self.inner.register_table(name, table)
    }

    fn deregister_table(&self, name: &str) -> Result<Option<Arc<dyn TableProvider>>> {
        self.inner.deregister_table(name)
    }

    fn table_exist(&self, name: &str) -> bool {
        self.inner.table_exist(name)
    }
}
