//! A stream as an iterator: for closures that take the rows of a whole partition one after another.
//!
//! Such a closure runs on a thread of its own, where it may wait for its input; what it makes goes through a short queue.
//! When nobody reads that any more, its input ends early.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Handle;
use tokio::sync::mpsc;

/// Batches that wait to be read.
const QUEUE: usize = 2;

/// The batches of a partition. After an error it ends, and the error is the task's.
pub struct Pull {
    stream: SendableRecordBatchStream,
    handle: Handle,
    failed: Option<DataFusionError>,
    unwanted: Arc<AtomicBool>,
}

impl Iterator for Pull {
    type Item = RecordBatch;
    fn next(&mut self) -> Option<RecordBatch> {
        if self.failed.is_some() || self.unwanted.load(Ordering::Relaxed) {
            return None;
        }
        match self.handle.block_on(self.stream.next())? {
            Ok(batch) => Some(batch),
            Err(error) => {
                self.failed = Some(error);
                None
            }
        }
    }
}

impl Pull {
    /// Whether it has ended for another reason than that there are no more rows.
    pub fn is_over(&self) -> bool {
        self.failed.is_some() || self.unwanted.load(Ordering::Relaxed)
    }

    /// Ends the partition with an error.
    pub fn fail(&mut self, error: DataFusionError) {
        self.failed = Some(error);
    }
}

/// Takes what a closure makes.
pub struct Push {
    queue: mpsc::Sender<Result<RecordBatch>>,
    unwanted: Arc<AtomicBool>,
}

impl Push {
    /// Hands a batch on; waits while the queue is full.
    pub fn push(&self, batch: RecordBatch) {
        if self.queue.blocking_send(Ok(batch)).is_err() {
            self.unwanted.store(true, Ordering::Relaxed);
        }
    }
}

/// Runs `body` over a partition's batches on a thread of its own. What it pushes are batches of `schema`. It gives its
/// inputs back, for their errors.
pub fn run<F>(inputs: Vec<SendableRecordBatchStream>, schema: SchemaRef, body: F) -> SendableRecordBatchStream
where
    F: FnOnce(Vec<Pull>, &Push) -> Result<Vec<Pull>> + Send + 'static,
{
    let (queue, made) = mpsc::channel(QUEUE);
    let unwanted = Arc::new(AtomicBool::new(false));
    let start = async move {
        let handle = Handle::current();
        let wanted = Unwanted(Arc::clone(&unwanted));
        let body = tokio::task::spawn_blocking(move || {
            let pull = |stream| Pull { stream, handle: handle.clone(), failed: None, unwanted: Arc::clone(&unwanted) };
            let inputs = inputs.into_iter().map(pull).collect();
            let push = Push { queue, unwanted: Arc::clone(&unwanted) };
            body(inputs, &push)?.into_iter().find_map(|input| input.failed).map_or(Ok(()), Err)
        });
        futures::stream::unfold((made, Some(body), wanted), |(mut made, mut body, wanted)| async move {
            if let Some(batch) = made.recv().await {
                return Some((batch, (made, body, wanted)));
            }
            let ended = match body.take()?.await {
                Ok(ended) => ended,
                // The closure panicked, and so does its task.
                Err(join) => match join.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    Err(_) => datafusion::common::exec_err!("the task was cancelled"),
                },
            };
            ended.err().map(|error| (Err(error), (made, None, wanted)))
        })
    };
    let batches = futures::stream::once(start).flatten();
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

/// Tells the closure, when it is dropped, that nobody reads what it makes.
struct Unwanted(Arc<AtomicBool>);

impl Drop for Unwanted {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
