//! A physical optimizer rule that shares the row groups of Parquet files fairly.
//!
//! DataFusion cuts files into ranges of as many bytes, and a range reads the row groups that start in it. The cut in the middle of a
//! file with an even number of row groups lies just behind a start, since the footer counts too: one task of two reads one row
//! group more than half, the other one less, and of two row groups one task reads both. Here the cuts are moved to where row groups
//! start, by their bytes. Footers are looked for in the session's cache, where planning has put them; a scan with a file whose
//! footer is not there stays as it is.
//!
//! Data sets are planned anew by each action, and what one action has counted another may number: so a file is always cut alike. What
//! was found of it the first time is remembered, also that nothing was.

use datafusion::common::Result;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TransformedResult, TreeNode};
use datafusion::datasource::listing::{FileRange, PartitionedFile};
// A type of the same name one level up is never in the cache.
use datafusion::datasource::physical_plan::parquet::metadata::CachedParquetMetaData;
use datafusion::datasource::physical_plan::{FileGroup, FileScanConfig, FileScanConfigBuilder, ParquetSource};
use datafusion::datasource::source::DataSourceExec;
use datafusion::execution::cache::cache_manager::FileMetadataCache;
use datafusion::execution::object_store::ObjectStoreUrl;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::ExecutionPlan;
use object_store::path::Path;
use parquet::file::metadata::RowGroupMetaData;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// See the module.
pub(crate) struct ShareRowGroups {
    footers: Arc<FileMetadataCache>,
    known: Mutex<HashMap<Version, Option<Arc<[u64]>>>>,
}

/// One state of a file: where it is, its size, and when it was written.
type Version = (ObjectStoreUrl, Path, u64, i64);

impl ShareRowGroups {
    /// The rule's name in the optimizer's list.
    pub(crate) const NAME: &'static str = "share_row_groups";

    /// Finds footers in the cache.
    pub(crate) fn new(footers: Arc<FileMetadataCache>) -> Self {
        Self { footers, known: Mutex::default() }
    }

    /// The scan with other cuts, if it is one of Parquet files that are cut, and all footers are known.
    fn shared(&self, node: &Arc<dyn ExecutionPlan>) -> Option<Arc<dyn ExecutionPlan>> {
        let config = node.downcast_ref::<DataSourceExec>()?.data_source().downcast_ref::<FileScanConfig>()?;
        config.file_source().downcast_ref::<ParquetSource>()?;
        let free = config.output_ordering.is_empty() && !config.preserve_order && config.output_partitioning.is_none();
        let mut pieces = config.file_groups.iter().flat_map(|group| group.iter());
        if !free || !pieces.any(|piece| piece.range.is_some()) {
            return None;
        }
        let files = whole_files(&config.file_groups)?;
        let url = &config.object_store_url;
        let starts: Vec<Arc<[u64]>> = files.iter().map(|file| self.starts(url, file)).collect::<Option<_>>()?;
        let groups = share(&files, &starts, config.file_groups.len());
        Some(DataSourceExec::from_data_source(
            FileScanConfigBuilder::from(config.clone()).with_file_groups(groups).build(),
        ))
    }

    /// Where the row groups of a file start, as far as that was known when it was planned first.
    fn starts(&self, url: &ObjectStoreUrl, file: &PartitionedFile) -> Option<Arc<[u64]>> {
        let meta = &file.object_meta;
        let version = (url.clone(), meta.location.clone(), meta.size, meta.last_modified.timestamp_micros());
        let mut known = self.known.lock().ok()?;
        known.entry(version).or_insert_with(|| self.starts_in_footer(file)).clone()
    }

    /// Where the row groups of a file start, as the reader understands it, in the file's order.
    fn starts_in_footer(&self, file: &PartitionedFile) -> Option<Arc<[u64]>> {
        let cached = self.footers.get(&file.object_meta.location)?;
        if !cached.is_valid_for(&file.object_meta) {
            return None;
        }
        let footer = cached.file_metadata.as_any().downcast_ref::<CachedParquetMetaData>()?.parquet_metadata();
        let start = |group: &RowGroupMetaData| {
            let first = group.columns().first()?;
            u64::try_from(first.dictionary_page_offset().unwrap_or_else(|| first.data_page_offset())).ok()
        };
        let starts: Arc<[u64]> = footer.row_groups().iter().map(start).collect::<Option<_>>()?;
        let within = starts.last().is_none_or(|last| *last <= file.object_meta.size);
        (starts.is_sorted() && within).then_some(starts)
    }
}

impl std::fmt::Debug for ShareRowGroups {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ShareRowGroups")
    }
}

impl PhysicalOptimizerRule for ShareRowGroups {
    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _config: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        plan.transform_up(|node| {
            Ok(match self.shared(&node) {
                Some(scan) => Transformed::yes(scan),
                None => Transformed::no(node),
            })
        })
        .data()
    }

    fn name(&self) -> &str {
        Self::NAME
    }

    fn schema_check(&self) -> bool {
        true
    }
}

/// The files that the pieces make up, each once and whole; None if they do not, or if a piece is more than a range.
fn whole_files(groups: &[FileGroup]) -> Option<Vec<PartitionedFile>> {
    let mut files: Vec<(PartitionedFile, u64)> = vec![];
    for piece in groups.iter().flat_map(|group| group.iter()) {
        let (start, end) = piece.range();
        if !piece.extensions.is_empty() {
            return None;
        }
        let follows = |(file, upto): &&mut (PartitionedFile, u64)| {
            let same = file.object_meta.location == piece.object_meta.location
                && file.partition_values == piece.partition_values;
            start > 0 && *upto == start && same
        };
        match files.last_mut().filter(follows) {
            Some((_, upto)) => *upto = end,
            None if start == 0 => files.push((PartitionedFile { range: None, ..piece.clone() }, end)),
            None => return None,
        }
    }
    files.into_iter().map(|(file, upto)| (upto == file.object_meta.size).then_some(file)).collect()
}

/// The files in `parts` groups of about the same bytes, cut where row groups start.
fn share(files: &[PartitionedFile], starts: &[Arc<[u64]>], parts: usize) -> Vec<FileGroup> {
    let total: u64 = files.iter().map(|file| file.object_meta.size).sum();
    let mut groups: Vec<Vec<PartitionedFile>> = vec![vec![]; parts];
    let mut before = 0;
    for (file, starts) in files.iter().zip(starts) {
        let size = file.object_meta.size;
        let ends = starts.iter().skip(1).copied().chain([size]);
        // A row group belongs where its middle lies; what is left in `from` has no part yet.
        let mut pieces: Vec<(usize, u64, u64)> = vec![];
        for (start, end) in starts.iter().zip(ends) {
            let middle = before + start + (end - start) / 2;
            let part = (u128::from(middle) * parts as u128 / u128::from(total.max(1))) as usize;
            match pieces.last_mut() {
                Some((last, _, upto)) if *last == part => *upto = end,
                Some((_, _, upto)) => {
                    let from = *upto;
                    pieces.push((part, from, end));
                }
                None => pieces.push((part, 0, end)),
            }
        }
        for (part, start, end) in pieces {
            if let Some(group) = groups.get_mut(part.min(parts.saturating_sub(1))) {
                let whole = start == 0 && end == size;
                let range = (!whole).then_some(FileRange { start: start as i64, end: end as i64 });
                group.push(PartitionedFile { range, ..file.clone() });
            }
        }
        before += size;
    }
    groups.into_iter().map(FileGroup::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use datafusion::prelude::DataFrame;

    fn file(name: &str, size: u64) -> PartitionedFile {
        PartitionedFile::new(name, size)
    }

    /// A file's name, and which bytes if not all.
    type Piece = (String, Option<(i64, i64)>);

    fn ranges(groups: &[FileGroup]) -> Vec<Vec<Piece>> {
        let of = |piece: &PartitionedFile| {
            (piece.object_meta.location.to_string(), piece.range.as_ref().map(|range| (range.start, range.end)))
        };
        groups.iter().map(|group| group.iter().map(of).collect()).collect()
    }

    #[test]
    fn of_two_row_groups_each_of_two_tasks_has_one() {
        let groups = share(&[file("a", 204)], &[Arc::from([4, 104])], 2);
        let a = |start, end| vec![("a".to_owned(), Some((start, end)))];
        assert_eq!(ranges(&groups), [a(0, 104), a(104, 204)]);
    }

    #[test]
    fn every_row_group_is_read_once_whatever_the_files() {
        for parts in 1..9 {
            for files in 1..5u64 {
                for each in 0..7u64 {
                    let named: Vec<PartitionedFile> =
                        (0..files).map(|at| file(&at.to_string(), 4 + 100 * each + 40 * at + 8)).collect();
                    let starts: Vec<Arc<[u64]>> =
                        (0..files).map(|_| (0..each).map(|g| 4 + g * 100).collect()).collect();
                    let groups = share(&named, &starts, parts);
                    assert_eq!(groups.len(), parts);
                    for (one, starts) in named.iter().zip(&starts) {
                        for start in starts.iter() {
                            let reads = |piece: &&PartitionedFile| {
                                let (from, upto) = piece.range();
                                piece.object_meta.location == one.object_meta.location && (from..upto).contains(start)
                            };
                            assert_eq!(groups.iter().flat_map(|group| group.iter()).filter(reads).count(), 1);
                        }
                    }
                }
            }
        }
    }

    /// Two row groups of 10,000 rows each.
    fn written(path: &std::path::Path) {
        use arrow::array::{ArrayRef, Int64Array};
        use arrow::record_batch::RecordBatch;
        let values = Arc::new(Int64Array::from_iter_values((0..20_000).map(|at| at * at % 7919))) as ArrayRef;
        let batch = RecordBatch::try_from_iter([("a", values)]).unwrap();
        let properties =
            parquet::file::properties::WriterProperties::builder().set_max_row_group_row_count(Some(10_000));
        let file = std::fs::File::create(path).unwrap();
        let mut writer = parquet::arrow::ArrowWriter::try_new(file, batch.schema(), Some(properties.build())).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
    }

    #[tokio::test]
    async fn tasks_read_as_many_rows() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a.parquet");
        written(&path);
        let mut config = crate::session::config(2);
        config.options_mut().optimizer.repartition_file_min_size = 1;
        let state = crate::session::state_builder(config, Arc::default()).build();
        let session = datafusion::prelude::SessionContext::new_with_state(state);
        let rows = async |df: &DataFrame| -> Vec<usize> {
            let partitions = df.clone().collect_partitioned().await.unwrap();
            partitions.iter().map(|batches| batches.iter().map(|batch| batch.num_rows()).sum()).collect()
        };
        let df = session.read_parquet(path.to_str().unwrap(), Default::default()).await.unwrap();
        assert_eq!(rows(&df).await, [10_000, 10_000]);
        // Also when the footer is forgotten.
        session.runtime_env().cache_manager.get_file_metadata_cache().clear();
        assert_eq!(rows(&df).await, [10_000, 10_000]);
    }

    #[test]
    fn pieces_are_put_together_again() {
        let piece = |name, size, start, end| file(name, size).with_range(start, end);
        let groups = [
            FileGroup::new(vec![piece("a", 100, 0, 60)]),
            FileGroup::new(vec![piece("a", 100, 60, 100), file("b", 10)]),
            FileGroup::new(vec![file("b", 10)]),
        ];
        let files = whole_files(&groups).map(|files| ranges(&[FileGroup::new(files)]));
        let whole = |name: &str| (name.to_owned(), None);
        assert_eq!(files, Some(vec![vec![whole("a"), whole("b"), whole("b")]]));
        assert!(whole_files(&groups[..1]).is_none());
        assert!(whole_files(&groups[1..]).is_none());
    }
}
