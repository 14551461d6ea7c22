//! What a build-side task tells about the join keys it wrote, and how the driver puts the tasks' words together.

use super::bloom::Bloom;
use arrow::record_batch::RecordBatch;
use datafusion::common::hash_utils::{RandomState, with_hashes};
use datafusion::common::{DataFusionError, Result, ScalarValue};
use datafusion::functions_aggregate::min_max::{MaxAccumulator, MinAccumulator};
use datafusion::logical_expr::Accumulator;
use datafusion::physical_expr::PhysicalExpr;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Beyond so many keys in one task a Bloom filter is large and seldom selective; bounds remain. (32 MB a task while it
/// runs, and 8 MB of filter.)
const MAX_HASHES: usize = 1 << 22;

/// Seeds the hashes of join keys; the same in every process.
pub(super) const KEY_HASHES: RandomState = RandomState::with_seed(0x6470_6172_6b21);

type Bounds = Option<(ScalarValue, ScalarValue)>;

/// Rows, NULLs, bounds and hashes of the join keys in some rows.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct KeySummary {
    rows: u64,
    nulls: bool,
    /// Per key column: protobuf-encoded smallest and largest value, where the type has an order.
    #[serde(with = "encoded_bounds")]
    bounds: Vec<Bounds>,
    /// One hash a row without NULL keys; `None` when there were too many.
    hashes: Option<Vec<u64>>,
}

impl KeySummary {
    /// Rows whose keys are all not NULL.
    pub fn rows(&self) -> u64 {
        self.rows
    }
    /// Whether any key is NULL.
    pub fn nulls(&self) -> bool {
        self.nulls
    }
    /// Bytes it takes in memory, about.
    pub fn bytes(&self) -> usize {
        self.hashes.as_ref().map_or(0, |hashes| hashes.len() * 8) + self.bounds.len() * 128
    }
    /// Smallest and largest value of each key column.
    pub fn bounds(&self) -> &[Bounds] {
        &self.bounds
    }

    /// The summary of all rows together.
    pub fn merge(parts: &[Arc<KeySummary>]) -> Result<KeySummary> {
        let mut all = KeySummary { hashes: Some(vec![]), ..Default::default() };
        for part in parts {
            all.nulls |= part.nulls;
            if part.rows == 0 {
                continue;
            }
            all.bounds = if all.rows == 0 {
                part.bounds.clone()
            } else {
                all.bounds.into_iter().zip(&part.bounds).map(|(a, b)| widen(a, b.as_ref())).collect()
            };
            all.rows += part.rows;
            match (&mut all.hashes, &part.hashes) {
                (Some(hashes), Some(more)) => hashes.extend_from_slice(more),
                (hashes, _) => *hashes = None,
            }
        }
        Ok(all)
    }

    /// A Bloom filter of the keys, if the hashes are all here.
    pub fn bloom(&self) -> Option<Bloom> {
        self.hashes.as_ref().map(|hashes| Bloom::of(hashes))
    }
}

fn widen(a: Bounds, b: Option<&(ScalarValue, ScalarValue)>) -> Bounds {
    let ((min, max), (low, high)) = (a?, b?);
    let min = if low.partial_cmp(&min)?.is_lt() { low.clone() } else { min };
    let max = if high.partial_cmp(&max)?.is_gt() { high.clone() } else { max };
    Some((min, max))
}

/// Builds the summary of one task's output, batch by batch.
pub struct KeyCollector {
    keys: Vec<Arc<dyn PhysicalExpr>>,
    bounds: Vec<(MinAccumulator, MaxAccumulator)>,
    rows: u64,
    nulls: bool,
    hashes: Option<Vec<u64>>,
}

impl KeyCollector {
    /// `keys` are expressions over the batches that will be pushed.
    pub fn new(keys: Vec<Arc<dyn PhysicalExpr>>, schema: &arrow::datatypes::Schema) -> Result<Self> {
        let bounds = keys.iter().map(|key| {
            let data_type = key.data_type(schema)?;
            Ok((MinAccumulator::try_new(&data_type)?, MaxAccumulator::try_new(&data_type)?))
        });
        let bounds = bounds.collect::<Result<_>>()?;
        Ok(Self { keys, bounds, rows: 0, nulls: false, hashes: Some(vec![]) })
    }

    /// Adds the keys of `batch`.
    pub fn push(&mut self, batch: &RecordBatch) -> Result<()> {
        let arrays = self.keys.iter().map(|key| key.evaluate(batch)?.into_array(batch.num_rows()));
        let arrays = arrays.collect::<Result<Vec<_>>>()?;
        for (array, (min, max)) in arrays.iter().zip(&mut self.bounds) {
            min.update_batch(std::slice::from_ref(array))?;
            max.update_batch(std::slice::from_ref(array))?;
        }
        let has_nulls = arrays.iter().any(|array| array.null_count() > 0);
        self.nulls |= has_nulls;
        let is_valid = |row: usize| arrays.iter().all(|array| array.is_valid(row));
        if !has_nulls {
            self.rows += batch.num_rows() as u64;
        } else {
            self.rows += (0..batch.num_rows()).filter(|row| is_valid(*row)).count() as u64;
        }
        if self.rows as usize > MAX_HASHES {
            self.hashes = None;
        }
        if let Some(hashes) = &mut self.hashes {
            with_hashes(&arrays, &KEY_HASHES, |new: &[u64]| {
                if has_nulls {
                    let valid = new.iter().enumerate().filter(|(row, _)| is_valid(*row));
                    hashes.extend(valid.map(|(_, hash)| *hash));
                } else {
                    hashes.extend_from_slice(new);
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    /// The summary of everything pushed.
    pub fn finish(mut self) -> Result<KeySummary> {
        if let Some(hashes) = &mut self.hashes {
            hashes.sort_unstable();
            hashes.dedup();
        }
        let bounds = self.bounds.iter_mut().map(|(min, max)| {
            let (min, max) = (min.evaluate()?, max.evaluate()?);
            Ok((!min.is_null() && !max.is_null()).then_some((min, max)))
        });
        let bounds = bounds.collect::<Result<_>>()?;
        Ok(KeySummary { rows: self.rows, nulls: self.nulls, bounds, hashes: self.hashes })
    }
}

/// Scalars travel as DataFusion's protobuf.
mod encoded_bounds {
    use super::*;
    use datafusion_proto::protobuf;
    use dpark_wire::Wire;
    use serde::{Deserializer, Serializer, de::Error as _, ser::Error as _};

    type Encoded = Vec<Option<(Vec<u8>, Vec<u8>)>>;

    fn encode(value: &ScalarValue) -> Result<Vec<u8>> {
        let proto: protobuf::ScalarValue =
            value.try_into().map_err(|error| DataFusionError::External(Box::new(error)))?;
        Ok(proto.to_bytes())
    }

    fn decode(bytes: &[u8]) -> Result<ScalarValue> {
        let proto =
            protobuf::ScalarValue::from_bytes(bytes).map_err(|error| DataFusionError::External(Box::new(error)))?;
        (&proto).try_into().map_err(|error| DataFusionError::External(Box::new(error)))
    }

    pub(super) fn serialize<S: Serializer>(bounds: &[Bounds], serializer: S) -> Result<S::Ok, S::Error> {
        let encoded = bounds.iter().map(|bounds| match bounds {
            Some((min, max)) => Ok(Some((encode(min)?, encode(max)?))),
            None => Ok(None),
        });
        let encoded: Encoded = encoded.collect::<Result<_>>().map_err(S::Error::custom)?;
        encoded.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Bounds>, D::Error> {
        let encoded = Encoded::deserialize(deserializer)?;
        let bounds = encoded.into_iter().map(|bounds| match bounds {
            Some((min, max)) => Ok(Some((decode(&min)?, decode(&max)?))),
            None => Ok(None),
        });
        bounds.collect::<Result<_>>().map_err(D::Error::custom)
    }
}
