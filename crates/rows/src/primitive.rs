//! Numbers and `bool`.

use crate::check::{Mismatch, no_nulls};
use crate::row::{Emit, Key, Row};
use arrow::array::{Array, ArrayRef, AsArray, BooleanArray, BooleanBufferBuilder, PrimitiveArray};
use arrow::buffer::{BooleanBuffer, NullBuffer, ScalarBuffer};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type,
    UInt16Type, UInt32Type, UInt64Type,
};
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The values of a primitive column.
pub(crate) fn values<'a, A: ArrowPrimitiveType>(
    array: &'a ArrayRef,
    parents: Option<&NullBuffer>,
) -> Result<&'a [A::Native], Mismatch> {
    match array.as_primitive_opt::<A>() {
        Some(values) => {
            no_nulls(array, parents)?;
            Ok(values.values())
        }
        None => Err(Mismatch::of_type(array.data_type(), &A::DATA_TYPE)),
    }
}

pub(crate) fn finished<A: ArrowPrimitiveType>(values: &mut Vec<A::Native>, nulls: Option<NullBuffer>) -> ArrayRef {
    Arc::new(PrimitiveArray::<A>::new(ScalarBuffer::from(std::mem::take(values)), nulls))
}

/// A number of which a column is a plain slice.
pub trait Plain: Row + Copy {
    /// The slice behind a column.
    fn slice<'a>(reader: &Self::Reader<'a>) -> &'a [Self];
}

macro_rules! number {
    ($($rust:ty => $arrow:ty;)*) => {$(
        impl Row for $rust {
            type View<'a> = $rust;
            type Reader<'a> = &'a [$rust];
            type Builder = Vec<$rust>;
            fn data_type() -> DataType {
                <$arrow>::DATA_TYPE
            }
            fn reader<'a>(array: &'a ArrayRef, parents: Option<&NullBuffer>) -> Result<Self::Reader<'a>, Mismatch> {
                values::<$arrow>(array, parents)
            }
            #[inline]
            fn view<'a>(reader: &Self::Reader<'a>, row: usize) -> Self::View<'a> {
                reader[row]
            }
            #[inline]
            fn owned(view: Self::View<'_>) -> Self {
                view
            }
            #[inline]
            fn as_view(&self) -> Self::View<'_> {
                *self
            }
            fn emit_default(builder: &mut Self::Builder) {
                builder.push(<$rust>::default());
            }
            fn finish(builder: &mut Self::Builder, nulls: Option<NullBuffer>) -> ArrayRef {
                finished::<$arrow>(builder, nulls)
            }
            #[inline]
            fn size(builder: &Self::Builder) -> usize {
                builder.len() * size_of::<$rust>()
            }
        }
        impl Emit for $rust {
            type Row = $rust;
            #[inline]
            fn emit(self, builder: &mut Vec<$rust>) {
                builder.push(self);
            }
        }
        impl Plain for $rust {
            fn slice<'a>(reader: &Self::Reader<'a>) -> &'a [Self] {
                reader
            }
        }
    )*};
}

number! {
    i8 => Int8Type;
    i16 => Int16Type;
    i32 => Int32Type;
    i64 => Int64Type;
    u8 => UInt8Type;
    u16 => UInt16Type;
    u32 => UInt32Type;
    u64 => UInt64Type;
    f32 => Float32Type;
    f64 => Float64Type;
}

/// Keys of which the view is the value.
macro_rules! key {
    ($($rust:ty),*) => {$(
        impl Key for $rust {
            #[inline]
            fn same(a: Self::View<'_>, b: Self::View<'_>) -> bool {
                a == b
            }
            #[inline]
            fn order(a: Self::View<'_>, b: Self::View<'_>) -> Ordering {
                a.cmp(&b)
            }
            #[inline]
            fn hash<H: Hasher>(view: Self::View<'_>, state: &mut H) {
                Hash::hash(&view, state);
            }
        }
    )*};
}
pub(crate) use key;

key!(i8, i16, i32, i64, u8, u16, u32, u64, bool, usize, isize);

/// Machine words, which columns hold as 64 bits.
macro_rules! word {
    ($($rust:ty => $as:ty, $arrow:ty;)*) => {$(
        impl Row for $rust {
            type View<'a> = $rust;
            type Reader<'a> = &'a [$as];
            type Builder = Vec<$as>;
            fn data_type() -> DataType {
                <$arrow>::DATA_TYPE
            }
            fn reader<'a>(array: &'a ArrayRef, parents: Option<&NullBuffer>) -> Result<Self::Reader<'a>, Mismatch> {
                values::<$arrow>(array, parents)
            }
            #[inline]
            fn view<'a>(reader: &Self::Reader<'a>, row: usize) -> Self::View<'a> {
                reader[row] as $rust
            }
            #[inline]
            fn owned(view: Self::View<'_>) -> Self {
                view
            }
            #[inline]
            fn as_view(&self) -> Self::View<'_> {
                *self
            }
            fn emit_default(builder: &mut Self::Builder) {
                builder.push(0);
            }
            fn finish(builder: &mut Self::Builder, nulls: Option<NullBuffer>) -> ArrayRef {
                finished::<$arrow>(builder, nulls)
            }
            #[inline]
            fn size(builder: &Self::Builder) -> usize {
                builder.len() * size_of::<$as>()
            }
        }
        impl Emit for $rust {
            type Row = $rust;
            #[inline]
            fn emit(self, builder: &mut Vec<$as>) {
                builder.push(self as $as);
            }
        }
    )*};
}

word! {
    usize => u64, UInt64Type;
    isize => i64, Int64Type;
}

/// Collects bits.
#[derive(Debug)]
pub struct Bits(BooleanBufferBuilder);

impl Default for Bits {
    fn default() -> Self {
        Self(BooleanBufferBuilder::new(0))
    }
}

impl Row for bool {
    type View<'a> = bool;
    type Reader<'a> = &'a BooleanBuffer;
    type Builder = Bits;
    fn data_type() -> DataType {
        DataType::Boolean
    }
    fn reader<'a>(array: &'a ArrayRef, parents: Option<&NullBuffer>) -> Result<Self::Reader<'a>, Mismatch> {
        match array.as_boolean_opt() {
            Some(bits) => {
                no_nulls(array, parents)?;
                Ok(bits.values())
            }
            None => Err(Mismatch::of_type(array.data_type(), &DataType::Boolean)),
        }
    }
    #[inline]
    fn view<'a>(reader: &Self::Reader<'a>, row: usize) -> Self::View<'a> {
        reader.value(row)
    }
    fn owned(view: Self::View<'_>) -> Self {
        view
    }
    fn as_view(&self) -> Self::View<'_> {
        *self
    }
    fn emit_default(builder: &mut Self::Builder) {
        builder.0.append(false);
    }
    fn finish(builder: &mut Self::Builder, nulls: Option<NullBuffer>) -> ArrayRef {
        Arc::new(BooleanArray::new(builder.0.finish(), nulls))
    }
    #[inline]
    fn size(builder: &Self::Builder) -> usize {
        builder.0.len().div_ceil(8)
    }
}

impl Emit for bool {
    type Row = bool;
    #[inline]
    fn emit(self, builder: &mut Bits) {
        builder.0.append(self);
    }
}
