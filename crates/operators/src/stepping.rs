//! Streams that are made of others batch by batch.
//!
//! Each closure of a user's program is compiled with what surrounds it. So what need not know the closure's types stands here,
//! behind a pointer, and is compiled once.

use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use futures::{StreamExt, TryStreamExt};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Gives what comes of a batch, and, when there is none left, of the end.
pub type Step = Box<dyn FnMut(Option<RecordBatch>) -> Result<Vec<RecordBatch>> + Send>;

/// A stream that is there in a while.
pub type Later = Pin<Box<dyn Future<Output = Result<SendableRecordBatchStream>> + Send>>;

/// What `step` gives for the batches of `input` and their end, batches of `schema`.
pub fn stepping(input: SendableRecordBatchStream, schema: SchemaRef, step: Step) -> SendableRecordBatchStream {
    let state = (Some(input), step, vec![].into_iter());
    let batches = futures::stream::try_unfold(state, |(mut input, mut step, mut ready)| async move {
        loop {
            if let Some(batch) = ready.next() {
                return Ok(Some((batch, (input, step, ready))));
            }
            let Some(rows) = &mut input else { return Ok(None) };
            let batch = rows.try_next().await?;
            if batch.is_none() {
                input = None;
            }
            ready = step(batch)?.into_iter();
        }
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

/// The same rows in batches of at most so many as `rows` says when they are read.
pub fn sliced(input: SendableRecordBatchStream, rows: Arc<AtomicUsize>) -> SendableRecordBatchStream {
    let schema = input.schema();
    let state = (input, None::<RecordBatch>, rows);
    let batches = futures::stream::try_unfold(state, |(mut input, mut rest, rows)| async move {
        let batch = match rest.take() {
            Some(batch) => batch,
            None => match input.try_next().await? {
                Some(batch) => batch,
                None => return Ok(None),
            },
        };
        let take = rows.load(Ordering::Relaxed).clamp(1, batch.num_rows().max(1));
        if take < batch.num_rows() {
            rest = Some(batch.slice(take, batch.num_rows() - take));
        }
        Ok(Some((batch.slice(0, take.min(batch.num_rows())), (input, rest, rows))))
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

/// One batch for each batch.
pub fn mapping(
    input: SendableRecordBatchStream,
    schema: SchemaRef,
    mut map: Box<dyn FnMut(RecordBatch) -> Result<RecordBatch> + Send>,
) -> SendableRecordBatchStream {
    let batches = input.map(move |batch| map(batch?));
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

/// A stream of batches of `schema` that is there in a while.
pub fn later(schema: SchemaRef, stream: Later) -> SendableRecordBatchStream {
    Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::once(stream).try_flatten()))
}

/// The batches that something makes in a while.
pub fn at_once(
    schema: SchemaRef,
    made: Pin<Box<dyn Future<Output = Result<Vec<RecordBatch>>> + Send>>,
) -> SendableRecordBatchStream {
    let batches = futures::stream::once(made).map_ok(|batches| futures::stream::iter(batches.into_iter().map(Ok)));
    Box::pin(RecordBatchStreamAdapter::new(schema, batches.try_flatten()))
}
