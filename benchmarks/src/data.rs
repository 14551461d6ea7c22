//! TPC-H data as Parquet, one file per table, made once per scale.
//!
//! A table is generated in parts of about a million rows. Each part becomes one row group: the parts are encoded by
//! several threads and appended in order, so the files are the same however many threads made them. The Arrow schema
//! is left out of the footer, as most writers of Parquet do.

use crate::Result;
use arrow::record_batch::RecordBatchReader;
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow, RegionArrow, SupplierArrow,
};

/// The tables and their rows at scale 1 (lineitem: about).
pub(crate) const TABLES: [(&str, f64); 8] = [
    ("lineitem", 6e6),
    ("orders", 1.5e6),
    ("partsupp", 8e5),
    ("part", 2e5),
    ("customer", 1.5e5),
    ("supplier", 1e4),
    ("nation", 25.0),
    ("region", 5.0),
];
const ROW_GROUP: f64 = 1e6;
const BATCH: usize = 8192;
/// Stands in a finished directory.
const DONE: &str = "_SUCCESS";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Scale factor: 1 is about 1 GB of text.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Where to; by default below the build's target directory.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Threads that encode.
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

impl Args {
    /// For a scale and a directory.
    pub(crate) fn at(scale: f64, dir: PathBuf) -> Args {
        Args { scale, data: Some(dir), threads: 2 }
    }
}

/// The directory of a scale below the target directory.
pub(crate) fn default_dir(scale: f64) -> Result<PathBuf> {
    let exe = std::env::current_exe()?;
    let target = exe.parent().and_then(Path::parent).ok_or("the program is in no target directory: use --data")?;
    Ok(target.join("tpch").join(format!("sf{scale}")))
}

/// Whether the directory has all tables.
pub(crate) fn is_complete(dir: &Path) -> bool {
    dir.join(DONE).exists()
}

/// The file of a table.
pub(crate) fn file(dir: &Path, table: &str) -> PathBuf {
    dir.join(format!("{table}.parquet"))
}

/// Makes the files unless they are there.
pub(crate) fn generate(args: &Args) -> Result<()> {
    let dir = args.data.clone().map_or_else(|| default_dir(args.scale), Ok)?;
    if is_complete(&dir) {
        println!("{} is there", dir.display());
        return Ok(());
    }
    fs::create_dir_all(&dir)?;
    for (table, rows) in TABLES {
        let started = Instant::now();
        let parts = if rows > 100.0 { (rows * args.scale / ROW_GROUP).ceil().max(1.0) as usize } else { 1 };
        let rows = write_table(&dir, table, args.scale, parts, args.threads.max(1))?;
        println!("{table:9} {rows:>11} rows, {parts:>3} row groups, {:6.1} s", started.elapsed().as_secs_f64());
    }
    fs::write(dir.join(DONE), "")?;
    Ok(())
}

fn write_table(dir: &Path, table: &str, scale: f64, parts: usize, threads: usize) -> Result<u64> {
    let properties = Arc::new(WriterProperties::builder().set_compression(Compression::SNAPPY).build());
    let schema = reader(table, scale, 1, 1)?.schema();
    let parquet_schema = ArrowSchemaConverter::new().convert(&schema)?;
    let partial = dir.join(format!("{table}.parquet.tmp"));
    let mut writer = SerializedFileWriter::new(File::create(&partial)?, parquet_schema.root_schema_ptr(), properties)?;
    let factory = ArrowRowGroupWriterFactory::new(&writer, schema);
    let next = AtomicUsize::new(0);
    let (sender, encoded) = mpsc::sync_channel(1);
    std::thread::scope(|scope| {
        for _ in 0..threads.min(parts) {
            let (sender, next, factory) = (sender.clone(), &next, &factory);
            scope.spawn(move || {
                loop {
                    let part = next.fetch_add(1, Ordering::Relaxed);
                    // A closed channel: the writer has failed and says why.
                    if part >= parts || sender.send((part, encode(factory, table, scale, part, parts))).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        append_in_order(&mut writer, encoded)
    })?;
    let metadata = writer.close()?;
    fs::rename(&partial, file(dir, table))?;
    Ok(u64::try_from(metadata.file_metadata().num_rows())?)
}

/// One part as the columns of a row group.
fn encode(
    factory: &ArrowRowGroupWriterFactory,
    table: &str,
    scale: f64,
    part: usize,
    parts: usize,
) -> Result<Vec<ArrowColumnChunk>> {
    let mut columns = factory.create_column_writers(part)?;
    let reader = reader(table, scale, i32::try_from(part + 1)?, i32::try_from(parts)?)?;
    let schema = reader.schema();
    for batch in reader {
        let batch = batch?;
        // No TPC-H column is nested: one leaf each.
        for ((writer, field), array) in columns.iter_mut().zip(schema.fields()).zip(batch.columns()) {
            for leaf in compute_leaves(field, array)? {
                writer.write(&leaf)?;
            }
        }
    }
    Ok(columns.into_iter().map(|writer| writer.close()).collect::<parquet::errors::Result<_>>()?)
}

fn append_in_order(
    writer: &mut SerializedFileWriter<File>,
    encoded: mpsc::Receiver<(usize, Result<Vec<ArrowColumnChunk>>)>,
) -> Result<()> {
    let mut early = BTreeMap::new();
    let mut due = 0;
    for (part, columns) in encoded {
        early.insert(part, columns?);
        while let Some(columns) = early.remove(&due) {
            let mut group = writer.next_row_group()?;
            for column in columns {
                column.append_to_row_group(&mut group)?;
            }
            group.close()?;
            due += 1;
        }
    }
    Ok(())
}

/// Part `part` of `parts`, counted from 1.
fn reader(table: &str, scale: f64, part: i32, parts: i32) -> Result<Box<dyn RecordBatchReader>> {
    Ok(match table {
        "lineitem" => Box::new(LineItemArrow::new(LineItemGenerator::new(scale, part, parts)).with_batch_size(BATCH)),
        "orders" => Box::new(OrderArrow::new(OrderGenerator::new(scale, part, parts)).with_batch_size(BATCH)),
        "partsupp" => Box::new(PartSuppArrow::new(PartSuppGenerator::new(scale, part, parts)).with_batch_size(BATCH)),
        "part" => Box::new(PartArrow::new(PartGenerator::new(scale, part, parts)).with_batch_size(BATCH)),
        "customer" => Box::new(CustomerArrow::new(CustomerGenerator::new(scale, part, parts)).with_batch_size(BATCH)),
        "supplier" => Box::new(SupplierArrow::new(SupplierGenerator::new(scale, part, parts)).with_batch_size(BATCH)),
        "nation" => Box::new(NationArrow::new(NationGenerator::new(scale, part, parts)).with_batch_size(BATCH)),
        "region" => Box::new(RegionArrow::new(RegionGenerator::new(scale, part, parts)).with_batch_size(BATCH)),
        _ => return Err(format!("no table {table}").into()),
    })
}

/// Batches of lineitem, for the micro-benchmarks.
pub(crate) fn lineitem(scale: f64) -> Result<Vec<arrow::array::RecordBatch>> {
    Ok(reader("lineitem", scale, 1, 1)?.collect::<Result<_, _>>()?)
}
