//! Data sets written by tasks and committed by the driver.
//!
//! ```text
//! dir/_temporary/part-00000.<attempt>.parquet   written by tasks, one a partition and attempt
//! dir/part-00000.parquet                        renamed when every partition has a finished attempt
//! dir/_SUCCESS                                  last: a reader that waits for it never sees a part
//! ```
//!
//! A target that exists and is not empty is refused before anything runs; a failed write leaves the target as it was.

use crate::driver::{Driver, JobReport};
use crate::job_exec::{Started, start};
use arrow::array::{AsArray, UInt64Array};
use arrow::datatypes::{SchemaRef, UInt64Type};
use arrow::record_batch::RecordBatch;
use datafusion::catalog::Session;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, exec_err, plan_err};
use datafusion::datasource::file_format::file_type_to_format;
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::ListingTableUrl;
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::logical_expr::LogicalPlan;
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties};
use datafusion::physical_planner::PhysicalPlanner;
use datafusion::prelude::SessionConfig;
use dpark_lineage::StageId;
use dpark_plan::StagePlan;
use dpark_plan::write::{ParquetWriteExec, option_texts, writer_options};
use futures::TryStreamExt;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::sync::oneshot;

const TEMPORARY: &str = "_temporary";

/// A data set to be written to a directory.
#[derive(Debug, Clone)]
pub(crate) struct Write {
    input: Arc<dyn ExecutionPlan>,
    dir: PathBuf,
    /// See [`option_texts`].
    options: Vec<(String, String)>,
}

/// Plans `COPY … TO directory` of Parquet on a local path; other copies are left to DataFusion.
pub(crate) async fn plan_copy(
    plan: &LogicalPlan,
    planner: &dyn PhysicalPlanner,
    session: &dyn Session,
) -> Result<Option<Write>> {
    let LogicalPlan::Copy(copy) = plan else {
        return Ok(None);
    };
    let single_file = copy.options.get("single_file_output").map(|value| value.trim() == "true");
    let has_extension = Path::new(&copy.output_url).extension().is_some() && !copy.output_url.ends_with('/');
    let is_directory = single_file.map_or(!has_extension, |single| !single);
    let factory = file_type_to_format(&copy.file_type)?;
    if factory.get_ext() != "parquet" || !is_directory || !copy.partition_by.is_empty() {
        return Ok(None);
    }
    let url = ListingTableUrl::parse(&copy.output_url)?;
    if url.scheme() != "file" {
        return Ok(None);
    }
    let Some(dir) = local_path(&copy.output_url) else {
        return Ok(None);
    };
    // The session's settings, the caller's in their place, and above them the statement's.
    let of_format = |key: &&String| *key != "single_file_output" && !key.starts_with("execution.");
    let options = copy.options.iter().filter(|(key, _)| of_format(key));
    let format = factory.create(session, &options.map(|(key, value)| (key.clone(), value.clone())).collect())?;
    let Some(format) = format.downcast_ref::<ParquetFormat>() else {
        return Ok(None);
    };
    let input = planner.create_physical_plan(&copy.input, session).await?;
    let options = option_texts(format.options());
    // Wrong options are told before anything is touched.
    writer_options(&options, &input.schema())?;
    Ok(Some(Write { input, dir, options }))
}

fn local_path(url: &str) -> Option<PathBuf> {
    match url::Url::parse(url) {
        Ok(url) if url.scheme() == "file" => url.to_file_path().ok(),
        _ => std::path::absolute(url).ok(),
    }
}

/// What a write did.
pub(crate) struct Written {
    pub(crate) target: StageId,
    pub(crate) stages: Vec<Arc<StagePlan>>,
    /// In all files.
    pub(crate) rows: u64,
}

impl Write {
    /// The job's last stage: its tasks write their files below the temporary directory.
    pub(crate) fn tasks(&self) -> Arc<dyn ExecutionPlan> {
        let temporary = self.dir.join(TEMPORARY);
        Arc::new(ParquetWriteExec::new(Arc::clone(&self.input), temporary, self.options.clone()))
    }

    /// Runs the job and commits what it wrote.
    pub(crate) async fn run(
        &self,
        driver: &Arc<Driver>,
        config: &SessionConfig,
        report: Option<oneshot::Sender<JobReport>>,
    ) -> Result<Written> {
        let attempt = Attempt::begin(&self.dir)?;
        let Started { target, stages, rows } = start(driver, self.tasks(), config, report)?;
        let manifests: Vec<RecordBatch> = rows.try_collect().await?;
        let (mut files, mut rows) = (vec![], 0);
        for manifest in &manifests {
            files.extend(manifest.column(0).as_string::<i32>().iter().flatten().map(str::to_owned));
            rows += manifest.column(1).as_primitive::<UInt64Type>().iter().flatten().sum::<u64>();
        }
        attempt.commit(&files)?;
        Ok(Written { target, stages, rows })
    }
}

/// Runs a write. Makes one row: `count`.
pub(crate) struct CommitExec {
    driver: Arc<Driver>,
    write: Write,
    config: SessionConfig,
    properties: Arc<PlanProperties>,
}

impl CommitExec {
    pub(crate) fn new(driver: Arc<Driver>, write: Write, config: SessionConfig, schema: SchemaRef) -> Self {
        let eq = EquivalenceProperties::new(schema);
        let one = Partitioning::UnknownPartitioning(1);
        let properties = PlanProperties::new(eq, one, EmissionType::Final, Boundedness::Bounded);
        Self { driver, write, config, properties: Arc::new(properties) }
    }
}

/// A write that is not committed yet: what it made is removed when it is dropped.
struct Attempt {
    dir: PathBuf,
    made_dir: bool,
    committed: bool,
}

impl Attempt {
    fn begin(dir: &Path) -> Result<Self> {
        let made_dir = match std::fs::read_dir(dir) {
            Ok(mut entries) => {
                if entries.next().is_some() {
                    return exec_err!(
                        "cannot write to {}: it exists and is not empty; choose another directory or remove it first",
                        dir.display()
                    );
                }
                false
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => true,
            Err(error) => return plan_err!("cannot write to {}: {error}", dir.display()),
        };
        std::fs::create_dir_all(dir.join(TEMPORARY)).map_err(|error| at(dir, error))?;
        Ok(Self { dir: dir.to_path_buf(), made_dir, committed: false })
    }

    fn commit(mut self, files: &[String]) -> Result<()> {
        let temporary = self.dir.join(TEMPORARY);
        for file in files {
            let Some((part, _)) = file.split_once('.') else {
                return exec_err!("a task wrote a file with the unexpected name {file}");
            };
            let name = self.dir.join(format!("{part}.parquet"));
            std::fs::rename(temporary.join(file), &name).map_err(|error| at(&name, error))?;
        }
        std::fs::remove_dir_all(&temporary).map_err(|error| at(&temporary, error))?;
        let success = self.dir.join("_SUCCESS");
        std::fs::write(&success, "").map_err(|error| at(&success, error))?;
        self.committed = true;
        Ok(())
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.committed {
            return;
        }
        let _ = std::fs::remove_dir_all(self.dir.join(TEMPORARY));
        // Parts that were renamed before a failed commit are ours: the directory was empty when the write began.
        for entry in std::fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            if entry.file_name().to_string_lossy().starts_with("part-") {
                let _ = std::fs::remove_file(entry.path());
            }
        }
        if self.made_dir {
            let _ = std::fs::remove_dir(&self.dir);
        }
    }
}

fn at(path: &Path, error: std::io::Error) -> DataFusionError {
    DataFusionError::IoError(std::io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

impl fmt::Debug for CommitExec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommitExec").field("write", &self.write).finish_non_exhaustive()
    }
}

impl DisplayAs for CommitExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "CommitExec: dir={}", self.write.dir.display())
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
        let (driver, write, config) = (Arc::clone(&self.driver), self.write.clone(), self.config.clone());
        let made = Arc::clone(&schema);
        let row = async move {
            let written = write.run(&driver, &config, None).await?;
            Ok(RecordBatch::try_new(made, vec![Arc::new(UInt64Array::from(vec![written.rows]))])?)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::once(row))))
    }
}
