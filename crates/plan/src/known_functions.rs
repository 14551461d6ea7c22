//! Functions in a stage's bytes: they travel by name, so a name must mean the same where the stage is decoded.
//!
//! Every process of an application knows the functions of the default session ([`session`](crate::session)). A session may
//! have others, or others under the same names; a stage that calls one of those is refused here and runs in the driver. Functions over closures
//! travel by more than a name, see [`udf`](crate::udf).
//!
//! Some functions depend on options (`to_timestamp` on the time zone). They are looked up for the stage's options on both
//! sides; a byte beside the name makes the decoder ask us instead of taking the function as it is registered.

use datafusion::common::{Result, not_impl_err};
use datafusion::execution::TaskContext;
use datafusion::execution::registry::FunctionRegistry;
use datafusion::logical_expr::{AggregateUDF, HigherOrderUDF, ScalarUDF, WindowUDF};
use std::sync::Arc;

/// Stands beside the name of a function that depends on options.
const BY_OPTIONS: u8 = 1;

/// What a name means with the options of `known`, and whether they matter.
fn scalar(known: &TaskContext, name: &str) -> Result<(Arc<ScalarUDF>, bool)> {
    let function = known.udf(name)?;
    Ok(match function.inner().with_updated_config(known.session_config().options()) {
        Some(configured) => (Arc::new(configured), true),
        None => (function, false),
    })
}

/// What to write beside a scalar function's name.
pub(crate) fn encode_scalar(known: &TaskContext, function: &ScalarUDF, payload: &mut Vec<u8>) -> Result<()> {
    let (theirs, by_options) = match scalar(known, function.name()) {
        Ok(found) => found,
        Err(_) => return unknown(function.name()),
    };
    if theirs.as_ref() != function {
        return unknown(function.name());
    }
    if by_options {
        payload.push(BY_OPTIONS);
    }
    Ok(())
}

/// The function of a name with something beside it.
pub(crate) fn decode_scalar(known: &TaskContext, name: &str) -> Result<Arc<ScalarUDF>> {
    scalar(known, name).map(|(function, _)| function)
}

/// Whether an aggregate function may be written as its name.
pub(crate) fn check_aggregate(known: &TaskContext, function: &AggregateUDF) -> Result<()> {
    match known.udaf(function.name()) {
        Ok(theirs) if theirs.as_ref() == function || is_tuned(&theirs, function) => Ok(()),
        _ => unknown(function.name()),
    }
}

/// Whether the planner only told the function that its input comes in order; untold, it puts its input in order itself.
fn is_tuned(registered: &AggregateUDF, function: &AggregateUDF) -> bool {
    let plain = function.clone().with_beneficial_ordering(false);
    plain.is_ok_and(|plain| plain.is_some_and(|plain| plain == *registered))
}

/// Whether a window function may be written as its name.
pub(crate) fn check_window(known: &TaskContext, function: &WindowUDF) -> Result<()> {
    match known.udwf(function.name()) {
        Ok(theirs) if theirs.as_ref() == function => Ok(()),
        _ => unknown(function.name()),
    }
}

/// Whether a function over lambdas may be written as its name.
pub(crate) fn check_higher_order(known: &TaskContext, function: &HigherOrderUDF) -> Result<()> {
    match known.higher_order_function(function.name()) {
        Ok(theirs) if theirs.as_ref() == function => Ok(()),
        _ => unknown(function.name()),
    }
}

fn unknown(name: &str) -> Result<()> {
    not_impl_err!("the function {name} of this session is not one that every process knows")
}

#[cfg(test)]
mod tests {
    use crate::sink::StageSinkExec;
    use crate::stage::Output;
    use crate::{codec, session};
    use arrow::datatypes::DataType;
    use datafusion::common::Result;
    use datafusion::logical_expr::{ColumnarValue, Volatility, create_udf};
    use datafusion::physical_plan::{ExecutionPlan, displayable};
    use datafusion::prelude::SessionContext;
    use std::sync::Arc;

    const ROWS: &str = "(VALUES (1), (2)) AS rows (k)";

    fn session() -> SessionContext {
        SessionContext::new_with_state(session::state_builder(session::config(2), Arc::default()).build())
    }

    fn register(session: &SessionContext, name: &str) {
        let same = Arc::new(|arguments: &[ColumnarValue]| Ok(arguments[0].clone()));
        session.register_udf(create_udf(name, vec![DataType::Int64], DataType::Int64, Volatility::Volatile, same));
    }

    /// The plan of a query, and what becomes of it on its way to a worker.
    async fn travel(session: &SessionContext, select: &str) -> (Arc<dyn ExecutionPlan>, Result<StageSinkExec>) {
        let frame = session.sql(&format!("SELECT {select}")).await.unwrap();
        let input = frame.create_physical_plan().await.unwrap();
        let stage = StageSinkExec {
            input: Arc::clone(&input),
            output: Output::Forward,
            summaries: vec![],
            keep: Default::default(),
            side_effects: false,
            set_by_driver: vec![],
        };
        let known = session::state_builder(session.copied_config(), Arc::default()).build().task_ctx();
        let decoded = codec::encode(&stage, &known).and_then(|bytes| codec::decode(&bytes, &known));
        (input, decoded)
    }

    #[tokio::test]
    async fn what_everybody_knows_travels() {
        let select = format!("abs(k), sum(k), sum(k) OVER (), array_transform([k], x -> x + 1) FROM {ROWS} GROUP BY k");
        let session = session();
        session.sql("SET datafusion.sql_parser.dialect = 'databricks'").await.unwrap();
        let select = select.replace("sum(k) OVER ()", "rank() OVER (ORDER BY k)");
        let (plan, decoded) = travel(&session, &select).await;
        let decoded = decoded.unwrap().input;
        let printed = |plan: &Arc<dyn ExecutionPlan>| displayable(plan.as_ref()).indent(true).to_string();
        assert_eq!(printed(&decoded), printed(&plan));
    }

    #[tokio::test]
    async fn a_sessions_own_function_stays() {
        let session = session();
        register(&session, "same");
        assert!(travel(&session, &format!("same(k) FROM {ROWS}")).await.1.is_err());
        assert!(travel(&session, &format!("abs(k) FROM {ROWS}")).await.1.is_ok());
        register(&session, "abs");
        assert!(travel(&session, &format!("abs(k) FROM {ROWS}")).await.1.is_err());
    }

    #[tokio::test]
    async fn options_travel_with_the_functions_that_need_them() {
        let session = session();
        session.sql("SET datafusion.execution.time_zone = '+02:00'").await.unwrap();
        let view = format!("CREATE VIEW v AS SELECT to_timestamp(k) FROM {ROWS}");
        session.sql(&view).await.unwrap();
        let (plan, decoded) = travel(&session, "* FROM v").await;
        assert!(plan.schema().field(0).data_type().to_string().contains("+02:00"));
        assert_eq!(decoded.unwrap().input.schema(), plan.schema());

        // The view keeps the function with the time zone it was made under.
        session.sql("SET datafusion.execution.time_zone = '+03:00'").await.unwrap();
        assert!(travel(&session, "* FROM v").await.1.is_err());
    }
}
