//! What DataFusion's protobuf leaves out of a fragment without a word. Such a fragment must not be encoded: it would run
//! and answer something else.
//!
//! - A window aggregate's `FILTER`, `IGNORE NULLS` of a window function, and that it runs over rows in reversed order.
//!   DataFusion keeps these in private fields; what it prints for debugging is the only way to see them. The tests of
//!   this module fail if that changes.
//! - Metadata of the fields that literals, function calls and casts give, a cast's options, the type of a `Float16`
//!   literal, operators that protobuf has no name for.
//! - The one empty set of `GROUP BY GROUPING SETS (())`.
//! - That no column of a series is wanted.
//! - Limits of 2^32 rows and more.
//! - What a program attached to a scan: adapters of its schema, extensions of its files.
//! - Columns that a scan makes itself: `file_row_index()`.
//! - JSON files that hold an array, Arrow files in the stream format, a terminator of CSV lines.

use arrow::datatypes::{Schema, SchemaRef};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, ScalarValue, not_impl_err};
use datafusion::datasource::physical_plan::{CsvSource, FileScanConfig, JsonSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::expressions::{BinaryExpr, CastExpr, Literal, TryCastExpr};
use datafusion::physical_expr::window::{PlainAggregateWindowExpr, SlidingAggregateWindowExpr, WindowExpr};
use datafusion::physical_expr::{PhysicalExpr, ScalarFunctionExpr};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::aggregates::AggregateExec;
use datafusion::physical_plan::limit::GlobalLimitExec;
use datafusion::physical_plan::memory::LazyMemoryExec;
use datafusion::physical_plan::windows::{BoundedWindowAggExec, WindowAggExec};
use datafusion_proto::protobuf;
use object_store::memory::InMemory;
use std::sync::Arc;

/// An error if a node would lose something on its way.
pub(crate) fn check(node: &dyn ExecutionPlan) -> Result<()> {
    let is_plain = |schema: SchemaRef| schema.fields().iter().all(|field| field.metadata().is_empty());
    let plain = is_plain(node.schema()) && node.children().iter().all(|child| is_plain(child.schema()));
    node.apply_expressions(&mut |root| {
        root.apply(|expr| match keeps_all(expr, plain) {
            true => Ok(TreeNodeRecursion::Continue),
            false => not_impl_err!("the expression {expr} has no complete encoding"),
        })
    })?;
    let skips = node.downcast_ref::<GlobalLimitExec>().map(GlobalLimitExec::skip);
    if node.fetch().into_iter().chain(skips).any(|rows| u32::try_from(rows).is_err()) {
        return not_impl_err!("a limit of 2^32 rows and more has no encoding");
    }
    if let Some(what) = lost(node) {
        return not_impl_err!("{what} has no complete encoding");
    }
    Ok(())
}

/// What of an operator itself would be lost.
fn lost(node: &dyn ExecutionPlan) -> Option<String> {
    if let Some(window) = node.downcast_ref::<WindowAggExec>() {
        window.window_expr().iter().find(|expr| loses(expr)).map(|expr| expr.name().to_owned())
    } else if let Some(window) = node.downcast_ref::<BoundedWindowAggExec>() {
        window.window_expr().iter().find(|expr| loses(expr)).map(|expr| expr.name().to_owned())
    } else if let Some(aggregate) = node.downcast_ref::<AggregateExec>() {
        let groups = aggregate.group_expr();
        (groups.has_grouping_set() && groups.expr().is_empty()).then(|| "an empty grouping set".to_owned())
    } else if let Some(series) = node.downcast_ref::<LazyMemoryExec>() {
        (series.schema().fields().len() != 1).then(|| "a series without its column".to_owned())
    } else if let Some(scan) = node.downcast_ref::<DataSourceExec>() {
        let config = scan.data_source().downcast_ref::<FileScanConfig>()?;
        lossy_files(config).then(|| format!("this kind of {} files", config.file_source().file_type()))
    } else {
        None
    }
}

fn lossy_files(config: &FileScanConfig) -> bool {
    let source = config.file_source();
    let mut files = config.file_groups.iter().flat_map(|group| group.iter());
    if config.expr_adapter_factory.is_some() || files.any(|file| !file.extensions.is_empty()) {
        return true;
    }
    // Columns that the reader makes, as the number of a row.
    if !source.table_schema().virtual_columns().is_empty() {
        return true;
    }
    if let Some(csv) = source.downcast_ref::<CsvSource>() {
        return csv.terminator().is_some();
    }
    if source.downcast_ref::<JsonSource>().is_some() {
        // The source does not say whether it reads arrays, but arrays cannot be opened in the middle.
        let Some(file) = config.file_groups.iter().find_map(|group| group.files().first()) else { return false };
        let middle = file.clone().with_range(0, 1);
        let opener = source.with_batch_size(1).create_file_opener(Arc::new(InMemory::new()), config, 0);
        return opener.and_then(|opener| opener.open(middle).map(drop)).is_err();
    }
    source.file_type() == "arrow_stream"
}

/// Whether an expression, its operands aside, comes back from protobuf as it is. `plain` tells that no field around it has
/// metadata.
fn keeps_all(expr: &Arc<dyn PhysicalExpr>, plain: bool) -> bool {
    if let Some(cast) = expr.downcast_ref::<CastExpr>() {
        // Whether its result may be NULL is forgotten too (the branches of a union say so), and does no harm.
        let usual = CastExpr::new(Arc::clone(cast.expr()), cast.cast_type().clone(), None);
        let metadata = cast.target_metadata();
        cast.cast_options() == usual.cast_options() && metadata.is_none_or(|given| plain && given.is_empty())
    } else if let Some(cast) = expr.downcast_ref::<TryCastExpr>() {
        *cast == TryCastExpr::new(Arc::clone(cast.expr()), cast.cast_type().clone())
    } else if let Some(literal) = expr.downcast_ref::<Literal>() {
        no_metadata(expr) && returns(literal.value())
    } else if expr.is::<ScalarFunctionExpr>() {
        no_metadata(expr)
    } else if let Some(binary) = expr.downcast_ref::<BinaryExpr>() {
        Operator::from_proto_name(&format!("{:?}", binary.op())).as_ref() == Some(binary.op())
    } else {
        true
    }
}

/// For expressions that know their field without a schema.
fn no_metadata(expr: &Arc<dyn PhysicalExpr>) -> bool {
    expr.return_field(&Schema::empty()).is_ok_and(|field| field.metadata().is_empty())
}

/// Whether a value comes back as it was.
fn returns(value: &ScalarValue) -> bool {
    let Ok(encoded) = protobuf::ScalarValue::try_from(value) else { return false };
    ScalarValue::try_from(&encoded).is_ok_and(|decoded| decoded == *value)
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

    const ROWS: &str = "(VALUES (1, 2), (2, NULL), (3, 4)) AS rows (k, v)";

    /// Whether a node of a query's plan is refused; there must be one of the kind.
    async fn refused(kind: &str, sql: &str) -> bool {
        let session = SessionContext::new();
        let plan = session.sql(sql).await.unwrap().create_physical_plan().await.unwrap();
        let mut refused = false;
        let mut found = false;
        plan.apply(|node| {
            found |= node.name().contains(kind);
            refused |= check(node.as_ref()).is_err();
            Ok(TreeNodeRecursion::Continue)
        })
        .unwrap();
        assert!(found, "{}", displayable(plan.as_ref()).indent(false));
        refused
    }

    async fn window_refused(window: &str) -> bool {
        refused("WindowAggExec", &format!("SELECT {window} FROM (SELECT * FROM {ROWS} ORDER BY k LIMIT 5)")).await
    }

    async fn expression_refused(expression: &str) -> bool {
        refused("ProjectionExec", &format!("SELECT {expression} FROM {ROWS}")).await
    }

    #[tokio::test]
    async fn windows() {
        assert!(window_refused("sum(v) FILTER (WHERE k > 1) OVER ()").await);
        assert!(window_refused("sum(v) FILTER (WHERE k > 1) OVER (ORDER BY k ROWS 1 PRECEDING)").await);
        assert!(window_refused("lag(v) IGNORE NULLS OVER (ORDER BY k)").await);
        assert!(window_refused("first_value(v) IGNORE NULLS OVER (ORDER BY k)").await);
        assert!(window_refused("nth_value(v, 2) OVER (ORDER BY k), lead(v) OVER (ORDER BY k DESC)").await);
        assert!(!window_refused("sum(v) OVER ()").await);
        assert!(!window_refused("sum(v) OVER (ORDER BY k ROWS 1 PRECEDING), count(*) OVER (PARTITION BY k)").await);
        assert!(!window_refused("lag(v) OVER (ORDER BY k), nth_value(v, 2) OVER (ORDER BY k)").await);
    }

    #[tokio::test]
    async fn expressions() {
        assert!(expression_refused("arrow_metadata(with_metadata(v, 'a', 'b'), 'a')").await);
        assert!(expression_refused("arrow_cast(v, 'Float16') + arrow_cast(1, 'Float16')").await);
        assert!(!expression_refused("abs(v) + 1.5, k > 2, cast(v AS text), try_cast(v AS text) AS w, v || 'x'").await);
    }

    #[tokio::test]
    async fn operators() {
        let count = |group: &str| format!("SELECT count(*) FROM {ROWS} GROUP BY GROUPING SETS ({group})");
        assert!(refused("AggregateExec", &count("()")).await);
        assert!(!refused("AggregateExec", &count("(k), (v), ()")).await);
        assert!(refused("LazyMemoryExec", "SELECT count(*) FROM generate_series(1, 9) WHERE random() > 2").await);
        assert!(!refused("LazyMemoryExec", "SELECT sum(value) FROM generate_series(1, 9)").await);
    }

    #[tokio::test]
    async fn files() {
        let dir = std::env::temp_dir().join(format!("dpark-lossy-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        std::fs::write(dir.join("lines.json"), "{\"a\": 1}\n{\"a\": 2}\n").unwrap();
        std::fs::write(dir.join("array.json"), "[{\"a\": 1}, {\"a\": 2}]").unwrap();
        let session = SessionContext::new();
        for (file, delimited, refused) in [("lines.json", true, false), ("array.json", false, true)] {
            let sql = format!(
                "CREATE OR REPLACE EXTERNAL TABLE t STORED AS JSON LOCATION '{}' \
                 OPTIONS ('format.newline_delimited' '{delimited}')",
                dir.join(file).display()
            );
            session.sql(&sql).await.unwrap();
            let plan = session.table("t").await.unwrap().create_physical_plan().await.unwrap();
            assert_eq!(check(plan.as_ref()).is_err(), refused, "{file}");
        }
        std::fs::remove_dir_all(dir).unwrap();
    }
}
