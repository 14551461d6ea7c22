//! Where rows come from: the program itself here, files in [`Files`].

mod files;

pub use dpark_formats::{Codec, CsvDialect};
pub use files::Files;

use super::closure::function;
use super::{Rdd, Row};
use crate::Context;
use arrow::ipc::reader::StreamReader;
use arrow::ipc::writer::StreamWriter;
use datafusion::common::Result;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use dpark_operators::combine::external;
use dpark_plan::dataset::{BatchTask, Dataset};
use dpark_rows::{BatchBuilder, batch::batches_of, schema_of};
use std::ops::Range;
use std::sync::Arc;

/// Rows of a batch that is sent along.
const ROWS: usize = 8192;

impl Context {
    /// Rows of this program as a data set of `partitions` partitions of about equal size. The rows travel with the plan: for
    /// more than some megabytes, write a file and read it.
    pub fn parallelize<T: Row>(&self, rows: impl IntoIterator<Item = T>, partitions: usize) -> Rdd<T> {
        let rows: Vec<T> = rows.into_iter().collect();
        let partitions = partitions.max(1);
        let border = |partition: usize| partition * rows.len() / partitions;
        let payload = |partition: usize| -> Result<Arc<[u8]>> {
            let mut bytes = vec![];
            let mut writer = StreamWriter::try_new(&mut bytes, &schema_of::<T>())?;
            for batch in batches_of(&rows[border(partition)..border(partition + 1)], ROWS)? {
                writer.write(&batch)?;
            }
            writer.finish()?;
            drop(writer);
            Ok(bytes.into())
        };
        let body = move |task: BatchTask| {
            let reader = StreamReader::try_new(std::io::Cursor::new(task.argument), None)?;
            let batches = futures::stream::iter(reader.map(|batch| Ok(batch?)));
            Ok(Box::pin(RecordBatchStreamAdapter::new(task.schema, batches)) as _)
        };
        let payloads: Result<Vec<_>> = (0..partitions).map(payload).collect();
        let dataset = payloads.and_then(|payloads| Dataset::source(schema_of::<T>(), function::<T, _>(body), payloads));
        Rdd::new(self.clone(), dataset)
    }

    /// The whole numbers of a range, in `partitions` partitions of about equal size, made by the tasks.
    pub fn range(&self, range: Range<i64>, partitions: usize) -> Rdd<i64> {
        let partitions = partitions.max(1) as i128;
        let (start, length) = (i128::from(range.start), i128::from(range.end) - i128::from(range.start));
        let border = |partition: i128| (start + partition * length.max(0) / partitions) as i64;
        let payload = |partition| postcard::to_stdvec(&(border(partition), border(partition + 1)));
        let body = move |task: BatchTask| {
            let (start, end): (i64, i64) = postcard::from_bytes(&task.argument).map_err(external)?;
            let (schema, size) = (Arc::clone(&task.schema), task.batch_size.max(1) as i64);
            let batches = (start..end).step_by(size as usize).map(move |from| {
                let mut out = BatchBuilder::<i64>::new(Arc::clone(&schema), size as usize);
                (from..end.min(from.saturating_add(size))).for_each(|number| out.push(number));
                Ok(out.take_all()?)
            });
            let batches = batches.flat_map(|batches: Result<Vec<_>>| match batches {
                Ok(batches) => batches.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            });
            Ok(Box::pin(RecordBatchStreamAdapter::new(task.schema, futures::stream::iter(batches))) as _)
        };
        let payloads: Result<Vec<_>> = (0..partitions).map(|p| Ok(payload(p).map_err(external)?.into())).collect();
        let dataset =
            payloads.and_then(|payloads| Dataset::source(schema_of::<i64>(), function::<i64, _>(body), payloads));
        Rdd::new(self.clone(), dataset)
    }
}
