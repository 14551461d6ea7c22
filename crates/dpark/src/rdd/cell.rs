//! Values of one column: how a Rust value is read from an Arrow array and appended to a builder.

use arrow::array::{
    Array, ArrayBuilder, ArrayRef, AsArray, BooleanBuilder, Float32Builder, Float64Builder, Int32Builder, Int64Builder,
    StringBuilder, UInt32Builder, UInt64Builder,
};
use arrow::datatypes::{DataType, Float32Type, Float64Type, Int32Type, Int64Type, UInt32Type, UInt64Type};
use datafusion::common::{Result, exec_err};

/// A value that fits one column.
pub trait Cell: Sized + Send + 'static {
    /// Collects values for an array.
    type Builder: ArrayBuilder + Default;
    /// The column's type.
    const DATA_TYPE: DataType;
    /// Whether the column may hold NULL.
    const NULLABLE: bool = false;
    /// The value in `row`. Errors: NULL where the type has none.
    fn get(array: &ArrayRef, row: usize) -> Result<Self>;
    /// Adds the value.
    fn append(self, builder: &mut Self::Builder);
    /// Adds a NULL.
    fn append_null(builder: &mut Self::Builder);
}

fn not_null(array: &ArrayRef, row: usize) -> Result<()> {
    if array.is_null(row) {
        return exec_err!(
            "row {row} of a batch is NULL where the closure takes a value; take an Option or filter first"
        );
    }
    Ok(())
}

macro_rules! primitive_cell {
    ($($rust:ty => $arrow:ty, $builder:ty, $data_type:ident;)*) => {$(
        impl Cell for $rust {
            type Builder = $builder;
            const DATA_TYPE: DataType = DataType::$data_type;
            fn get(array: &ArrayRef, row: usize) -> Result<Self> {
                not_null(array, row)?;
                Ok(array.as_primitive::<$arrow>().value(row))
            }
            fn append(self, builder: &mut Self::Builder) {
                builder.append_value(self);
            }
            fn append_null(builder: &mut Self::Builder) {
                builder.append_null();
            }
        }
    )*};
}

primitive_cell! {
    i32 => Int32Type, Int32Builder, Int32;
    i64 => Int64Type, Int64Builder, Int64;
    u32 => UInt32Type, UInt32Builder, UInt32;
    u64 => UInt64Type, UInt64Builder, UInt64;
    f32 => Float32Type, Float32Builder, Float32;
    f64 => Float64Type, Float64Builder, Float64;
}

impl Cell for bool {
    type Builder = BooleanBuilder;
    const DATA_TYPE: DataType = DataType::Boolean;
    fn get(array: &ArrayRef, row: usize) -> Result<Self> {
        not_null(array, row)?;
        Ok(array.as_boolean().value(row))
    }
    fn append(self, builder: &mut Self::Builder) {
        builder.append_value(self);
    }
    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }
}

impl Cell for String {
    type Builder = StringBuilder;
    const DATA_TYPE: DataType = DataType::Utf8;
    fn get(array: &ArrayRef, row: usize) -> Result<Self> {
        not_null(array, row)?;
        Ok(match array.data_type() {
            DataType::Utf8View => array.as_string_view().value(row),
            DataType::LargeUtf8 => array.as_string::<i64>().value(row),
            _ => array.as_string::<i32>().value(row),
        }
        .to_owned())
    }
    fn append(self, builder: &mut Self::Builder) {
        builder.append_value(self);
    }
    fn append_null(builder: &mut Self::Builder) {
        builder.append_null();
    }
}

impl<T: Cell> Cell for Option<T> {
    type Builder = T::Builder;
    const DATA_TYPE: DataType = T::DATA_TYPE;
    const NULLABLE: bool = true;
    fn get(array: &ArrayRef, row: usize) -> Result<Self> {
        if array.is_null(row) { Ok(None) } else { T::get(array, row).map(Some) }
    }
    fn append(self, builder: &mut Self::Builder) {
        match self {
            Some(value) => value.append(builder),
            None => T::append_null(builder),
        }
    }
    fn append_null(builder: &mut Self::Builder) {
        T::append_null(builder);
    }
}

/// Whether a column of type `have` can be read as a cell of type `want`.
pub(super) fn is_readable_as(have: &DataType, want: &DataType) -> bool {
    let text = |data_type: &DataType| matches!(data_type, DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View);
    have == want || (text(have) && text(want))
}
