//! `FROM 'flights.parquet'` alone means all of it, as in DuckDB. The parser leaves such a query without any column.

use datafusion::sql::parser::{CopyToSource, Statement as DfStatement};
use datafusion::sql::sqlparser::ast::{
    Query, SelectFlavor, SelectItem, SetExpr, VisitMut, VisitorMut, WildcardAdditionalOptions,
};
use std::ops::ControlFlow;

/// Gives queries that begin with `FROM` and have no `SELECT` all columns.
pub(super) fn select_all(statement: &mut DfStatement) {
    match statement {
        DfStatement::Statement(statement) => {
            let _ = statement.visit(&mut SelectAll);
        }
        DfStatement::CopyTo(copy) => {
            if let CopyToSource::Query(query) = &mut copy.source {
                let _ = query.visit(&mut SelectAll);
            }
        }
        DfStatement::Explain(explain) => select_all(&mut explain.statement),
        _ => {}
    }
}

struct SelectAll;

impl VisitorMut for SelectAll {
    type Break = ();

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<()> {
        complete(&mut query.body);
        ControlFlow::Continue(())
    }
}

fn complete(body: &mut SetExpr) {
    match body {
        SetExpr::Select(select) if select.flavor == SelectFlavor::FromFirstNoSelect && select.projection.is_empty() => {
            select.flavor = SelectFlavor::FromFirst;
            select.projection = vec![SelectItem::Wildcard(WildcardAdditionalOptions::default())];
        }
        SetExpr::SetOperation { left, right, .. } => {
            complete(left);
            complete(right);
        }
        _ => {}
    }
}
