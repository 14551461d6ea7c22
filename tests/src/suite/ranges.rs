//! The range-partitioned tables of `range_partitioning.slt`.
//!
//! The suite's own registration writes their files into its source folder, which is cargo's and may be read-only. So
//! that file is prepared under another name, and the same tables are made here, below the scratch folder.

use super::Result;
use arrow::array::{ArrayRef, Int32Array, RecordBatch};
use arrow::compute::SortOptions;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::streaming::StreamingTable;
use datafusion::common::{ScalarValue, SplitPoint};
use datafusion::datasource::file_format::parquet::ParquetFormat;
use datafusion::datasource::listing::{ListingOptions, ListingTable, ListingTableConfig, ListingTableUrl};
use datafusion::logical_expr::{Partitioning, RangePartitioning, col};
use datafusion::parquet::arrow::ArrowWriter;
use datafusion::physical_expr::expressions::col as physical_col;
use datafusion::physical_expr::{
    Partitioning as PhysicalPartitioning, PhysicalSortExpr, RangePartitioning as PhysicalRangePartitioning,
};
use datafusion::physical_plan::streaming::PartitionStream;
use datafusion::physical_plan::test::TestPartitionStream;
use datafusion::prelude::SessionContext;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The file these tables are for.
const FILE: &str = "range_partitioning.slt";

/// `(range_key, non_range_key, value)`
const ROWS: [[i32; 3]; 8] =
    [[1, 1, 10], [5, 2, 50], [10, 1, 100], [15, 2, 150], [20, 1, 200], [25, 2, 250], [30, 1, 300], [35, 2, 350]];
/// As [`ROWS`], with keys of their own.
const SPARSE_ROWS: [[i32; 3]; 6] = [[5, 2, 50], [8, 3, 80], [10, 1, 100], [20, 1, 200], [30, 1, 300], [40, 4, 400]];

/// The name under which the suite prepares the session of a file.
pub fn name_for_context(name: &Path) -> &Path {
    if name == Path::new(FILE) { Path::new("prepared_by_dpark.slt") } else { name }
}

/// Registers the tables, if the file is the one.
pub fn register(name: &Path, context: &SessionContext) -> Result<()> {
    if name != Path::new(FILE) {
        return Ok(());
    }
    listing(context, "range_partitioned", &ROWS, &[10, 20, 30])?;
    listing(context, "range_partitioned_shifted", &ROWS, &[15, 20, 30])?;
    listing(context, "range_partitioned_narrow", &ROWS, &[10, 20])?;
    listing(context, "range_partitioned_sparse", &SPARSE_ROWS, &[10, 20, 30])?;
    stream(context, "unbounded_range_like", &[10, 20, 30])?;
    stream(context, "unbounded_range_like_shifted", &[15, 20, 30])
}

/// A Parquet table of one file per range that declares its partitioning.
fn listing(context: &SessionContext, name: &str, rows: &[[i32; 3]], splits: &[i32]) -> Result<()> {
    // Beside `scratch/range_partitioning`, which is emptied before the file runs.
    let folder = std::env::current_dir()?.join("test_files").join("scratch_ranges").join(name);
    write(&folder, rows, splits)?;
    let partitioning = RangePartitioning::try_new(vec![col("range_key").sort(true, true)], points(splits))?;
    let url = ListingTableUrl::parse(format!("{}/", folder.display()))?;
    let options = ListingOptions::new(Arc::new(ParquetFormat::default()))
        .with_output_partitioning(Some(Partitioning::Range(partitioning)));
    let config = ListingTableConfig::new(url).with_listing_options(options).with_schema(schema());
    context.register_table(name, Arc::new(ListingTable::try_new(config)?))?;
    Ok(())
}

/// One Parquet file per range.
fn write(folder: &PathBuf, rows: &[[i32; 3]], splits: &[i32]) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    for (index, batch) in batches(rows, splits)?.iter().enumerate() {
        let file = File::create(folder.join(format!("part-{index}.parquet")))?;
        let mut writer = ArrowWriter::try_new(file, schema(), None)?;
        writer.write(batch)?;
        writer.close()?;
    }
    Ok(())
}

/// An unbounded table with one stream per range that declares its partitioning.
fn stream(context: &SessionContext, name: &str, splits: &[i32]) -> Result<()> {
    let key = PhysicalSortExpr { expr: physical_col("range_key", &schema())?, options: SortOptions::default() };
    let partitioning = PhysicalRangePartitioning::try_new([key].into(), points(splits))?;
    let streams = batches(&ROWS, splits)?.into_iter().map(|batch| {
        let stream: Arc<dyn PartitionStream> = Arc::new(TestPartitionStream::new_with_batches(vec![batch]));
        stream
    });
    let table = StreamingTable::try_new(schema(), streams.collect())?
        .with_infinite_table(true)
        .with_output_partitioning(PhysicalPartitioning::Range(partitioning));
    context.register_table(name, Arc::new(table))?;
    Ok(())
}

fn schema() -> SchemaRef {
    let field = |name| Field::new(name, DataType::Int32, false);
    Arc::new(Schema::new(vec![field("range_key"), field("non_range_key"), field("value")]))
}

fn points(splits: &[i32]) -> Vec<SplitPoint> {
    splits.iter().map(|split| SplitPoint::new(vec![ScalarValue::Int32(Some(*split))])).collect()
}

/// The rows of each range.
fn batches(rows: &[[i32; 3]], splits: &[i32]) -> Result<Vec<RecordBatch>> {
    let range = |row: &[i32; 3]| splits.iter().filter(|split| row[0] >= **split).count();
    let batch = |index: usize| {
        let column = |column: usize| -> ArrayRef {
            let of_range = rows.iter().filter(|row| range(row) == index);
            Arc::new(of_range.map(|row| row[column]).collect::<Int32Array>())
        };
        Ok(RecordBatch::try_new(schema(), vec![column(0), column(1), column(2)])?)
    };
    (0..=splits.len()).map(batch).collect()
}
