//! Reading this process's own outputs: clones of the batches in the memory tier, decoded blocks of the disk tier.

use crate::counters::{Counters, add};
use crate::encode::{Decoder, adopt, same_types};
use crate::file::{Bad, RawBlocks};
use crate::frame::Corrupt;
use crate::memory::batch_bytes;
use crate::store::{Source, failed};
use arrow::array::RecordBatch;
use arrow::buffer::Buffer;
use arrow::datatypes::SchemaRef;
use dpark_lineage::{ExecutorId, FetchFailed, TaskId};
use std::collections::VecDeque;
use std::sync::Arc;

/// The batches of some buckets of one output. Ends after the first error. Pulling it may read a file (blocking).
pub struct LocalBlocks {
    task: TaskId,
    executor: ExecutorId,
    schema: SchemaRef,
    state: State,
}

enum State {
    Memory(VecDeque<RecordBatch>),
    /// `ready`: blocks that `fill` has read.
    File {
        blocks: RawBlocks,
        decoder: Decoder,
        ready: VecDeque<(u32, Buffer)>,
    },
    Ended,
}

impl LocalBlocks {
    pub(crate) fn new(
        task: TaskId,
        executor: ExecutorId,
        source: Source,
        wanted: Option<&SchemaRef>,
        counters: &Counters,
    ) -> Result<LocalBlocks, Bad> {
        let (schema, state) = match source {
            Source::Memory { schema: written, batches } => {
                let schema = Arc::clone(wanted.unwrap_or(&written));
                if !same_types(&written, &schema) {
                    return Err(Corrupt(format!("written with schema {written}, wanted {schema}")).into());
                }
                add(&counters.read_memory, batches.iter().map(batch_bytes).sum());
                (schema, State::Memory(batches))
            }
            Source::File(blocks) => {
                let written = Arc::clone(&blocks.file.schema);
                let schema = Arc::clone(wanted.unwrap_or(&written));
                let decoder = Decoder::new(written, Arc::clone(&schema))?;
                (schema, State::File { blocks, decoder, ready: VecDeque::new() })
            }
        };
        Ok(LocalBlocks { task, executor, schema, state })
    }

    /// The schema of the batches.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    pub(crate) fn whose(&self) -> (TaskId, ExecutorId) {
        (self.task, self.executor)
    }

    /// Whether the next pull would read a file: then call `fill` first, where blocking is allowed.
    pub(crate) fn needs_fill(&self) -> bool {
        matches!(&self.state, State::File { blocks, ready, .. } if ready.is_empty() && !blocks.ended())
    }

    /// Reads about `bytes` ahead, at least one block, without decoding: that is the puller's part.
    pub(crate) fn fill(&mut self, bytes: usize) -> Result<(), FetchFailed> {
        let State::File { blocks, ready, .. } = &mut self.state else { return Ok(()) };
        let mut read = 0;
        while read < bytes && !blocks.ended() {
            match blocks.next_block() {
                Ok(Some(block)) => {
                    read += block.1.len() + 1;
                    ready.push_back(block);
                }
                Ok(None) => break,
                Err(bad) => {
                    self.state = State::Ended;
                    return Err(failed(self.task, self.executor, bad));
                }
            }
        }
        Ok(())
    }

    fn pull(&mut self) -> Result<Option<RecordBatch>, Bad> {
        match &mut self.state {
            State::Ended => Ok(None),
            State::Memory(batches) => match batches.pop_front() {
                None => Ok(None),
                Some(batch) => adopt(batch, &self.schema).map(Some).map_err(|e| Corrupt(e.to_string()).into()),
            },
            State::File { blocks, decoder, ready } => {
                let block = match ready.pop_front() {
                    Some(block) => Some(block),
                    None => blocks.next_block()?,
                };
                Ok(block.map(|(rows, body)| decoder.decode(rows, body)).transpose()?)
            }
        }
    }
}

impl Iterator for LocalBlocks {
    type Item = Result<RecordBatch, FetchFailed>;

    fn next(&mut self) -> Option<Self::Item> {
        let item = self.pull();
        if !matches!(item, Ok(Some(_))) {
            self.state = State::Ended;
        }
        item.map_err(|bad| failed(self.task, self.executor, bad)).transpose()
    }
}
