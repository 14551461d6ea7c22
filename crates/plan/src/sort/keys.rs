//! Sort keys as bytes, and the order of rows by them.

use arrow::array::ArrayRef;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, Rows, SortField};
use datafusion::common::Result;
use datafusion::physical_expr::LexOrdering;

/// Bytes of a key that a number holds.
const DIGITS: usize = size_of::<u64>();

/// Rows of a range that are compared instead of being numbered anew.
const FEW: usize = 16;

/// Encodes the sort keys of batches.
pub(super) struct Encoder {
    converter: RowConverter,
    order: LexOrdering,
}

impl Encoder {
    /// The keys' types, if all of them can be encoded.
    pub(super) fn fields(order: &LexOrdering, schema: &SchemaRef) -> Option<Vec<SortField>> {
        let field = |key: &datafusion::physical_expr::PhysicalSortExpr| {
            Some(SortField::new_with_options(key.expr.data_type(schema).ok()?, key.options))
        };
        let fields: Vec<SortField> = order.iter().map(field).collect::<Option<_>>()?;
        RowConverter::supports_fields(&fields).then_some(fields)
    }

    pub(super) fn new(order: LexOrdering, fields: Vec<SortField>) -> Result<Self> {
        Ok(Self { converter: RowConverter::new(fields)?, order })
    }

    pub(super) fn order(&self) -> &LexOrdering {
        &self.order
    }

    /// One key for each row.
    pub(super) fn encode(&self, batch: &RecordBatch) -> Result<Rows> {
        let column =
            |key: &datafusion::physical_expr::PhysicalSortExpr| key.expr.evaluate(batch)?.into_array(batch.num_rows());
        let columns: Vec<ArrayRef> = self.order.iter().map(column).collect::<Result<_>>()?;
        Ok(self.converter.convert_columns(&columns)?)
    }
}

/// Where a row is: of which batch, and which of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) batch: u32,
    pub(super) row: u32,
}

/// A place behind a number by which it is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Numbered(u128);

impl Numbered {
    fn new(number: u64, place: Place) -> Self {
        Self(u128::from(number) << 64 | u128::from(place.batch) << 32 | u128::from(place.row))
    }
    fn number(self) -> u64 {
        (self.0 >> 64) as u64
    }
    fn place(self) -> Place {
        Place { batch: (self.0 >> 32) as u32, row: self.0 as u32 }
    }
}

/// The keys of some batches.
#[derive(Default)]
pub(super) struct Keys {
    batches: Vec<Rows>,
    rows: usize,
    /// The bytes with which all keys begin; none before the first key.
    shared: Option<Vec<u8>>,
    longest: usize,
}

impl Keys {
    /// Adds the keys of the next batch.
    pub(super) fn push(&mut self, keys: Rows) {
        for key in keys.iter() {
            let key = key.as_ref();
            self.longest = self.longest.max(key.len());
            match &mut self.shared {
                Some(shared) if key.starts_with(shared) => {}
                Some(shared) => shared.truncate(alike(shared, key)),
                None => self.shared = Some(key.to_vec()),
            }
        }
        self.rows += keys.num_rows();
        self.batches.push(keys);
    }

    fn key(&self, place: Place) -> &[u8] {
        self.batches[place.batch as usize].row(place.row as usize).data()
    }

    /// The places of all rows in ascending order of their keys. Numbers made of the next eight bytes are sorted, and where
    /// they are alike, of the next.
    pub(super) fn sorted(&self) -> impl ExactSizeIterator<Item = Place> + Send + use<> {
        let start = self.shared.as_ref().map_or(0, Vec::len);
        let mut places: Vec<Numbered> = Vec::with_capacity(self.rows);
        for (batch, keys) in (0..).zip(&self.batches) {
            let numbered = |(row, key): (u32, arrow::row::Row<'_>)| {
                Numbered::new(number(&key.as_ref()[start..]), Place { batch, row })
            };
            places.extend((0..).zip(keys.iter()).map(numbered));
        }
        places.sort_unstable();
        // Ranges of keys that are alike up to a place.
        let mut alike = vec![(0..places.len(), start + DIGITS)];
        while let Some((range, at)) = alike.pop() {
            if at >= self.longest {
                continue;
            }
            let mut begin = range.start;
            for equal in places[range].chunk_by_mut(|a, b| a.number() == b.number()) {
                let range = begin..begin + equal.len();
                begin = range.end;
                if equal.len() > FEW {
                    let at = self.renumber(equal, at);
                    alike.push((range, at));
                } else if equal.len() > 1 {
                    let rest = |numbered: &Numbered| self.key(numbered.place()).get(at..).unwrap_or_default();
                    equal.sort_unstable_by(|a, b| rest(a).cmp(rest(b)));
                }
            }
        }
        places.into_iter().map(Numbered::place)
    }

    /// Sorts places whose keys are alike up to `at` by the bytes that follow. Returns up to where they are sorted.
    fn renumber(&self, places: &mut [Numbered], at: usize) -> usize {
        let rest = |place| self.key(place).get(at..).unwrap_or_default();
        let first = rest(places[0].place());
        let shared = places.iter().fold(first.len(), |shared, place| match rest(place.place()) {
            key if key.starts_with(&first[..shared]) => shared,
            key => alike(&first[..shared], key),
        });
        if shared == first.len() {
            // No key is the beginning of another, so all of them are the same.
            return usize::MAX;
        }
        for numbered in places.iter_mut() {
            let place = numbered.place();
            *numbered = Numbered::new(number(&rest(place)[shared..]), place);
        }
        places.sort_unstable();
        at + shared + DIGITS
    }
}

/// How many bytes two keys begin with alike.
fn alike(one: &[u8], other: &[u8]) -> usize {
    one.iter().zip(other).take_while(|(one, other)| one == other).count()
}

/// A number that compares as the first bytes of a key do. Of a short key the rest is zero, which may be alike by chance.
fn number(key: &[u8]) -> u64 {
    match key.first_chunk() {
        Some(digits) => u64::from_be_bytes(*digits),
        None => {
            let mut digits = [0; DIGITS];
            digits[..key.len()].copy_from_slice(key);
            u64::from_be_bytes(digits)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, BinaryArray, Int64Array, StringArray};
    use arrow::compute::SortOptions;
    use std::sync::Arc;

    fn sorted(columns: &[Vec<ArrayRef>], options: &[SortOptions]) -> Vec<Place> {
        let fields = columns[0].iter().zip(options);
        let fields = fields.map(|(column, options)| SortField::new_with_options(column.data_type().clone(), *options));
        let converter = RowConverter::new(fields.collect()).unwrap();
        let mut keys = Keys::default();
        columns.iter().for_each(|columns| keys.push(converter.convert_columns(columns).unwrap()));
        keys.sorted().collect()
    }

    #[test]
    fn keys_that_begin_alike_are_told_apart() {
        // Long shared beginnings, short ones, keys that are a part of others, zeros at the end, and many that are the same.
        let key = |n: usize| match n % 7 {
            0 => vec![b'x'; n % 50],
            1 => [vec![b'p'; 40], n.to_be_bytes().to_vec()].concat(),
            2 => vec![0; n % 12],
            3 => b"the same".to_vec(),
            4 => [b"the same".to_vec(), vec![0; n % 3]].concat(),
            5 => (n * 7919 % 1000).to_string().into_bytes(),
            _ => [vec![b'q'; 1000], vec![(n % 251) as u8]].concat(),
        };
        let all: Vec<Vec<u8>> = (0..3000).map(key).collect();
        let batches: Vec<Vec<ArrayRef>> =
            all.chunks(700).map(|keys| vec![Arc::new(BinaryArray::from_iter_values(keys)) as ArrayRef]).collect();
        let order = sorted(&batches, &[SortOptions::default()]);
        let found: Vec<&[u8]> =
            order.iter().map(|place| &*all[place.batch as usize * 700 + place.row as usize]).collect();
        let mut expected: Vec<&[u8]> = all.iter().map(Vec::as_slice).collect();
        expected.sort();
        assert_eq!(found, expected);
        let mut places: Vec<(u32, u32)> = order.iter().map(|place| (place.batch, place.row)).collect();
        places.sort();
        places.dedup();
        assert_eq!(places.len(), all.len());
    }

    #[test]
    fn many_equal_keys_beside_a_long_one() {
        let long = "x".repeat(1 << 20);
        let texts =
            (0..200_000).map(|n| if n == 7 { Some(long.as_str()) } else { [None, Some(""), Some("ok")][n % 3] });
        let order =
            sorted(&[vec![Arc::new(texts.collect::<StringArray>()) as ArrayRef]], &[SortOptions::new(false, true)]);
        assert_eq!(order.len(), 200_000);
        assert_eq!(order.last().map(|place| place.row), Some(7));
        assert!(order.windows(2).all(|pair| pair[1].row == 7 || pair[0].row % 3 <= pair[1].row % 3));
    }

    #[test]
    fn several_columns_in_their_directions() {
        let names = Arc::new(StringArray::from(vec![Some("b"), None, Some("a"), Some("b"), Some("a")])) as ArrayRef;
        let numbers = Arc::new(Int64Array::from(vec![Some(1), Some(2), None, Some(-3), Some(4)])) as ArrayRef;
        let (down, up) = (SortOptions::new(true, false), SortOptions::new(false, true));
        let rows = |places: Vec<Place>| places.into_iter().map(|place| place.row).collect::<Vec<_>>();
        assert_eq!(rows(sorted(&[vec![names.clone(), numbers.clone()]], &[down, up])), [3, 0, 2, 4, 1]);
        assert_eq!(rows(sorted(&[vec![numbers, names]], &[down, up])), [4, 1, 0, 3, 2]);
        let nothing = Arc::new(Int64Array::from(Vec::<i64>::new())) as ArrayRef;
        assert!(nothing.is_empty() && sorted(&[vec![nothing]], &[up]).is_empty());
    }
}
