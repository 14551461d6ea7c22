//! Which output columns an answer is ordered by.
//!
//! `ORDER BY` fixes the order of its keys, not of rows with equal keys. So an ordered answer is compared by the
//! sequence of its keys, as far as they are in the output, and by its rows as a multiset.

use datafusion::common::Column;
use datafusion::logical_expr::{Expr, LogicalPlan};

/// The output columns, most significant first, that a query with a top-level `ORDER BY` orders its answer by: the
/// longest prefix of the sort keys that the output shows. `None` without an `ORDER BY`.
pub fn keys(plan: &LogicalPlan) -> Option<Vec<usize>> {
    // For every output column of the plan: which column it is of the node that we are at.
    let mut output: Vec<Option<Column>> = plan.schema().columns().into_iter().map(Some).collect();
    let mut node = plan;
    loop {
        match node {
            LogicalPlan::Limit(limit) => node = &limit.input,
            LogicalPlan::Projection(projection) => {
                let columns = projection.schema.columns();
                for column in &mut output {
                    let position = column.as_ref().and_then(|c| columns.iter().position(|other| other == c));
                    *column = position.and_then(|position| passed(&projection.expr[position]));
                }
                node = &projection.input;
            }
            LogicalPlan::Sort(sort) => {
                let keys = sort.expr.iter().map_while(|key| {
                    let wanted = passed(&key.expr)?;
                    output.iter().position(|column| column.as_ref() == Some(&wanted))
                });
                return Some(keys.collect());
            }
            _ => return None,
        }
    }
}

/// The column that an expression hands on as it is.
fn passed(expr: &Expr) -> Option<Column> {
    match expr {
        Expr::Column(column) => Some(column.clone()),
        Expr::Alias(alias) => passed(&alias.expr),
        _ => None,
    }
}
