//! Which file was being read when a scan failed: DataFusion's errors of damaged data do not tell.
//!
//! Its scans count what they open and how often they fail, per partition, and read the files of a partition in turn
//! (work stealing is off, see `dpark_plan::session`). So the file opened last by a scan that failed is the one.

use arrow::error::ArrowError;
use datafusion::common::DataFusionError;
use datafusion::datasource::physical_plan::FileScanConfig;
use datafusion::datasource::source::DataSourceExec;
use datafusion::parquet::errors::ParquetError;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::metrics::MetricValue;
use std::collections::BTreeMap;
use std::sync::Arc;

/// ` (in the file …)`, to be put behind the words of `error`, or nothing: when the error is not about data, or tells by
/// itself.
pub fn place(error: &DataFusionError, fragment: &Arc<dyn ExecutionPlan>) -> String {
    if !is_about_data(error) {
        return String::new();
    }
    let told = error.to_string();
    let mut files = vec![];
    collect(fragment, &mut files);
    files.retain(|file| !told.contains(file.trim_start_matches('/')));
    if files.is_empty() { String::new() } else { format!(" (in the file {})", files.join(" or ")) }
}

/// Errors of reading and decoding. A filter that is evaluated within a scan may fail too, by no fault of the file.
fn is_about_data(error: &DataFusionError) -> bool {
    match error.find_root() {
        DataFusionError::ParquetError(error) => match error.as_ref() {
            ParquetError::External(held) => held.downcast_ref::<ArrowError>().is_none_or(is_format_error),
            ParquetError::ArrowError(_) => false,
            _ => true,
        },
        DataFusionError::ArrowError(error, _) => is_format_error(error),
        DataFusionError::ObjectStore(_) | DataFusionError::IoError(_) => true,
        _ => false,
    }
}

fn is_format_error(error: &ArrowError) -> bool {
    use ArrowError::{AvroError, CsvError, IoError, IpcError, JsonError, ParquetError};
    matches!(error, AvroError(_) | CsvError(_) | IoError(..) | IpcError(_) | JsonError(_) | ParquetError(_))
}

fn collect(plan: &Arc<dyn ExecutionPlan>, files: &mut Vec<String>) {
    if let Some(scan) = plan.downcast_ref::<DataSourceExec>()
        && let Some(config) = scan.data_source().downcast_ref::<FileScanConfig>()
    {
        // By partition: files opened, failures.
        let mut counts: BTreeMap<usize, (usize, usize)> = BTreeMap::new();
        for metric in scan.metrics().iter().flat_map(|metrics| metrics.iter()) {
            let (Some(partition), MetricValue::Count { name, count }) = (metric.partition(), metric.value()) else {
                continue;
            };
            let (opened, failures) = counts.entry(partition).or_default();
            match name.as_ref() {
                "files_opened" => *opened += count.value(),
                "file_open_errors" | "file_scan_errors" => *failures += count.value(),
                _ => {}
            }
        }
        for (partition, (opened, _)) in counts.into_iter().filter(|(_, (_, failures))| *failures > 0) {
            let group = config.file_groups.get(partition);
            if let Some(file) = group.and_then(|group| group.files().get(opened.checked_sub(1)?)) {
                let url = format!("{}{}", config.object_store_url, file.object_meta.location);
                files.push(url.strip_prefix("file://").map_or(url.clone(), str::to_owned));
            }
        }
    }
    plan.children().into_iter().for_each(|child| collect(child, files));
}
