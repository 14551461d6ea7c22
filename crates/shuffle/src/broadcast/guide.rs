//! Who shall fetch which chunk from whom.
//!
//! Every executor asks again and again for its next step, saying what became of the last one. The rules:
//! - a chunk that nobody has and nobody is fetching comes from the driver, so the driver sends each chunk once;
//! - any other chunk comes from the executor with the fewest uploads among those that have it;
//! - who can get nothing now waits;
//! - a source that failed is named no more, and when a chunk has no source left the driver sends it again;
//! - a fetch of which nothing is heard for too long never was.

use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::net::SocketAddr;
use std::time::Duration;

/// Chunks that the driver sends at a time, and any other source.
const UPLOADS: usize = 4;

/// A fetch that takes longer has died with its executor.
const PATIENCE: Duration = Duration::from_secs(30);

/// A source; none is the driver.
pub(crate) type Source = Option<SocketAddr>;

/// What became of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) chunk: u32,
    pub(crate) from: Source,
    pub(crate) ok: bool,
}

/// What an executor shall do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Step {
    Take {
        chunk: u32,
        from: Source,
    },
    Wait,
    /// It has everything.
    Complete,
}

/// Bytes that arrived, by who sent them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// By the driver.
    pub driver: u64,
    /// By other executors.
    pub peers: u64,
}

#[derive(Debug, Clone, Copy)]
struct Flight {
    chunk: u32,
    from: Source,
    to: SocketAddr,
    began: Duration,
}

/// The swarm of one broadcast.
#[derive(Debug, Default)]
pub(crate) struct Guide {
    /// Executors that have a chunk, by chunk.
    copies: Vec<usize>,
    /// Whether an executor has a chunk.
    holders: BTreeMap<SocketAddr, Vec<bool>>,
    flights: Vec<Flight>,
}

impl Guide {
    pub(crate) fn new(chunks: usize) -> Self {
        Self { copies: vec![0; chunks], ..Self::default() }
    }

    /// An executor starts to fetch; it has these chunks.
    pub(crate) fn begin(&mut self, executor: SocketAddr, have: &[u32]) {
        self.gone(executor);
        self.holders.insert(executor, vec![false; self.copies.len()]);
        have.iter().for_each(|chunk| self.has(executor, *chunk));
    }

    fn has(&mut self, executor: SocketAddr, chunk: u32) {
        let none = || vec![false; self.copies.len()];
        let held = self.holders.entry(executor).or_insert_with(none).get_mut(chunk as usize);
        if let (Some(held), Some(copies)) = (held, self.copies.get_mut(chunk as usize)) {
            *copies += usize::from(!std::mem::replace(held, true));
        }
    }

    /// A step has ended.
    pub(crate) fn ended(&mut self, executor: SocketAddr, Outcome { chunk, from, ok }: Outcome) {
        self.flights.retain(|flight| (flight.to, flight.chunk, flight.from) != (executor, chunk, from));
        match (ok, from) {
            (true, _) => self.has(executor, chunk),
            (false, Some(source)) => self.forget(source),
            (false, None) => {}
        }
    }

    /// An executor is gone, with all that it has.
    pub(crate) fn gone(&mut self, executor: SocketAddr) {
        self.forget(executor);
        self.flights.retain(|flight| flight.to != executor);
    }

    fn forget(&mut self, executor: SocketAddr) {
        let held = self.holders.remove(&executor).unwrap_or_default();
        for (copies, held) in self.copies.iter_mut().zip(held) {
            *copies -= usize::from(held);
        }
    }

    /// What an executor shall do. `random` is where among the chunks the search begins: if all began with the first,
    /// nobody would have anything for the others.
    pub(crate) fn next(&mut self, executor: SocketAddr, now: Duration, random: usize) -> Step {
        self.flights.retain(|flight| flight.began + PATIENCE > now);
        let chunks = self.copies.len();
        let has = |holder: SocketAddr, chunk: usize| {
            self.holders.get(&holder).and_then(|held| held.get(chunk)).copied().unwrap_or(false)
        };
        let (mut own, mut any): (HashSet<u32>, HashSet<u32>) = Default::default();
        let mut uploads: BTreeMap<Source, usize> = BTreeMap::new();
        for flight in &self.flights {
            any.insert(flight.chunk);
            if flight.to == executor {
                own.insert(flight.chunk);
            }
            *uploads.entry(flight.from).or_default() += 1;
        }
        let uploads = |source: Source| uploads.get(&source).copied().unwrap_or(0);
        let in_turn = || (0..chunks).map(|i| (i + random % chunks) % chunks);
        let lacks = |chunk: &usize| !has(executor, *chunk);
        if !in_turn().any(|chunk| lacks(&chunk)) {
            return Step::Complete;
        }
        let wanted = || in_turn().filter(lacks).filter(|chunk| !own.contains(&(*chunk as u32)));
        let untouched = |chunk: &usize| self.copies.get(*chunk) == Some(&0) && !any.contains(&(*chunk as u32));
        let of_driver = || wanted().find(untouched).map(|chunk| (chunk, None));
        let of_peer = || {
            wanted().find_map(|chunk| {
                let holders = self.holders.keys().filter(|holder| has(**holder, chunk));
                let least = holders.min_by_key(|holder| uploads(Some(**holder)))?;
                (uploads(Some(*least)) < UPLOADS).then_some((chunk, Some(*least)))
            })
        };
        // The driver first: what it has sent, others can pass on.
        let step = if uploads(None) < UPLOADS { of_driver().or_else(of_peer) } else { of_peer() };
        let Some((chunk, from)) = step else { return Step::Wait };
        let chunk = chunk as u32;
        self.flights.push(Flight { chunk, from, to: executor, began: now });
        Step::Take { chunk, from }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executor(n: u16) -> SocketAddr {
        ([127, 0, 0, 1], 1000 + n).into()
    }

    /// Lets executors fetch in turns, each turn one step of each; returns chunks sent by the driver and by others.
    fn spread(guide: &mut Guide, executors: &[SocketAddr], dead: &[SocketAddr]) -> (usize, usize) {
        let (mut driver, mut peers, mut random) = (0, 0, 7);
        let mut left: Vec<_> = executors.to_vec();
        for turn in 0..10_000 {
            if left.is_empty() {
                return (driver, peers);
            }
            let now = Duration::from_millis(turn);
            let mut steps = vec![];
            left.retain(|executor| {
                random = (random * 31 + 11) & 0xffff;
                match guide.next(*executor, now, random) {
                    Step::Complete => return false,
                    Step::Wait => {}
                    Step::Take { chunk, from } => steps.push((*executor, chunk, from)),
                }
                true
            });
            for (executor, chunk, from) in steps {
                let ok = from.is_none_or(|source| !dead.contains(&source));
                match (ok, from) {
                    (true, None) => driver += 1,
                    (true, Some(_)) => peers += 1,
                    (false, _) => {}
                }
                guide.ended(executor, Outcome { chunk, from, ok });
            }
        }
        panic!("no end: {guide:?}");
    }

    fn swarm(chunks: usize, executors: &[SocketAddr]) -> Guide {
        let mut guide = Guide::new(chunks);
        executors.iter().for_each(|executor| guide.begin(*executor, &[]));
        guide
    }

    #[test]
    fn the_driver_sends_each_chunk_once() {
        for (chunks, count) in [(1, 1), (1, 9), (20, 1), (20, 4), (100, 30), (3, 50)] {
            let executors: Vec<_> = (0..count).map(executor).collect();
            let mut guide = swarm(chunks, &executors);
            let (driver, peers) = spread(&mut guide, &executors, &[]);
            assert_eq!(driver, chunks, "{count} executors");
            assert_eq!(peers, chunks * (count as usize - 1), "{count} executors");
            // One that comes late needs the driver no more.
            guide.begin(executor(900), &[]);
            assert_eq!(spread(&mut guide, &[executor(900)], &[]), (0, chunks));
        }
    }

    #[test]
    fn a_dead_source_is_given_up_and_the_driver_sends_again() {
        let (a, b) = (executor(1), executor(2));
        let mut guide = swarm(10, &[a]);
        assert_eq!(spread(&mut guide, &[a], &[]), (10, 0));
        guide.begin(b, &[]);
        assert_eq!(spread(&mut guide, &[b], &[a]), (10, 0));
        let c = executor(3);
        guide.begin(c, &[]);
        assert_eq!(spread(&mut guide, &[c], &[a]), (0, 10));
    }

    #[test]
    fn an_executor_that_dies_while_it_fetches_blocks_nobody() {
        let (a, b) = (executor(1), executor(2));
        let mut guide = swarm(1, &[a, b]);
        let second = Duration::from_secs(1);
        assert_eq!(guide.next(a, second, 0), Step::Take { chunk: 0, from: None });
        assert_eq!(guide.next(b, second, 0), Step::Wait);
        // Nobody tells of its death.
        assert_eq!(guide.next(b, second + PATIENCE, 0), Step::Take { chunk: 0, from: None });
        // Or somebody does.
        let mut guide = swarm(1, &[a, b]);
        guide.next(a, second, 0);
        guide.gone(a);
        assert_eq!(guide.next(b, second, 0), Step::Take { chunk: 0, from: None });
    }

    #[test]
    fn uploads_are_limited() {
        let executors: Vec<_> = (0..10).map(executor).collect();
        let mut guide = swarm(100, &executors);
        let steps = executors.iter().map(|executor| guide.next(*executor, Duration::ZERO, 0)).collect::<Vec<_>>();
        let from_driver = steps.iter().filter(|step| matches!(step, Step::Take { from: None, .. })).count();
        assert_eq!(from_driver, UPLOADS);
        assert_eq!(steps.iter().filter(|step| **step == Step::Wait).count(), 10 - UPLOADS);
    }

    #[test]
    fn who_comes_back_with_chunks_needs_only_the_others() {
        let a = executor(1);
        let mut guide = swarm(3, &[a]);
        guide.begin(a, &[0, 2, 77]);
        assert_eq!(guide.next(a, Duration::ZERO, 0), Step::Take { chunk: 1, from: None });
        assert_eq!(guide.next(a, Duration::ZERO, 0), Step::Wait);
        guide.ended(a, Outcome { chunk: 1, from: None, ok: true });
        assert_eq!(guide.next(a, Duration::ZERO, 0), Step::Complete);
        assert_eq!(Guide::new(0).next(a, Duration::ZERO, 5), Step::Complete);
    }
}
