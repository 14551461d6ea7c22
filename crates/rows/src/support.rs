//! Columns side by side: for tuples, and for the code that `#[derive(Row)]` makes.

use crate::check::{Mismatch, no_nulls, places_in};
use crate::row::Row;
use arrow::array::{Array, AsArray, StructArray};
use std::sync::Arc;

pub use arrow::array::ArrayRef;
pub use arrow::buffer::NullBuffer;
pub use arrow::datatypes::{DataType, Field, Fields};

/// Fields of columns with names, types, and whether they may be NULL.
pub fn named(columns: Vec<(&str, DataType, bool)>) -> Fields {
    columns.into_iter().map(|(name, data_type, nullable)| Field::new(name, data_type, nullable)).collect()
}

/// The columns of a tuple or struct.
pub fn fields<T: Row>() -> Fields {
    T::columns().unwrap_or_else(Fields::empty)
}

/// The column of a tuple or struct, with NULLs at the places given.
pub fn finish_struct<T: Row>(builder: &mut T::Builder, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(StructArray::new(fields::<T>(), T::finish_columns(builder), nulls))
}

/// The columns of a tuple or struct, in its order, ready to be read.
pub struct Columns<'a> {
    columns: Vec<&'a ArrayRef>,
    names: Vec<String>,
    parents: Option<NullBuffer>,
}

impl<'a> Columns<'a> {
    /// The columns that stand in one. Errors: it is no struct, has other columns, or has a NULL where `parents` has none.
    pub fn of_struct(array: &'a ArrayRef, parents: Option<&NullBuffer>, want: Fields) -> Result<Self, Mismatch> {
        let Some(found) = array.as_struct_opt() else {
            return Err(Mismatch::of_type(array.data_type(), &DataType::Struct(want)));
        };
        let places = places_in(found.fields(), &want).map_err(|error| match error {
            Mismatch::Count { .. } => Mismatch::of_type(array.data_type(), &DataType::Struct(want.clone())),
            other => other,
        })?;
        no_nulls(array, parents)?;
        let names = places.iter().map(|place| found.fields()[*place].name().clone()).collect();
        let columns = places.iter().map(|place| found.column(*place)).collect();
        Ok(Self { columns, names, parents: parents.cloned() })
    }

    /// The columns of a batch, which are in order. Errors: another number of columns.
    pub fn of_batch(columns: &'a [ArrayRef], want: Fields) -> Result<Self, Mismatch> {
        if columns.len() != want.len() {
            return Err(Mismatch::Count { have: columns.len(), names: String::new(), want: want.len() });
        }
        let names = want.iter().map(|field| field.name().clone()).collect();
        Ok(Self { columns: columns.iter().collect(), names, parents: None })
    }

    /// Prepares the column at `index`, which must be less than the number of columns.
    pub fn reader<T: Row>(&self, index: usize) -> Result<T::Reader<'a>, Mismatch> {
        T::reader(self.columns[index], self.parents.as_ref()).map_err(|error| error.within(&self.names[index]))
    }
}
