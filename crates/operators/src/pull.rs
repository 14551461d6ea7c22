//! A stream as an iterator: for closures that take the rows of a whole partition one after another.
//!
//! Such a closure runs on a thread of its own, where it may wait for its input; what it makes goes through a short queue. When its
//! input fails, or nobody reads any more what it makes, the closure does not go on as if that were the end of its rows: it is left
//! from within the call that asks for the next row, by unwinding.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result, exec_datafusion_err};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::StreamExt;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::Poll;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};

/// Batches that wait to be read.
const QUEUE: usize = 2;

/// Of a closure's thread. Only what is used takes memory.
const STACK: usize = 64 << 20;

/// What a closure unwinds with when it is not to go on.
struct Ended;

/// What the two threads tell each other.
#[derive(Default)]
struct Talk {
    /// Nobody reads any more what the closure makes.
    unwanted: AtomicBool,
    /// Why the closure was left.
    failed: Mutex<Option<DataFusionError>>,
}

impl Talk {
    fn leave(&self, error: Option<DataFusionError>) -> ! {
        if let (Some(error), Ok(mut failed)) = (error, self.failed.lock()) {
            *failed = Some(error);
        }
        resume_unwind(Box::new(Ended))
    }
}

/// The batches of a partition. When there is an error, or nobody wants the rest, `next` does not return.
pub struct Pull {
    stream: SendableRecordBatchStream,
    handle: Handle,
    talk: Arc<Talk>,
}

impl Iterator for Pull {
    type Item = RecordBatch;
    fn next(&mut self) -> Option<RecordBatch> {
        let Self { stream, handle, talk } = self;
        // Looked at whenever the stream gives way, however long it takes to make a batch.
        let next = handle.block_on(futures::future::poll_fn(|context| {
            if talk.unwanted.load(Ordering::Relaxed) {
                return Poll::Ready(None);
            }
            stream.poll_next_unpin(context).map(Some)
        }));
        match next {
            Some(Some(Ok(batch))) => Some(batch),
            Some(None) => None,
            Some(Some(Err(error))) => talk.leave(Some(error)),
            None => talk.leave(None),
        }
    }
}

impl Pull {
    /// Leaves the closure with an error.
    pub fn fail(&self, error: DataFusionError) -> ! {
        self.talk.leave(Some(error))
    }
}

/// Takes what a closure makes.
pub struct Push {
    queue: mpsc::Sender<Result<RecordBatch>>,
    talk: Arc<Talk>,
}

impl Push {
    /// Hands a batch on; waits while the queue is full. Does not return when nobody wants it.
    pub fn push(&self, batch: RecordBatch) {
        if self.queue.blocking_send(Ok(batch)).is_err() {
            self.talk.leave(None);
        }
    }
}

/// What runs over a partition's batches.
pub type Body = Box<dyn FnOnce(Vec<Pull>, &Push) -> Result<()> + Send>;

/// How a body ended: well, with an error, or by a panic of its own.
type End = std::thread::Result<Result<()>>;

/// Runs `body` over a partition's batches on a thread of its own. What it pushes are batches of `schema`.
pub fn run(inputs: Vec<SendableRecordBatchStream>, schema: SchemaRef, body: Body) -> SendableRecordBatchStream {
    let (queue, made) = mpsc::channel(QUEUE);
    let talk = Arc::new(Talk::default());
    let start = async move {
        let wanted = Unwanted(Arc::clone(&talk));
        let ended = begin(inputs, queue, talk, body);
        futures::stream::unfold((made, Some(ended), wanted), |(mut made, mut ended, wanted)| async move {
            if let Some(batch) = made.recv().await {
                return Some((batch, (made, ended, wanted)));
            }
            let end = match ended.take()? {
                Ok(ended) => ended.await.unwrap_or_else(|_| Ok(Err(exec_datafusion_err!("the task was cancelled")))),
                Err(error) => Ok(Err(error)),
            };
            match end {
                Ok(end) => end.err().map(|error| (Err(error), (made, None, wanted))),
                // The closure panicked, and so does its task.
                Err(panic) => resume_unwind(panic),
            }
        })
    };
    let batches = futures::stream::once(start).flatten();
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

/// Starts the thread; it tells its end.
fn begin(
    inputs: Vec<SendableRecordBatchStream>,
    queue: mpsc::Sender<Result<RecordBatch>>,
    talk: Arc<Talk>,
    body: Body,
) -> Result<oneshot::Receiver<End>> {
    let handle = Handle::current();
    let (tell, ended) = oneshot::channel();
    let thread = move || {
        let pull = |stream| Pull { stream, handle: handle.clone(), talk: Arc::clone(&talk) };
        let inputs: Vec<Pull> = inputs.into_iter().map(pull).collect();
        let push = Push { queue, talk: Arc::clone(&talk) };
        let end = catch_unwind(AssertUnwindSafe(|| body(inputs, &push)));
        let end = end.or_else(|panic: Box<dyn Any + Send>| match panic.is::<Ended>() {
            true => Ok(talk.failed.lock().ok().and_then(|mut failed| failed.take()).map_or(Ok(()), Err)),
            false => Err(panic),
        });
        let _ = tell.send(end);
        // The reader sees the end of the queue only now, when the end is told.
        drop(push);
    };
    let started = std::thread::Builder::new().name("dpark-closure".into()).stack_size(STACK).spawn(thread);
    match started {
        Ok(_) => Ok(ended),
        Err(error) => Err(exec_datafusion_err!("cannot start a thread for a closure over a partition: {error}")),
    }
}

/// Tells the closure, when it is dropped, that nobody reads what it makes.
struct Unwanted(Arc<Talk>);

impl Drop for Unwanted {
    fn drop(&mut self) {
        self.0.unwanted.store(true, Ordering::Relaxed);
    }
}
