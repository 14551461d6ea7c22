//! One session as the database that `sqllogictest` drives.
//!
//! It does what the suite's own engine does (plan, execute, print each cell its way) and besides keeps the last
//! outcome as it is before the runner sorts or hashes it. A statement that panics or does not end is an error of that
//! statement.

use super::order;
use arrow::datatypes::DataType;
use async_trait::async_trait;
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_plan::common::collect;
use datafusion::physical_plan::{ExecutionPlanProperties, execute_stream};
use datafusion::prelude::{DataFrame, SessionContext};
use datafusion_sqllogictest::{DFColumnType, DFOutput, DFSqlLogicTestError, convert_batches, convert_schema_to_types};
use futures::StreamExt;
use sqllogictest::{AsyncDB, DBOutput};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// No statement of the suite takes longer than a few seconds.
pub const TIME_LIMIT: Duration = Duration::from_secs(60);
/// How the error of a statement that did not end in time starts.
pub const TIMED_OUT: &str = "Other Error: no end within";

/// Where statements run.
#[derive(Clone)]
pub enum Session {
    /// DataFusion alone.
    Plain(SessionContext),
    /// The engine under test.
    Dpark(dpark::Context),
}

/// What a query answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Name and type of each column.
    pub columns: Vec<(String, DataType)>,
    /// Cells as the suite prints them.
    pub rows: Vec<Vec<String>>,
    /// The columns that the rows are ordered by, see [`order::keys`].
    pub order: Option<Vec<usize>>,
    /// Of plain DataFusion under a `LIMIT`: the rows without it. Any of them may be in an answer that `ORDER BY` does
    /// not fix.
    pub unlimited: Option<Vec<Vec<String>>>,
}

/// What became of a statement.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// It ended with rows (perhaps none).
    Rows(Answer),
    /// It ended with an error.
    Failed(String),
    /// A condition (`onlyif`, `skipif`) excludes it.
    Skipped,
}

/// A session that remembers its last outcome.
#[derive(Clone)]
pub struct Engine {
    session: Session,
    spark: bool,
    last: Arc<Mutex<Option<Outcome>>>,
}

impl Engine {
    /// `spark`: cells are printed as in the suite's Spark files.
    pub fn new(session: Session, spark: bool) -> Self {
        Self { session, spark, last: Arc::default() }
    }

    /// The outcome of the last statement, once.
    pub fn take_last(&self) -> Outcome {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or(Outcome::Skipped)
    }
}

#[async_trait]
impl AsyncDB for Engine {
    type Error = DFSqlLogicTestError;
    type ColumnType = DFColumnType;

    async fn run(&mut self, sql: &str) -> Result<DFOutput, DFSqlLogicTestError> {
        let task = tokio::spawn(run(self.session.clone(), self.spark, sql.to_owned()));
        let abort = task.abort_handle();
        let result = match tokio::time::timeout(TIME_LIMIT, task).await {
            Ok(Ok(result)) => result,
            Ok(Err(panic)) => Err(DFSqlLogicTestError::Other(format!("panic: {panic}"))),
            Err(_) => {
                abort.abort();
                if let Session::Dpark(context) = &self.session {
                    context.cancel_all();
                }
                Err(DFSqlLogicTestError::Other(format!("no end within {TIME_LIMIT:?}")))
            }
        };
        let outcome = match &result {
            Ok((answer, _)) => Outcome::Rows(answer.clone()),
            Err(error) => Outcome::Failed(error.to_string()),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
        let (answer, types) = result?;
        match answer.rows.is_empty() && types.is_empty() {
            true => Ok(DBOutput::StatementComplete(0)),
            false => Ok(DBOutput::Rows { types, rows: answer.rows }),
        }
    }

    fn engine_name(&self) -> &str {
        "DataFusion"
    }

    async fn shutdown(&mut self) {}
}

/// Plans and runs one statement, as the suite's engine does.
async fn run(session: Session, spark: bool, sql: String) -> Result<(Answer, Vec<DFColumnType>), DFSqlLogicTestError> {
    let frame = match &session {
        Session::Plain(context) => context.sql(&sql).await?,
        Session::Dpark(context) => context.sql(&sql).await?,
    };
    let unlimited = match &session {
        Session::Plain(_) => unlimited(&frame),
        Session::Dpark(_) => None,
    };
    let (mut answer, types) = answer(frame, spark).await?;
    if let Some(unlimited) = unlimited {
        answer.unlimited = all_rows(unlimited, spark).await;
    }
    Ok((answer, types))
}

/// Runs a query.
pub async fn answer(frame: DataFrame, spark: bool) -> Result<(Answer, Vec<DFColumnType>), DFSqlLogicTestError> {
    let order = order::keys(frame.logical_plan());
    let task_context = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await?;
    let schema = plan.schema();
    let stream = execute_stream(plan, task_context)?;
    let types = convert_schema_to_types(stream.schema().fields());
    let rows = convert_batches(&schema, collect(stream).await?, spark)?;
    let columns = schema.fields().iter().map(|field| (field.name().clone(), field.data_type().clone())).collect();
    Ok((Answer { columns, rows, order, unlimited: None }, types))
}

/// The query without its outermost `LIMIT`, if it has one.
pub fn unlimited(frame: &DataFrame) -> Option<DataFrame> {
    let (state, plan) = frame.clone().into_parts();
    match plan {
        LogicalPlan::Limit(limit) => Some(DataFrame::new(state, limit.input.as_ref().clone())),
        _ => None,
    }
}

/// The rows of a query, unless they are too many (`LIMIT` over an endless or huge series) or it fails.
async fn all_rows(frame: DataFrame, spark: bool) -> Option<Vec<Vec<String>>> {
    const MANY: usize = 100_000;
    let task_context = Arc::new(frame.task_ctx());
    let plan = frame.create_physical_plan().await.ok()?;
    if plan.boundedness().is_unbounded() {
        return None;
    }
    let schema = plan.schema();
    let mut stream = execute_stream(plan, task_context).ok()?;
    let mut batches = Vec::new();
    let mut count = 0;
    while let Some(batch) = stream.next().await {
        let batch = batch.ok()?;
        count += batch.num_rows();
        if count > MANY {
            return None;
        }
        batches.push(batch);
    }
    convert_batches(&schema, batches, spark).ok()
}
