//! `COPY … TO`: nothing is there, or replaced, before all of it is written.
//!
//! | target | how |
//! |---|---|
//! | a directory, Parquet | [`directory`]: a file a task, committed by the driver |
//! | a file | [`file`]: written by the driver, renamed |
//! | a directory of an object store | refused |
//! | others (partitioned, other formats in a directory) | left to DataFusion, which commits nothing |

pub(crate) mod directory;
pub(crate) mod file;

use crate::driver::{Driver, JobReport};
use arrow::array::UInt64Array;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, plan_err};
use datafusion::datasource::file_format::file_type_to_format;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use datafusion::physical_planner::PhysicalPlanner;
use datafusion::prelude::SessionConfig;
use directory::Write;
use dpark_lineage::StageId;
use dpark_plan::StagePlan;
use file::FileCopy;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;

/// A write that is committed.
#[derive(Debug, Clone)]
pub(crate) enum Copy {
    /// To a directory.
    Directory(Write),
    /// To a file.
    File(FileCopy),
}

/// What a write did.
pub(crate) struct Written {
    pub(crate) target: StageId,
    pub(crate) stages: Vec<Arc<StagePlan>>,
    /// In all files.
    pub(crate) rows: u64,
}

impl Copy {
    /// Runs the job and commits what it wrote.
    pub(crate) async fn run(
        &self,
        driver: &Arc<Driver>,
        config: &SessionConfig,
        report: Option<oneshot::Sender<JobReport>>,
    ) -> Result<Written> {
        match self {
            Self::Directory(write) => write.run(driver, config, report).await,
            Self::File(copy) => copy.run(driver, config, report).await,
        }
    }

    /// The job's plan.
    pub(crate) fn plan(&self) -> Arc<dyn ExecutionPlan> {
        match self {
            Self::Directory(write) => write.tasks(),
            Self::File(copy) => copy.input(),
        }
    }

    fn path(&self) -> &Path {
        match self {
            Self::Directory(write) => write.dir(),
            Self::File(copy) => copy.target(),
        }
    }
}

/// Plans `COPY … TO` a local path; `None` for what is left to DataFusion.
pub(crate) async fn plan_copy(
    plan: &LogicalPlan,
    planner: &dyn PhysicalPlanner,
    session: &dyn Session,
) -> Result<Option<Copy>> {
    let LogicalPlan::Copy(copy) = plan else {
        return Ok(None);
    };
    let single_file = copy.options.get("single_file_output").map(|value| value.trim() == "true");
    let has_extension = Path::new(&copy.output_url).extension().is_some() && !copy.output_url.ends_with('/');
    let is_directory = single_file.map_or(!has_extension, |single| !single);
    let is_local = ListingTableUrl::parse(&copy.output_url)?.scheme() == "file";
    if is_directory && !is_local {
        return plan_err!(
            "a directory of an object store cannot be written yet, as nothing there makes all of its files appear at once: \
             write one file ('{}/part.parquet'), or a directory of a file system",
            copy.output_url.trim_end_matches('/')
        );
    }
    let factory = file_type_to_format(&copy.file_type)?;
    if !is_local || !copy.partition_by.is_empty() {
        return Ok(None);
    }
    let Some(path) = local_path(&copy.output_url) else {
        return Ok(None);
    };
    if !is_directory {
        return Ok(FileCopy::plan(copy, path, planner, session).await?.map(Copy::File));
    }
    if factory.get_ext() != "parquet" {
        return Ok(None);
    }
    Ok(Write::plan(copy, path, factory.as_ref(), planner, session).await?.map(Copy::Directory))
}

fn local_path(url: &str) -> Option<PathBuf> {
    match url::Url::parse(url) {
        Ok(url) if url.scheme() == "file" => url.to_file_path().ok(),
        _ => std::path::absolute(url).ok(),
    }
}

/// Runs a write. Makes one row: `count`.
pub(crate) struct CommitExec {
    driver: Arc<Driver>,
    copy: Copy,
    config: SessionConfig,
    properties: Arc<PlanProperties>,
}

impl CommitExec {
    pub(crate) fn new(driver: Arc<Driver>, copy: Copy, config: SessionConfig, schema: SchemaRef) -> Self {
        let eq = EquivalenceProperties::new(schema);
        let one = Partitioning::UnknownPartitioning(1);
        let properties = PlanProperties::new(eq, one, EmissionType::Final, Boundedness::Bounded);
        Self { driver, copy, config, properties: Arc::new(properties) }
    }
}

fn at(path: &Path, error: std::io::Error) -> DataFusionError {
    DataFusionError::IoError(std::io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

impl fmt::Debug for CommitExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommitExec").field("copy", &self.copy).finish_non_exhaustive()
    }
}

impl DisplayAs for CommitExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "CommitExec: {}", self.copy.path().display())
    }
}

impl ExecutionPlan for CommitExec {
    fn name(&self) -> &str {
        "CommitExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![]
    }
    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(self: Arc<Self>, _: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        Ok(self)
    }
    fn execute(&self, _partition: usize, _context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = Arc::clone(self.properties.eq_properties.schema());
        let (driver, copy, config) = (Arc::clone(&self.driver), self.copy.clone(), self.config.clone());
        let made = Arc::clone(&schema);
        let row = async move {
            let written = copy.run(&driver, &config, None).await?;
            Ok(RecordBatch::try_new(made, vec![Arc::new(UInt64Array::from(vec![written.rows]))])?)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::once(row))))
    }
}
