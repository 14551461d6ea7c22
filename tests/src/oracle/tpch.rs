//! TPC-H as Parquet: several files per big table and several row groups per file, so that scans really split.

use super::{Result, once};
use arrow::record_batch::RecordBatchReader;
use parquet::arrow::ArrowWriter;
use parquet::basic::Compression;
use parquet::file::properties::WriterProperties;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use tpchgen::generators::{
    CustomerGenerator, LineItemGenerator, NationGenerator, OrderGenerator, PartGenerator, PartSuppGenerator,
    RegionGenerator, SupplierGenerator,
};
use tpchgen_arrow::{
    CustomerArrow, LineItemArrow, NationArrow, OrderArrow, PartArrow, PartSuppArrow, RegionArrow, SupplierArrow,
};

/// Every table and the number of its files.
pub const TABLES: [(&str, i32); 8] = [
    ("lineitem", 5),
    ("orders", 4),
    ("customer", 3),
    ("part", 3),
    ("partsupp", 3),
    ("supplier", 2),
    ("nation", 1),
    ("region", 1),
];

/// A directory with one directory per table, made on first use below `root`.
pub fn data(root: &Path, scale: f64) -> Result<PathBuf> {
    once::dir(root, &format!("tpch-sf{scale}"), include_str!("tpch.rs"), |dir| generate(dir, scale))
}

/// Query `number` as it reads at this scale.
pub fn query(number: usize, scale: f64) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../sql/tpch/q{number:02}.sql"));
    let sql = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    if number != 11 {
        return Ok(sql);
    }
    let fraction = "* 0.0001";
    if sql.matches(fraction).count() != 1 {
        return Err("Q11 has not one fraction to replace, see sql/tpch/README.md".into());
    }
    Ok(sql.replace(fraction, &format!("* {}", 0.0001 / scale)))
}

fn generate(dir: &Path, scale: f64) -> Result<()> {
    for (table, parts) in TABLES {
        fs::create_dir(dir.join(table))?;
        for part in 1..=parts {
            let file = dir.join(table).join(format!("{part}.parquet"));
            match table {
                "lineitem" => write(&file, LineItemArrow::new(LineItemGenerator::new(scale, part, parts))),
                "orders" => write(&file, OrderArrow::new(OrderGenerator::new(scale, part, parts))),
                "customer" => write(&file, CustomerArrow::new(CustomerGenerator::new(scale, part, parts))),
                "part" => write(&file, PartArrow::new(PartGenerator::new(scale, part, parts))),
                "partsupp" => write(&file, PartSuppArrow::new(PartSuppGenerator::new(scale, part, parts))),
                "supplier" => write(&file, SupplierArrow::new(SupplierGenerator::new(scale, part, parts))),
                "nation" => write(&file, NationArrow::new(NationGenerator::new(scale, part, parts))),
                _ => write(&file, RegionArrow::new(RegionGenerator::new(scale, part, parts))),
            }?;
        }
    }
    Ok(())
}

fn write(path: &Path, reader: impl RecordBatchReader) -> Result<()> {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(4000))
        .set_compression(Compression::LZ4_RAW)
        .build();
    let mut writer = ArrowWriter::try_new(File::create(path)?, reader.schema(), Some(properties))?;
    for batch in reader {
        writer.write(&batch?)?;
    }
    writer.close()?;
    Ok(())
}
