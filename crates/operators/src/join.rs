//! Pairs of values that have one key, of two inputs.
//!
//! Both inputs are read by turns until one has ended: that is the smaller, and becomes the build side of DataFusion's hash
//! join, through which the other flows. If neither ends within the task's memory, both are split by the hash of the key
//! into files and joined piece by piece (see [`grace`](crate::grace)).

use crate::grace::{MAX_DEPTH, Pieces};
use arrow::array::{Array, ArrayRef, StructArray};
use arrow::compute::{is_null, kernels::zip::zip};
use arrow::datatypes::{DataType, SchemaRef};
use arrow::record_batch::RecordBatch;
use datafusion::common::{JoinType, NullEquality, Result, exec_err, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::expressions::Column;
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::joins::{HashJoinExec, PartitionMode};
use datafusion::physical_plan::metrics::SpillMetrics;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::streaming::{PartitionStream, StreamingTableExec};
use dpark_plan::dataset::BatchTask;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::sync::{Arc, Mutex};

/// The build side is gathered, which takes its bytes twice for a while.
const BUILD_FACTOR: usize = 2;

/// Bytes of the hash table for a row of the build side.
const BUILD_ROW: usize = 40;

/// Which rows without a partner come out too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// None.
    Inner,
    /// Those of the left.
    Left,
    /// Those of the right.
    Right,
    /// Those of both.
    Full,
    /// Only those of the left, and nothing else: keyed batches of the left.
    Anti,
}

impl Kind {
    /// DataFusion's name, if the build side is the left one or not.
    fn join_type(self, build_is_left: bool) -> JoinType {
        match (self, build_is_left) {
            (Self::Inner, _) => JoinType::Inner,
            (Self::Full, _) => JoinType::Full,
            (Self::Left, true) | (Self::Right, false) => JoinType::Left,
            (Self::Left, false) | (Self::Right, true) => JoinType::Right,
            (Self::Anti, true) => JoinType::LeftAnti,
            (Self::Anti, false) => JoinType::RightAnti,
        }
    }
}

/// Joins a task's two inputs, of keyed batches. Out come batches of its schema: the key, and a struct of both values.
pub fn join(kind: Kind, mut task: BatchTask) -> Result<SendableRecordBatchStream> {
    let right = task.input()?;
    let left = task.input()?;
    let BatchTask { schema, context, spills, .. } = task;
    let reservation = MemoryConsumer::new("join").with_can_spill(true).register(context.memory_pool());
    let work = Work {
        kind,
        schema: Arc::clone(&schema),
        schemas: [left.schema(), right.schema()],
        context,
        spills,
        reservation,
        pending: vec![([left, right], 0)],
        current: None,
    };
    let batches = futures::stream::try_unfold(work, |mut work| async move {
        let batch = work.next().await?;
        Ok(batch.map(|batch| (batch, work)))
    });
    Ok(Box::pin(RecordBatchStreamAdapter::new(schema, batches)))
}

struct Work {
    kind: Kind,
    schema: SchemaRef,
    schemas: [SchemaRef; 2],
    context: Arc<TaskContext>,
    spills: SpillMetrics,
    reservation: MemoryReservation,
    /// Inputs to be joined, and how often they were split.
    pending: Vec<([SendableRecordBatchStream; 2], u32)>,
    /// A join that runs, and whether its build side is the left one.
    current: Option<(SendableRecordBatchStream, bool)>,
}

impl Work {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some((joined, build_is_left)) = &mut self.current {
                match joined.try_next().await? {
                    Some(batch) => {
                        let build_is_left = *build_is_left;
                        return self.arranged(&batch, build_is_left).map(Some);
                    }
                    None => {
                        self.current = None;
                        self.reservation.free();
                    }
                }
            } else {
                match self.pending.pop() {
                    Some((inputs, depth)) => self.begin(inputs, depth).await?,
                    None => return Ok(None),
                }
            }
        }
    }

    /// Reads until the build side is known, and starts the join or splits the inputs.
    async fn begin(&mut self, mut inputs: [SendableRecordBatchStream; 2], depth: u32) -> Result<()> {
        let mut read: [Vec<RecordBatch>; 2] = [vec![], vec![]];
        let (mut bytes, mut rows) = ([0, 0], [0, 0]);
        let build = loop {
            let side = usize::from(bytes[1] < bytes[0]);
            let Some(batch) = inputs[side].try_next().await? else { break side };
            bytes[side] += size_of_rows(&batch)?;
            rows[side] += batch.num_rows();
            read[side].push(batch);
            let smaller = usize::from(bytes[1] < bytes[0]);
            let needed = bytes[smaller] * BUILD_FACTOR + rows[smaller] * BUILD_ROW + bytes[1 - smaller];
            if let Err(refused) = self.reservation.try_resize(needed) {
                if depth >= MAX_DEPTH {
                    return exec_err!(
                        "join: the rows of a single key need more than the task's memory on both sides; give executors more \
                         ({})",
                        refused.strip_backtrace()
                    );
                }
                return self.split(read, inputs, depth).await;
            }
        };
        // The build's part is the hash join's from here on; what was read ahead of the other side stays ours.
        self.reservation.try_resize(bytes[1 - build])?;
        let [left_read, right_read] = read;
        let [left, right] = inputs;
        let build_is_left = build == 0;
        let (built, other_read, other) = match build_is_left {
            true => (left_read, right_read, right),
            false => (right_read, left_read, left),
        };
        let probe = futures::stream::iter(other_read.into_iter().map(Ok)).chain(other);
        let [left, right] = &self.schemas;
        let (build_schema, probe_schema) = if build_is_left { (left, right) } else { (right, left) };
        let built = futures::stream::iter(built.into_iter().map(Ok));
        let build =
            OneShot::exec(build_schema, Box::pin(RecordBatchStreamAdapter::new(Arc::clone(build_schema), built)))?;
        let probe =
            OneShot::exec(probe_schema, Box::pin(RecordBatchStreamAdapter::new(Arc::clone(probe_schema), probe)))?;
        let on = |schema: &SchemaRef| Arc::new(Column::new(schema.field(0).name(), 0));
        let exec = HashJoinExec::try_new(
            build,
            probe,
            vec![(on(build_schema), on(probe_schema))],
            None,
            &self.kind.join_type(build_is_left),
            None,
            PartitionMode::Partitioned,
            NullEquality::NullEqualsNull,
            false,
        )?;
        // A join may make many batches of one: it gives way, so that its task can be cancelled.
        let exec = CooperativeExec::new(Arc::new(exec));
        self.current = Some((exec.execute(0, Arc::clone(&self.context))?, build_is_left));
        Ok(())
    }

    async fn split(
        &mut self,
        read: [Vec<RecordBatch>; 2],
        inputs: [SendableRecordBatchStream; 2],
        depth: u32,
    ) -> Result<()> {
        let mut pieces = Pieces::new(&self.schemas, depth, &self.context, &self.spills);
        for (side, batches) in read.into_iter().enumerate() {
            for batch in batches {
                pieces.write(vec![(side, batch)])?;
            }
        }
        self.reservation.free();
        for (side, mut rows) in inputs.into_iter().enumerate() {
            while let Some(batch) = rows.try_next().await? {
                pieces.write(vec![(side, batch)])?;
            }
        }
        for piece in pieces.finish()? {
            let Ok(piece) = <[SendableRecordBatchStream; 2]>::try_from(piece) else {
                return internal_err!("a join has two inputs");
            };
            self.pending.push((piece, depth + 1));
        }
        Ok(())
    }

    /// The key and both values, of a batch of the hash join.
    fn arranged(&self, batch: &RecordBatch, build_is_left: bool) -> Result<RecordBatch> {
        if self.kind == Kind::Anti {
            return Ok(RecordBatch::try_new(Arc::clone(&self.schema), batch.columns().to_vec())?);
        }
        let (left, right) = if build_is_left { (0, 2) } else { (2, 0) };
        let (left_key, right_key) = (batch.column(left), batch.column(right));
        let key: ArrayRef = match self.kind {
            Kind::Inner | Kind::Left | Kind::Anti => Arc::clone(left_key),
            Kind::Right => Arc::clone(right_key),
            Kind::Full => zip(&is_null(left_key)?, right_key, left_key)?,
        };
        let DataType::Struct(fields) = self.schema.field(1).data_type() else {
            return internal_err!("the values of a join should be a struct");
        };
        let values = vec![Arc::clone(batch.column(left + 1)), Arc::clone(batch.column(right + 1))];
        crate::combine::keyed(&self.schema, key, Arc::new(StructArray::try_new(fields.clone(), values, None)?))
    }
}

fn size_of_rows(batch: &RecordBatch) -> Result<usize> {
    let mut bytes = 0;
    for column in batch.columns() {
        bytes += column.to_data().get_slice_memory_size()?;
    }
    Ok(bytes)
}

/// A stream as a plan that runs once.
struct OneShot {
    schema: SchemaRef,
    stream: Mutex<Option<SendableRecordBatchStream>>,
}

impl OneShot {
    fn exec(schema: &SchemaRef, stream: SendableRecordBatchStream) -> Result<Arc<dyn ExecutionPlan>> {
        let this = Arc::new(Self { schema: Arc::clone(schema), stream: Mutex::new(Some(stream)) });
        Ok(Arc::new(StreamingTableExec::try_new(Arc::clone(schema), vec![this], None, vec![], false, None)?))
    }
}

impl fmt::Debug for OneShot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OneShot")
    }
}

impl PartitionStream for OneShot {
    fn schema(&self) -> &SchemaRef {
        &self.schema
    }
    fn execute(&self, _context: Arc<TaskContext>) -> SendableRecordBatchStream {
        let stream = self.stream.lock().ok().and_then(|mut stream| stream.take());
        stream.unwrap_or_else(|| {
            let error = futures::stream::once(async { internal_err!("one side of a join was read twice") });
            Box::pin(RecordBatchStreamAdapter::new(Arc::clone(&self.schema), error))
        })
    }
}
