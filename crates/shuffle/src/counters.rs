//! Running totals for reports and metrics: plain atomics, so that the hot path pays one relaxed add per block.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Totals of one store (and of the fetchers that share it) since it was opened.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) read_memory: AtomicU64,
    pub(crate) read_local: AtomicU64,
    pub(crate) read_remote: AtomicU64,
    pub(crate) served: AtomicU64,
    pub(crate) written: AtomicU64,
    pub(crate) spilled: AtomicU64,
    pub(crate) evicted: AtomicU64,
    pub(crate) files_open: AtomicU64,
    pub(crate) in_flight: AtomicU64,
    pub(crate) in_flight_peak: AtomicU64,
}

/// A reading of [`Counters`]; all but the last three fields are bytes that only grow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CountersSnapshot {
    /// Array bytes handed out from the memory tier.
    pub read_memory_bytes: u64,
    /// Encoded bytes read from the store's own files.
    pub read_local_bytes: u64,
    /// Encoded bytes received from other executors.
    pub read_remote_bytes: u64,
    /// Bytes sent to other executors.
    pub served_bytes: u64,
    /// Bytes of finished output files.
    pub written_bytes: u64,
    /// Bytes that writers spilled before their end.
    pub spilled_bytes: u64,
    /// Bytes of memory-tier outputs that were moved to disk, as encoded.
    pub evicted_bytes: u64,
    /// Output files open now.
    pub files_open: u64,
    /// Bytes of remote blocks that are on their way or not yet taken by their reader.
    pub in_flight_bytes: u64,
    /// The most `in_flight_bytes` has been.
    pub in_flight_peak_bytes: u64,
}

impl Counters {
    /// The totals now. Fields are read one after the other, so they may be of slightly different moments.
    pub fn snapshot(&self) -> CountersSnapshot {
        CountersSnapshot {
            read_memory_bytes: self.read_memory.load(Relaxed),
            read_local_bytes: self.read_local.load(Relaxed),
            read_remote_bytes: self.read_remote.load(Relaxed),
            served_bytes: self.served.load(Relaxed),
            written_bytes: self.written.load(Relaxed),
            spilled_bytes: self.spilled.load(Relaxed),
            evicted_bytes: self.evicted.load(Relaxed),
            files_open: self.files_open.load(Relaxed),
            in_flight_bytes: self.in_flight.load(Relaxed),
            in_flight_peak_bytes: self.in_flight_peak.load(Relaxed),
        }
    }

    pub(crate) fn flight_begins(&self, bytes: u64) {
        let now = self.in_flight.fetch_add(bytes, Relaxed) + bytes;
        self.in_flight_peak.fetch_max(now, Relaxed);
    }

    pub(crate) fn flight_ends(&self, bytes: u64) {
        self.in_flight.fetch_sub(bytes, Relaxed);
    }
}

pub(crate) fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Relaxed);
}
