//! The traits: a value that is a row or a column of one, and what may be emitted as such.

use crate::check::Mismatch;
use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Fields};
use std::cmp::Ordering;
use std::hash::Hasher;

/// A value with a typed Arrow column; see the crate's table. Tuples and structs have several.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a row of a data set",
    label = "no columns are known for this type",
    note = "rows are numbers, bool, String, Bytes, dates and times, Option, Vec, arrays and tuples of rows, \
            and structs with #[derive(Row)]"
)]
pub trait Row: Emit<Row = Self> + Sized + Send + Sync + 'static {
    /// The value as it stands in the columns.
    type View<'a>: Emit<Row = Self> + Copy;
    /// The columns, ready to be read.
    type Reader<'a>: Copy + Send;
    /// Collects values for the columns.
    type Builder: Default + Send;
    /// Whether its column may hold NULL.
    const NULLABLE: bool = false;

    /// The column's type.
    fn data_type() -> DataType;
    /// The columns of a tuple or struct; `None` for what stands in one.
    fn columns() -> Option<Fields> {
        None
    }
    /// Prepares a column for reading. Where `parents` has a NULL, the value is not looked at.
    fn reader<'a>(array: &'a ArrayRef, parents: Option<&NullBuffer>) -> Result<Self::Reader<'a>, Mismatch>;
    /// The same for a whole batch, whose columns are those of the outermost struct.
    fn reader_of<'a>(columns: &'a [ArrayRef]) -> Result<Self::Reader<'a>, Mismatch> {
        match columns {
            [column] => Self::reader(column, None).map_err(|error| error.within("_1")),
            _ => Err(Mismatch::Count { have: columns.len(), names: String::new(), want: 1 }),
        }
    }
    /// The value in `row`, which must be less than the columns' length and not be NULL (unless this is an `Option`).
    fn view<'a>(reader: &Self::Reader<'a>, row: usize) -> Self::View<'a>;
    /// The value of a view.
    fn owned(view: Self::View<'_>) -> Self;
    /// The view of a value.
    fn as_view(&self) -> Self::View<'_>;
    /// Adds some value where there is none: below a NULL.
    fn emit_default(builder: &mut Self::Builder);
    /// The column, with NULLs at the places given. The builder is empty then.
    fn finish(builder: &mut Self::Builder, nulls: Option<NullBuffer>) -> ArrayRef;
    /// The columns of a whole batch.
    fn finish_columns(builder: &mut Self::Builder) -> Vec<ArrayRef> {
        vec![Self::finish(builder, None)]
    }
    /// About the bytes collected so far.
    fn size(builder: &Self::Builder) -> usize;
}

/// What a closure may give for a row: the value itself, or a view of one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be given as a row of a data set",
    label = "a closure gave this",
    note = "give numbers, bool, String or &str, Bytes or &[u8], dates and times, Option, Vec, arrays and tuples of those, \
            or structs with #[derive(Row)]"
)]
pub trait Emit {
    /// The row.
    type Row: Row;
    /// Adds the value to the columns.
    fn emit(self, builder: &mut <Self::Row as Row>::Builder);
}

/// A row that can be a key: equal or not, whatever the process, and in some order. Not floats: NaN is not equal to
/// itself.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a key",
    label = "keys need an equality that is the same everywhere",
    note = "floats are no keys, since NaN is not equal to itself: use integers, text or `x.to_bits()`; \
            a struct becomes one by #[row(key)] beside #[derive(Row)]"
)]
pub trait Key: Row {
    /// Whether two views are of equal values.
    fn same(a: Self::View<'_>, b: Self::View<'_>) -> bool;
    /// The order of two views. `None` comes first, as NULLs do when columns are sorted.
    fn order(a: Self::View<'_>, b: Self::View<'_>) -> Ordering;
    /// Hashes a view; equal values hash equally.
    fn hash<H: Hasher>(view: Self::View<'_>, state: &mut H);
}
