//! Which columns a function over Rust types takes without being asked to cast: those that lose nothing but precision.

use crate::check::reads_as;
use arrow::datatypes::{DataType, TimeUnit};

/// What to cast a column of type `have` to, so that it can be read as `want`: `have` itself if it can be read as it is, and
/// `None` if a cast would change what it says, which is for the user to ask for.
///
/// Integers become any other number, and one that does not fit is an error; decimals become floats; dates become times; times
/// without a zone are UTC where a zone is asked for.
pub fn coerced(have: &DataType, want: &DataType) -> Option<DataType> {
    use DataType::{Binary, Date32, Date64, FixedSizeBinary, FixedSizeList, LargeList, List, Null, Timestamp, Utf8};
    if reads_as(have, want) {
        return Some(have.clone());
    }
    let fits = match (have, want) {
        (Null, _) | (Date64, Date32) | (FixedSizeBinary(_), Binary) => true,
        (DataType::Dictionary(_, values), _) => coerced(values, want).is_some(),
        (DataType::RunEndEncoded(_, values), _) => coerced(values.data_type(), want).is_some(),
        (_, Utf8 | Binary) => false,
        (_, DataType::Float32 | DataType::Float64) => have.is_numeric(),
        (_, _) if want.is_integer() => have.is_integer(),
        (Date32 | Date64, Timestamp(..)) => true,
        (Timestamp(_, None), Timestamp(TimeUnit::Microsecond, Some(_))) => true,
        (List(have) | LargeList(have) | FixedSizeList(have, _), List(want))
        | (List(have) | LargeList(have), FixedSizeList(want, _)) => {
            coerced(have.data_type(), want.data_type()).is_some()
        }
        (FixedSizeList(have, n), FixedSizeList(want, m)) => {
            n == m && coerced(have.data_type(), want.data_type()).is_some()
        }
        _ => false,
    };
    fits.then(|| want.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Row;

    fn becomes<T: Row>(have: &DataType) -> Option<DataType> {
        coerced(have, &T::data_type())
    }

    #[test]
    fn numbers() {
        assert_eq!(becomes::<f64>(&DataType::Int32), Some(DataType::Float64));
        assert_eq!(becomes::<f64>(&DataType::Decimal128(12, 2)), Some(DataType::Float64));
        assert_eq!(becomes::<i32>(&DataType::Int64), Some(DataType::Int32));
        assert_eq!(becomes::<i64>(&DataType::Float64), None);
        assert_eq!(becomes::<i64>(&DataType::Utf8), None);
        assert_eq!(becomes::<Option<u8>>(&DataType::Null), Some(DataType::UInt8));
    }

    #[test]
    fn other_encodings() {
        assert_eq!(becomes::<String>(&DataType::Utf8View), Some(DataType::Utf8View));
        assert_eq!(becomes::<String>(&DataType::Int64), None);
        let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
        assert_eq!(becomes::<String>(&dictionary), Some(DataType::Utf8));
        assert_eq!(becomes::<Vec<f64>>(&<Vec<i32>>::data_type()), Some(<Vec<f64>>::data_type()));
        let in_zone = DataType::Timestamp(TimeUnit::Nanosecond, Some("+02:00".into()));
        assert_eq!(becomes::<chrono::NaiveDateTime>(&in_zone), None);
        assert_eq!(becomes::<chrono::DateTime<chrono::Utc>>(&in_zone), Some(in_zone));
    }
}
