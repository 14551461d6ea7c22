//! [`ParquetWriteExec`]: each partition's rows as one Parquet file under a temporary name.
//!
//! A task only ever writes a file that no other attempt writes, and tells its name. Which files become part of the
//! data set is decided by the driver, which sees one finished attempt a partition.

use arrow::array::{StringArray, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::config::TableParquetOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::config::{ConfigField, Visit};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr};
use datafusion::physical_plan::execution_plan::{Boundedness, EmissionType};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, ExecutionPlanProperties, Partitioning, PlanProperties,
};
use futures::StreamExt;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::file::properties::WriterPropertiesBuilder;
use std::fmt;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Writes files; makes one row a partition: `file` (name below the directory), `rows`.
#[derive(Debug)]
pub struct ParquetWriteExec {
    input: Arc<dyn ExecutionPlan>,
    dir: PathBuf,
    options: Vec<(String, String)>,
    properties: Arc<PlanProperties>,
}

impl ParquetWriteExec {
    /// Writes below `dir`, which must exist when tasks run. `options` are those of [`option_texts`].
    pub fn new(input: Arc<dyn ExecutionPlan>, dir: PathBuf, options: Vec<(String, String)>) -> Self {
        let fields = vec![Field::new("file", DataType::Utf8, false), Field::new("rows", DataType::UInt64, false)];
        let eq = EquivalenceProperties::new(Arc::new(Schema::new(fields)));
        let partitions = Partitioning::UnknownPartitioning(input.output_partitioning().partition_count());
        let properties = PlanProperties::new(eq, partitions, EmissionType::Final, Boundedness::Bounded);
        Self { input, dir, options, properties: Arc::new(properties) }
    }

    /// The directory and the options.
    pub fn target(&self) -> (&Path, &[(String, String)]) {
        (&self.dir, &self.options)
    }
}

/// Those of DataFusion's Parquet options that are not the default, as text.
pub fn option_texts(options: &TableParquetOptions) -> Vec<(String, String)> {
    struct Texts(Vec<(String, String)>);
    impl Visit for Texts {
        fn some<V: fmt::Display>(&mut self, key: &str, value: V, _: &'static str) {
            self.0.push((key.trim_start_matches('.').to_owned(), value.to_string()));
        }
        fn none(&mut self, _: &str, _: &'static str) {}
    }
    let texts = |options: &TableParquetOptions| {
        let mut texts = Texts(vec![]);
        options.visit(&mut texts, "", "");
        texts.0
    };
    let usual = texts(&TableParquetOptions::default());
    let mut chosen = texts(options);
    chosen.retain(|text| !usual.contains(text));
    let metadata = options.key_value_metadata.iter();
    chosen.extend(metadata.map(|(key, value)| (format!("metadata::{key}"), value.clone().unwrap_or_default())));
    chosen.sort();
    chosen
}

/// How a file is written, by options as [`option_texts`] gives them. Errors: a value that makes no sense.
pub fn writer_options(options: &[(String, String)], schema: &SchemaRef) -> Result<ArrowWriterOptions> {
    let mut parquet = TableParquetOptions::default();
    for (key, value) in options {
        parquet.set(key, value)?;
    }
    let bare = parquet.global.skip_arrow_metadata;
    if !bare {
        parquet.arrow_schema(schema);
    }
    let properties = WriterPropertiesBuilder::try_from(&parquet)?.build();
    Ok(ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(bare))
}

async fn write(
    mut rows: SendableRecordBatchStream,
    dir: PathBuf,
    name: String,
    options: ArrowWriterOptions,
) -> Result<u64> {
    let path = dir.join(&name);
    let failed = |error: std::io::Error| {
        DataFusionError::IoError(std::io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display())))
    };
    let file = File::create_new(&path).map_err(failed)?;
    let mut writer = ArrowWriter::try_new_with_options(file, rows.schema(), options)?;
    let mut count = 0;
    while let Some(batch) = rows.next().await.transpose()? {
        count += batch.num_rows() as u64;
        writer.write(&batch)?;
    }
    writer.into_inner()?.sync_all().map_err(failed)?;
    Ok(count)
}

impl DisplayAs for ParquetWriteExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "ParquetWriteExec: dir={}", self.dir.display())
    }
}

impl ExecutionPlan for ParquetWriteExec {
    fn name(&self) -> &str {
        "ParquetWriteExec"
    }
    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }
    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }
    fn apply_expressions(
        &self,
        _f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }
    fn with_new_children(self: Arc<Self>, mut children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match (children.pop(), children.is_empty()) {
            (Some(input), true) => Ok(Arc::new(Self::new(input, self.dir.clone(), self.options.clone()))),
            _ => internal_err!("ParquetWriteExec takes one child"),
        }
    }
    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let attempt = context.task_id().unwrap_or_default().replace(' ', "-");
        let name = format!("part-{partition:05}.{attempt}.parquet");
        let schema = Arc::clone(self.properties.eq_properties.schema());
        let options = writer_options(&self.options, &self.input.schema())?;
        let (rows, dir) = (self.input.execute(partition, context)?, self.dir.clone());
        let made = Arc::clone(&schema);
        let row = async move {
            let count = write(rows, dir, name.clone(), options).await?;
            let columns: Vec<arrow::array::ArrayRef> =
                vec![Arc::new(StringArray::from(vec![name])), Arc::new(UInt64Array::from(vec![count]))];
            Ok(RecordBatch::try_new(made, columns)?)
        };
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, futures::stream::once(row))))
    }
}
