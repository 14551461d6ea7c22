//! Sorting over partitions: a sample of the keys gives the borders of ranges, each row goes to the range of its key, and
//! each range is sorted by itself.

use crate::stepping::mapping;
use arrow::array::{ArrayRef, UInt32Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use arrow::row::{RowConverter, SortField};
use datafusion::common::Result;
use datafusion::execution::SendableRecordBatchStream;
use futures::TryStreamExt;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::sync::Arc;

/// Keys as bytes that compare as the keys do: NULL first, floats in the total order of IEEE 754.
pub struct KeyBytes(RowConverter);

impl KeyBytes {
    /// For keys of one type.
    pub fn new(key: &DataType) -> Result<Self> {
        Ok(Self(RowConverter::new(vec![SortField::new(key.clone())])?))
    }

    /// One for each key.
    pub fn of(&self, keys: &ArrayRef) -> Result<arrow::row::Rows> {
        Ok(self.0.convert_columns(&[Arc::clone(keys)])?)
    }
}

/// The type of the column by which keys of a type are sorted: DataFusion sorts no nested columns, so these become bytes.
pub fn sortable(key: &DataType) -> DataType {
    if key.is_nested() { DataType::Binary } else { key.clone() }
}

/// Keyed batches with a first column that DataFusion can sort.
pub fn with_sortable_key(input: SendableRecordBatchStream) -> Result<SendableRecordBatchStream> {
    let schema = input.schema();
    let key = schema.field(0);
    if !key.data_type().is_nested() {
        return Ok(input);
    }
    let bytes = KeyBytes::new(key.data_type())?;
    let fields = vec![Field::new("_1", DataType::Binary, false), schema.field(1).clone()];
    let schema: SchemaRef = Arc::new(Schema::new(fields));
    let made = Arc::clone(&schema);
    let map = move |batch: RecordBatch| {
        let keys = bytes.of(batch.column(0))?.try_into_binary()?;
        Ok(RecordBatch::try_new(Arc::clone(&made), vec![Arc::new(keys), Arc::clone(batch.column(1))])?)
    };
    Ok(mapping(input, schema, Box::new(map)))
}

/// At most `size` keys of a partition, each as likely as the others, and how many keys there are. (Algorithm R: Vitter,
/// "Random sampling with a reservoir", 1985.)
pub async fn sample(mut input: SendableRecordBatchStream, size: usize, seed: u64) -> Result<(Vec<Vec<u8>>, u64)> {
    let bytes = KeyBytes::new(input.schema().field(0).data_type())?;
    let mut random = SmallRng::seed_from_u64(seed);
    let (mut kept, mut met): (Vec<Vec<u8>>, u64) = (Vec::new(), 0);
    while let Some(batch) = input.try_next().await? {
        let mut chosen: Vec<(usize, u32)> = vec![];
        for row in 0..batch.num_rows() as u32 {
            let place = if (met as usize) < size { met as usize } else { random.random_range(0..=met) as usize };
            if place < size {
                chosen.push((place, row));
            }
            met += 1;
        }
        if chosen.is_empty() {
            continue;
        }
        let rows = UInt32Array::from_iter_values(chosen.iter().map(|(_, row)| *row));
        let keys = bytes.of(&arrow::compute::take(batch.column(0), &rows, None)?)?;
        for ((place, _), key) in chosen.into_iter().zip(keys.iter()) {
            match kept.get_mut(place) {
                Some(kept) => *kept = key.as_ref().to_vec(),
                None => kept.push(key.as_ref().to_vec()),
            }
        }
    }
    Ok((kept, met))
}

/// The borders of `ranges` ranges of about equal size: the upper ends of all but the last. `samples` has, for each
/// partition, keys and the number of rows they stand for.
pub fn borders(samples: &[(Vec<Vec<u8>>, u64)], ranges: usize) -> Vec<Vec<u8>> {
    let mut weighted: Vec<(&[u8], f64)> = vec![];
    for (keys, rows) in samples {
        weighted.extend(keys.iter().map(|key| (key.as_slice(), *rows as f64 / keys.len() as f64)));
    }
    weighted.sort_by(|a, b| a.0.cmp(b.0));
    let total: f64 = weighted.iter().map(|(_, weight)| weight).sum();
    let mut borders: Vec<Vec<u8>> = vec![];
    let mut sum = 0.0;
    for (key, weight) in weighted {
        sum += weight;
        let next = total * (borders.len() + 1) as f64 / ranges.max(1) as f64;
        if sum >= next && borders.len() + 1 < ranges && borders.last().is_none_or(|last| last.as_slice() < key) {
            borders.push(key.to_vec());
        }
    }
    borders
}

/// Which range a key is in.
pub struct Ranges {
    keys: KeyBytes,
    borders: Vec<Vec<u8>>,
    descending: bool,
}

impl Ranges {
    /// For keys of one type; with `descending`, ranges are counted from the other end.
    pub fn new(key: &DataType, borders: Vec<Vec<u8>>, descending: bool) -> Result<Self> {
        Ok(Self { keys: KeyBytes::new(key)?, borders, descending })
    }

    /// The range of each key.
    pub fn of(&self, keys: &ArrayRef) -> Result<Vec<u32>> {
        let range = |key: arrow::row::Row<'_>| {
            let range = self.borders.partition_point(|border| border.as_slice() < key.as_ref());
            (if self.descending { self.borders.len() - range } else { range }) as u32
        };
        Ok(self.keys.of(keys)?.iter().map(range).collect())
    }
}

/// A schema with one more column, which tells where rows go.
pub fn with_target(schema: &SchemaRef) -> SchemaRef {
    let target = Arc::new(Field::new("_target", DataType::UInt32, false));
    Arc::new(Schema::new(schema.fields().iter().cloned().chain([target]).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use super::borders;

    #[test]
    fn ranges_have_about_equal_weight() {
        let keys: Vec<Vec<u8>> = (0..100u8).map(|key| vec![key]).collect();
        let few: Vec<Vec<u8>> = (100..110u8).map(|key| vec![key]).collect();
        // 100 rows below 100, and 300 above, of which ten were seen.
        let found = borders(&[(keys, 100), (few, 300)], 4);
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].as_slice(), found[1][0] / 100, found[2][0] / 100), ([99].as_slice(), 1, 1));
        assert_eq!(borders(&[(vec![vec![7]; 50], 50)], 4).len(), 1, "one key is not split");
        assert!(borders(&[], 4).is_empty());
    }
}
