//! Files of rows that are written batch by batch.

use arrow::record_batch::RecordBatch;
use datafusion::common::Result;
use datafusion::execution::spill_file::SpillFile;
use datafusion::physical_plan::spill::SpillManager;
use std::sync::Arc;

/// A file that is being written: takes a batch and tells its bytes in memory, or ends without one and gives the file, if it has any
/// rows. (DataFusion's type has no public name.)
pub type Writing = Box<dyn FnMut(Option<&RecordBatch>) -> Result<(usize, Option<Arc<dyn SpillFile>>)> + Send>;

/// An empty file. `what` says in errors what it is for.
pub fn begin(manager: &SpillManager, what: &str) -> Result<Writing> {
    let mut file = manager.create_in_progress_file(what)?;
    Ok(Box::new(move |batch| match batch {
        Some(batch) => Ok((file.append_batch(batch)?, None)),
        None => Ok((0, file.finish()?)),
    }))
}
