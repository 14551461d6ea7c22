//! One statement running: planned and executed on the runtime, its batches handed over one by one, so that the terminal,
//! the clock and Ctrl-C are looked after meanwhile.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::error::{DataFusionError, Result};
use dpark::Context;
use dpark::sql::{Gives, Statement, execute};
use futures::StreamExt;
use tokio::sync::mpsc;
use tokio::task::{JoinError, JoinHandle};

/// What a running statement hands over.
pub(crate) enum Event {
    /// The columns; comes first, and only for statements that give rows.
    Columns(SchemaRef),
    /// Some rows.
    Rows(RecordBatch),
}

/// A statement being executed.
pub(crate) struct Query {
    events: mpsc::Receiver<Event>,
    task: JoinHandle<Result<()>>,
}

impl Query {
    /// Starts a statement.
    pub(crate) fn start(ctx: &Context, statement: Statement) -> Self {
        let (sender, events) = mpsc::channel(4);
        let ctx = ctx.clone();
        Query { events, task: tokio::spawn(async move { run(ctx, statement, sender).await }) }
    }

    /// The next event; `None` when the statement has ended, well or not.
    pub(crate) async fn next(&mut self) -> Option<Event> {
        self.events.recv().await
    }

    /// How it ended.
    pub(crate) async fn outcome(self) -> Result<()> {
        drop(self.events);
        self.task.await.unwrap_or_else(|failure| Err(panicked(failure)))
    }

    /// Ends it early and waits until it has let go of everything.
    pub(crate) async fn cancel(self, ctx: &Context) {
        ctx.cancel_all();
        self.task.abort();
        drop(self.events);
        let _ = self.task.await;
    }
}

async fn run(ctx: Context, statement: Statement, sender: mpsc::Sender<Event>) -> Result<()> {
    let frame = execute(&ctx, &statement).await?;
    let mut rows = match statement.gives() {
        // DDL has taken effect; what is left to run is an empty relation.
        Gives::Nothing(_) => return Ok(()),
        Gives::Rows | Gives::Count(_) => frame.execute_stream().await?,
    };
    if sender.send(Event::Columns(rows.schema())).await.is_err() {
        return Ok(());
    }
    while let Some(batch) = rows.next().await {
        // Nobody listens any more: the reader of our output is gone, or has seen enough.
        if sender.send(Event::Rows(batch?)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

fn panicked(failure: JoinError) -> DataFusionError {
    let what = match failure.try_into_panic() {
        Ok(panic) => panic
            .downcast_ref::<&str>()
            .map(|text| text.to_string())
            .or_else(|| panic.downcast_ref::<String>().cloned())
            .unwrap_or_else(|| "no message".to_string()),
        Err(failure) => failure.to_string(),
    };
    DataFusionError::Execution(format!("The query panicked: {what}"))
}
