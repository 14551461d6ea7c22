//! `Vec`: a column of lists.

use crate::check::Mismatch;
use crate::primitive::Plain;
use crate::row::{Emit, Key, Row};
use arrow::array::{Array, ArrayRef, AsArray, BooleanBufferBuilder, ListArray};
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
    /// A list did not fit. The size tells of it, before anything is finished.
    overflow: bool,
}

impl<T: Row> Default for Lists<T> {
    fn default() -> Self {
        Self { ends: vec![0], elements: T::Builder::default(), overflow: false }
    }
}

impl<T: Row> Lists<T> {
    fn close(&mut self, length: usize) {
        let start = self.ends.last().map_or(0, |end| *end as usize);
        match i32::try_from(start + length) {
            Ok(end) => self.ends.push(end),
            Err(_) => self.overflow = true,
        }
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

    /// The list in which an element stands.
    fn row_of(&self, element: usize) -> usize {
        let above = match self {
            Self::Small(ends) => ends.partition_point(|end| *end as usize <= element),
            Self::Large(ends) => ends.partition_point(|end| *end as usize <= element),
        };
        above.saturating_sub(1)
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

/// Which elements are not to be looked at: those below a NULL list, and those that a slice of the column left out.
fn hidden(nulls: Option<&NullBuffer>, ends: Ends<'_>, rows: usize, elements: usize) -> Option<NullBuffer> {
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    if nulls.is_none() && ends.at(0) == 0 && ends.at(rows) == elements {
        return None;
    }
    let mut seen = BooleanBufferBuilder::new(elements);
    seen.append_n(ends.at(0), false);
    match nulls {
        Some(nulls) => (0..rows).for_each(|row| seen.append_n(ends.at(row + 1) - ends.at(row), nulls.is_valid(row))),
        None => seen.append_n(ends.at(rows) - ends.at(0), true),
    }
    seen.append_n(elements - ends.at(rows), false);
    Some(NullBuffer::new(seen.finish()))
}

impl<T: Row> Row for Vec<T> {
    type View<'a> = List<'a, T>;
    type Reader<'a> = ListReader<'a, T::Reader<'a>>;
    type Builder = Lists<T>;

    fn data_type() -> DataType {
        DataType::List(element::<T>())
    }
    fn reader<'a>(array: &'a ArrayRef, parents: Option<&NullBuffer>) -> Result<Self::Reader<'a>, Mismatch> {
        let (ends, values) = if let Some(lists) = array.as_list_opt::<i32>() {
            (Ends::Small(lists.value_offsets()), lists.values())
        } else if let Some(lists) = array.as_list_opt::<i64>() {
            (Ends::Large(lists.value_offsets()), lists.values())
        } else {
            return Err(Mismatch::of_type(array.data_type(), &Self::data_type()));
        };
        crate::check::no_nulls(array, parents)?;
        let hidden = hidden(parents, ends, array.len(), values.len());
        let elements = T::reader(values, hidden.as_ref());
        let elements = elements.map_err(|error| error.within("item").in_row(|element| ends.row_of(element)))?;
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
        assert!(!builder.overflow, "a builder of which the size is usize::MAX is finished");
        let ends = std::mem::replace(&mut builder.ends, vec![0]);
        // SAFETY: ends start at 0 and only grow.
        let ends = unsafe { OffsetBuffer::new_unchecked(ScalarBuffer::from(ends)) };
        Arc::new(ListArray::new(element::<T>(), ends, T::finish(&mut builder.elements, None), nulls))
    }
    #[inline]
    fn size(builder: &Self::Builder) -> usize {
        if builder.overflow { usize::MAX } else { T::size(&builder.elements).saturating_add(4 * builder.ends.len()) }
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
