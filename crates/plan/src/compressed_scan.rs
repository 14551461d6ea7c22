//! [`CompressedScanExec`]: a scan of compressed files on its way to a worker.
//!
//! DataFusion's protobuf of a file scan does not say how the files are compressed. So such a scan travels inside this
//! node, which does, and which turns into the scan again when it is decoded.

use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::datasource::file_format::file_compression_type::FileCompressionType;
use datafusion::datasource::physical_plan::{FileScanConfig, FileScanConfigBuilder};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use std::fmt;
use std::sync::Arc;

/// See the module.
#[derive(Debug)]
pub(crate) struct CompressedScanExec {
    scan: Arc<dyn ExecutionPlan>,
    compression: FileCompressionType,
}

impl CompressedScanExec {
    /// Wraps a node if it scans compressed files.
    pub(crate) fn wrap(node: &Arc<dyn ExecutionPlan>) -> Option<Self> {
        let compression = config_of(node)?.file_compression_type;
        compression.is_compressed().then(|| Self { scan: Arc::clone(node), compression })
    }

    /// The compression as text.
    pub(crate) fn compression(&self) -> String {
        self.compression.get_variant().to_string()
    }

    /// The scan again, from what protobuf made of it.
    pub(crate) fn unwrap(scan: &Arc<dyn ExecutionPlan>, compression: &str) -> Result<Arc<dyn ExecutionPlan>> {
        let Some(config) = config_of(scan) else {
            return internal_err!("{} is not a scan of compressed files", scan.name());
        };
        let config = FileScanConfigBuilder::from(config.clone()).with_file_compression_type(compression.parse()?);
        Ok(DataSourceExec::from_data_source(config.build()))
    }
}

fn config_of(node: &Arc<dyn ExecutionPlan>) -> Option<&FileScanConfig> {
    node.downcast_ref::<DataSourceExec>()?.data_source().downcast_ref::<FileScanConfig>()
}

impl DisplayAs for CompressedScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "CompressedScanExec: {}", self.compression())
    }
}

impl ExecutionPlan for CompressedScanExec {
    fn name(&self) -> &str {
        "CompressedScanExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        self.scan.properties()
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.scan]
    }
    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(scan), true) => Ok(Arc::new(Self { scan, compression: self.compression })),
            _ => internal_err!("CompressedScanExec takes one child"),
        }
    }
    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        internal_err!("a scan is wrapped only while it travels")
    }
}
