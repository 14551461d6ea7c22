//! Rows picked from many batches.

use arrow::array::{Array, ArrayRef, AsArray, GenericByteArray};
use arrow::buffer::OffsetBuffer;
use arrow::compute::interleave;
use arrow::datatypes::{BinaryType, ByteArrayType, DataType, Utf8Type};
use arrow::error::ArrowError;
use std::hint::black_box;
use std::sync::Arc;

/// Values that are fetched together.
const TOGETHER: usize = 32;

/// The values of one column at `places`: batch and row of each.
pub(super) fn gather(parts: &[ArrayRef], places: &[(usize, usize)]) -> Result<ArrayRef, ArrowError> {
    if parts.iter().all(|part| part.null_count() == 0) {
        match parts.first().map(|part| part.data_type()) {
            Some(DataType::Utf8) => return bytes::<Utf8Type>(parts, places),
            Some(DataType::Binary) => return bytes::<BinaryType>(parts, places),
            _ => {}
        }
    }
    let parts: Vec<&dyn Array> = parts.iter().map(|part| part.as_ref()).collect();
    interleave(&parts, places)
}

/// Text and bytes without NULLs. Values lie anywhere in memory, so that each is waited for. The first and the last byte of a few are
/// read before any is copied, as these waits overlap and those of copies hardly do.
fn bytes<T: ByteArrayType<Offset = i32>>(
    parts: &[ArrayRef],
    places: &[(usize, usize)],
) -> Result<ArrayRef, ArrowError> {
    let parts: Vec<(&[i32], &[u8])> = parts
        .iter()
        .map(|part| {
            let part = part.as_bytes::<T>();
            (part.value_offsets(), part.value_data())
        })
        .collect();
    let mut ends = Vec::with_capacity(places.len() + 1);
    let mut pieces = Vec::with_capacity(places.len());
    let mut total = 0;
    ends.push(0);
    for (part, row) in places {
        let (offsets, values) = parts[*part];
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
    // SAFETY: the offsets ascend to the length of the values, and every value is one of an array of this type.
    Ok(Arc::new(unsafe { GenericByteArray::<T>::new_unchecked(OffsetBuffer::new(ends.into()), values.into(), None) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{BinaryArray, StringArray, StringViewArray};

    #[test]
    fn texts_bytes_and_views_with_and_without_nulls() {
        let texts = |from: usize| (from..from + 50).map(|n| "é".repeat(n * 7 % 40)).collect::<Vec<_>>();
        let (one, other) = (texts(0), texts(9));
        let places: Vec<(usize, usize)> = (0..200).map(|n| (n % 2, n * 31 % 40)).collect();
        let expected: Vec<&str> = places.iter().map(|(part, row)| [&one[3..], &other][*part][*row].as_str()).collect();
        // The first part begins in the middle of its buffers.
        let array =
            |make: fn(&[String]) -> ArrayRef| gather(&[make(&one).slice(3, 47), make(&other)], &places).unwrap();
        let plain = array(|texts| Arc::new(StringArray::from_iter_values(texts)));
        assert!(plain.as_string::<i32>().iter().eq(expected.iter().map(|text| Some(*text))));
        let bytes = array(|texts| Arc::new(BinaryArray::from_iter_values(texts)));
        assert!(bytes.as_binary::<i32>().iter().eq(expected.iter().map(|text| Some(text.as_bytes()))));
        let views = array(|texts| Arc::new(StringViewArray::from_iter_values(texts)));
        assert!(views.as_string_view().iter().eq(expected.iter().map(|text| Some(*text))));
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let nulls = array(|texts| {
            Arc::new(texts.iter().map(|text| Some(text).filter(|text| !text.is_empty())).collect::<StringArray>())
        });
        assert!(
            nulls
                .as_string::<i32>()
                .iter()
                .map(|text| text.map(str::to_owned))
                .eq(expected.iter().map(|text| some(text)))
        );
    }
}
