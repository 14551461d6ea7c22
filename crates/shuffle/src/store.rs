//! The outputs one process has: which exist, and in which tier each of them is.
//!
//! ```text
//!            publish_memory                 evict (oldest first)
//! MapWriter ────────────────► Memory tier ────────────────────► Disk tier ◄── publish_file ── MapWriter
//!                                 │                                 │
//!                                 └───────────── source ────────────┴──► LocalBlocks, Fetcher, ShuffleServer
//! ```

use crate::counters::{Counters, add};
use crate::dir::StoreDir;
use crate::encode::{Compression, Encoder, pieces};
use crate::error::StoreError;
use crate::file::{Bad, FileWriter, RawBlocks, ShuffleFile};
use crate::keep::Keep;
use crate::local::LocalBlocks;
use crate::memory::{MemoryBudget, Reservation, Unlimited};
use crate::residents::{Residents, Victim};
use crate::writer::MapWriter;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use dpark_lineage::{BucketSize, ExecutorId, FetchFailed, MapOutput, StageId, TaskId};
use parking_lot::Mutex;
use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Output files kept open; beyond that the one opened first is closed (readers that use it keep it).
const OPEN_FILES: usize = 256;

/// How a store works.
#[derive(Clone)]
pub struct StoreConfig {
    /// Where the store makes its own sub-directory. Created if missing.
    pub dir: PathBuf,
    /// Whose outputs these are; named in the errors of readers.
    pub executor: ExecutorId,
    /// Memory tier: outputs stay as record batches and go to disk only when `budget` refuses.
    pub memory: bool,
    /// For files and for what is sent.
    pub compression: Compression,
    /// Accounts for everything writers and the memory tier hold.
    pub budget: Arc<dyn MemoryBudget>,
    /// Rows of a batch as gathered, at most.
    pub batch_rows: usize,
    /// Bytes of input a writer keeps back before it gathers them into buckets.
    pub buffer_bytes: usize,
    /// Without the memory tier: bytes a writer holds before it spills, even if the budget would grant more.
    pub spill_bytes: usize,
}

impl StoreConfig {
    /// Disk tier, LZ4, no memory limit, 8192 rows a batch, 32 MiB buffered and 256 MiB held per writer.
    pub fn new(dir: impl Into<PathBuf>, executor: ExecutorId) -> StoreConfig {
        StoreConfig {
            dir: dir.into(),
            executor,
            memory: false,
            compression: Compression::default(),
            budget: Arc::new(Unlimited),
            batch_rows: 8192,
            buffer_bytes: 32 << 20,
            spill_bytes: 256 << 20,
        }
    }
}

/// The outputs of the tasks that ran in this process. Its directory goes when the store goes.
pub struct BlockStore {
    pub(crate) config: StoreConfig,
    pub(crate) counters: Arc<Counters>,
    dir: StoreDir,
    tables: Mutex<Tables>,
}

#[derive(Default)]
struct Tables {
    outputs: BTreeMap<TaskId, Entry>,
    /// Memory-tier outputs; may name outputs that are gone.
    residents: Residents,
    /// Open files, oldest first.
    open: VecDeque<(TaskId, Arc<ShuffleFile>)>,
}

struct Entry {
    output: MapOutput,
    place: Place,
}

#[derive(Clone)]
enum Place {
    Memory(Arc<MemoryOutput>),
    Disk,
}

struct MemoryOutput {
    schema: SchemaRef,
    buckets: Vec<Vec<RecordBatch>>,
    held: Reservation,
}

/// The blocks of some buckets of one output, wherever they are.
pub(crate) enum Source {
    Memory { schema: SchemaRef, batches: VecDeque<RecordBatch> },
    File(RawBlocks),
}

impl BlockStore {
    /// Opens an empty store in a directory of its own below `config.dir`.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the directory cannot be made.
    pub fn open(config: StoreConfig) -> Result<Arc<BlockStore>, StoreError> {
        let dir = StoreDir::create(&config.dir, config.executor)?;
        let counters = Arc::new(Counters::default());
        Ok(Arc::new(BlockStore { config, counters, dir, tables: Mutex::default() }))
    }

    /// The store's own directory.
    pub fn dir(&self) -> &Path {
        &self.dir.path
    }
    /// Whose store this is.
    pub fn executor(&self) -> ExecutorId {
        self.config.executor
    }
    /// Running totals.
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// A writer for one task's output of `buckets` buckets. Writers of different tasks are independent.
    pub fn writer(self: &Arc<Self>, task: TaskId, schema: SchemaRef, buckets: usize) -> MapWriter {
        MapWriter::new(Arc::clone(self), task, schema, buckets)
    }

    /// What a finished task reported; None if it is not here.
    pub fn output(&self, stage: StageId, map: u32, attempt: u32) -> Option<MapOutput> {
        let task = TaskId { stage, partition: map, attempt };
        self.tables.lock().outputs.get(&task).map(|e| e.output.clone())
    }

    /// The batches of one bucket, in the order they were pushed. Reads files as the iterator is pulled.
    ///
    /// # Errors
    /// [`FetchFailed`] with `Gone` if the output (or the bucket) is not here, with `Corrupt` if its file is damaged;
    /// the iterator yields the same for damage that is found later.
    pub fn read(&self, stage: StageId, map: u32, attempt: u32, bucket: u32) -> Result<LocalBlocks, FetchFailed> {
        self.read_buckets(TaskId { stage, partition: map, attempt }, bucket..bucket + 1, None)
    }

    /// As [`read`](BlockStore::read) for a range of buckets, one after the other. With `schema`, the batches have
    /// that schema, whose types must be those that were written (`Corrupt` otherwise).
    pub fn read_buckets(
        &self,
        task: TaskId,
        buckets: Range<u32>,
        schema: Option<&SchemaRef>,
    ) -> Result<LocalBlocks, FetchFailed> {
        self.source(task, &buckets)
            .and_then(|source| LocalBlocks::new(task, self.config.executor, source, schema, &self.counters))
            .map_err(|bad| failed(task, self.config.executor, bad))
    }

    /// Forgets all outputs of a stage and removes their files. Readers that have begun can finish.
    pub fn drop_stage(&self, stage: StageId) {
        let first = TaskId { stage, partition: 0, attempt: 0 };
        let last = TaskId { stage, partition: u32::MAX, attempt: u32::MAX };
        self.forget(|outputs| outputs.extract_if(first..=last, |_, _| true).collect());
    }

    /// Forgets everything, as `drop_stage` for all stages. Running writers are not disturbed.
    pub fn clear(&self) {
        self.forget(|outputs| std::mem::take(outputs).into_iter().collect());
    }

    /// Forgets everything and removes the directory, while others still hold the store: a process that ends does not
    /// wait until they let go. Nothing can be written afterwards.
    pub fn close(&self) {
        self.clear();
        self.dir.remove();
    }

    fn forget(&self, select: impl FnOnce(&mut BTreeMap<TaskId, Entry>) -> Vec<(TaskId, Entry)>) {
        let mut tables = self.tables.lock();
        let gone = select(&mut tables.outputs);
        let Tables { outputs, residents, open } = &mut *tables;
        residents.retain(|task| outputs.contains_key(task));
        open.retain(|(task, _)| outputs.contains_key(task));
        drop(tables);
        // Freeing memory and unlinking files takes time; others need not wait for it.
        for (task, entry) in gone {
            if matches!(entry.place, Place::Disk) {
                self.remove_file(task);
            }
        }
    }

    fn remove_file(&self, task: TaskId) {
        let path = self.path(task);
        if let Err(e) = std::fs::remove_file(&path) {
            tracing::warn!(file = %path.display(), "cannot remove a shuffle file: {e}");
        }
    }

    pub(crate) fn path(&self, task: TaskId) -> PathBuf {
        self.temporary(task, "shuffle")
    }

    pub(crate) fn temporary(&self, task: TaskId, ending: &str) -> PathBuf {
        self.dir.path.join(format!("{}-{}-{}.{ending}", task.stage.0, task.partition, task.attempt))
    }

    pub(crate) fn publish_memory(
        &self,
        task: TaskId,
        schema: SchemaRef,
        buckets: Vec<Vec<RecordBatch>>,
        held: Reservation,
        keep: Keep,
        output: &MapOutput,
    ) -> Result<(), StoreError> {
        let memory = Arc::new(MemoryOutput { schema, buckets, held });
        let mut tables = self.tables.lock();
        if tables.outputs.contains_key(&task) {
            return Err(StoreError::Exists(task));
        }
        tables.outputs.insert(task, Entry { output: output.clone(), place: Place::Memory(memory) });
        tables.residents.add(task, keep);
        Ok(())
    }

    pub(crate) fn publish_file(
        &self,
        task: TaskId,
        file: FileWriter,
        spilled_bytes: u64,
    ) -> Result<MapOutput, StoreError> {
        // The rename happens under the lock: a second writer of the same attempt must not overwrite the first.
        let mut tables = self.tables.lock();
        if tables.outputs.contains_key(&task) {
            return Err(StoreError::Exists(task));
        }
        let (entries, bytes) = file.finish()?;
        let buckets = entries.iter().map(|e| BucketSize { rows: e.rows, bytes: e.len }).collect();
        let output = MapOutput { buckets, spilled_bytes };
        tables.outputs.insert(task, Entry { output: output.clone(), place: Place::Disk });
        drop(tables);
        add(&self.counters.written, bytes as usize);
        Ok(output)
    }

    /// Moves memory-tier outputs to disk, those of the least recently used stage first, until `bytes` are given back or
    /// none is left; outputs that are not worth the disk are dropped. `by` is the stage that needs the room. Returns the
    /// bytes given back; readers that still use the batches keep them alive until they are done.
    pub(crate) fn evict(&self, bytes: usize, by: StageId) -> usize {
        let mut freed = 0;
        while freed < bytes {
            let mut tables = self.tables.lock();
            let task = match tables.residents.victim(by) {
                Some(Victim::ToDisk(task)) => task,
                Some(Victim::Dropped(tasks)) => {
                    let dropped: Vec<Entry> = tasks.iter().filter_map(|task| tables.outputs.remove(task)).collect();
                    drop(tables);
                    for entry in &dropped {
                        if let Place::Memory(memory) = &entry.place {
                            freed += memory.held.bytes();
                        }
                    }
                    tracing::debug!(outputs = dropped.len(), "gave up outputs that are kept in memory only");
                    continue;
                }
                None => break,
            };
            let Some(Place::Memory(memory)) = tables.outputs.get(&task).map(|e| e.place.clone()) else { continue };
            drop(tables);
            match self.write_evicted(task, &memory) {
                Ok(written) => {
                    let mut tables = self.tables.lock();
                    match tables.outputs.get_mut(&task) {
                        Some(entry) => entry.place = Place::Disk,
                        // Dropped while it was written.
                        None => self.remove_file(task),
                    }
                    drop(tables);
                    freed += memory.held.bytes();
                    add(&self.counters.evicted, written as usize);
                    tracing::debug!(%task, bytes = memory.held.bytes(), "moved a shuffle output to disk");
                }
                Err(e) => {
                    tracing::warn!(%task, "cannot move a shuffle output to disk: {e}");
                    self.tables.lock().residents.add(task, Keep::MemoryAndDisk);
                    break;
                }
            }
        }
        freed
    }

    fn write_evicted(&self, task: TaskId, memory: &MemoryOutput) -> Result<u64, StoreError> {
        let mut encoder = Encoder::new(&memory.schema, self.config.compression)?;
        let mut out = FileWriter::create(self.temporary(task, "evict.tmp"), self.path(task), &memory.schema)?;
        for bucket in &memory.buckets {
            for rows in bucket.iter().flat_map(pieces) {
                out.block(&encoder.encode(&rows)?, rows.num_rows())?;
            }
            out.end_bucket();
        }
        Ok(out.finish()?.1)
    }

    pub(crate) fn in_memory(&self, task: TaskId) -> bool {
        self.tables.lock().outputs.get(&task).is_some_and(|e| matches!(e.place, Place::Memory(_)))
    }

    pub(crate) fn source(&self, task: TaskId, buckets: &Range<u32>) -> Result<Source, Bad> {
        let mut tables = self.tables.lock();
        tables.residents.used(task.stage);
        let place = tables.outputs.get(&task).map(|e| e.place.clone());
        drop(tables);
        match place {
            None => Err(Bad::gone("this executor has no such output")),
            Some(Place::Memory(memory)) => {
                let within = memory
                    .buckets
                    .get(buckets.start as usize..buckets.end as usize)
                    .ok_or_else(|| Bad::gone(format!("it has {} buckets, not {buckets:?}", memory.buckets.len())))?;
                let batches = within.iter().flatten().cloned().collect();
                Ok(Source::Memory { schema: Arc::clone(&memory.schema), batches })
            }
            Some(Place::Disk) => {
                let file = self.open_file(task)?;
                let extent = file.extent(buckets)?;
                Ok(Source::File(RawBlocks::new(file, extent)))
            }
        }
    }

    fn open_file(&self, task: TaskId) -> Result<Arc<ShuffleFile>, Bad> {
        if let Some((_, file)) = self.tables.lock().open.iter().find(|(t, _)| *t == task) {
            return Ok(Arc::clone(file));
        }
        let file = Arc::new(ShuffleFile::open(&self.path(task), Arc::clone(&self.counters))?);
        let mut tables = self.tables.lock();
        let closed = (tables.open.len() >= OPEN_FILES).then(|| tables.open.pop_front());
        if tables.outputs.contains_key(&task) {
            tables.open.push_back((task, Arc::clone(&file)));
        }
        drop(tables);
        drop(closed);
        Ok(file)
    }
}

pub(crate) fn failed(task: TaskId, executor: ExecutorId, bad: Bad) -> FetchFailed {
    FetchFailed {
        stage: task.stage,
        map: task.partition,
        attempt: task.attempt,
        executor,
        cause: bad.cause,
        detail: bad.detail,
    }
}
