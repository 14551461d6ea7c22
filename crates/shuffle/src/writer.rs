//! One task's output being written.
//!
//! ```text
//! push ──► pending (input batches + row numbers) ──gather──► done (batches per bucket)
//!                        │                                     │
//!                        └────────── memory refused ───────────┴──encode──► spill file
//! finish: memory tier, nothing spilled ──► done batches become the output as they are
//!         otherwise                    ──► bucket by bucket: spilled runs copied, done and pending encoded ──► file
//! ```
//! Everything held is accounted in the store's budget. When the budget refuses, finished outputs of the memory tier are
//! moved to disk first (they may never be read from here), then this writer spills; one input batch is always let in.

use crate::bucket::Bucket;
use crate::encode::{Encoder, adopt, pieces, same_types};
use crate::error::StoreError;
use crate::file::FileWriter;
use crate::gather::{Pending, Sink};
use crate::keep::Keep;
use crate::memory::{Reservation, batch_bytes, drags_memory};
use crate::spill::Spill;
use crate::store::BlockStore;
use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use dpark_lineage::{BucketSize, MapOutput, TaskId};
use std::sync::Arc;

/// Input is gathered when it begins to fall out of the cache, but not before each bucket gets a fair piece, and before
/// the gathering has to jump between too many arrays.
const GATHER_BYTES: usize = 4 << 20;
const GATHER_ROWS_PER_BUCKET: usize = 128;
const GATHER_BATCHES: usize = 512;

/// Writes the buckets of one task. Its methods may encode and write files: call them where blocking is allowed.
/// Dropped before [`finish`](MapWriter::finish), it leaves nothing, on disk or in the accounts.
pub struct MapWriter {
    store: Arc<BlockStore>,
    task: TaskId,
    schema: SchemaRef,
    buckets: usize,
    pending: Pending,
    done: Vec<Bucket>,
    done_bytes: usize,
    held: Reservation,
    /// The budget refused the batch that waits: it must leave memory before the next one comes.
    pressed: bool,
    keep: Keep,
    encoder: Option<Encoder>,
    spill: Option<Spill>,
}

impl MapWriter {
    pub(crate) fn new(store: Arc<BlockStore>, task: TaskId, schema: SchemaRef, buckets: usize) -> MapWriter {
        MapWriter {
            held: Reservation::new(Arc::clone(&store.config.budget)),
            task,
            buckets,
            pending: Pending::new(Arc::clone(&schema), buckets),
            done: (0..buckets).map(|_| Bucket::default()).collect(),
            done_bytes: 0,
            pressed: false,
            keep: Keep::default(),
            encoder: None,
            spill: None,
            schema,
            store,
        }
    }

    /// Says where the output shall be kept.
    pub fn keeping(mut self, keep: Keep) -> MapWriter {
        self.keep = keep;
        self
    }

    /// Whether the output may stay in memory.
    fn stays(&self) -> bool {
        self.store.config.memory && self.keep != Keep::Disk
    }

    /// The schema all batches must have (types of all columns; names may differ).
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// Appends all rows of a batch to a bucket. A batch of a good size is kept as it is, without a copy.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] if the bucket or the column types are not the writer's; [`StoreError::Io`] and
    /// [`StoreError::Arrow`] from a spill. After an error the writer is only good for dropping.
    pub fn push(&mut self, bucket: usize, batch: RecordBatch) -> Result<(), StoreError> {
        self.check_bucket(bucket)?;
        if batch.num_rows() == 0 {
            return Ok(());
        }
        let batch = self.adopt(batch)?;
        let bytes = batch_bytes(&batch);
        let large = batch.num_rows() * 2 >= self.store.config.batch_rows;
        if large && !self.pending.has_rows(bucket) && !drags_memory(&batch, bytes) {
            self.make_room(bytes)?;
            // It comes after everything of its bucket: what is spilled, and what is done.
            self.done[bucket].push(batch, self.store.config.batch_rows)?;
            self.done_bytes += bytes;
            return Ok(());
        }
        let rows = batch.num_rows() as u32;
        self.admit(batch, bytes)?;
        self.pending.note(bucket, 0..rows);
        Ok(())
    }

    /// Appends some rows of a batch to a bucket, in the order of `rows`. Scatter one batch with one call per bucket, one
    /// after the other: the batch is then held once and its rows are copied once, when they are gathered.
    ///
    /// # Errors
    /// As [`push`](MapWriter::push); also [`StoreError::Invalid`] for a row the batch does not have.
    pub fn push_indices(&mut self, bucket: usize, batch: &RecordBatch, rows: &[u32]) -> Result<(), StoreError> {
        self.check_bucket(bucket)?;
        let len = batch.num_rows();
        if rows.iter().any(|&r| r as usize >= len) {
            return Err(self.invalid(format!("row numbers beyond the {len} rows of the batch")));
        }
        if rows.is_empty() {
            return Ok(());
        }
        if !self.pending.is_last(batch) {
            let batch = self.adopt(batch.clone())?;
            let bytes = batch_bytes(&batch);
            self.admit(batch, bytes)?;
        }
        self.pending.note(bucket, rows.iter().copied());
        Ok(())
    }

    /// Makes the output readable and says how large its buckets are.
    ///
    /// # Errors
    /// As [`push`](MapWriter::push); also [`StoreError::Exists`] if this attempt already has an output.
    pub fn finish(mut self) -> Result<MapOutput, StoreError> {
        let in_memory = self.stays() && self.spill.is_none() && !self.pressed;
        if in_memory && self.gather()? {
            return self.finish_in_memory();
        }
        self.finish_in_file()
    }

    fn finish_in_memory(mut self) -> Result<MapOutput, StoreError> {
        let done = self.done.iter_mut().map(Bucket::take).collect::<Result<Vec<_>, _>>()?;
        let buckets = done.iter().map(|batches| bucket_size(batches)).collect();
        let output = MapOutput { buckets, spilled_bytes: 0 };
        self.store.publish_memory(self.task, Arc::clone(&self.schema), done, self.held.take(), self.keep, &output)?;
        Ok(output)
    }

    fn finish_in_file(mut self) -> Result<MapOutput, StoreError> {
        let spilled = self.spill.as_ref().map_or(0, Spill::bytes);
        let store = Arc::clone(&self.store);
        let target = store.config.batch_rows;
        let out = FileWriter::create(store.temporary(self.task, "tmp"), store.path(self.task), &self.schema)?;
        let encoder = self.encoder()?;
        let (spill, done) = (self.spill.take(), std::mem::take(&mut self.done));
        let mut sink = ToFile { out, spill, done, encoder, buffer: Vec::new() };
        self.pending.drain(target, &mut sink)?;
        let ToFile { mut out, .. } = sink;
        if self.buckets > 0 {
            out.end_bucket();
        }
        self.held.shrink_to(0);
        store.publish_file(self.task, out, spilled)
    }

    fn adopt(&self, batch: RecordBatch) -> Result<RecordBatch, StoreError> {
        if !same_types(batch.schema_ref(), &self.schema) {
            return Err(self.invalid(format!("batch of {}, writer of {}", batch.schema_ref(), self.schema)));
        }
        Ok(adopt(batch, &self.schema)?)
    }

    fn check_bucket(&self, bucket: usize) -> Result<(), StoreError> {
        if bucket < self.buckets {
            return Ok(());
        }
        Err(self.invalid(format!("bucket {bucket} of {}", self.buckets)))
    }

    fn invalid(&self, detail: String) -> StoreError {
        StoreError::Invalid { task: self.task, detail }
    }

    /// Lets a batch in whose rows will be scattered.
    fn admit(&mut self, batch: RecordBatch, bytes: usize) -> Result<(), StoreError> {
        // With the row numbers, which can outweigh a narrow batch.
        let bytes = bytes + batch.num_rows() * size_of::<(u32, u32)>();
        let fair = self.pending.input_rows() >= GATHER_ROWS_PER_BUCKET * self.buckets;
        let full = self.pending.batches() >= GATHER_BATCHES
            || self.pending.bytes() + bytes > self.store.config.buffer_bytes
            || (self.pending.bytes() + bytes > GATHER_BYTES && fair);
        if full && self.pending.batches() > 0 {
            self.gather()?;
        }
        self.make_room(bytes)?;
        self.pending.admit(batch, bytes);
        Ok(())
    }

    /// Takes `bytes` from the budget, by spilling if need be. A batch that fits nowhere is let in all the same, alone.
    fn make_room(&mut self, bytes: usize) -> Result<(), StoreError> {
        let held = self.done_bytes + self.pending.bytes();
        let over = !self.stays() && held + bytes > self.store.config.spill_bytes;
        if self.pressed || (over && held > 0) {
            self.spill()?;
        }
        if !self.reserve(bytes) {
            self.spill()?;
            self.pressed = !self.held.try_grow(bytes);
        }
        Ok(())
    }

    fn reserve(&mut self, bytes: usize) -> bool {
        self.held.try_grow(bytes) || (self.store.evict(bytes, self.task.stage) > 0 && self.held.try_grow(bytes))
    }

    /// Turns what waits into dense batches. False if there was no memory for them and everything was spilled instead.
    fn gather(&mut self) -> Result<bool, StoreError> {
        if self.pending.batches() == 0 {
            return Ok(true);
        }
        // While gathering, the rows exist twice.
        if self.pressed || !self.reserve(self.pending.bytes()) {
            self.spill()?;
            return Ok(false);
        }
        let target = self.store.config.batch_rows;
        let mut sink = ToDone { done: &mut self.done, bytes: 0, target };
        self.pending.drain(target, &mut sink)?;
        self.done_bytes += sink.bytes;
        // Estimates and outcomes differ a little (null bitmaps, dictionaries); the account must say what is held.
        if self.held.bytes() < self.done_bytes {
            let missing = self.done_bytes - self.held.bytes();
            if !self.reserve(missing) {
                self.spill()?;
                return Ok(false);
            }
        }
        self.held.shrink_to(self.done_bytes);
        Ok(true)
    }

    fn encoder(&mut self) -> Result<Encoder, StoreError> {
        match self.encoder.take() {
            Some(encoder) => Ok(encoder),
            None => Ok(Encoder::new(&self.schema, self.store.config.compression)?),
        }
    }

    /// Puts everything held on disk.
    fn spill(&mut self) -> Result<(), StoreError> {
        self.pressed = false;
        if self.pending.batches() == 0 && self.done_bytes == 0 {
            return Ok(());
        }
        let encoder = self.encoder()?;
        let spill = match self.spill.take() {
            Some(spill) => spill,
            None => Spill::create(self.store.temporary(self.task, "spill.tmp"), self.buckets)?,
        };
        let before = spill.bytes();
        let mut sink = ToSpill { spill, done: &mut self.done, encoder };
        self.pending.drain(self.store.config.batch_rows, &mut sink)?;
        let ToSpill { mut spill, encoder, .. } = sink;
        spill.flush()?;
        let bytes = spill.bytes() - before;
        tracing::debug!(task = %self.task, bytes, "spilled shuffle rows");
        crate::counters::add(&self.store.counters.spilled, bytes as usize);
        self.spill = Some(spill);
        self.encoder = Some(encoder);
        self.done_bytes = 0;
        self.held.shrink_to(0);
        Ok(())
    }
}

/// Gathered rows stay.
struct ToDone<'a> {
    done: &'a mut [Bucket],
    bytes: usize,
    target: usize,
}

impl Sink for ToDone<'_> {
    fn take(&mut self, bucket: usize, batch: RecordBatch) -> Result<(), StoreError> {
        self.bytes += batch_bytes(&batch);
        Ok(self.done[bucket].push(batch, self.target)?)
    }
}

/// What is done and what waits goes to the spill file; each batch is let go when it is encoded.
struct ToSpill<'a> {
    spill: Spill,
    done: &'a mut [Bucket],
    encoder: Encoder,
}

impl Sink for ToSpill<'_> {
    fn begin(&mut self, bucket: usize) -> Result<(), StoreError> {
        self.done[bucket].take()?.into_iter().try_for_each(|batch| self.take(bucket, batch))
    }
    fn take(&mut self, bucket: usize, batch: RecordBatch) -> Result<(), StoreError> {
        pieces(&batch).try_for_each(|rows| self.spill.block(bucket, &self.encoder.encode(&rows)?, rows.num_rows()))
    }
}

/// Spilled, done, waiting: the order in which a bucket's rows came.
struct ToFile {
    out: FileWriter,
    spill: Option<Spill>,
    done: Vec<Bucket>,
    encoder: Encoder,
    buffer: Vec<u8>,
}

impl Sink for ToFile {
    fn begin(&mut self, bucket: usize) -> Result<(), StoreError> {
        if bucket > 0 {
            self.out.end_bucket();
        }
        if let Some(spill) = &self.spill {
            spill.copy(bucket, &mut self.out, &mut self.buffer)?;
        }
        self.done[bucket].take()?.into_iter().try_for_each(|batch| self.take(bucket, batch))
    }
    fn take(&mut self, _bucket: usize, batch: RecordBatch) -> Result<(), StoreError> {
        pieces(&batch).try_for_each(|rows| self.out.block(&self.encoder.encode(&rows)?, rows.num_rows()))
    }
}

fn bucket_size(batches: &[RecordBatch]) -> BucketSize {
    BucketSize {
        rows: batches.iter().map(|b| b.num_rows() as u64).sum(),
        bytes: batches.iter().map(|b| batch_bytes(b) as u64).sum(),
    }
}
