//! One combined value a key.
//!
//! [`partial`] combines what it can within a partition before rows are exchanged; [`Combine`] is the table behind the
//! exchange, where each key is in one partition only.

use crate::grace::KeyTable;
use crate::groups::Groups;
use crate::stepping::stepping;
use arrow::array::ArrayRef;
use arrow::datatypes::{Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::{DataFusionError, Result};
use datafusion::execution::memory_pool::MemoryConsumer;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use dpark_rows::{Emit, Row};
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
        // Values only grow; those at hand are taken for typical until larger ones are seen.
        let typical: usize = heap.checked_div(count).unwrap_or(0);
        self.heap = self.heap.max(typical * self.values.len()).max(heap);
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
    let mut table = Table::<C>::new(Arc::clone(&schema), batch_size)?;
    let mut rows = 0;
    // Nearly every row has a key of its own: they are handed on as they come.
    let mut plain = false;
    let step = move |batch: Option<RecordBatch>| {
        let Some(batch) = batch else {
            let rest = table.take();
            reservation.free();
            return rest;
        };
        let values = V::reader(batch.column(1), None).map_err(external)?;
        if plain {
            let mut builder = C::Builder::default();
            (0..batch.num_rows()).for_each(|row| first(V::view(&values, row)).emit(&mut builder));
            return Ok(vec![keyed(&table.schema, Arc::clone(batch.column(0)), C::finish(&mut builder, None))?]);
        }
        table.each(batch.column(0), |before, row| match before {
            Some(before) => next(before, V::view(&values, row)),
            None => first(V::view(&values, row)),
        })?;
        rows += batch.num_rows();
        let useless = rows >= TRIAL && table.groups.len() * 10 > rows * 9;
        if useless || reservation.try_resize(table.size()).is_err() {
            plain = useless;
            rows = 0;
            let taken = table.take();
            reservation.free();
            return taken;
        }
        Ok(vec![])
    };
    Ok(stepping(input, schema, Box::new(step)))
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
