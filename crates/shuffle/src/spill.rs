//! What a writer puts on disk before its end: encoded blocks, bucket by bucket, appended to one file per writer. At the
//! end the runs of each bucket are copied byte by byte into the output; nothing is decoded.

use crate::encode::EncodedBlock;
use crate::error::StoreError;
use crate::file::{FileWriter, Temporary};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

const COPY: usize = 1 << 20;

#[derive(Clone, Copy)]
struct Run {
    at: u64,
    len: u64,
    rows: u64,
}

/// A writer's spill file. Removed on drop.
pub(crate) struct Spill {
    file: BufWriter<File>,
    temporary: Temporary,
    runs: Vec<Vec<Run>>,
    at: u64,
}

impl Spill {
    pub(crate) fn create(path: PathBuf, buckets: usize) -> Result<Spill, StoreError> {
        let (temporary, file) = Temporary::create(path)?;
        Ok(Spill { file: BufWriter::with_capacity(256 << 10, file), temporary, runs: vec![Vec::new(); buckets], at: 0 })
    }

    /// Bytes written so far.
    pub(crate) fn bytes(&self) -> u64 {
        self.at
    }

    /// Appends a block to a bucket. Blocks of one bucket that follow each other make one run.
    pub(crate) fn block(&mut self, bucket: usize, block: &EncodedBlock, rows: usize) -> Result<(), StoreError> {
        let error = StoreError::io("spilling to", &self.temporary.path);
        self.file
            .write_all(&block.head)
            .and_then(|()| block.body.iter().try_for_each(|piece| self.file.write_all(piece)))
            .map_err(error)?;
        let (at, len, rows) = (self.at, block.len as u64, rows as u64);
        self.at += len;
        match self.runs[bucket].last_mut() {
            Some(run) if run.at + run.len == at => {
                run.len += len;
                run.rows += rows;
            }
            _ => self.runs[bucket].push(Run { at, len, rows }),
        }
        Ok(())
    }

    /// Ends a round of spilling: what was written can be read by `copy`.
    pub(crate) fn flush(&mut self) -> Result<(), StoreError> {
        self.file.flush().map_err(StoreError::io("spilling to", &self.temporary.path))
    }

    /// Appends all runs of a bucket to the bucket being written in `out`.
    pub(crate) fn copy(&self, bucket: usize, out: &mut FileWriter, buffer: &mut Vec<u8>) -> Result<(), StoreError> {
        for run in &self.runs[bucket] {
            let mut done = 0;
            while done < run.len {
                let n = (run.len - done).min(COPY as u64);
                buffer.resize(n as usize, 0);
                self.file
                    .get_ref()
                    .read_exact_at(buffer, run.at + done)
                    .map_err(StoreError::io("reading back", &self.temporary.path))?;
                out.frames(buffer)?;
                done += n;
            }
            out.add_rows(run.rows);
        }
        Ok(())
    }
}
