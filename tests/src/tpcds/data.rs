//! The 24 tables as Parquet, several files for the large ones, made once per target folder.

use crate::suite::Result;
use arrow::array::RecordBatchReader;
use datafusion::prelude::{ParquetReadOptions, SessionContext};
use parquet::arrow::ArrowWriter;
use std::fs::File;
use std::path::{Path, PathBuf};
use tpcdsgen::config::{Session, SessionBuilder};
use tpcdsgen_arrow::{
    CallCenterArrow, CatalogPageArrow, CatalogReturnsArrow, CatalogSalesArrow, CustomerAddressArrow, CustomerArrow,
    CustomerDemographicsArrow, DateDimArrow, HouseholdDemographicsArrow, IncomeBandArrow, InventoryArrow, ItemArrow,
    PromotionArrow, ReasonArrow, ShipModeArrow, StoreArrow, StoreReturnsArrow, StoreSalesArrow, TimeDimArrow,
    WarehouseArrow, WebPageArrow, WebReturnsArrow, WebSalesArrow, WebSiteArrow,
};

/// Small enough to run in minutes, large enough that most queries find rows.
const SCALE: f64 = 0.1;
/// Files per large table, so that its scan has several partitions.
const FILES: usize = 4;
/// Tables with more rows than this are large.
const LARGE: usize = 20_000;

type Reader = Box<dyn RecordBatchReader>;

/// Every table's name and generator.
fn tables(session: &Session) -> Vec<(&'static str, Reader)> {
    macro_rules! table {
        ($name:literal, $generator:ident) => {
            ($name, Box::new($generator::new(session.clone())) as Reader)
        };
    }
    vec![
        table!("call_center", CallCenterArrow),
        table!("catalog_page", CatalogPageArrow),
        table!("catalog_returns", CatalogReturnsArrow),
        table!("catalog_sales", CatalogSalesArrow),
        table!("customer", CustomerArrow),
        table!("customer_address", CustomerAddressArrow),
        table!("customer_demographics", CustomerDemographicsArrow),
        table!("date_dim", DateDimArrow),
        table!("household_demographics", HouseholdDemographicsArrow),
        table!("income_band", IncomeBandArrow),
        table!("inventory", InventoryArrow),
        table!("item", ItemArrow),
        table!("promotion", PromotionArrow),
        table!("reason", ReasonArrow),
        table!("ship_mode", ShipModeArrow),
        table!("store", StoreArrow),
        table!("store_returns", StoreReturnsArrow),
        table!("store_sales", StoreSalesArrow),
        table!("time_dim", TimeDimArrow),
        table!("warehouse", WarehouseArrow),
        table!("web_page", WebPageArrow),
        table!("web_returns", WebReturnsArrow),
        table!("web_sales", WebSalesArrow),
        table!("web_site", WebSiteArrow),
    ]
}

/// The folder with a folder per table. Made under another name and renamed, so it is there in whole or not at all.
pub fn folder(tmp: &Path) -> Result<PathBuf> {
    let folder = tmp.join(format!("tpcds-{SCALE}"));
    if folder.exists() {
        return Ok(folder);
    }
    let unfinished = tmp.join(format!("tpcds-{SCALE}.{}", std::process::id()));
    let session = SessionBuilder::new().with_scale_factor(SCALE).build().map_err(|error| error.to_string())?;
    for (name, reader) in tables(&session) {
        write(&unfinished.join(name), reader)?;
    }
    if let Err(error) = std::fs::rename(&unfinished, &folder) {
        std::fs::remove_dir_all(&unfinished)?;
        if !folder.exists() {
            return Err(error.into());
        }
    }
    Ok(folder)
}

/// One table: batches in turn over its files.
fn write(folder: &Path, reader: Reader) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let schema = reader.schema();
    let batches = reader.collect::<Result<Vec<_>, _>>()?;
    let rows: usize = batches.iter().map(|batch| batch.num_rows()).sum();
    let files = if rows > LARGE { FILES } else { 1 };
    for index in 0..files {
        let file = File::create(folder.join(format!("part-{index}.parquet")))?;
        let mut writer = ArrowWriter::try_new(file, schema.clone(), None)?;
        for batch in batches.iter().skip(index).step_by(files) {
            writer.write(batch)?;
        }
        writer.close()?;
    }
    Ok(())
}

/// Registers every table of the folder.
pub async fn register(folder: &Path, context: &SessionContext) -> Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = format!("{}/", entry.path().display());
        context.register_parquet(name, path, ParquetReadOptions::default()).await?;
    }
    Ok(())
}
