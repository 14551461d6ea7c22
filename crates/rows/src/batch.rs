//! Record batches as rows, and rows as record batches.

use crate::check::Mismatch;
use crate::row::{Emit, Row};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::error::ArrowError;
use arrow::record_batch::{RecordBatch, RecordBatchOptions};
use std::sync::Arc;

/// Beyond that a batch is full, however few its rows.
const MAX_BYTES: usize = 16 << 20;

/// The schema of a data set of `T`: the outermost struct's columns, or one column `_1`.
pub fn schema_of<T: Row>() -> SchemaRef {
    match T::columns() {
        Some(columns) => Arc::new(Schema::new(columns)),
        None => Arc::new(Schema::new(vec![Field::new("_1", T::data_type(), T::NULLABLE)])),
    }
}

/// The rows of a batch.
pub struct Rows<'a, T: Row> {
    reader: T::Reader<'a>,
    next: usize,
    length: usize,
}

impl<'a, T: Row> Rows<'a, T> {
    /// Prepares a batch with `T`'s columns. Errors: a column of another type, a NULL where `T` takes none.
    pub fn of(batch: &'a RecordBatch) -> Result<Self, Mismatch> {
        let named = |error: Mismatch| error.in_batch(batch.schema_ref(), &schema_of::<T>());
        let reader = T::reader_of(batch.columns()).map_err(named)?;
        Ok(Self { reader, next: 0, length: batch.num_rows() })
    }

    /// The row at `index`, which must be less than the number of rows.
    #[inline]
    pub fn at(&self, index: usize) -> T::View<'a> {
        T::view(&self.reader, index)
    }
}

impl<'a, T: Row> Iterator for Rows<'a, T> {
    type Item = T::View<'a>;
    #[inline]
    fn next(&mut self) -> Option<T::View<'a>> {
        let index = self.next;
        (index < self.length).then(|| {
            self.next += 1;
            T::view(&self.reader, index)
        })
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.length - self.next, Some(self.length - self.next))
    }
}

impl<T: Row> ExactSizeIterator for Rows<'_, T> {}

/// Collects rows into batches of bounded size.
pub struct BatchBuilder<T: Row> {
    schema: SchemaRef,
    builder: T::Builder,
    rows: usize,
    max_rows: usize,
    full: Vec<Result<RecordBatch, ArrowError>>,
}

impl<T: Row> BatchBuilder<T> {
    /// Batches of `schema`, whose types are `T`'s, and of at most `max_rows` rows.
    pub fn new(schema: SchemaRef, max_rows: usize) -> Self {
        Self { schema, builder: T::Builder::default(), rows: 0, max_rows: max_rows.max(1), full: vec![] }
    }

    /// Adds a row.
    #[inline]
    pub fn push<E: Emit<Row = T>>(&mut self, row: E) {
        row.emit(&mut self.builder);
        self.rows += 1;
        // Each row is looked at, since a single one may be large. It costs next to nothing: lengths are compared.
        if self.rows >= self.max_rows || T::size(&self.builder) > MAX_BYTES {
            self.close();
        }
    }

    /// Rows that are not in a full batch yet.
    pub fn pending(&self) -> usize {
        self.rows
    }

    #[cold]
    #[inline(never)]
    fn close(&mut self) {
        let rows = std::mem::take(&mut self.rows);
        if rows == 0 {
            return;
        }
        if T::size(&self.builder) == usize::MAX {
            self.builder = T::Builder::default();
            let text =
                "a row has a text of more than 2 GiB or a list of more than 2^31 elements: make several rows of it";
            return self.full.push(Err(ArrowError::InvalidArgumentError(text.to_owned())));
        }
        let columns = T::finish_columns(&mut self.builder);
        let options = RecordBatchOptions::new().with_row_count(Some(rows));
        self.full.push(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options));
    }

    /// The full batches so far. Errors: the schema given is not that of `T`; a row was too large.
    pub fn take_full(&mut self) -> Result<Vec<RecordBatch>, ArrowError> {
        std::mem::take(&mut self.full).into_iter().collect()
    }

    /// All batches that were not taken before. Errors: as [`take_full`](Self::take_full).
    pub fn take_all(&mut self) -> Result<Vec<RecordBatch>, ArrowError> {
        self.close();
        self.take_full()
    }
}

/// Batches of at most `max_rows` of the rows.
pub fn batches_of<T: Row>(rows: &[T], max_rows: usize) -> Result<Vec<RecordBatch>, ArrowError> {
    let mut builder = BatchBuilder::<T>::new(schema_of::<T>(), max_rows);
    rows.iter().for_each(|row| builder.push(row.as_view()));
    builder.take_all()
}
