//! Tuples: several columns.

use crate::check::Mismatch;
use crate::row::{Emit, Key, Row};
use arrow::array::{Array, ArrayRef, AsArray, StructArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Field, Fields};
use std::cmp::Ordering;
use std::hash::Hasher;
use std::sync::Arc;

/// The columns of a struct's column, and which of its rows are NULL, itself or above.
pub type Nulls = Option<NullBuffer>;

/// The columns of `array`, which must be a struct with as many as `want`.
pub fn struct_array<'a>(
    array: &'a ArrayRef,
    parents: Option<&NullBuffer>,
    want: &Fields,
) -> Result<(&'a [ArrayRef], Nulls), Mismatch> {
    match array.as_struct_opt() {
        Some(found) if found.columns().len() == want.len() => {
            crate::check::no_nulls(array, parents)?;
            Ok((found.columns(), parents.cloned()))
        }
        _ => Err(Mismatch::of_type(array.data_type(), &DataType::Struct(want.clone()))),
    }
}

/// Prepares the column at `index` of a struct.
pub fn child<'a, T: Row>(
    columns: &'a [ArrayRef],
    index: usize,
    parents: Option<&NullBuffer>,
    fields: &Fields,
) -> Result<T::Reader<'a>, Mismatch> {
    let name = || fields.get(index).map_or_else(String::new, |field| field.name().clone());
    match columns.get(index) {
        Some(column) => T::reader(column, parents).map_err(|error| error.within(&name())),
        None => Err(Mismatch::Missing { column: name(), names: format!("only {} columns", columns.len()) }),
    }
}

macro_rules! tuple {
    ($($t:ident $index:tt),*) => {
        impl<$($t: Row),*> Row for ($($t,)*) {
            type View<'a> = ($($t::View<'a>,)*);
            type Reader<'a> = ($($t::Reader<'a>,)*);
            type Builder = ($($t::Builder,)*);

            fn data_type() -> DataType {
                DataType::Struct(fields([$(($t::data_type(), $t::NULLABLE)),*]))
            }
            fn columns() -> Option<Fields> {
                Some(fields([$(($t::data_type(), $t::NULLABLE)),*]))
            }
            fn reader<'a>(array: &'a ArrayRef, parents: Option<&NullBuffer>) -> Result<Self::Reader<'a>, Mismatch> {
                let fields = fields([$(($t::data_type(), $t::NULLABLE)),*]);
                let (columns, nulls) = struct_array(array, parents, &fields)?;
                Ok(($(child::<$t>(columns, $index, nulls.as_ref(), &fields)?,)*))
            }
            fn reader_of<'a>(columns: &'a [ArrayRef]) -> Result<Self::Reader<'a>, Mismatch> {
                let fields = fields([$(($t::data_type(), $t::NULLABLE)),*]);
                Ok(($(child::<$t>(columns, $index, None, &fields)?,)*))
            }
            #[inline]
            fn view<'a>(reader: &Self::Reader<'a>, row: usize) -> Self::View<'a> {
                ($($t::view(&reader.$index, row),)*)
            }
            fn owned(view: Self::View<'_>) -> Self {
                ($($t::owned(view.$index),)*)
            }
            #[inline]
            fn as_view(&self) -> Self::View<'_> {
                ($(self.$index.as_view(),)*)
            }
            fn emit_default(builder: &mut Self::Builder) {
                $($t::emit_default(&mut builder.$index);)*
            }
            fn finish(builder: &mut Self::Builder, nulls: Option<NullBuffer>) -> ArrayRef {
                let fields = fields([$(($t::data_type(), $t::NULLABLE)),*]);
                Arc::new(StructArray::new(fields, Self::finish_columns(builder), nulls))
            }
            fn finish_columns(builder: &mut Self::Builder) -> Vec<ArrayRef> {
                vec![$($t::finish(&mut builder.$index, None)),*]
            }
            fn size(builder: &Self::Builder) -> usize {
                0 $(+ $t::size(&builder.$index))*
            }
        }

        impl<$($t: Emit),*> Emit for ($($t,)*) {
            type Row = ($($t::Row,)*);
            #[inline]
            fn emit(self, builder: &mut <Self::Row as Row>::Builder) {
                $(self.$index.emit(&mut builder.$index);)*
            }
        }

        impl<$($t: Key),*> Key for ($($t,)*) {
            #[inline]
            fn same(a: Self::View<'_>, b: Self::View<'_>) -> bool {
                true $(&& $t::same(a.$index, b.$index))*
            }
            fn order(a: Self::View<'_>, b: Self::View<'_>) -> Ordering {
                Ordering::Equal$(.then_with(|| $t::order(a.$index, b.$index)))*
            }
            #[inline]
            fn hash<S: Hasher>(view: Self::View<'_>, state: &mut S) {
                $($t::hash(view.$index, state);)*
            }
        }
    };
}

fn fields<const N: usize>(columns: [(DataType, bool); N]) -> Fields {
    let named = columns.into_iter().enumerate();
    named.map(|(i, (data_type, nullable))| Field::new(format!("_{}", i + 1), data_type, nullable)).collect()
}

tuple!(A 0);
tuple!(A 0, B 1);
tuple!(A 0, B 1, C 2);
tuple!(A 0, B 1, C 2, D 3);
tuple!(A 0, B 1, C 2, D 3, E 4);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuple!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);
