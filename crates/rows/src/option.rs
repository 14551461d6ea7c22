//! `Option`: a column with NULLs.

use crate::check::Mismatch;
use crate::row::{Emit, Key, Row};
use arrow::array::{Array, ArrayRef, NullBufferBuilder};
use arrow::buffer::NullBuffer;
use arrow::datatypes::DataType;
use std::cmp::Ordering;
use std::hash::Hasher;

/// A builder and which of its values are NULL.
pub struct Nullable<T: Row> {
    values: T::Builder,
    nulls: NullBufferBuilder,
}

impl<T: Row> Default for Nullable<T> {
    fn default() -> Self {
        Self { values: T::Builder::default(), nulls: NullBufferBuilder::new(0) }
    }
}

impl<T: Row> Row for Option<T> {
    type View<'a> = Option<T::View<'a>>;
    type Reader<'a> = (T::Reader<'a>, Option<&'a NullBuffer>);
    type Builder = Nullable<T>;
    const NULLABLE: bool = true;

    fn data_type() -> DataType {
        const { assert!(!T::NULLABLE, "an Option in an Option has one NULL for two meanings") };
        T::data_type()
    }
    fn reader<'a>(array: &'a ArrayRef, parents: Option<&NullBuffer>) -> Result<Self::Reader<'a>, Mismatch> {
        let nulls = NullBuffer::union(parents, array.nulls());
        Ok((T::reader(array, nulls.as_ref())?, array.nulls()))
    }
    #[inline]
    fn view<'a>(reader: &Self::Reader<'a>, row: usize) -> Self::View<'a> {
        match reader.1 {
            Some(nulls) if nulls.is_null(row) => None,
            _ => Some(T::view(&reader.0, row)),
        }
    }
    fn owned(view: Self::View<'_>) -> Self {
        view.map(T::owned)
    }
    fn as_view(&self) -> Self::View<'_> {
        self.as_ref().map(T::as_view)
    }
    fn emit_default(builder: &mut Self::Builder) {
        T::emit_default(&mut builder.values);
        builder.nulls.append_null();
    }
    fn finish(builder: &mut Self::Builder, nulls: Option<NullBuffer>) -> ArrayRef {
        let nulls = NullBuffer::union(builder.nulls.finish().as_ref(), nulls.as_ref());
        T::finish(&mut builder.values, nulls)
    }
    #[inline]
    fn size(builder: &Self::Builder) -> usize {
        T::size(&builder.values)
    }
}

impl<E: Emit> Emit for Option<E> {
    type Row = Option<E::Row>;
    #[inline]
    fn emit(self, builder: &mut Nullable<E::Row>) {
        match self {
            Some(value) => {
                value.emit(&mut builder.values);
                builder.nulls.append_non_null();
            }
            None => {
                <E::Row as Row>::emit_default(&mut builder.values);
                builder.nulls.append_null();
            }
        }
    }
}

impl<T: Key> Key for Option<T> {
    fn same(a: Self::View<'_>, b: Self::View<'_>) -> bool {
        match (a, b) {
            (Some(a), Some(b)) => T::same(a, b),
            (None, None) => true,
            _ => false,
        }
    }
    fn order(a: Self::View<'_>, b: Self::View<'_>) -> Ordering {
        match (a, b) {
            (Some(a), Some(b)) => T::order(a, b),
            (a, b) => a.is_some().cmp(&b.is_some()),
        }
    }
    fn hash<H: Hasher>(view: Self::View<'_>, state: &mut H) {
        state.write_u8(u8::from(view.is_some()));
        if let Some(view) = view {
            T::hash(view, state);
        }
    }
}
