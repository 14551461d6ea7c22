//! `String` and `Bytes`, read from any of Arrow's encodings.

use crate::check::{Mismatch, no_nulls};
use crate::row::{Emit, Key, Row};
use arrow::array::{
    Array, ArrayRef, AsArray, BinaryArray, BinaryViewArray, LargeBinaryArray, LargeStringArray, StringArray,
    StringViewArray,
};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::DataType;
use bytes::Bytes;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Values one after another, and where each ends.
#[derive(Debug)]
struct Pieces {
    ends: Vec<i32>,
    bytes: Vec<u8>,
    /// A value did not fit. The size tells of it, before anything is finished.
    overflow: bool,
}

impl Default for Pieces {
    fn default() -> Self {
        Self { ends: vec![0], bytes: vec![], overflow: false }
    }
}

impl Pieces {
    #[inline]
    fn push(&mut self, piece: &[u8]) {
        match i32::try_from(self.bytes.len() + piece.len()) {
            Ok(end) => {
                self.bytes.extend_from_slice(piece);
                self.ends.push(end);
            }
            Err(_) => self.overflow = true,
        }
    }

    fn take(&mut self) -> (OffsetBuffer<i32>, Buffer) {
        let Self { ends, bytes, overflow } = std::mem::take(self);
        assert!(!overflow, "a builder of which the size is usize::MAX is finished");
        // SAFETY: ends start at 0 and only grow.
        let ends = unsafe { OffsetBuffer::new_unchecked(ScalarBuffer::from(ends)) };
        (ends, Buffer::from_vec(bytes))
    }

    #[inline]
    fn size(&self) -> usize {
        if self.overflow { usize::MAX } else { self.bytes.len() + 4 * self.ends.len() }
    }
}

/// Collects text. Not the builder of bytes: what is in here is known to be UTF-8.
#[derive(Debug, Default)]
pub struct TextBuilder(Pieces);

/// Collects bytes.
#[derive(Debug, Default)]
pub struct BlobBuilder(Pieces);

/// A column of text.
#[derive(Debug, Clone, Copy)]
pub enum Texts<'a> {
    /// With 32-bit offsets.
    Small(&'a StringArray),
    /// With 64-bit offsets.
    Large(&'a LargeStringArray),
    /// As views.
    View(&'a StringViewArray),
}

impl Row for String {
    type View<'a> = &'a str;
    type Reader<'a> = Texts<'a>;
    type Builder = TextBuilder;
    fn data_type() -> DataType {
        DataType::Utf8
    }
    fn reader<'a>(array: &'a ArrayRef, parents: Option<&NullBuffer>) -> Result<Self::Reader<'a>, Mismatch> {
        let reader = match array.data_type() {
            DataType::Utf8 => Texts::Small(array.as_string()),
            DataType::LargeUtf8 => Texts::Large(array.as_string()),
            DataType::Utf8View => Texts::View(array.as_string_view()),
            other => return Err(Mismatch::of_type(other, &DataType::Utf8)),
        };
        no_nulls(array, parents)?;
        Ok(reader)
    }
    #[inline]
    fn view<'a>(reader: &Self::Reader<'a>, row: usize) -> &'a str {
        match reader {
            Texts::Small(array) => array.value(row),
            Texts::Large(array) => array.value(row),
            Texts::View(array) => array.value(row),
        }
    }
    fn owned(view: &str) -> Self {
        view.to_owned()
    }
    #[inline]
    fn as_view(&self) -> &str {
        self
    }
    fn emit_default(builder: &mut TextBuilder) {
        builder.0.push(b"");
    }
    fn finish(builder: &mut TextBuilder, nulls: Option<NullBuffer>) -> ArrayRef {
        let (ends, bytes) = builder.0.take();
        assert!(nulls.as_ref().is_none_or(|nulls| nulls.len() + 1 == ends.len()), "NULLs of another column");
        // SAFETY: each piece was a whole `str`, and there are as many as NULLs and values.
        Arc::new(unsafe { StringArray::new_unchecked(ends, bytes, nulls) })
    }
    #[inline]
    fn size(builder: &TextBuilder) -> usize {
        builder.0.size()
    }
}

impl Emit for &str {
    type Row = String;
    #[inline]
    fn emit(self, builder: &mut TextBuilder) {
        builder.0.push(self.as_bytes());
    }
}

impl Emit for String {
    type Row = String;
    fn emit(self, builder: &mut TextBuilder) {
        builder.0.push(self.as_bytes());
    }
}

impl Emit for &String {
    type Row = String;
    fn emit(self, builder: &mut TextBuilder) {
        builder.0.push(self.as_bytes());
    }
}

/// A column of bytes.
#[derive(Debug, Clone, Copy)]
pub enum Blobs<'a> {
    /// With 32-bit offsets.
    Small(&'a BinaryArray),
    /// With 64-bit offsets.
    Large(&'a LargeBinaryArray),
    /// As views.
    View(&'a BinaryViewArray),
}

/// `Bytes` with a view of its own kind: a plain slice.
impl Row for Bytes {
    type View<'a> = &'a [u8];
    type Reader<'a> = Blobs<'a>;
    type Builder = BlobBuilder;
    fn data_type() -> DataType {
        DataType::Binary
    }
    fn reader<'a>(array: &'a ArrayRef, parents: Option<&NullBuffer>) -> Result<Self::Reader<'a>, Mismatch> {
        let reader = match array.data_type() {
            DataType::Binary => Blobs::Small(array.as_binary()),
            DataType::LargeBinary => Blobs::Large(array.as_binary()),
            DataType::BinaryView => Blobs::View(array.as_binary_view()),
            other => return Err(Mismatch::of_type(other, &DataType::Binary)),
        };
        no_nulls(array, parents)?;
        Ok(reader)
    }
    #[inline]
    fn view<'a>(reader: &Self::Reader<'a>, row: usize) -> &'a [u8] {
        match reader {
            Blobs::Small(array) => array.value(row),
            Blobs::Large(array) => array.value(row),
            Blobs::View(array) => array.value(row),
        }
    }
    fn owned(view: &[u8]) -> Self {
        Bytes::copy_from_slice(view)
    }
    #[inline]
    fn as_view(&self) -> &[u8] {
        self
    }
    fn emit_default(builder: &mut BlobBuilder) {
        builder.0.push(b"");
    }
    fn finish(builder: &mut BlobBuilder, nulls: Option<NullBuffer>) -> ArrayRef {
        let (ends, bytes) = builder.0.take();
        Arc::new(BinaryArray::new(ends, bytes, nulls))
    }
    #[inline]
    fn size(builder: &BlobBuilder) -> usize {
        builder.0.size()
    }
}

impl Emit for &[u8] {
    type Row = Bytes;
    #[inline]
    fn emit(self, builder: &mut BlobBuilder) {
        builder.0.push(self);
    }
}

impl Emit for Bytes {
    type Row = Bytes;
    fn emit(self, builder: &mut BlobBuilder) {
        builder.0.push(&self);
    }
}

macro_rules! key {
    ($($rust:ty),*) => {$(
        impl Key for $rust {
            #[inline]
            fn same(a: Self::View<'_>, b: Self::View<'_>) -> bool {
                a == b
            }
            #[inline]
            fn order(a: Self::View<'_>, b: Self::View<'_>) -> Ordering {
                a.cmp(b)
            }
            #[inline]
            fn hash<H: Hasher>(view: Self::View<'_>, state: &mut H) {
                Hash::hash(view, state);
            }
        }
    )*};
}

key!(String, Bytes);
