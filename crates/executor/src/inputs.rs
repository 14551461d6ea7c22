//! What a fragment's leaves read: the outputs of earlier stages, from the own store or from other executors.

use arrow::datatypes::SchemaRef;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::SendableRecordBatchStream;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use dpark_lineage::StageId;
use dpark_plan::{Selection, ShuffleSource};
use dpark_shuffle::{FetchRequest, Fetcher, MapLocation};
use futures::TryStreamExt;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

/// Where the outputs of one stage lie, in map order.
pub type Locations = Arc<Vec<MapLocation>>;

/// Which stage a leaf reads, and where its outputs lie.
#[derive(Debug, Clone)]
pub struct Input {
    /// The stage: the one that the leaf names, or another with the same rows.
    pub stage: StageId,
    /// Its outputs.
    pub outputs: Locations,
}

/// The inputs of one task, by the names that the fragment's leaves have for them.
pub type Inputs = HashMap<StageId, Input>;

/// Reads the inputs of one task.
pub struct TaskInputs {
    fetcher: Fetcher,
    inputs: Inputs,
}

impl TaskInputs {
    /// Reads through `fetcher`.
    pub fn new(fetcher: Fetcher, inputs: Inputs) -> Self {
        Self { fetcher, inputs }
    }
}

impl fmt::Debug for TaskInputs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TaskInputs({:?})", self.inputs.keys())
    }
}

impl ShuffleSource for TaskInputs {
    fn read(&self, stage: StageId, selection: Selection, schema: SchemaRef) -> Result<SendableRecordBatchStream> {
        let Some(Input { stage, outputs }) = self.inputs.get(&stage) else {
            return internal_err!("the task was launched without the outputs of {stage}");
        };
        let stage = *stage;
        let (buckets, maps) = match selection {
            Selection::Bucket(bucket) => (bucket..bucket + 1, outputs.to_vec()),
            Selection::Map(map) => (0..1, outputs.iter().filter(|output| output.map == map).cloned().collect()),
        };
        if maps.is_empty() && matches!(selection, Selection::Map(_)) {
            return internal_err!("{stage} has no output for {selection:?}");
        }
        let request = FetchRequest { stage, buckets, maps, schema: Arc::clone(&schema) };
        let batches = self.fetcher.fetch(request).map_err(|failed| DataFusionError::External(Box::new(failed)));
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
    }
}
