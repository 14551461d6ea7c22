//! Tables of keys in bounded memory: what does not fit goes to files, split by the hash of the key, and is done later
//! piece by piece. (Grace hash partitioning: Kitsuregawa, Tanaka, Moto-oka, "Application of hash to data base machine and
//! its architecture", 1983.)

use crate::mix::{STEP, mixed};
use arrow::array::{ArrayRef, UInt32Array};
use arrow::compute::take_record_batch;
use arrow::datatypes::SchemaRef;
use arrow::record_batch::RecordBatch;
use datafusion::common::hash_utils::create_hashes;
use datafusion::common::{DataFusionError, Result, internal_err};
use datafusion::execution::memory_pool::{MemoryConsumer, MemoryReservation};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_plan::metrics::SpillMetrics;
use datafusion::physical_plan::repartition::REPARTITION_RANDOM_STATE;
use datafusion::physical_plan::spill::SpillManager;
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use dpark_plan::dataset::BatchTask;
use dpark_plan::spill_file::{Writing, begin};
use futures::TryStreamExt;
use std::collections::VecDeque;
use std::sync::Arc;

/// Pieces into which a table is split that does not fit.
const PIECES: usize = 16;

/// Bytes below which a table is not what takes the memory.
const FLOOR: usize = 1 << 20;

/// Splits of splits. What does not fit then is one key, or hostile.
pub(crate) const MAX_DEPTH: u32 = 6;

/// What collects rows by key.
pub trait KeyTable: Send {
    /// Adds the rows of a batch of one of the inputs.
    fn push(&mut self, input: usize, batch: RecordBatch) -> Result<()>;
    /// Bytes in memory.
    fn size(&self) -> usize;
    /// How many keys there are.
    fn keys(&self) -> usize;
    /// Gives all that was collected as batches that can be pushed again. Nothing is left.
    fn spill(&mut self) -> Result<Vec<(usize, RecordBatch)>>;
    /// Gives the result. Nothing is left.
    fn finish(&mut self) -> Result<Vec<RecordBatch>>;
}

/// Makes empty tables.
pub type MakeTable = Box<dyn Fn() -> Result<Box<dyn KeyTable>> + Send>;

/// Runs the rows of a task's inputs through tables of `make`; gives their results, batches of the task's schema, in no order of keys.
/// `name` is what the operation is called in errors. Errors: the values of a single key need more than the task's memory.
pub fn collect(name: &'static str, task: BatchTask, make: MakeTable) -> SendableRecordBatchStream {
    let BatchTask { inputs, schema, context, spills, .. } = task;
    let reservation = MemoryConsumer::new(name).with_can_spill(true).register(context.memory_pool());
    let work = Work {
        name,
        schemas: inputs.iter().map(|input| input.schema()).collect(),
        make,
        context,
        spills,
        reservation,
        pending: vec![(inputs, 0)],
        ready: VecDeque::new(),
    };
    let batches = futures::stream::try_unfold(work, |mut work| async move {
        let batch = work.next().await?;
        Ok(batch.map(|batch| (batch, work)))
    });
    Box::pin(RecordBatchStreamAdapter::new(schema, batches))
}

struct Work {
    name: &'static str,
    schemas: Vec<SchemaRef>,
    make: MakeTable,
    context: Arc<TaskContext>,
    spills: SpillMetrics,
    reservation: MemoryReservation,
    /// Inputs to be done, and how often they were split.
    pending: Vec<(Vec<SendableRecordBatchStream>, u32)>,
    ready: VecDeque<RecordBatch>,
}

impl Work {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(batch) = self.ready.pop_front() {
                return Ok(Some(batch));
            }
            self.reservation.free();
            match self.pending.pop() {
                Some((inputs, depth)) => self.table(inputs, depth).await?,
                None => return Ok(None),
            }
        }
    }

    async fn table(&mut self, inputs: Vec<SendableRecordBatchStream>, depth: u32) -> Result<()> {
        let mut table = (self.make)()?;
        let mut pieces: Option<Pieces> = None;
        for (input, mut rows) in inputs.into_iter().enumerate() {
            while let Some(batch) = rows.try_next().await? {
                table.push(input, batch)?;
                let Err(refused) = self.reservation.try_resize(table.size()) else { continue };
                // A table that is small is refused because of others; splitting it would not help either, but ends.
                if depth >= MAX_DEPTH || (depth > 0 && table.keys() <= 1 && table.size() > FLOOR) {
                    return Err(self.too_large(refused));
                }
                let pieces = match &mut pieces {
                    Some(pieces) => pieces,
                    None => pieces.insert(Pieces::new(&self.schemas, depth, &self.context, &self.spills)),
                };
                pieces.write(table.spill()?)?;
                self.reservation.free();
            }
        }
        match pieces {
            None => self.ready.extend(table.finish()?),
            Some(mut pieces) => {
                pieces.write(table.spill()?)?;
                self.pending.extend(pieces.finish()?.into_iter().map(|inputs| (inputs, depth + 1)));
            }
        }
        Ok(())
    }

    fn too_large(&self, refused: DataFusionError) -> DataFusionError {
        DataFusionError::ResourcesExhausted(format!(
            "{}: the values of a single key need more than the task's memory; combine them instead of collecting them \
             (reduce_by_key, aggregate_by_key), or give executors more ({})",
            self.name,
            refused.strip_backtrace()
        ))
    }
}

/// Files of rows, by the hash of the key and by input.
pub(crate) struct Pieces {
    depth: u32,
    managers: Vec<SpillManager>,
    /// By input and piece.
    files: Vec<Vec<Option<Writing>>>,
    hashes: Vec<u64>,
}

impl Pieces {
    pub(crate) fn new(schemas: &[SchemaRef], depth: u32, context: &TaskContext, spills: &SpillMetrics) -> Self {
        let manager = |schema: &SchemaRef| SpillManager::new(context.runtime_env(), spills.clone(), Arc::clone(schema));
        Self {
            depth,
            managers: schemas.iter().map(manager).collect(),
            files: schemas.iter().map(|_| (0..PIECES).map(|_| None).collect()).collect(),
            hashes: vec![],
        }
    }

    pub(crate) fn write(&mut self, batches: Vec<(usize, RecordBatch)>) -> Result<()> {
        for (input, batch) in batches {
            let mut rows: Vec<Vec<u32>> = vec![vec![]; PIECES];
            self.hash(batch.column(0))?;
            for (row, hash) in (0..).zip(&self.hashes) {
                rows[piece(*hash, self.depth)].push(row);
            }
            let (Some(files), Some(manager)) = (self.files.get_mut(input), self.managers.get(input)) else {
                return internal_err!("there is no input {input}");
            };
            for (file, rows) in files.iter_mut().zip(rows).filter(|(_, rows)| !rows.is_empty()) {
                let file = match file {
                    Some(file) => file,
                    None => file.insert(begin(manager, "rows by key")?),
                };
                file(Some(&take_record_batch(&batch, &UInt32Array::from(rows))?))?;
            }
        }
        Ok(())
    }

    fn hash(&mut self, keys: &ArrayRef) -> Result<()> {
        self.hashes.clear();
        self.hashes.resize(keys.len(), 0);
        create_hashes([keys], REPARTITION_RANDOM_STATE.random_state(), &mut self.hashes)?;
        Ok(())
    }

    /// The inputs of each piece that has rows.
    pub(crate) fn finish(mut self) -> Result<Vec<Vec<SendableRecordBatchStream>>> {
        let mut pieces = vec![];
        for piece in 0..PIECES {
            let mut inputs = vec![];
            let mut any = false;
            for (files, manager) in self.files.iter_mut().zip(&self.managers) {
                let file = match files.get_mut(piece).and_then(Option::as_mut) {
                    Some(file) => file(None)?.1,
                    None => None,
                };
                inputs.push(match file {
                    Some(file) => {
                        any = true;
                        manager.read_spill_as_stream(file, None)?
                    }
                    None => nothing(manager.schema()),
                });
            }
            if any {
                pieces.push(inputs);
            }
        }
        Ok(pieces)
    }
}

fn nothing(schema: &SchemaRef) -> SendableRecordBatchStream {
    Box::pin(RecordBatchStreamAdapter::new(Arc::clone(schema), futures::stream::empty()))
}

/// Rows of one partition have hashes that are alike in their upper bits, and those of a piece in others: so all bits are
/// mixed anew at each depth.
fn piece(hash: u64, depth: u32) -> usize {
    mixed(hash ^ u64::from(depth + 1).wrapping_mul(STEP)) as usize % PIECES
}
