//! Rows picked from many batches.

use arrow::array::{
    Array, ArrayRef, ArrowPrimitiveType, AsArray, GenericByteArray, PrimitiveArray, downcast_primitive,
};
use arrow::buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow::compute::interleave;
use arrow::datatypes::{BinaryType, ByteArrayType, DataType, Utf8Type};
use arrow::error::ArrowError;
use std::hint::black_box;
use std::marker::PhantomData;
use std::sync::Arc;

/// Values that are fetched together.
const TOGETHER: usize = 32;

/// One column of many batches. What is the same for each pick of rows is looked up once: there may be thousands of batches.
pub(super) trait Column: Send {
    /// The values at `places`: batch and row of each.
    fn gather(&self, places: &[(usize, usize)]) -> Result<ArrayRef, ArrowError>;
}

/// The column that `parts` make.
pub(super) fn column(parts: Vec<ArrayRef>) -> Box<dyn Column> {
    macro_rules! numbers {
        ($kind:ty, $parts:expr) => {
            Box::new(Numbers::<$kind>::new($parts))
        };
    }
    let Some(kind) = parts.first().map(|part| part.data_type()) else { return Box::new(Others(parts)) };
    if parts.iter().any(|part| part.null_count() > 0) {
        return Box::new(Others(parts));
    }
    downcast_primitive! {
        kind => (numbers, parts),
        DataType::Utf8 => Box::new(Bytes::<Utf8Type>::new(parts)),
        DataType::Binary => Box::new(Bytes::<BinaryType>::new(parts)),
        _ => Box::new(Others(parts)),
    }
}

/// Numbers and the like without NULLs.
struct Numbers<T: ArrowPrimitiveType> {
    kind: DataType,
    parts: Vec<ScalarBuffer<T::Native>>,
}

impl<T: ArrowPrimitiveType> Numbers<T> {
    fn new(parts: Vec<ArrayRef>) -> Self {
        let kind = parts.first().map_or(T::DATA_TYPE, |part| part.data_type().clone());
        Self { kind, parts: parts.iter().map(|part| part.as_primitive::<T>().values().clone()).collect() }
    }
}

impl<T: ArrowPrimitiveType> Column for Numbers<T> {
    fn gather(&self, places: &[(usize, usize)]) -> Result<ArrayRef, ArrowError> {
        let values: Vec<T::Native> = places.iter().map(|(part, row)| self.parts[*part][*row]).collect();
        Ok(Arc::new(PrimitiveArray::<T>::new(values.into(), None).with_data_type(self.kind.clone())))
    }
}

/// Text and bytes without NULLs.
struct Bytes<T> {
    parts: Vec<(OffsetBuffer<i32>, Buffer)>,
    kind: PhantomData<fn() -> T>,
}

impl<T: ByteArrayType<Offset = i32>> Bytes<T> {
    fn new(parts: Vec<ArrayRef>) -> Self {
        let part = |part: &ArrayRef| {
            let part = part.as_bytes::<T>();
            (part.offsets().clone(), part.values().clone())
        };
        Self { parts: parts.iter().map(part).collect(), kind: PhantomData }
    }
}

impl<T: ByteArrayType<Offset = i32>> Column for Bytes<T> {
    /// Values lie anywhere in memory, so that each is waited for. The first and the last byte of a few are read before any is copied, as
    /// these waits overlap and those of copies hardly do.
    fn gather(&self, places: &[(usize, usize)]) -> Result<ArrayRef, ArrowError> {
        let mut ends = Vec::with_capacity(places.len() + 1);
        let mut pieces = Vec::with_capacity(places.len());
        let mut total = 0;
        ends.push(0);
        for (part, row) in places {
            let (offsets, values) = &self.parts[*part];
            let piece = &values[offsets[*row] as usize..offsets[*row + 1] as usize];
            total += piece.len();
            ends.push(i32::try_from(total).map_err(|_| ArrowError::OffsetOverflowError(total))?);
            pieces.push(piece);
        }
        let mut values = Vec::with_capacity(total);
        for pieces in pieces.chunks(TOGETHER) {
            let ends = |piece: &&[u8]| piece.first().unwrap_or(&0) ^ piece.last().unwrap_or(&0);
            black_box(pieces.iter().map(ends).fold(0, |touched, byte| touched ^ byte));
            pieces.iter().for_each(|piece| values.extend_from_slice(piece));
        }
        let ends = OffsetBuffer::new(ends.into());
        // SAFETY: the offsets ascend to the length of the values, and every value is one of an array of this type.
        Ok(Arc::new(unsafe { GenericByteArray::<T>::new_unchecked(ends, values.into(), None) }))
    }
}

/// All others.
struct Others(Vec<ArrayRef>);

impl Column for Others {
    fn gather(&self, places: &[(usize, usize)]) -> Result<ArrayRef, ArrowError> {
        let parts: Vec<&dyn Array> = self.0.iter().map(|part| part.as_ref()).collect();
        interleave(&parts, places)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{BinaryArray, Decimal128Array, Int32Array, StringArray, StringViewArray};

    #[test]
    fn numbers_texts_bytes_and_views_with_and_without_nulls() {
        let texts = |from: usize| (from..from + 50).map(|n| "é".repeat(n * 7 % 40)).collect::<Vec<_>>();
        let (one, other) = (texts(0), texts(9));
        let places: Vec<(usize, usize)> = (0..200).map(|n| (n % 2, n * 31 % 40)).collect();
        let expected: Vec<&str> = places.iter().map(|(part, row)| [&one[3..], &other][*part][*row].as_str()).collect();
        // The first part begins in the middle of its buffers.
        let array = |make: fn(&[String]) -> ArrayRef| {
            column(vec![make(&one).slice(3, 47), make(&other)]).gather(&places).unwrap()
        };
        let plain = array(|texts| Arc::new(StringArray::from_iter_values(texts)));
        assert!(plain.as_string::<i32>().iter().eq(expected.iter().map(|text| Some(*text))));
        let bytes = array(|texts| Arc::new(BinaryArray::from_iter_values(texts)));
        assert!(bytes.as_binary::<i32>().iter().eq(expected.iter().map(|text| Some(text.as_bytes()))));
        let views = array(|texts| Arc::new(StringViewArray::from_iter_values(texts)));
        assert!(views.as_string_view().iter().eq(expected.iter().map(|text| Some(*text))));
        let lengths = array(|texts| Arc::new(Int32Array::from_iter_values(texts.iter().map(|text| text.len() as i32))));
        let expected_lengths: Vec<i32> = expected.iter().map(|text| text.len() as i32).collect();
        assert_eq!(lengths.as_primitive::<arrow::datatypes::Int32Type>().values(), &expected_lengths[..]);
        let decimals = array(|texts| {
            let lengths = Decimal128Array::from_iter_values(texts.iter().map(|text| text.len() as i128));
            Arc::new(lengths.with_precision_and_scale(9, 2).unwrap())
        });
        assert_eq!(decimals.data_type(), &DataType::Decimal128(9, 2));
        let nulls = array(|texts| {
            Arc::new(texts.iter().map(|text| Some(text).filter(|text| !text.is_empty())).collect::<StringArray>())
        });
        let some = expected.iter().map(|text| Some(*text).filter(|text| !text.is_empty()));
        assert!(nulls.as_string::<i32>().iter().eq(some));
    }
}
