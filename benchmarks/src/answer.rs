//! A result as a fingerprint that two engines agree on, or not.
//!
//! Decimals and floats differ in the last digits between engines (an average of decimals is a decimal here and a
//! double there), so such columns are compared by their sums, within a tolerance; everything else is hashed, row by
//! row, without regard to the order of rows. `duckdb_run.py` computes the same.

use crate::Result;
use arrow::array::{Array, Float64Array, RecordBatch};
use arrow::compute::{cast, sum};
use arrow::datatypes::DataType;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use serde::{Deserialize, Serialize};
use std::fmt::Write;

/// Of the larger sum.
const RELATIVE: f64 = 1e-6;
/// Per row: DataFusion's averages of decimals have six digits after the point.
const PER_ROW: f64 = 1e-5;

/// The fingerprint.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Answer {
    /// How many rows.
    pub(crate) rows: usize,
    /// FNV-1a of every row's exact cells, added up; hexadecimal.
    pub(crate) exact: String,
    /// The sum of each fractional column.
    pub(crate) sums: Vec<f64>,
}

impl Answer {
    /// Of all rows of a result.
    pub(crate) fn of(batches: &[RecordBatch]) -> Result<Answer> {
        let options = FormatOptions::default().with_null("\\N");
        let (mut rows, mut exact, mut sums) = (0, 0u64, Vec::new());
        let mut line = String::new();
        for batch in batches {
            let columns = batch.columns();
            let cells = columns
                .iter()
                .map(|column| ArrayFormatter::try_new(column, &options))
                .collect::<Result<Vec<_>, _>>()?;
            for row in 0..batch.num_rows() {
                line.clear();
                for (column, cell) in columns.iter().zip(&cells) {
                    if !is_fractional(column.data_type()) {
                        write!(line, "{}", cell.value(row).try_to_string()?)?;
                    } else if column.is_null(row) {
                        line.push_str("\\N");
                    }
                    line.push('\x1f');
                }
                exact = exact.wrapping_add(fnv(line.as_bytes()));
            }
            rows += batch.num_rows();
            let fractional = columns.iter().filter(|column| is_fractional(column.data_type()));
            for (at, column) in fractional.enumerate() {
                let column = cast(column, &DataType::Float64)?;
                let column = column.as_any().downcast_ref::<Float64Array>().ok_or("no doubles")?;
                if sums.len() <= at {
                    sums.push(0.0);
                }
                sums[at] += sum(column).unwrap_or(0.0);
            }
        }
        Ok(Answer { rows, exact: format!("{exact:016x}"), sums })
    }

    /// Whether this is the same result.
    pub(crate) fn agrees(&self, other: &Answer) -> bool {
        let near = |a: f64, b: f64| {
            (a - b).abs() <= RELATIVE * a.abs().max(b.abs()) + PER_ROW * self.rows as f64 || (a.is_nan() && b.is_nan())
        };
        // No rows, no batches, no sums.
        self.rows == other.rows
            && self.exact == other.exact
            && (self.rows == 0
                || self.sums.len() == other.sums.len() && self.sums.iter().zip(&other.sums).all(|(a, b)| near(*a, *b)))
    }
}

fn is_fractional(kind: &DataType) -> bool {
    kind.is_floating() || kind.is_decimal()
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(rows: usize, sum: f64) -> Answer {
        Answer { rows, exact: "0".into(), sums: vec![sum] }
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        assert_eq!(fnv(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn sums_need_only_be_near() {
        assert!(answer(1, 1_000_000.0).agrees(&answer(1, 1_000_000.5)));
        assert!(!answer(1, 1_000_000.0).agrees(&answer(1, 1_000_010.0)));
        assert!(!answer(1, 0.0).agrees(&answer(2, 0.0)));
    }
}
