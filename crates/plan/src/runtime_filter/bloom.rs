//! A Bloom filter over join-key hashes and the expression that asks it.
//!
//! The filter is a split-block Bloom filter: each key sets one bit in each of the eight 32-bit words of one block, so
//! that a probe touches one half cache line (Putze, Sanders, Singler: "Cache-, Hash- and Space-Efficient Bloom
//! Filters", 2007; the salts are those of Apache Parquet's Bloom filters). With 16 bits a key about one foreign key in
//! a thousand passes.

use super::summary::KEY_HASHES;
use arrow::array::BooleanArray;
use arrow::buffer::BooleanBuffer;
use arrow::datatypes::{DataType, Schema};
use arrow::record_batch::RecordBatch;
use datafusion::common::hash_utils::with_hashes;
use datafusion::common::{Result, ScalarValue};
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const SALTS: [u32; 8] =
    [0x47b6_137b, 0x4497_4d91, 0x8824_ad5b, 0xa2b7_289d, 0x7054_95c7, 0x2df1_424b, 0x9efc_4947, 0x5c6b_fb31];
const BITS_PER_KEY: usize = 16;

/// See the module.
#[derive(Clone, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
pub struct Bloom {
    blocks: Vec<[u32; 8]>,
}

impl Bloom {
    /// The filter of the given 64-bit hashes.
    pub fn of(hashes: &[u64]) -> Self {
        let blocks = (hashes.len() * BITS_PER_KEY).div_ceil(256).max(1);
        let mut bloom = Self { blocks: vec![[0; 8]; blocks] };
        for &hash in hashes {
            let block = bloom.block(hash);
            for (word, bit) in bloom.blocks[block].iter_mut().zip(bits(hash)) {
                *word |= bit;
            }
        }
        bloom
    }

    /// Whether a key with this hash may be among the keys.
    pub fn may_contain(&self, hash: u64) -> bool {
        let block = &self.blocks[self.block(hash)];
        block.iter().zip(bits(hash)).all(|(word, bit)| word & bit != 0)
    }

    fn block(&self, hash: u64) -> usize {
        (((hash >> 32) * self.blocks.len() as u64) >> 32) as usize
    }
}

fn bits(hash: u64) -> [u32; 8] {
    SALTS.map(|salt| 1 << ((hash as u32).wrapping_mul(salt) >> 27))
}

impl fmt::Debug for Bloom {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bloom({} bytes)", self.blocks.len() * 32)
    }
}

/// After so many rows it is known what a filter is worth.
const TRIAL_ROWS: u64 = 1 << 17;

/// Rows that were asked about, and those of them that passed, in all tasks of the process.
#[derive(Debug, Default)]
struct Tally {
    asked: AtomicU64,
    passed: AtomicU64,
}

impl Tally {
    fn add(&self, asked: usize, passed: usize) {
        self.asked.fetch_add(asked as u64, Ordering::Relaxed);
        self.passed.fetch_add(passed as u64, Ordering::Relaxed);
    }
    /// Nearly everything passes: asking costs more than it saves.
    fn is_futile(&self) -> bool {
        let (asked, passed) = (self.asked.load(Ordering::Relaxed), self.passed.load(Ordering::Relaxed));
        asked >= TRIAL_ROWS && passed > asked / 5 * 4
    }
}

/// True for the rows whose keys may be among the filter's keys. NULL keys never are.
///
/// A filter that turns out to let nearly everything pass is not asked any more: all its rows are true from then on,
/// which a join behind it sorts out.
#[derive(Debug, Clone)]
pub struct BloomProbeExpr {
    keys: Vec<Arc<dyn PhysicalExpr>>,
    bloom: Arc<Bloom>,
    tally: Arc<Tally>,
}

impl BloomProbeExpr {
    /// `keys` in the order in which the filter's keys were hashed.
    pub fn new(keys: Vec<Arc<dyn PhysicalExpr>>, bloom: Arc<Bloom>) -> Self {
        Self { keys, bloom, tally: Arc::default() }
    }
    /// The filter.
    pub fn bloom(&self) -> &Bloom {
        &self.bloom
    }
}

impl PartialEq for BloomProbeExpr {
    fn eq(&self, other: &Self) -> bool {
        self.keys == other.keys && (Arc::ptr_eq(&self.bloom, &other.bloom) || self.bloom == other.bloom)
    }
}

impl Eq for BloomProbeExpr {}

impl Hash for BloomProbeExpr {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.keys.hash(state);
        self.bloom.blocks.len().hash(state);
    }
}

impl fmt::Display for BloomProbeExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys: Vec<_> = self.keys.iter().map(|key| key.to_string()).collect();
        write!(f, "bloom({}, {} bytes)", keys.join(", "), self.bloom.blocks.len() * 32)
    }
}

impl PhysicalExpr for BloomProbeExpr {
    fn data_type(&self, _input_schema: &Schema) -> Result<DataType> {
        Ok(DataType::Boolean)
    }
    fn nullable(&self, _input_schema: &Schema) -> Result<bool> {
        Ok(false)
    }
    fn evaluate(&self, batch: &RecordBatch) -> Result<ColumnarValue> {
        if self.tally.is_futile() {
            return Ok(ColumnarValue::Scalar(ScalarValue::Boolean(Some(true))));
        }
        let arrays = self.keys.iter().map(|key| key.evaluate(batch)?.into_array(batch.num_rows()));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let has_nulls = arrays.iter().any(|array| array.null_count() > 0);
        let passed = with_hashes(&arrays, &KEY_HASHES, |hashes: &[u64]| {
            Ok(BooleanBuffer::collect_bool(hashes.len(), |row| {
                self.bloom.may_contain(hashes[row]) && (!has_nulls || arrays.iter().all(|array| array.is_valid(row)))
            }))
        })?;
        self.tally.add(passed.len(), passed.count_set_bits());
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::new(passed, None))))
    }
    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.keys.iter().collect()
    }
    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        let (bloom, tally) = (Arc::clone(&self.bloom), Arc::clone(&self.tally));
        Ok(Arc::new(Self { keys: children, bloom, tally }))
    }
    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{ArrayRef, Int64Array};
    use datafusion::physical_expr::expressions::Column;

    fn rows(values: impl IntoIterator<Item = i64>) -> RecordBatch {
        RecordBatch::try_from_iter([("k", Arc::new(Int64Array::from_iter_values(values)) as ArrayRef)]).unwrap()
    }

    fn probe_of(keys: &RecordBatch) -> BloomProbeExpr {
        let hashes = with_hashes(keys.columns(), &KEY_HASHES, |hashes: &[u64]| Ok(hashes.to_vec())).unwrap();
        BloomProbeExpr::new(vec![Arc::new(Column::new("k", 0))], Arc::new(Bloom::of(&hashes)))
    }

    #[test]
    fn a_filter_that_rejects_is_asked_for_ever_and_one_that_does_not_is_given_up() {
        let probe = probe_of(&rows(0..1000));
        let (inside, outside) = (rows((0..TRIAL_ROWS as i64).map(|n| n % 1000)), rows(5_000..TRIAL_ROWS as i64));
        let passed = |batch: &RecordBatch| match probe.evaluate(batch).unwrap() {
            ColumnarValue::Array(array) => Some(array.as_any().downcast_ref::<BooleanArray>().unwrap().true_count()),
            ColumnarValue::Scalar(value) => {
                assert_eq!(value, ScalarValue::Boolean(Some(true)));
                None
            }
        };
        for _ in 0..4 {
            assert!(passed(&outside).unwrap() < 1000);
        }
        for _ in 0..10 {
            assert_eq!(passed(&inside), Some(TRIAL_ROWS as usize), "half of all rows pass: worth asking");
            assert!(passed(&outside).unwrap() < 1000);
        }
        for _ in 0..60 {
            passed(&inside);
        }
        assert_eq!(passed(&inside), None);
        assert_eq!(passed(&outside), None, "everything is true now");
    }
}
