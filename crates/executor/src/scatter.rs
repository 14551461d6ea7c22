//! Deals the rows of a batch to the buckets of a task's output.
//!
//! For a hash exchange only row numbers are made here; the writer copies each row once, when it gathers. (DataFusion's
//! partitioner would reorder each batch first, which is a second copy of everything.) All exchanges of a query use the
//! same hash of their keys, so sides of a join that are partitioned alike meet in the same bucket.

use crate::error::store_error;
use arrow::array::{Array, AsArray};
use arrow::datatypes::UInt32Type;
use arrow::record_batch::RecordBatch;
use datafusion::common::hash_utils::create_hashes;
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::physical_expr::{Partitioning, PhysicalExpr};
use datafusion::physical_plan::metrics::Time;
use datafusion::physical_plan::repartition::{BatchPartitioner, REPARTITION_RANDOM_STATE};
use dpark_plan::Output;
use dpark_shuffle::MapWriter;
use std::sync::Arc;

/// See the module.
pub enum Scatter {
    /// Everything goes to the only bucket, in order.
    Whole,
    /// Rows go by the hash of their keys.
    Hash {
        /// The keys.
        keys: Vec<Arc<dyn PhysicalExpr>>,
        /// One per row of the batch at hand.
        hashes: Vec<u64>,
        /// The rows of each bucket.
        rows: Vec<Vec<u32>>,
    },
    /// The last column tells where a row goes.
    Bucket {
        /// The rows of each bucket.
        rows: Vec<Vec<u32>>,
    },
    /// Range and round-robin exchanges, which are rare.
    Other(Box<BatchPartitioner>),
}

impl Scatter {
    /// For the task of partition `partition` of `partitions`.
    pub fn new(output: &Output, partition: usize, partitions: usize) -> Result<Self> {
        Ok(match output {
            Output::Forward | Output::Exchange(Partitioning::Hash(_, 1)) => Scatter::Whole,
            Output::Exchange(Partitioning::Hash(keys, buckets)) => {
                Scatter::Hash { keys: keys.clone(), hashes: vec![], rows: vec![vec![]; *buckets] }
            }
            Output::Bucket(buckets) => Scatter::Bucket { rows: vec![vec![]; *buckets] },
            Output::Exchange(other) => {
                Scatter::Other(Box::new(BatchPartitioner::try_new(other.clone(), Time::new(), partition, partitions)?))
            }
        })
    }

    /// Writes the rows of `batch`.
    pub fn write(&mut self, batch: RecordBatch, writer: &mut MapWriter) -> Result<()> {
        match self {
            Scatter::Whole => writer.push(0, batch).map_err(store_error),
            Scatter::Other(partitioner) => {
                partitioner.partition(batch, |bucket, batch| writer.push(bucket, batch).map_err(store_error))
            }
            Scatter::Bucket { rows } => {
                let last = batch.num_columns().saturating_sub(1);
                let targets = batch.column(last).as_primitive_opt::<UInt32Type>();
                let Some(targets) = targets.filter(|targets| targets.null_count() == 0) else {
                    return internal_err!("the column that tells where rows go should be of numbers");
                };
                rows.iter_mut().for_each(Vec::clear);
                for (row, target) in (0..).zip(targets.values().iter()) {
                    match rows.get_mut(*target as usize) {
                        Some(bucket) => bucket.push(row),
                        None => return exec_err!("a row was sent to partition {target} of {}", rows.len()),
                    }
                }
                let batch = batch.project(&(0..last).collect::<Vec<_>>())?;
                for (bucket, rows) in rows.iter().enumerate() {
                    writer.push_indices(bucket, &batch, rows).map_err(store_error)?;
                }
                Ok(())
            }
            Scatter::Hash { keys, hashes, rows } => {
                let arrays = keys.iter().map(|key| key.evaluate(&batch)?.into_array(batch.num_rows()));
                let arrays = arrays.collect::<Result<Vec<_>>>()?;
                hashes.clear();
                hashes.resize(batch.num_rows(), 0);
                create_hashes(&arrays, REPARTITION_RANDOM_STATE.random_state(), hashes)?;
                rows.iter_mut().for_each(Vec::clear);
                let buckets = rows.len() as u64;
                for (row, hash) in (0..).zip(hashes.iter()) {
                    // The upper half of the hash, scaled to the number of buckets: as even as a remainder, and cheaper.
                    rows[(((hash >> 32) * buckets) >> 32) as usize].push(row);
                }
                for (bucket, rows) in rows.iter().enumerate() {
                    writer.push_indices(bucket, &batch, rows).map_err(store_error)?;
                }
                Ok(())
            }
        }
    }
}
