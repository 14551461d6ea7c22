//! What DataFusion's protobuf leaves out of a fragment without a word. Such a fragment must not be encoded: it would run
//! and answer something else.
//!
//! - A window aggregate's `FILTER`, `IGNORE NULLS` of a window function, and that it runs over rows in reversed order.
//!   DataFusion keeps these in private fields; what it prints for debugging is the only way to see them. The tests of
//!   this module fail if that changes.
//! - Metadata of the fields that literals, function calls and casts give, and a cast's options.

use arrow::datatypes::Schema;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, not_impl_err};
use datafusion::physical_expr::expressions::{CastExpr, Literal, TryCastExpr};
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, SlidingAggregateWindowExpr, WindowExpr};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use std::sync::Arc;

/// An error if a node would lose something on its way.
pub(crate) fn check(node: &dyn ExecutionPlan) -> Result<()> {
    node.apply_expressions(&mut |root| {
        root.apply(|expr| match keeps_all(expr) {
            true => Ok(TreeNodeRecursion::Continue),
            false => not_impl_err!("the expression {expr} has no complete encoding"),
        })
    })?;
    let windows = if let Some(window) = node.downcast_ref::<WindowAggExec>() {
        window.window_expr()
    } else if let Some(window) = node.downcast_ref::<BoundedWindowAggExec>() {
        window.window_expr()
    } else {
        return Ok(());
    };
    match windows.iter().find(|window| loses(window)) {
        Some(window) => not_impl_err!("the window expression {} has no complete encoding", window.name()),
        None => Ok(()),
    }
}

/// Whether an expression, its operands aside, comes back from protobuf as it is.
fn keeps_all(expr: &Arc<dyn PhysicalExpr>) -> bool {
    if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        *cast == CastExpr::new(Arc::clone(cast.expr()), cast.cast_type().clone(), None)
    } else if let Some(cast) = expr.downcast_ref::<TryCastExpr>() {
        *cast == TryCastExpr::new(Arc::clone(cast.expr()), cast.cast_type().clone())
    } else if expr.is::<Literal>() || expr.is::<ScalarFunctionExpr>() {
        // Both know their field without a schema.
        expr.return_field(&Schema::empty()).is_ok_and(|field| field.metadata().is_empty())
    } else {
        true
    }
}

fn loses(window: &Arc<dyn WindowExpr>) -> bool {
    let printed = format!("{window:?}");
    let reversed = printed.contains("is_reversed: true");
    let any = window.as_any();
    if any.is::<PlainAggregateWindowExpr>() || any.is::<SlidingAggregateWindowExpr>() {
        return reversed || printed.contains("filter: Some(");
    }
    reversed || printed.contains("ignore_nulls: true")
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::physical_plan::displayable;
    use datafusion::prelude::SessionContext;

    async fn refused(window: &str) -> bool {
        let session = SessionContext::new();
        let rows = "SELECT * FROM (VALUES (1, 2), (2, NULL), (3, 4)) AS rows (k, v)";
        let sql = format!("SELECT {window} FROM ({rows} ORDER BY k LIMIT 5)");
        let plan = session.sql(&sql).await.unwrap().create_physical_plan().await.unwrap();
        let mut refused = false;
        let mut windows = 0;
        plan.apply(|node| {
            windows += usize::from(node.name().contains("WindowAggExec"));
            refused |= check(node.as_ref()).is_err();
            Ok(TreeNodeRecursion::Continue)
        })
        .unwrap();
        assert!(windows > 0, "{}", displayable(plan.as_ref()).indent(false));
        refused
    }

    #[tokio::test]
    async fn what_would_be_lost_is_seen() {
        assert!(refused("sum(v) FILTER (WHERE k > 1) OVER ()").await);
        assert!(refused("sum(v) FILTER (WHERE k > 1) OVER (ORDER BY k ROWS 1 PRECEDING)").await);
        assert!(refused("lag(v) IGNORE NULLS OVER (ORDER BY k)").await);
        assert!(refused("first_value(v) IGNORE NULLS OVER (ORDER BY k)").await);
        assert!(refused("nth_value(v, 2) OVER (ORDER BY k), lead(v) OVER (ORDER BY k DESC)").await);
        assert!(refused("sum(v) OVER (), arrow_metadata(with_metadata(v, 'a', 'b'), 'a')").await);
    }

    #[tokio::test]
    async fn what_travels_well_is_let_go() {
        assert!(!refused("sum(v) OVER ()").await);
        assert!(!refused("sum(v) OVER (ORDER BY k ROWS 1 PRECEDING), count(*) OVER (PARTITION BY k)").await);
        assert!(
            !refused("lag(v) OVER (ORDER BY k), nth_value(v, 2) OVER (ORDER BY k), rank() OVER (ORDER BY k)").await
        );
    }
}
