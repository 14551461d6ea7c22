//! Tuples: several columns.

use crate::check::Mismatch;
use crate::row::{Emit, Key, Row};
use crate::support::{Columns, fields, finish_struct, named};
use arrow::array::ArrayRef;
use arrow::buffer::NullBuffer;
use arrow::datatypes::{DataType, Fields};
use std::cmp::Ordering;
use std::hash::Hasher;

macro_rules! tuple {
    ($($t:ident $index:tt $number:literal),*) => {
        impl<$($t: Row),*> Row for ($($t,)*) {
            type View<'a> = ($($t::View<'a>,)*);
            type Reader<'a> = ($($t::Reader<'a>,)*);
            type Builder = ($($t::Builder,)*);

            fn data_type() -> DataType {
                DataType::Struct(fields::<Self>())
            }
            fn columns() -> Option<Fields> {
                Some(named(vec![$((concat!("_", $number), $t::data_type(), $t::NULLABLE)),*]))
            }
            fn reader<'a>(array: &'a ArrayRef, parents: Option<&NullBuffer>) -> Result<Self::Reader<'a>, Mismatch> {
                let columns = Columns::of_struct(array, parents, fields::<Self>())?;
                Ok(($(columns.reader::<$t>($index)?,)*))
            }
            fn reader_of<'a>(columns: &'a [ArrayRef]) -> Result<Self::Reader<'a>, Mismatch> {
                let columns = Columns::of_batch(columns, fields::<Self>())?;
                Ok(($(columns.reader::<$t>($index)?,)*))
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
                finish_struct::<Self>(builder, nulls)
            }
            fn finish_columns(builder: &mut Self::Builder) -> Vec<ArrayRef> {
                vec![$($t::finish(&mut builder.$index, None)),*]
            }
            #[inline]
            fn size(builder: &Self::Builder) -> usize {
                0usize$(.saturating_add($t::size(&builder.$index)))*
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

tuple!(A 0 1);
tuple!(A 0 1, B 1 2);
tuple!(A 0 1, B 1 2, C 2 3);
tuple!(A 0 1, B 1 2, C 2 3, D 3 4);
tuple!(A 0 1, B 1 2, C 2 3, D 3 4, E 4 5);
tuple!(A 0 1, B 1 2, C 2 3, D 3 4, E 4 5, F 5 6);
tuple!(A 0 1, B 1 2, C 2 3, D 3 4, E 4 5, F 5 6, G 6 7);
tuple!(A 0 1, B 1 2, C 2 3, D 3 4, E 4 5, F 5 6, G 6 7, H 7 8);
tuple!(A 0 1, B 1 2, C 2 3, D 3 4, E 4 5, F 5 6, G 6 7, H 7 8, I 8 9);
tuple!(A 0 1, B 1 2, C 2 3, D 3 4, E 4 5, F 5 6, G 6 7, H 7 8, I 8 9, J 9 10);
