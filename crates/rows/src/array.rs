//! Arrays: a column of lists of one length.

use crate::check::{Mismatch, no_nulls};
use crate::row::{Emit, Key, Row};
use arrow::array::{Array, ArrayRef, AsArray, FixedSizeListArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field};
use std::cmp::Ordering;
use std::hash::Hasher;
use std::sync::Arc;

fn element<T: Row>() -> Arc<Field> {
    Arc::new(Field::new("item", T::data_type(), T::NULLABLE))
}

impl<T: Row, const N: usize> Row for [T; N] {
    type View<'a> = [T::View<'a>; N];
    type Reader<'a> = T::Reader<'a>;
    type Builder = T::Builder;

    fn data_type() -> DataType {
        const { assert!(N > 0 && N <= i32::MAX as usize, "arrays of rows have from 1 to 2^31 - 1 elements") };
        DataType::FixedSizeList(element::<T>(), N as i32)
    }
    fn reader<'a>(array: &'a ArrayRef, parents: Option<&NullBuffer>) -> Result<Self::Reader<'a>, Mismatch> {
        let Some(arrays) = array.as_fixed_size_list_opt().filter(|arrays| arrays.value_length() as usize == N) else {
            return Err(Mismatch::of_type(array.data_type(), &Self::data_type()));
        };
        no_nulls(array, parents)?;
        let hidden = parents.map(|nulls| nulls.expand(N));
        T::reader(arrays.values(), hidden.as_ref()).map_err(|error| error.within("item").in_row(|element| element / N))
    }
    #[inline]
    fn view<'a>(reader: &Self::Reader<'a>, row: usize) -> Self::View<'a> {
        std::array::from_fn(|i| T::view(reader, row * N + i))
    }
    fn owned(view: Self::View<'_>) -> Self {
        view.map(T::owned)
    }
    fn as_view(&self) -> Self::View<'_> {
        std::array::from_fn(|i| self[i].as_view())
    }
    fn emit_default(builder: &mut Self::Builder) {
        (0..N).for_each(|_| T::emit_default(builder));
    }
    fn finish(builder: &mut Self::Builder, nulls: Option<NullBuffer>) -> ArrayRef {
        Arc::new(FixedSizeListArray::new(element::<T>(), N as i32, T::finish(builder, None), nulls))
    }
    #[inline]
    fn size(builder: &Self::Builder) -> usize {
        T::size(builder)
    }
}

impl<E: Emit, const N: usize> Emit for [E; N] {
    type Row = [E::Row; N];
    #[inline]
    fn emit(self, builder: &mut <E::Row as Row>::Builder) {
        self.into_iter().for_each(|value| value.emit(builder));
    }
}

impl<T: Key, const N: usize> Key for [T; N] {
    fn same(a: Self::View<'_>, b: Self::View<'_>) -> bool {
        a.into_iter().zip(b).all(|(a, b)| T::same(a, b))
    }
    fn order(a: Self::View<'_>, b: Self::View<'_>) -> Ordering {
        let differing = a.into_iter().zip(b).map(|(a, b)| T::order(a, b)).find(|order| order.is_ne());
        differing.unwrap_or(Ordering::Equal)
    }
    fn hash<H: Hasher>(view: Self::View<'_>, state: &mut H) {
        view.into_iter().for_each(|element| T::hash(element, state));
    }
}
