//! Damaged files: every truncation and every flipped bit is noticed, never a wrong row and never a panic.

use crate::data::*;
use arrow::array::RecordBatch;
use dpark_lineage::{FetchCause, FetchFailed};
use dpark_shuffle::*;
use std::path::PathBuf;
use std::sync::Arc;

/// A store that reads the output of map 0 from whatever bytes `damage` makes of its file.
struct Patient {
    dir: tempfile::TempDir,
    batch: RecordBatch,
    good: Vec<u8>,
}

impl Patient {
    fn new(compression: Compression) -> Patient {
        let dir = tempfile::tempdir().unwrap();
        let batch = mixed(40);
        let store = BlockStore::open(StoreConfig { compression, ..config(&dir, false) }).unwrap();
        let good = std::fs::read(Self::write(&store, &batch)).unwrap();
        Patient { dir, batch, good }
    }

    fn write(store: &Arc<BlockStore>, batch: &RecordBatch) -> PathBuf {
        scatter(store, task(0), std::slice::from_ref(batch), 3, |row| row % 3);
        store.dir().join("7-0-0.shuffle")
    }

    fn read(&self, bytes: &[u8]) -> Vec<Result<Vec<RecordBatch>, FetchFailed>> {
        let store = BlockStore::open(config(&self.dir, false)).unwrap();
        // A small output takes the place; its file is then replaced.
        std::fs::write(Self::write(&store, &self.batch.slice(0, 1)), bytes).unwrap();
        (0..3).map(|bucket| local(&store, 0, bucket)).collect()
    }

    /// The file is damaged: each bucket is right or Corrupt, and at least one is Corrupt.
    fn check(&self, bytes: &[u8], what: &str) {
        let mut noticed = false;
        for (bucket, got) in self.read(bytes).into_iter().enumerate() {
            match got {
                Ok(batches) => {
                    let want = expected(std::slice::from_ref(&self.batch), |row| row % 3 == bucket);
                    assert_eq!(one(&self.batch.schema(), &batches), want, "{what}");
                }
                Err(e) => {
                    assert_eq!(e.cause, FetchCause::Corrupt, "{what}: {e}");
                    noticed = true;
                }
            }
        }
        assert!(noticed, "{what}: not noticed");
    }
}

#[test]
fn an_untouched_file_is_read() {
    let patient = Patient::new(Compression::Lz4);
    let got = patient.read(&patient.good);
    assert!(got.iter().all(Result::is_ok));
}

#[test]
fn every_truncation_is_noticed() {
    let patient = Patient::new(Compression::Lz4);
    let len = patient.good.len();
    for end in (0..200).chain((200..len).step_by(97)).chain(len - 100..len) {
        patient.check(&patient.good[..end], &format!("cut at {end} of {len}"));
    }
}

#[test]
fn every_flipped_bit_is_noticed() {
    for compression in [Compression::None, Compression::Lz4] {
        let patient = Patient::new(compression);
        let len = patient.good.len();
        let mut bytes = patient.good.clone();
        // Every bit of the ends and heads, and bits everywhere between.
        for at in (0..60).chain((60..len).step_by(127)).chain(len - 120..len) {
            for bit in [0, 7] {
                bytes[at] ^= 1 << bit;
                patient.check(&bytes, &format!("bit {bit} of byte {at} of {len}, {compression:?}"));
                bytes[at] ^= 1 << bit;
            }
        }
    }
}

#[test]
fn bytes_that_were_never_an_output() {
    let patient = Patient::new(Compression::Lz4);
    patient.check(&[], "empty");
    patient.check(&[0; 5000], "zeros");
    patient.check(&patient.good.repeat(2), "twice");
    let shifted: Vec<u8> = std::iter::once(0).chain(patient.good.iter().copied()).collect();
    patient.check(&shifted, "shifted");
}

#[tokio::test]
async fn damage_is_noticed_over_the_network() {
    let patient = Patient::new(Compression::Lz4);
    let len = patient.good.len();
    let fetcher = Fetcher::new(None, TOKEN, FetchLimits::default());
    for at in (0..len).step_by(len / 40) {
        let store = BlockStore::open(config(&patient.dir, false)).unwrap();
        let path = Patient::write(&store, &patient.batch.slice(0, 1));
        let mut bytes = patient.good.clone();
        bytes[at] ^= 16;
        std::fs::write(path, bytes).unwrap();
        let (addr, _server) = serve(&store).await;
        let stream = fetcher.fetch(request(&patient.batch.schema(), 0..3, vec![location(0, Some(addr))]));
        let error = collect(stream).await.unwrap_err();
        assert_eq!((error.cause, error.map, error.executor), (FetchCause::Corrupt, 0, OWNER), "byte {at}: {error}");
    }
}

#[test]
fn a_file_that_was_deleted_is_gone() {
    let dir = tempfile::tempdir().unwrap();
    let store = BlockStore::open(config(&dir, false)).unwrap();
    std::fs::remove_file(Patient::write(&store, &mixed(3))).unwrap();
    assert_eq!(local(&store, 0, 0).unwrap_err().cause, FetchCause::Gone);
}

#[tokio::test]
async fn a_file_that_is_cut_while_a_server_has_it_open_is_corrupt() {
    let dir = tempfile::tempdir().unwrap();
    let config = StoreConfig { compression: Compression::None, batch_rows: 10_000, ..config(&dir, false) };
    let store = BlockStore::open(config).unwrap();
    // Several chunks on the wire, so that the end is missed when some have been sent.
    let batch = ints(0..500_000);
    scatter(&store, task(0), std::slice::from_ref(&batch), 1, |_| 0);
    let (addr, _server) = serve(&store).await;
    let fetcher = Fetcher::new(None, TOKEN, FetchLimits::default());
    let fetch = async || collect(fetcher.fetch(request(&batch.schema(), 0..1, vec![location(0, Some(addr))]))).await;
    assert!(fetch().await.is_ok());
    let file = std::fs::OpenOptions::new().write(true).open(store.dir().join("7-0-0.shuffle")).unwrap();
    let len = file.metadata().unwrap().len();
    for keep in [len - 1000, len * 3 / 4, len / 2, len / 4, 1000, 0] {
        file.set_len(keep).unwrap();
        let error = fetch().await.unwrap_err();
        assert_eq!(
            (error.cause, error.map, error.executor),
            (FetchCause::Corrupt, 0, OWNER),
            "{keep} of {len}: {error}"
        );
    }
}
