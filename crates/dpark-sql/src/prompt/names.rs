//! What can be named: tables, columns, functions, options. Read from the session's catalogs without running a query.

use datafusion::catalog::TableProvider;
use datafusion::common::TableReference;
use datafusion::error::Result;
use dpark::Context;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;

/// A table that was registered or created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TableName {
    pub(super) catalog: String,
    pub(super) schema: String,
    pub(super) table: String,
}

/// What completion asks; a trait so that it can be tested without a session.
pub(super) trait Names {
    fn tables(&self) -> Vec<String>;
    fn columns(&self, table: &str) -> Vec<String>;
    fn functions(&self) -> Vec<String>;
    fn options(&self) -> Vec<String>;
}

/// The names of a session.
pub(super) struct SessionNames {
    pub(super) ctx: Context,
    pub(super) runtime: Handle,
}

impl Names for SessionNames {
    fn tables(&self) -> Vec<String> {
        let (catalog, schema) = default_names(&self.ctx);
        let name = |t: TableName| match () {
            () if t.catalog == catalog && t.schema == schema => quoted(&t.table),
            () if t.catalog == catalog => format!("{}.{}", quoted(&t.schema), quoted(&t.table)),
            () => format!("{}.{}.{}", quoted(&t.catalog), quoted(&t.schema), quoted(&t.table)),
        };
        table_names(&self.ctx).into_iter().map(name).collect()
    }

    fn columns(&self, table: &str) -> Vec<String> {
        // A file in an object store may take its time; the user is typing.
        let find = async { tokio::time::timeout(Duration::from_millis(500), provider(&self.ctx, table)).await };
        match self.runtime.block_on(find) {
            Ok(Ok(table)) => table.schema().fields().iter().map(|field| quoted(field.name())).collect(),
            _ => Vec::new(),
        }
    }

    fn functions(&self) -> Vec<String> {
        let state = self.ctx.session().state_ref();
        let state = state.read();
        let scalar = state.scalar_functions().keys();
        let others = state.aggregate_functions().keys().chain(state.window_functions().keys());
        scalar.chain(others).cloned().collect()
    }

    fn options(&self) -> Vec<String> {
        self.ctx.session().copied_config().options().entries().into_iter().map(|entry| entry.key).collect()
    }
}

/// The table behind a name as typed: bare, with schema and catalog, or a path in quotes.
pub(super) async fn provider(ctx: &Context, name: &str) -> Result<Arc<dyn TableProvider>> {
    let path = name.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    let reference = match path {
        Some(path) => TableReference::bare(path.to_string()),
        None => TableReference::from(name),
    };
    ctx.session().table_provider(reference).await
}

/// All tables but those of the information schema.
pub(super) fn table_names(ctx: &Context) -> Vec<TableName> {
    let state = ctx.session().state_ref();
    let catalogs = Arc::clone(state.read().catalog_list());
    let mut names = Vec::new();
    for catalog in catalogs.catalog_names() {
        let Some(provider) = catalogs.catalog(&catalog) else { continue };
        for schema in provider.schema_names().into_iter().filter(|schema| schema != "information_schema") {
            let tables = provider.schema(&schema).map(|schema| schema.table_names()).unwrap_or_default();
            let name = |table| TableName { catalog: catalog.clone(), schema: schema.clone(), table };
            names.extend(tables.into_iter().map(name));
        }
    }
    names.sort_by(|a, b| (&a.catalog, &a.schema, &a.table).cmp(&(&b.catalog, &b.schema, &b.table)));
    names
}

fn default_names(ctx: &Context) -> (String, String) {
    let config = ctx.session().copied_config();
    let catalog = &config.options().catalog;
    (catalog.default_catalog.clone(), catalog.default_schema.clone())
}

/// A name as it must be typed: in double quotes unless it is plain lower case.
pub(super) fn quoted(name: &str) -> String {
    let plain = name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_')
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_');
    if plain { name.to_string() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}
