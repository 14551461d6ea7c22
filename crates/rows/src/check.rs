//! Whether columns can be read as a Rust type, and what to say if not.

use crate::row::Row;
use arrow::array::{Array, ArrayRef};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, FieldRef, Fields, Schema, TimeUnit};

/// Columns that do not fit a Rust type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Another number of columns.
    #[error(
        "the rows have {have} columns ({names}), the Rust type has {want}; select the columns it has, in its order"
    )]
    Count {
        /// Columns there are.
        have: usize,
        /// Their names.
        names: String,
        /// Columns the type has.
        want: usize,
    },
    /// A column of another type.
    #[error("column {column} is {have}, which cannot be read as {want}; cast it first")]
    Type {
        /// Its name, with those it stands in.
        column: String,
        /// The type it has.
        have: String,
        /// The type it should have.
        want: String,
    },
    /// A column of that name is missing.
    #[error("there is no column {column}, which the Rust type has; the rows have {names}")]
    Missing {
        /// The type's.
        column: String,
        /// The names there are.
        names: String,
    },
    /// A NULL where the type has none.
    #[error(
        "{column} is NULL in row {row} of a batch, where the Rust type takes a value: take an Option, or filter first"
    )]
    Null {
        /// Of the column.
        column: String,
        /// Within its batch.
        row: usize,
    },
}

impl Mismatch {
    /// The same, for a column that stands in another.
    pub(crate) fn within(self, parent: &str) -> Self {
        let path = |column: String| match column.is_empty() {
            true => parent.to_owned(),
            false => format!("{parent}.{column}"),
        };
        match self {
            Self::Type { column, have, want } => Self::Type { column: path(column), have, want },
            Self::Null { column, row } => Self::Null { column: path(column), row },
            other => other,
        }
    }

    pub(crate) fn of_type(have: &DataType, want: &DataType) -> Self {
        Self::Type { column: String::new(), have: have.to_string(), want: want.to_string() }
    }
}

/// An error if a value is NULL that is not below a NULL already.
pub(crate) fn no_nulls(array: &ArrayRef, parents: Option<&NullBuffer>) -> Result<(), Mismatch> {
    let Some(nulls) = array.logical_nulls().filter(|nulls| nulls.null_count() > 0) else {
        return Ok(());
    };
    let wrong = (0..array.len()).find(|row| nulls.is_null(*row) && parents.is_none_or(|above| above.is_valid(*row)));
    match wrong {
        Some(row) => Err(Mismatch::Null { column: String::new(), row }),
        None => Ok(()),
    }
}

/// Whether columns of a type can be read as another: the same, or the same in another encoding.
pub(crate) fn reads_as(have: &DataType, want: &DataType) -> bool {
    use DataType::{Binary, BinaryView, LargeBinary, LargeList, LargeUtf8, List, Struct, Timestamp, Utf8, Utf8View};
    match (have, want) {
        (Utf8 | LargeUtf8 | Utf8View, Utf8) | (Binary | LargeBinary | BinaryView, Binary) => true,
        (Timestamp(_, zone), Timestamp(TimeUnit::Microsecond, want)) => zone.is_some() == want.is_some(),
        (List(have) | LargeList(have), List(want)) => reads_as(have.data_type(), want.data_type()),
        (DataType::FixedSizeList(have, n), DataType::FixedSizeList(want, m)) => {
            n == m && reads_as(have.data_type(), want.data_type())
        }
        (Struct(have), Struct(want)) => {
            have.len() == want.len() && have.iter().zip(want).all(|(h, w)| reads_as(h.data_type(), w.data_type()))
        }
        _ => have == want,
    }
}

/// The places of `T`'s columns in a schema: tuples by position, structs with names of their own by name.
pub fn places<T: Row>(have: &Schema) -> Result<Vec<usize>, Mismatch> {
    let want = crate::schema_of::<T>();
    let names = || have.fields().iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ");
    let places: Vec<usize> = if is_tuple(want.fields()) {
        if have.fields().len() != want.fields().len() {
            return Err(Mismatch::Count { have: have.fields().len(), names: names(), want: want.fields().len() });
        }
        (0..want.fields().len()).collect()
    } else {
        let place = |field: &FieldRef| {
            let missing = || Mismatch::Missing { column: field.name().clone(), names: names() };
            have.index_of(field.name()).map_err(|_| missing())
        };
        want.fields().iter().map(place).collect::<Result<_, _>>()?
    };
    for (place, want) in places.iter().zip(want.fields()) {
        let have = have.field(*place);
        if !reads_as(have.data_type(), want.data_type()) {
            return Err(Mismatch::of_type(have.data_type(), want.data_type()).within(have.name()));
        }
    }
    Ok(places)
}

/// Whether columns have no names of their own.
fn is_tuple(fields: &Fields) -> bool {
    fields.iter().enumerate().all(|(i, field)| *field.name() == format!("_{}", i + 1))
}
