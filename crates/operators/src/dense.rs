//! Numbers of whole-number keys that lie close together: ids, days, buckets. An array by key instead of a hash table, so that a
//! key costs one read and no comparison.

use arrow::array::{Array, ArrayRef, ArrowPrimitiveType, AsArray, PrimitiveArray};
use arrow::compute::{max, min};
use arrow::datatypes::{ArrowNativeType, DataType};
use std::sync::Arc;

/// A range up to here is always close enough.
const SMALL: usize = 1 << 12;

/// Places for each key, at most, besides room for more: some 50 bytes. A hash table takes 20 to 40.
const PLACES: usize = 8;

/// The keys seen so far; see the module.
pub(crate) trait Dense: Send {
    /// Appends the number of each key to `numbers`; new keys get the next. False, and nothing is changed, if there are NULLs or
    /// the keys do not lie close together.
    fn numbers(&mut self, keys: &ArrayRef, numbers: &mut Vec<usize>) -> bool;
    /// Takes note of keys that have their numbers elsewhere, and says whether they and those seen before would lie close together
    /// if there are `known` distinct ones.
    fn would_do(&mut self, keys: &ArrayRef, known: usize) -> bool;
    /// How many distinct keys there are.
    fn len(&self) -> usize;
    /// Bytes in memory.
    fn size(&self) -> usize;
    /// All keys in the order of their numbers. None is left.
    fn take(&mut self) -> ArrayRef;
}

/// A table for keys of a type, if they are whole numbers.
pub(crate) fn dense(key: &DataType) -> Option<Box<dyn Dense>> {
    macro_rules! table {
        ($t:ty) => {
            Some(Box::new(Table::<$t>::default()) as Box<dyn Dense>)
        };
    }
    arrow::array::downcast_integer! {
        key => (table),
        _ => None,
    }
}

struct Table<T: ArrowPrimitiveType> {
    /// The least and the greatest key so far, with those that were only taken note of.
    seen: Option<(T::Native, T::Native)>,
    /// By the distance of a key from `base`: one more than its number, or 0.
    places: Vec<u32>,
    /// A key as its bits, from which distances are right whatever the signs.
    base: usize,
    /// By number.
    keys: Vec<T::Native>,
}

impl<T: ArrowPrimitiveType> Default for Table<T> {
    fn default() -> Self {
        Self { seen: None, places: vec![], base: 0, keys: vec![] }
    }
}

impl<T: ArrowPrimitiveType> Table<T> {
    /// The range of the keys seen so far and of those between two.
    fn range(&self, least: T::Native, greatest: T::Native) -> (T::Native, T::Native) {
        match self.seen {
            Some((from, to)) => (if least < from { least } else { from }, if greatest > to { greatest } else { to }),
            None => (least, greatest),
        }
    }

    /// Makes places for the keys between two, of which `rows` come, unless that is too many.
    fn reach(&mut self, least: T::Native, greatest: T::Native, rows: usize) -> bool {
        let (from, to) = self.range(least, greatest);
        let span = distance(from, to);
        if !is_close(span, self.keys.len() + rows) {
            return false;
        }
        let first = from.as_usize().wrapping_sub(self.base);
        if self.places.is_empty() || first.checked_add(span).is_none_or(|last| last >= self.places.len()) {
            // Room where the range grew, so that keys in order do not move the table each time; what is left at the other end stays.
            let room = span / 4;
            let (below, above) = match self.seen {
                Some((least, greatest)) if !self.places.is_empty() => {
                    let left = least.as_usize().wrapping_sub(self.base);
                    let right = self.places.len() - left - distance(least, greatest) - 1;
                    (
                        if from < least { room } else { left.min(room) },
                        if to > greatest { room } else { right.min(room) },
                    )
                }
                _ => (0, 0),
            };
            let base = from.as_usize().wrapping_sub(below);
            let mut places = vec![0; below + span + 1 + above];
            for (number, key) in (1..).zip(&self.keys) {
                places[key.as_usize().wrapping_sub(base)] = number;
            }
            (self.places, self.base) = (places, base);
        }
        self.seen = Some((from, to));
        true
    }
}

fn distance<N: ArrowNativeType>(from: N, to: N) -> usize {
    to.as_usize().wrapping_sub(from.as_usize())
}

fn is_close(span: usize, keys: usize) -> bool {
    span < SMALL.max(keys.saturating_mul(PLACES)) && keys < u32::MAX as usize
}

impl<T: ArrowPrimitiveType> Dense for Table<T> {
    fn numbers(&mut self, keys: &ArrayRef, numbers: &mut Vec<usize>) -> bool {
        let keys = keys.as_primitive::<T>();
        let (Some(least), Some(greatest)) = (min(keys), max(keys)) else { return keys.is_empty() };
        if keys.null_count() > 0 || !self.reach(least, greatest, keys.len()) {
            return false;
        }
        let Self { places, base, keys: known, .. } = self;
        numbers.extend(keys.values().iter().map(|key| {
            let place = &mut places[key.as_usize().wrapping_sub(*base)];
            if *place == 0 {
                known.push(*key);
                *place = known.len() as u32;
            }
            *place as usize - 1
        }));
        true
    }

    fn would_do(&mut self, keys: &ArrayRef, known: usize) -> bool {
        let keys = keys.as_primitive::<T>();
        if let (Some(least), Some(greatest)) = (min(keys), max(keys)) {
            self.seen = Some(self.range(least, greatest));
        }
        // Not at once when they just do, so that the table is not changed back and forth.
        self.seen.is_some_and(|(from, to)| is_close(distance(from, to).saturating_mul(2), known))
    }

    fn len(&self) -> usize {
        self.keys.len()
    }

    fn size(&self) -> usize {
        self.places.capacity() * size_of::<u32>() + self.keys.capacity() * size_of::<T::Native>()
    }

    fn take(&mut self) -> ArrayRef {
        let keys = std::mem::take(self).keys;
        Arc::new(PrimitiveArray::<T>::new(keys.into(), None))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Int8Array, Int64Array, UInt64Array};
    use std::collections::HashMap;

    fn numbers(table: &mut dyn Dense, keys: impl Array + 'static) -> Option<Vec<usize>> {
        let mut numbers = vec![];
        table.numbers(&(Arc::new(keys) as ArrayRef), &mut numbers).then_some(numbers)
    }

    #[test]
    fn keys_are_numbered_as_they_come_in_either_direction() {
        for step in [1i64, -1, 3, -3] {
            let mut table = dense(&DataType::Int64).unwrap();
            let mut known: HashMap<i64, usize> = HashMap::new();
            for batch in 0..300 {
                let keys: Vec<i64> = (0..100).map(|at| (batch * 50 + at) * step + 77).collect();
                let expected: Vec<usize> = keys
                    .iter()
                    .map(|key| {
                        let next = known.len();
                        *known.entry(*key).or_insert(next)
                    })
                    .collect();
                assert_eq!(numbers(&mut *table, Int64Array::from(keys)), Some(expected));
            }
            assert_eq!(table.len(), known.len());
            let all = table.take();
            let all = all.as_primitive::<arrow::datatypes::Int64Type>();
            assert!(all.values().iter().enumerate().all(|(number, key)| known[key] == number));
            assert_eq!((table.len(), table.take().len()), (0, 0));
            assert_eq!(numbers(&mut *table, Int64Array::from(vec![5, 5])), Some(vec![0, 0]));
        }
    }

    #[test]
    fn the_ends_of_types_are_no_obstacle() {
        let mut table = dense(&DataType::Int64).unwrap();
        assert_eq!(numbers(&mut *table, Int64Array::from(vec![i64::MAX, i64::MAX - 9])), Some(vec![0, 1]));
        assert_eq!(numbers(&mut *table, Int64Array::from(vec![i64::MIN])), None);
        assert_eq!(numbers(&mut *table, Int64Array::from(vec![i64::MAX - 20])), Some(vec![2]));
        let mut table = dense(&DataType::Int64).unwrap();
        assert_eq!(numbers(&mut *table, Int64Array::from(vec![i64::MIN, i64::MIN + 1])), Some(vec![0, 1]));
        assert_eq!(numbers(&mut *table, Int64Array::from(vec![i64::MIN + 5, i64::MIN + 1])), Some(vec![2, 1]));
        let mut table = dense(&DataType::Int8).unwrap();
        assert_eq!(numbers(&mut *table, Int8Array::from(vec![-128, 127, 0])), Some(vec![0, 1, 2]));
        let mut table = dense(&DataType::UInt64).unwrap();
        assert_eq!(numbers(&mut *table, UInt64Array::from(vec![u64::MAX, u64::MAX - 1])), Some(vec![0, 1]));
    }

    #[test]
    fn notes_tell_when_keys_lie_close() {
        let mut table = dense(&DataType::Int64).unwrap();
        let array = |keys: Vec<i64>| Arc::new(Int64Array::from(keys)) as ArrayRef;
        assert!(!table.would_do(&array(vec![0, 1_000_000]), 2));
        assert!(!table.would_do(&array((0..100_000).collect()), 100_000));
        assert!(table.would_do(&array((100_000..260_000).collect()), 260_000));
        let all: Vec<i64> = (0..260_000).chain([1_000_000]).rev().collect();
        let expected: Vec<usize> = (0..all.len()).collect();
        assert_eq!(numbers(&mut *table, Int64Array::from(all)), Some(expected));
        assert!(!table.would_do(&array(vec![1 << 40]), 260_001));
    }

    #[test]
    fn scattered_keys_and_nulls_are_left_to_others() {
        let mut table = dense(&DataType::Int64).unwrap();
        assert_eq!(numbers(&mut *table, Int64Array::from(vec![1, 1 << 40])), None);
        assert_eq!(numbers(&mut *table, Int64Array::from(vec![Some(1), None])), None);
        assert_eq!(numbers(&mut *table, Int64Array::from(Vec::<i64>::new())), Some(vec![]));
        assert_eq!(table.len(), 0);
        assert!(dense(&DataType::Utf8).is_none());
    }
}
