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
use datafusion::common::Result;
use datafusion::common::hash_utils::with_hashes;
use datafusion::logical_expr::ColumnarValue;
use datafusion::physical_expr::PhysicalExpr;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

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

/// True for the rows whose keys may be among the filter's keys. NULL keys never are.
#[derive(Debug, Clone, Eq)]
pub struct BloomProbeExpr {
    keys: Vec<Arc<dyn PhysicalExpr>>,
    bloom: Arc<Bloom>,
}

impl BloomProbeExpr {
    /// `keys` in the order in which the filter's keys were hashed.
    pub fn new(keys: Vec<Arc<dyn PhysicalExpr>>, bloom: Arc<Bloom>) -> Self {
        Self { keys, bloom }
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
        let arrays = self.keys.iter().map(|key| key.evaluate(batch)?.into_array(batch.num_rows()));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        let has_nulls = arrays.iter().any(|array| array.null_count() > 0);
        let passed = with_hashes(&arrays, &KEY_HASHES, |hashes: &[u64]| {
            Ok(BooleanBuffer::collect_bool(hashes.len(), |row| {
                self.bloom.may_contain(hashes[row]) && (!has_nulls || arrays.iter().all(|array| array.is_valid(row)))
            }))
        })?;
        Ok(ColumnarValue::Array(Arc::new(BooleanArray::new(passed, None))))
    }
    fn children(&self) -> Vec<&Arc<dyn PhysicalExpr>> {
        self.keys.iter().collect()
    }
    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn PhysicalExpr>>) -> Result<Arc<dyn PhysicalExpr>> {
        Ok(Arc::new(Self { keys: children, bloom: Arc::clone(&self.bloom) }))
    }
    fn fmt_sql(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}
