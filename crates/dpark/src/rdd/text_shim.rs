//! Stands in for `Context::text_file` until the sources of text are here: reads on the driver.

use super::Rdd;
use crate::Context;
use datafusion::common::{DataFusionError, Result};

impl Context {
    /// The lines of a text file.
    pub async fn text_file(&self, path: impl Into<String>) -> Result<Rdd<String>> {
        let text = tokio::fs::read_to_string(path.into()).await.map_err(DataFusionError::IoError)?;
        Ok(self.parallelize(text.lines().map(String::from), self.partitions()))
    }
}
