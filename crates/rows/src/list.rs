//! `Vec`: a column of lists.

use crate::check::Mismatch;
use crate::primitive::Plain;
use crate::row::{Emit, Key, Row};
use arrow::array::{Array, ArrayRef, AsArray, ListArray};
use arrow::buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field};
use std::cmp::Ordering;
use std::fmt;
use std::hash::Hasher;
use std::sync::Arc;

/// Elements one after another, and where each list ends.
pub struct Lists<T: Row> {
    ends: Vec<i32>,
    elements: T::Builder,
}

impl<T: Row> Default for Lists<T> {
    fn default() -> Self {
        Self { ends: vec![0], elements: T::Builder::default() }
    }
}

impl<T: Row> Lists<T> {
    fn close(&mut self, length: usize) {
        let end = self.ends.last().map_or(0, |end| *end as usize) + length;
        // Builders are emptied long before; see `BatchBuilder`.
        assert!(end <= i32::MAX as usize, "more than 2^31 elements of lists in one batch");
        self.ends.push(end as i32);
    }
}

#[derive(Debug, Clone, Copy)]
enum Ends<'a> {
    Small(&'a [i32]),
    Large(&'a [i64]),
}

impl Ends<'_> {
    fn at(&self, row: usize) -> usize {
        match self {
            Self::Small(ends) => ends[row] as usize,
            Self::Large(ends) => ends[row] as usize,
        }
    }
}

/// A column of lists.
#[derive(Debug, Clone, Copy)]
pub struct ListReader<'a, R> {
    ends: Ends<'a>,
    elements: R,
}

/// The elements of one list.
pub struct List<'a, T: Row>(Elements<'a, T>);

enum Elements<'a, T: Row> {
    Column { reader: T::Reader<'a>, start: usize, length: usize },
    Slice(&'a [T]),
}

impl<T: Row> Clone for List<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Row> Copy for List<'_, T> {}
impl<T: Row> Clone for Elements<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Row> Copy for Elements<'_, T> {}

impl<'a, T: Row> List<'a, T> {
    /// Number of elements.
    pub fn len(&self) -> usize {
        match self.0 {
            Elements::Column { length, .. } => length,
            Elements::Slice(slice) => slice.len(),
        }
    }
    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
    /// The element at `index`, if there are that many.
    pub fn get(&self, index: usize) -> Option<T::View<'a>> {
        (index < self.len()).then(|| self.at(index))
    }
    #[inline]
    fn at(&self, index: usize) -> T::View<'a> {
        match &self.0 {
            Elements::Column { reader, start, .. } => T::view(reader, start + index),
            Elements::Slice(slice) => slice[index].as_view(),
        }
    }
    /// The elements in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = T::View<'a>> {
        (0..self.len()).map(move |index| self.at(index))
    }
    /// A copy of the elements.
    pub fn to_vec(self) -> Vec<T> {
        self.iter().map(T::owned).collect()
    }
}

impl<'a, T: Plain> List<'a, T> {
    /// The numbers as they lie in the column.
    pub fn as_slice(&self) -> &'a [T] {
        match &self.0 {
            Elements::Column { reader, start, length } => &T::slice(reader)[*start..start + length],
            Elements::Slice(slice) => slice,
        }
    }
}

impl<T: Row> fmt::Debug for List<'_, T>
where
    T: fmt::Debug,
{
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_vec().fmt(f)
    }
}

impl<'a, T: Row> IntoIterator for List<'a, T> {
    type Item = T::View<'a>;
    type IntoIter = ListIter<'a, T>;
    fn into_iter(self) -> ListIter<'a, T> {
        ListIter { list: self, next: 0 }
    }
}

/// The elements of a [`List`], in order.
pub struct ListIter<'a, T: Row> {
    list: List<'a, T>,
    next: usize,
}

impl<'a, T: Row> Iterator for ListIter<'a, T> {
    type Item = T::View<'a>;
    #[inline]
    fn next(&mut self) -> Option<T::View<'a>> {
        let index = self.next;
        (index < self.list.len()).then(|| {
            self.next += 1;
            self.list.at(index)
        })
    }
    fn size_hint(&self) -> (usize, Option<usize>) {
        let left = self.list.len() - self.next;
        (left, Some(left))
    }
}

fn element<T: Row>() -> Arc<Field> {
    Arc::new(Field::new("item", T::data_type(), T::NULLABLE))
}

/// Which elements stand below a NULL list.
fn below(nulls: Option<&NullBuffer>, ends: Ends<'_>, rows: usize, elements: usize) -> Option<NullBuffer> {
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0)?;
    let mut valid = vec![true; elements];
    for row in (0..rows).filter(|row| nulls.is_null(*row)) {
        valid[ends.at(row)..ends.at(row + 1)].fill(false);
    }
    Some(NullBuffer::from(valid))
}

impl<T: Row> Row for Vec<T> {
    type View<'a> = List<'a, T>;
    type Reader<'a> = ListReader<'a, T::Reader<'a>>;
    type Builder = Lists<T>;

    fn data_type() -> DataType {
        DataType::List(element::<T>())
    }
    fn reader<'a>(array: &'a ArrayRef, parents: Option<&NullBuffer>) -> Result<Self::Reader<'a>, Mismatch> {
        crate::check::no_nulls(array, parents)?;
        let (ends, values) = if let Some(lists) = array.as_list_opt::<i32>() {
            (Ends::Small(lists.value_offsets()), lists.values())
        } else if let Some(lists) = array.as_list_opt::<i64>() {
            (Ends::Large(lists.value_offsets()), lists.values())
        } else {
            return Err(Mismatch::of_type(array.data_type(), &Self::data_type()));
        };
        let hidden = below(parents, ends, array.len(), values.len());
        let elements = T::reader(values, hidden.as_ref()).map_err(|error| error.within("item"))?;
        Ok(ListReader { ends, elements })
    }
    #[inline]
    fn view<'a>(reader: &Self::Reader<'a>, row: usize) -> Self::View<'a> {
        let start = reader.ends.at(row);
        let length = reader.ends.at(row + 1) - start;
        List(Elements::Column { reader: reader.elements, start, length })
    }
    fn owned(view: Self::View<'_>) -> Self {
        view.to_vec()
    }
    fn as_view(&self) -> Self::View<'_> {
        List(Elements::Slice(self))
    }
    fn emit_default(builder: &mut Self::Builder) {
        builder.close(0);
    }
    fn finish(builder: &mut Self::Builder, nulls: Option<NullBuffer>) -> ArrayRef {
        let ends = std::mem::replace(&mut builder.ends, vec![0]);
        // SAFETY: ends start at 0 and only grow.
        let ends = unsafe { OffsetBuffer::new_unchecked(ScalarBuffer::from(ends)) };
        Arc::new(ListArray::new(element::<T>(), ends, T::finish(&mut builder.elements, None), nulls))
    }
    fn size(builder: &Self::Builder) -> usize {
        T::size(&builder.elements) + 4 * builder.ends.len()
    }
}

impl<E: Emit> Emit for Vec<E> {
    type Row = Vec<E::Row>;
    fn emit(self, builder: &mut Lists<E::Row>) {
        let length = self.len();
        self.into_iter().for_each(|value| value.emit(&mut builder.elements));
        builder.close(length);
    }
}

impl<T: Row> Emit for List<'_, T> {
    type Row = Vec<T>;
    fn emit(self, builder: &mut Lists<T>) {
        let length = self.len();
        self.into_iter().for_each(|value| value.emit(&mut builder.elements));
        builder.close(length);
    }
}

impl<T: Key> Key for Vec<T> {
    fn same(a: Self::View<'_>, b: Self::View<'_>) -> bool {
        a.len() == b.len() && a.into_iter().zip(b).all(|(a, b)| T::same(a, b))
    }
    fn order(a: Self::View<'_>, b: Self::View<'_>) -> Ordering {
        let differing = a.into_iter().zip(b).map(|(a, b)| T::order(a, b)).find(|order| order.is_ne());
        differing.unwrap_or_else(|| a.len().cmp(&b.len()))
    }
    fn hash<H: Hasher>(view: Self::View<'_>, state: &mut H) {
        state.write_usize(view.len());
        view.into_iter().for_each(|element| T::hash(element, state));
    }
}
