//! Files of rows that are written batch by batch.

use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::spill_file::SpillFile;
use datafusion::physical_plan::spill::SpillManager;
use std::sync::Arc;

/// A file that is being written: takes a batch, or ends without one and gives the file, if it has any rows. (DataFusion's
/// type has no public name.)
pub type Writing = Box<dyn FnMut(Option<&RecordBatch>) -> Result<Option<Arc<dyn SpillFile>>> + Send>;

/// An empty file. `what` says in errors what it is for.
pub fn begin(manager: &SpillManager, what: &str) -> Result<Writing> {
    let mut file = manager.create_in_progress_file(what)?;
    Ok(Box::new(move |batch| match batch {
        Some(batch) => file.append_batch(batch).map(|_| None),
        None => file.finish(),
    }))
}
