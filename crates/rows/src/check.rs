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
            Self::Missing { column, names } => Self::Missing { column: path(column), names },
            other => other,
        }
    }

    /// The same, for a column whose rows are elements of those of another.
    pub(crate) fn in_row(self, row_of: impl FnOnce(usize) -> usize) -> Self {
        match self {
            Self::Null { column, row } => Self::Null { column, row: row_of(row) },
            other => other,
        }
    }

    /// The same, with the names that a batch has instead of the Rust type's.
    pub(crate) fn in_batch(self, have: &Schema, want: &Schema) -> Self {
        let own = |path: String| {
            let named = want.fields().iter().zip(have.fields()).find_map(|(want, have)| {
                let below = path.strip_prefix(want.name().as_str())?;
                (below.is_empty() || below.starts_with('.')).then(|| format!("{}{below}", have.name()))
            });
            named.unwrap_or(path)
        };
        match self {
            Self::Type { column, have, want } => Self::Type { column: own(column), have, want },
            Self::Null { column, row } => Self::Null { column: own(column), row },
            Self::Missing { column, names } => Self::Missing { column: own(column), names },
            Self::Count { want, .. } => Self::Count { have: have.fields().len(), names: names(have.fields()), want },
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
    if parents.is_some_and(|above| above.contains(&nulls)) {
        return Ok(());
    }
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
            let reads = |(place, want): (&usize, &FieldRef)| reads_as(have[*place].data_type(), want.data_type());
            places_in(have, want).is_ok_and(|places| places.iter().zip(want).all(reads))
        }
        _ => have == want,
    }
}

/// The places of `T`'s columns in a schema: tuples by position, structs with names of their own by name.
pub fn places<T: Row>(have: &Schema) -> Result<Vec<usize>, Mismatch> {
    let want = crate::schema_of::<T>();
    let places = places_in(have.fields(), want.fields())?;
    for (place, want) in places.iter().zip(want.fields()) {
        let have = have.field(*place);
        if !reads_as(have.data_type(), want.data_type()) {
            return Err(Mismatch::of_type(have.data_type(), want.data_type()).within(have.name()));
        }
    }
    Ok(places)
}

/// The places among `have` of the columns wanted, whatever their types.
pub(crate) fn places_in(have: &Fields, want: &Fields) -> Result<Vec<usize>, Mismatch> {
    if !is_tuple(want) {
        let place = |field: &FieldRef| {
            let found = have.iter().position(|other| other.name() == field.name());
            found.ok_or_else(|| Mismatch::Missing { column: field.name().clone(), names: names(have) })
        };
        return want.iter().map(place).collect();
    }
    match have.len() == want.len() {
        true => Ok((0..want.len()).collect()),
        false => Err(Mismatch::Count { have: have.len(), names: names(have), want: want.len() }),
    }
}

fn names(fields: &Fields) -> String {
    fields.iter().map(|field| field.name().as_str()).collect::<Vec<_>>().join(", ")
}

/// Whether columns have no names of their own.
fn is_tuple(fields: &Fields) -> bool {
    fields.iter().enumerate().all(|(i, field)| *field.name() == format!("_{}", i + 1))
}
