//! What a closure may be, what it is given and what it gives to.
//!
//! A closure is passed on as the place of its code in the program, so it has no state. The functions of this crate that
//! call it are closures too, which capture nothing but the user's, and so have no state either.

use crate::shared::{Guard, from_argument};
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::SendableRecordBatchStream;
use dpark_operators::combine::external;
use dpark_operators::pull::{Pull, Push};
use dpark_operators::stepping::{later, mapping, sliced, stepping};
use dpark_plan::dataset::{BatchTask, ClosureError, function_ref};
use dpark_plan::functions::{FunctionRef, conjure};
use dpark_rows::{BatchBuilder, Emit, Row, Rows};
use serde::de::DeserializeOwned;
use std::fmt::Display;
use std::panic::Location;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A closure that can travel to executors: it captures nothing.
///
/// ```compile_fail,E0277
/// # fn example(words: dpark::rdd::Rdd<String>) {
/// let stop = vec!["the".to_owned()];
/// let kept = words.filter(move |word| !stop.iter().any(|stop| stop == word)); // captures `stop`
/// # }
/// ```
/// Of a value that is borrowed the compiler says to use `move`, which does not help: it has to go along.
/// ```compile_fail,E0373
/// # fn example(words: dpark::rdd::Rdd<String>) {
/// let stop = vec!["the".to_owned()];
/// let kept = words.filter(|word| !stop.iter().any(|stop| stop == word));
/// # }
/// ```
/// Nor may a closure hold a number.
/// ```compile_fail,E0080
/// # fn main() -> dpark::Result<()> {
/// #     dpark::main(async |ctx: dpark::Context| {
/// let one = std::env::args().count() as i64;
/// let next = ctx.range(0..9, 1).map(move |n| n + one);
/// #         next.count().await?;
/// #         Ok(())
/// #     })
/// # }
/// ```
/// What it needs is given with [`Rdd::with`](super::Rdd::with).
/// ```
/// # fn example(words: dpark::rdd::Rdd<String>) {
/// let stop = vec!["the".to_owned()];
/// let kept = words.with(&stop).filter(|stop, word| !stop.iter().any(|stop| stop == word));
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "the closure captures its environment, so it cannot travel to executors",
    label = "this closure has captured variables",
    note = "pass what it needs as a value: `rdd.with(&value).map(|value, row| …)`, or a broadcast variable for large ones"
)]
pub trait Closure: Copy + Send + Sync + 'static {}

impl<F: Copy + Send + Sync + 'static> Closure for F {}

/// What can be given along with a closure.
pub trait Value: serde::Serialize + DeserializeOwned + Send + Sync + 'static {}

impl<K: serde::Serialize + DeserializeOwned + Send + Sync + 'static> Value for K {}

/// What a task runs.
pub(crate) trait Body: Fn(BatchTask) -> Result<SendableRecordBatchStream> + Closure {}

impl<B: Fn(BatchTask) -> Result<SendableRecordBatchStream> + Closure> Body for B {}

/// What a user's closure `F` at `place` is called: closures of one function may have one type name.
pub(crate) fn name_at<F>(place: &Location<'_>) -> String {
    let name = std::any::type_name::<F>().replace("::{{closure}}", "");
    format!("{name} at {place}")
}

/// The reference to a body, named after the user's closure `F`.
pub(crate) fn function<F, B: Body>(_body: B) -> FunctionRef {
    fn enter<B: Body>(task: BatchTask) -> Result<SendableRecordBatchStream> {
        // SAFETY: `function` was called with a value of `B`.
        let body: B = unsafe { conjure() };
        body(task)
    }
    function_ref(enter::<B>, std::any::type_name::<F>())
}

/// Takes the rows that a closure gives.
pub struct Out<U: Row>(pub(crate) BatchBuilder<U>);

impl<U: Row> Out<U> {
    /// Gives one more row: a value, or a view of one.
    #[inline]
    pub fn push<E: Emit<Row = U>>(&mut self, row: E) {
        self.0.push(row);
    }
}

/// The rows of a partition, one after another. When their source fails, `next` does not return: the closure is left, and its task
/// fails; so the end is always the end of the partition.
pub struct Records<T: Row> {
    pull: Pull,
    /// What is left of the batch at hand.
    ready: std::vec::IntoIter<T>,
}

impl<T: Row> Records<T> {
    pub(crate) fn new(pull: Pull) -> Self {
        Self { pull, ready: vec![].into_iter() }
    }

    /// Ends the partition with an error.
    pub(crate) fn fail(&self, error: DataFusionError) -> ! {
        self.pull.fail(error)
    }
}

impl<T: Row> Iterator for Records<T> {
    type Item = T;
    fn next(&mut self) -> Option<T> {
        loop {
            if let Some(row) = self.ready.next() {
                return Some(row);
            }
            let batch = self.pull.next()?;
            match Rows::<T>::of(&batch) {
                Ok(rows) => self.ready = rows.map(T::owned).collect::<Vec<_>>().into_iter(),
                Err(error) => self.pull.fail(external(error)),
            }
        }
    }
}

/// Takes the rows that a closure gives for a whole partition, and hands them on as they come.
pub struct Sink<'a, U: Row> {
    out: Out<U>,
    push: &'a Push,
    failed: Option<arrow::error::ArrowError>,
}

impl<'a, U: Row> Sink<'a, U> {
    pub(crate) fn new(schema: SchemaRef, batch_size: usize, push: &'a Push) -> Self {
        Self { out: Out(BatchBuilder::new(schema, batch_size)), push, failed: None }
    }

    /// Gives one more row: a value, or a view of one.
    pub fn push<E: Emit<Row = U>>(&mut self, row: E) {
        self.out.push(row);
        if self.out.0.pending() == 0 {
            let full = self.out.0.take_full();
            self.hand_on(full);
        }
    }

    fn hand_on(&mut self, batches: Result<Vec<RecordBatch>, arrow::error::ArrowError>) {
        match batches {
            Ok(batches) => batches.into_iter().for_each(|batch| self.push.push(batch)),
            Err(error) => self.failed = Some(error),
        }
    }

    pub(crate) fn finish(mut self) -> Result<()> {
        let rest = self.out.0.take_all();
        self.hand_on(rest);
        self.failed.map_or(Ok(()), |error| Err(error.into()))
    }
}

/// A stream of what `make` makes of the task once the value that came along is there.
pub(crate) fn with_value<K: Value>(
    task: BatchTask,
    make: impl FnOnce(K, BatchTask) -> Result<SendableRecordBatchStream> + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    let schema = Arc::clone(&task.schema);
    let (argument, context) = (Arc::clone(&task.argument), Arc::clone(&task.context));
    let start = async move { make(from_argument::<K>(&argument, &context).await?, task) };
    Ok(later(schema, Box::pin(start)))
}

/// A stream of batches that `make` makes of one batch each.
pub(crate) fn each_batch(
    mut task: BatchTask,
    make: impl FnMut(RecordBatch) -> Result<RecordBatch> + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    Ok(mapping(task.input()?, task.schema, Box::new(make)))
}

/// Batches made of one, beyond which the next are made of fewer rows.
const MANY: usize = 8;

/// Rows of the first step.
const START: usize = 16;

/// A stream of the rows that `each` gives for batches.
pub(crate) fn to_rows<U: Row>(
    mut task: BatchTask,
    mut each: impl FnMut(&RecordBatch, &mut Out<U>) -> Result<()> + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    let mut out = Out(BatchBuilder::<U>::new(Arc::clone(&task.schema), task.batch_size));
    // Closures that make many rows of one are given few at a time; which they are, is soon known.
    let rows = Arc::new(AtomicUsize::new(START));
    let input = sliced(task.input()?, Arc::clone(&rows));
    let step = move |batch: Option<RecordBatch>| match batch {
        Some(batch) => {
            each(&batch, &mut out)?;
            let made = out.0.take_full()?;
            match made.len() {
                0 | 1 => rows.store(batch.num_rows().saturating_mul(4), Ordering::Relaxed),
                many if many > MANY => rows.store((batch.num_rows() * MANY / many).max(1), Ordering::Relaxed),
                _ => {}
            }
            Ok(made)
        }
        None => Ok(out.0.take_all()?),
    };
    Ok(stepping(input, task.schema, Box::new(step)))
}

/// What counts the bad records of a task, if there may be some.
pub(crate) fn guard(task: &BatchTask) -> Result<Option<Guard>> {
    Guard::of(&task.argument, &task.context)
}

/// A stream of the rows that `closure` gives for each row, or fails to give.
pub(crate) fn each_row_or_error<T: Row, U: Row, R: Emit<Row = U>, E: Display>(
    task: BatchTask,
    closure: impl Fn(T::View<'_>) -> Result<R, E> + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    let guard = guard(&task)?;
    to_rows(task, move |batch, out| {
        let mut rows = Rows::<T>::of(batch).map_err(external)?;
        match &guard {
            None => rows.try_for_each(|row| {
                out.push(closure(row).map_err(ClosureError::of)?);
                Ok(())
            }),
            Some(guard) => guard.rows(|counting| {
                rows.filter_map(|row| counting.one(|| closure(row))).for_each(|given| out.push(given));
                Ok(())
            }),
        }
    })
}

/// A stream of the rows that `closure` gives for each row.
pub(crate) fn each_row<T: Row, U: Row>(
    task: BatchTask,
    closure: impl Fn(T::View<'_>, &mut Out<U>) + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    let guard = guard(&task)?;
    to_rows(task, move |batch, out| {
        let rows = Rows::<T>::of(batch).map_err(external)?;
        match &guard {
            None => rows.for_each(|row| closure(row, out)),
            Some(guard) => guard.rows(|counting| {
                for row in rows {
                    counting.plain(|| closure(row, out));
                }
            }),
        }
        Ok(())
    })
}

/// A stream of what is given when all of a partition is done: one row, or none.
pub(crate) fn at_end<U: Row, S: Send + 'static>(
    mut task: BatchTask,
    start: S,
    mut each: impl FnMut(&mut S, RecordBatch) -> Result<()> + Send + 'static,
    end: impl FnOnce(S, &mut Out<U>) -> Result<()> + Send + 'static,
) -> Result<SendableRecordBatchStream> {
    let mut out = Out(BatchBuilder::<U>::new(Arc::clone(&task.schema), task.batch_size));
    let (mut state, mut end) = (Some(start), Some(end));
    let step = move |batch: Option<RecordBatch>| match (batch, &mut state) {
        (Some(batch), Some(state)) => {
            each(state, batch)?;
            Ok(vec![])
        }
        _ => {
            if let (Some(state), Some(end)) = (state.take(), end.take()) {
                end(state, &mut out)?;
            }
            Ok(out.0.take_all()?)
        }
    };
    Ok(stepping(task.input()?, task.schema, Box::new(step)))
}
