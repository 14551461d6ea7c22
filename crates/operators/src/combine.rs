//! One combined value a key.
//!
//! [`partial`] combines what it can within a partition before rows are exchanged; [`Combine`] is the table behind the
//! exchange, where each key is in one partition only.

use crate::grace::KeyTable;
use crate::groups::Groups;
use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use dpark_rows::{Emit, Row};
use futures::TryStreamExt;
use std::collections::VecDeque;
use std::sync::Arc;

/// Rows after which it is judged whether combining within a partition pays.
const TRIAL: usize = 100_000;

/// Values read to guess how much they hold on the heap.
const SAMPLE: usize = 16;

/// The combined values of keys.
struct Table<C> {
    groups: Groups,
    values: Vec<Option<C>>,
    schema: SchemaRef,
    batch_size: usize,
    /// A guess of the bytes that the values hold outside of `values`.
    heap: usize,
}

impl<C: Row> Table<C> {
    /// Keyed batches of `schema` come out.
    fn new(schema: SchemaRef, batch_size: usize) -> Result<Self> {
        let groups = Groups::new(schema.field(0))?;
        Ok(Self { groups, values: vec![], schema, batch_size: batch_size.max(1), heap: 0 })
    }

    /// Changes the value of each key of a batch; `change` gets what is there and the row's number.
    fn each(&mut self, keys: &ArrayRef, mut change: impl FnMut(Option<C>, usize) -> C) -> Result<()> {
        let numbers = self.groups.numbers(keys)?;
        for (row, number) in numbers.iter().enumerate() {
            match self.values.get_mut(*number) {
                Some(value) => *value = Some(change(value.take(), row)),
                // Keys are numbered in the order in which they come.
                None => self.values.push(Some(change(None, row))),
            }
        }
        let step = (numbers.len() / SAMPLE).max(1);
        let sampled = numbers.iter().step_by(step).filter_map(|number| self.values.get(*number)?.as_ref());
        let (mut count, mut heap) = (0, 0);
        for value in sampled {
            count += 1;
            heap += heap_of(value);
        }
        if let Some(typical) = heap.checked_div(count) {
            // Values only grow; those at hand are taken for typical until larger ones are seen.
            self.heap = self.heap.max(typical * self.values.len()).max(heap);
        }
        Ok(())
    }

    fn size(&self) -> usize {
        self.groups.size() + self.values.capacity() * size_of::<Option<C>>() + self.heap
    }

    /// Everything as keyed batches. Nothing is left.
    fn take(&mut self) -> Result<Vec<RecordBatch>> {
        self.heap = 0;
        if self.groups.is_empty() {
            return Ok(vec![]);
        }
        let keys = self.groups.take()?;
        let mut values = std::mem::take(&mut self.values).into_iter().flatten();
        let mut batches = vec![];
        for start in (0..keys.len()).step_by(self.batch_size) {
            let length = self.batch_size.min(keys.len() - start);
            let mut builder = C::Builder::default();
            values.by_ref().take(length).for_each(|value| value.emit(&mut builder));
            batches.push(keyed(&self.schema, keys.slice(start, length), C::finish(&mut builder, None))?);
        }
        Ok(batches)
    }
}

/// A keyed batch.
pub(crate) fn keyed(schema: &SchemaRef, keys: ArrayRef, values: ArrayRef) -> Result<RecordBatch> {
    Ok(RecordBatch::try_new(Arc::clone(schema), vec![keys, values])?)
}

/// Bytes that a value holds on the heap, as its column would.
fn heap_of<C: Row>(value: &C) -> usize {
    let mut builder = C::Builder::default();
    let empty = C::size(&builder);
    value.as_view().emit(&mut builder);
    C::size(&builder).saturating_sub(empty)
}

/// Combines the values of each key within a partition as far as memory and sense go: a key may come several times. `first`
/// makes a combination of a value, `next` adds a value to one.
pub fn partial<V, C, A, B>(
    input: SendableRecordBatchStream,
    first: A,
    next: B,
    schema: SchemaRef,
    batch_size: usize,
    context: &Arc<TaskContext>,
) -> Result<SendableRecordBatchStream>
where
    V: Row,
    C: Row,
    A: Fn(V::View<'_>) -> C + Send + 'static,
    B: Fn(C, V::View<'_>) -> C + Send + 'static,
{
    let reservation = MemoryConsumer::new("combine").with_can_spill(true).register(context.memory_pool());
    let table = Table::new(Arc::clone(&schema), batch_size)?;
    let work =
        Partial { input, first, next, table, reservation, rows: 0, plain: false, ready: VecDeque::new(), over: false };
    let batches = futures::stream::try_unfold(work, |mut work| async move {
        let batch = work.next::<V>().await?;
        Ok(batch.map(|batch| (batch, work)))
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
}

struct Partial<C, A, B> {
    input: SendableRecordBatchStream,
    first: A,
    next: B,
    table: Table<C>,
    reservation: MemoryReservation,
    rows: usize,
    /// Nearly every row has a key of its own: they are handed on as they come.
    plain: bool,
    ready: VecDeque<RecordBatch>,
    over: bool,
}

impl<C: Row, A, B> Partial<C, A, B> {
    async fn next<V: Row>(&mut self) -> Result<Option<RecordBatch>>
    where
        A: Fn(V::View<'_>) -> C,
        B: Fn(C, V::View<'_>) -> C,
    {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            if self.over {
                return Ok(None);
            }
            let Some(batch) = self.input.try_next().await? else {
                self.over = true;
                self.ready.extend(self.table.take()?);
                self.reservation.free();
                continue;
            };
            let values = V::reader(batch.column(1), None).map_err(external)?;
            let Self { first, next, table, .. } = self;
            if self.plain {
                let mut builder = C::Builder::default();
                (0..batch.num_rows()).for_each(|row| first(V::view(&values, row)).emit(&mut builder));
                return keyed(&table.schema, Arc::clone(batch.column(0)), C::finish(&mut builder, None)).map(Some);
            }
            table.each(batch.column(0), |before, row| match before {
                Some(before) => next(before, V::view(&values, row)),
                None => first(V::view(&values, row)),
            })?;
            self.rows += batch.num_rows();
            let useless = self.rows >= TRIAL && self.table.groups.len() * 10 > self.rows * 9;
            if useless || self.reservation.try_resize(self.table.size()).is_err() {
                self.plain = useless;
                self.rows = 0;
                self.ready.extend(self.table.take()?);
                self.reservation.free();
            }
        }
    }
}

/// The table behind the exchange; see the module.
pub struct Combine<C, M> {
    table: Table<C>,
    merge: M,
}

impl<C: Row, M: Fn(C, C) -> C + Send> Combine<C, M> {
    /// `merge` makes one combination of two. Keyed batches of `schema` go in and come out.
    pub fn new(merge: M, schema: SchemaRef, batch_size: usize) -> Result<Self> {
        Ok(Self { table: Table::new(schema, batch_size)?, merge })
    }
}

impl<C: Row, M: Fn(C, C) -> C + Send> KeyTable for Combine<C, M> {
    fn push(&mut self, _input: usize, batch: RecordBatch) -> Result<()> {
        let values = C::reader(batch.column(1), None).map_err(external)?;
        let merge = &self.merge;
        self.table.each(batch.column(0), |before, row| {
            let value = C::owned(C::view(&values, row));
            match before {
                Some(before) => merge(before, value),
                None => value,
            }
        })
    }
    fn size(&self) -> usize {
        self.table.size()
    }
    fn keys(&self) -> usize {
        self.table.groups.len()
    }
    fn spill(&mut self) -> Result<Vec<(usize, RecordBatch)>> {
        Ok(self.table.take()?.into_iter().map(|batch| (0, batch)).collect())
    }
    fn finish(&mut self) -> Result<Vec<RecordBatch>> {
        self.table.take()
    }
}

/// An error of reading columns as the engine's.
pub fn external(error: impl std::error::Error + Send + Sync + 'static) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

/// The schema of keyed batches with columns of these.
pub fn keyed_schema(key: &arrow::datatypes::Field, value: &arrow::datatypes::Field) -> SchemaRef {
    Arc::new(Schema::new(vec![key.clone().with_name("_1"), value.clone().with_name("_2")]))
}
