//! The chunks of one broadcast that a process has: in memory if the budget grants all of them, else in a file.
//!
//! The file has no name, so it is gone with the process, however that ends.

use super::chunks::Manifest;
use crate::memory::{MemoryBudget, Reservation};
use bytes::Bytes;
use parking_lot::Mutex;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

pub(crate) struct Holding {
    pub(crate) manifest: Manifest,
    dir: PathBuf,
    state: Mutex<State>,
}

struct State {
    tier: Tier,
    /// Chunk by chunk, whether it is here.
    have: Vec<bool>,
    missing: usize,
}

enum Tier {
    /// Chunks as they came.
    Pieces(Vec<Bytes>, Reservation),
    /// All of them, in one piece.
    Whole {
        bytes: Bytes,
        _held: Reservation,
    },
    File(Arc<File>),
}

impl Holding {
    /// Place for chunks that are still to come.
    pub(crate) fn empty(manifest: Manifest, dir: &Path, budget: &Arc<dyn MemoryBudget>) -> io::Result<Self> {
        let chunks = manifest.chunks();
        let tier = match reserve(&manifest, budget) {
            Some(held) => Tier::Pieces(vec![Bytes::new(); chunks], held),
            None => Tier::File(Arc::new(tempfile::tempfile_in(dir)?)),
        };
        let state = State { tier, have: vec![false; chunks], missing: chunks };
        Ok(Self { manifest, dir: dir.to_path_buf(), state: Mutex::new(state) })
    }

    /// All chunks at once.
    pub(crate) fn full(bytes: Vec<u8>, dir: &Path, budget: &Arc<dyn MemoryBudget>) -> io::Result<Self> {
        let manifest = Manifest::of(&bytes);
        let tier = match reserve(&manifest, budget) {
            Some(_held) => Tier::Whole { bytes: bytes.into(), _held },
            None => Tier::File(written(dir, &bytes)?),
        };
        let state = State { tier, have: vec![true; manifest.chunks()], missing: 0 };
        Ok(Self { manifest, dir: dir.to_path_buf(), state: Mutex::new(state) })
    }

    /// Takes a chunk that was checked. May block.
    pub(crate) fn put(&self, chunk: usize, bytes: Bytes) -> io::Result<()> {
        let file = match &self.state.lock().tier {
            Tier::File(file) => Some(Arc::clone(file)),
            Tier::Pieces(..) | Tier::Whole { .. } => None,
        };
        if let Some(file) = file {
            file.write_all_at(&bytes, self.manifest.range(chunk).start as u64)?;
        }
        let mut state = self.state.lock();
        let State { tier, have, missing } = &mut *state;
        if let Some(have) = have.get_mut(chunk).filter(|have| !**have) {
            if let Tier::Pieces(pieces, _) = tier
                && let Some(piece) = pieces.get_mut(chunk)
            {
                *piece = bytes;
            }
            (*have, *missing) = (true, *missing - 1);
        }
        Ok(())
    }

    /// A chunk, if it is here. May block.
    pub(crate) fn get(&self, chunk: usize) -> io::Result<Option<Bytes>> {
        let range = self.manifest.range(chunk);
        let file = {
            let state = self.state.lock();
            if !state.have.get(chunk).copied().unwrap_or(false) {
                return Ok(None);
            }
            match &state.tier {
                Tier::Pieces(pieces, _) => return Ok(pieces.get(chunk).cloned()),
                Tier::Whole { bytes, .. } => return Ok(Some(bytes.slice(range))),
                Tier::File(file) => Arc::clone(file),
            }
        };
        let mut bytes = vec![0; range.len()];
        file.read_exact_at(&mut bytes, range.start as u64)?;
        Ok(Some(bytes.into()))
    }

    pub(crate) fn is_complete(&self) -> bool {
        self.state.lock().missing == 0
    }

    /// The chunks that are here.
    pub(crate) fn have(&self) -> Vec<u32> {
        let state = self.state.lock();
        (0u32..).zip(&state.have).filter_map(|(chunk, have)| have.then_some(chunk)).collect()
    }

    /// The value in one piece; only when complete. In memory it stays in one piece, whoever asks for chunks. May block.
    pub(crate) fn whole(&self) -> io::Result<Bytes> {
        let mut state = self.state.lock();
        if let Tier::Pieces(pieces, held) = &mut state.tier {
            let mut whole = Vec::with_capacity(self.manifest.bytes());
            // Each piece is let go as soon as it is copied.
            for piece in std::mem::take(pieces) {
                whole.extend_from_slice(&piece);
            }
            let _held = held.take();
            state.tier = Tier::Whole { bytes: whole.into(), _held };
        }
        let file = match &state.tier {
            Tier::Whole { bytes, .. } => return Ok(bytes.clone()),
            Tier::Pieces(..) => return Ok(Bytes::new()),
            Tier::File(file) => Arc::clone(file),
        };
        drop(state);
        let mut bytes = vec![0; self.manifest.bytes()];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes.into())
    }

    /// Moves a complete value to a file and gives its memory back. May block.
    pub(crate) fn spill(&self) -> io::Result<()> {
        let bytes = self.whole()?;
        let mut state = self.state.lock();
        if matches!(state.tier, Tier::Whole { .. }) {
            state.tier = Tier::File(written(&self.dir, &bytes)?);
        }
        Ok(())
    }

    #[cfg(test)]
    fn is_in_memory(&self) -> bool {
        !matches!(self.state.lock().tier, Tier::File(_))
    }
}

fn reserve(manifest: &Manifest, budget: &Arc<dyn MemoryBudget>) -> Option<Reservation> {
    let mut held = Reservation::new(Arc::clone(budget));
    held.try_grow(manifest.bytes()).then_some(held)
}

fn written(dir: &Path, bytes: &[u8]) -> io::Result<Arc<File>> {
    let file = tempfile::tempfile_in(dir)?;
    file.write_all_at(bytes, 0)?;
    Ok(Arc::new(file))
}

#[cfg(test)]
mod tests {
    use super::super::chunks::CHUNK;
    use super::*;
    use crate::memory::FixedBudget;

    fn value() -> Vec<u8> {
        (0..2 * CHUNK + 100).map(|i| (i % 253) as u8).collect()
    }

    #[test]
    fn chunks_come_in_any_order_into_memory_or_a_file() {
        let dir = tempfile::tempdir().unwrap();
        let value = value();
        for memory in [0, 8 << 20] {
            let own = Arc::new(FixedBudget::new(memory));
            let budget: Arc<dyn MemoryBudget> = Arc::clone(&own) as _;
            let full = Holding::full(value.clone(), dir.path(), &budget).unwrap();
            let holding = Holding::empty(full.manifest.clone(), dir.path(), &budget).unwrap();
            assert_eq!(holding.is_in_memory(), memory > 0);
            for chunk in [2, 0, 1, 0] {
                assert!(!holding.is_complete());
                holding.put(chunk, full.get(chunk).unwrap().unwrap()).unwrap();
                if chunk == 2 {
                    assert_eq!(holding.have(), [2]);
                    assert_eq!(holding.get(1).unwrap(), None);
                }
                if holding.have().len() == 3 {
                    break;
                }
            }
            assert!(holding.is_complete());
            assert_eq!(holding.whole().unwrap(), value);
            assert_eq!(holding.get(1).unwrap().unwrap(), &value[CHUNK..2 * CHUNK]);
            assert_eq!(own.used(), if memory > 0 { 2 * value.len() } else { 0 });
            holding.spill().unwrap();
            full.spill().unwrap();
            assert_eq!(own.used(), 0);
            assert!(!holding.is_in_memory());
            assert_eq!(holding.whole().unwrap(), value);
            assert_eq!(holding.get(2).unwrap().unwrap(), &value[2 * CHUNK..]);
            assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0, "a file with a name");
        }
    }
}
