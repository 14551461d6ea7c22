//! Rows: tuples of cells, and single cells as rows of one column.

use super::cell::Cell;
use arrow::array::{ArrayBuilder, ArrayRef};
use arrow::datatypes::{Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use std::sync::Arc;

/// A row of an [`super::Rdd`]: a tuple of cells, or one cell. Columns are `_1`, `_2`, ….
pub trait Row: Sized + Send + 'static {
    /// The columns.
    fn schema() -> SchemaRef;
    /// Calls `take` with each row of the batch, in order.
    fn read(batch: &RecordBatch, take: &mut dyn FnMut(Self) -> Result<()>) -> Result<()>;
    /// A batch of the rows.
    fn batch(rows: impl IntoIterator<Item = Self>) -> Result<RecordBatch>;
}

fn field<C: Cell>(index: usize) -> Field {
    Field::new(format!("_{index}"), C::DATA_TYPE, C::NULLABLE)
}

macro_rules! row {
    ($row:ty, [$($generic:ident),*], $($cell:ident $index:literal $value:ident $builder:ident),* => $pattern:pat, $tuple:expr) => {
        impl<$($generic: Cell),*> Row for $row {
            fn schema() -> SchemaRef {
                Arc::new(Schema::new(vec![$(field::<$cell>($index)),*]))
            }
            fn read(batch: &RecordBatch, take: &mut dyn FnMut(Self) -> Result<()>) -> Result<()> {
                for row in 0..batch.num_rows() {
                    $(let $value = $cell::get(batch.column($index - 1), row)?;)*
                    take($tuple)?;
                }
                Ok(())
            }
            fn batch(rows: impl IntoIterator<Item = Self>) -> Result<RecordBatch> {
                $(let mut $builder = <$cell as Cell>::Builder::default();)*
                for $pattern in rows {
                    $($value.append(&mut $builder);)*
                }
                let columns: Vec<ArrayRef> = vec![$(ArrayBuilder::finish(&mut $builder)),*];
                Ok(RecordBatch::try_new(Self::schema(), columns)?)
            }
        }
    };
}

row!((A,), [A], A 1 a a_builder => (a,), (a,));
row!((A, B), [A, B], A 1 a a_builder, B 2 b b_builder => (a, b), (a, b));
row!((A, B, C), [A, B, C], A 1 a a_builder, B 2 b b_builder, C 3 c c_builder => (a, b, c), (a, b, c));
row!((A, B, C, D), [A, B, C, D],
    A 1 a a_builder, B 2 b b_builder, C 3 c c_builder, D 4 d d_builder => (a, b, c, d), (a, b, c, d));

macro_rules! single {
    ($($cell:ident),*) => {$(row!($cell, [], $cell 1 a a_builder => a, a);)*};
}

single!(i32, i64, u32, u64, f32, f64, bool, String);
