//! One value, ready to be compared.
//!
//! Everything is compared by its text, exactly: integers, decimals with their scale, strings, times. Floating-point
//! numbers are not, because a sum depends on the order of its terms and partitions change that order.

use super::Result;
use arrow::array::{Array, ArrayRef, AsArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};

/// Relative difference up to which two floating-point numbers are the same.
pub const TOLERANCE: f64 = 1e-9;

/// A value of an answer.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// NULL.
    Null,
    /// A floating-point number of either width.
    Float(f64),
    /// Anything else that has no parts, as text.
    Exact(String),
    /// Items of a list, fields of a struct, entries of a map, in order.
    Parts(Vec<Cell>),
}

/// All cells of a column.
pub fn cells(array: &ArrayRef) -> Result<Vec<Cell>> {
    let rows = 0..array.len();
    let listed = |items: &dyn Fn(usize) -> ArrayRef| -> Result<Vec<Cell>> {
        let cell = |row| if array.is_null(row) { Ok(Cell::Null) } else { Ok(Cell::Parts(cells(&items(row))?)) };
        rows.clone().map(cell).collect()
    };
    match array.data_type() {
        DataType::Float16 | DataType::Float32 | DataType::Float64 => {
            let wide = cast(array, &DataType::Float64)?;
            let values = wide.as_primitive::<arrow::datatypes::Float64Type>();
            Ok(values.iter().map(|value| value.map_or(Cell::Null, Cell::Float)).collect())
        }
        DataType::List(_) => listed(&|row| array.as_list::<i32>().value(row)),
        DataType::LargeList(_) => listed(&|row| array.as_list::<i64>().value(row)),
        DataType::FixedSizeList(_, _) => listed(&|row| array.as_fixed_size_list().value(row)),
        DataType::Map(_, _) => listed(&|row| {
            let entries: ArrayRef = std::sync::Arc::new(array.as_map().value(row));
            entries
        }),
        DataType::Struct(_) => {
            let columns = array.as_struct().columns().iter().map(cells).collect::<Result<Vec<_>>>()?;
            let parts = |row: usize| Cell::Parts(columns.iter().map(|column| column[row].clone()).collect());
            Ok(rows.map(|row| if array.is_null(row) { Cell::Null } else { parts(row) }).collect())
        }
        DataType::Dictionary(_, value) => cells(&cast(array, value)?),
        _ => {
            let format = ArrayFormatter::try_new(array, &FormatOptions::default().with_display_error(false))?;
            let text = |row| format.value(row).try_to_string().map(Cell::Exact);
            rows.map(|row| Ok(if array.is_null(row) { Cell::Null } else { text(row)? })).collect()
        }
    }
}

impl Cell {
    /// Whether two cells are the same, numbers up to the relative `tolerance`. NaN is NaN, the zeros are one.
    pub fn same(&self, other: &Self, tolerance: f64) -> bool {
        match (self, other) {
            (Self::Float(left), Self::Float(right)) => close(*left, *right, tolerance),
            (Self::Parts(left), Self::Parts(right)) => {
                left.len() == right.len() && left.iter().zip(right).all(|(left, right)| left.same(right, tolerance))
            }
            (left, right) => left == right,
        }
    }

    /// Appends the text of the cell without its floating-point numbers, which go to `floats` in their order.
    pub fn split(&self, text: &mut String, floats: &mut Vec<f64>) {
        match self {
            Self::Null => text.push('∅'),
            Self::Float(value) => {
                text.push('~');
                floats.push(*value);
            }
            Self::Exact(value) => {
                // With its length in front, no two different rows have the same text.
                text.push_str(&format!("{}:{value}", value.len()));
            }
            Self::Parts(parts) => {
                text.push_str(&format!("[{}", parts.len()));
                for part in parts {
                    part.split(text, floats);
                }
            }
        }
        text.push('|');
    }
}

/// Whether two numbers are the same up to the relative `tolerance`.
pub fn close(left: f64, right: f64, tolerance: f64) -> bool {
    left == right
        || (left.is_nan() && right.is_nan())
        || (left.is_finite() && right.is_finite() && (left - right).abs() <= tolerance * left.abs().max(right.abs()))
}
