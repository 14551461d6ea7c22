//! TPC-H in a loop on a real Mesos cluster of this machine while something is killed again and again: an executor, an
//! agent, a whole machine, the master. Every answer is compared with DataFusion's. After each round memory, descriptors
//! (files and sockets) and shuffle files are printed beside what they were after the first; what has grown at the end fails
//! the run. Executors are looked at too, the largest of them, but die too often to grow.

use crate::answer::Answer;
use crate::engines::{AGENT, Engine, Session};
use crate::{Result, data, memory, queries};
use dpark_test_cluster::{Cluster, Options, Signal};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long.
    #[arg(long, default_value_t = 10.0)]
    minutes: f64,
    /// Seconds between two kills.
    #[arg(long, default_value_t = 15.0)]
    every: f64,
    /// Scale factor of the data.
    #[arg(long, default_value_t = 0.1)]
    scale: f64,
    /// Decides what is killed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What is looked at for growth.
#[derive(Debug, Clone, Copy)]
struct Footprint {
    rss_mb: f64,
    descriptors: usize,
    files: usize,
    /// The most of any executor.
    executor_mb: f64,
    executor_descriptors: usize,
}

/// Growth that may be chance: a query more at work, an allocator's mood.
const MEMORY_MB: f64 = 200.0;
const DESCRIPTORS: usize = 50;
const FILES: usize = 50;

impl Footprint {
    fn of(cluster: &Cluster) -> Result<Self> {
        let mut executors = vec![];
        for agent in 0..cluster.agents() {
            // An agent that is down just now has none that could be asked for.
            executors.extend(cluster.executors(agent).unwrap_or_default());
        }
        let executors = executors.iter().map(|executor| executor.pid.to_string());
        let executors: Vec<_> = executors.filter_map(|pid| process(&pid).ok()).collect();
        let (rss_mb, descriptors) = process("self")?;
        Ok(Self {
            rss_mb,
            descriptors,
            files: shuffle_files(cluster.directory()),
            executor_mb: executors.iter().map(|(mb, _)| *mb).fold(0.0, f64::max),
            executor_descriptors: executors.iter().map(|(_, descriptors)| *descriptors).max().unwrap_or_default(),
        })
    }

    fn has_grown(&self, first: &Self) -> bool {
        self.rss_mb > first.rss_mb + MEMORY_MB
            || self.descriptors > first.descriptors + DESCRIPTORS
            || self.files > first.files + FILES
    }
}

/// Memory in MB, and open descriptors.
fn process(pid: &str) -> Result<(f64, usize)> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let kilobytes = memory::field(&status, "VmRSS:").unwrap_or_default();
    Ok((kilobytes as f64 / 1024.0, std::fs::read_dir(format!("/proc/{pid}/fd"))?.count()))
}

fn shuffle_files(dir: &Path) -> usize {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => shuffle_files(&entry.path()),
            _ => usize::from(entry.path().extension().is_some_and(|extension| extension == "shuffle")),
        })
        .sum()
}

/// Runs and prints. False if an answer was wrong, a query failed, or something has grown.
pub(crate) fn run(args: &Args) -> Result<bool> {
    let dir = data::default_dir(args.scale)?;
    if !data::is_complete(&dir) {
        data::generate(&data::Args::at(args.scale, dir.clone()))?;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let expected = runtime.block_on(answers(&dir, args.scale))?;
    let agents = 3;
    let cluster = Cluster::start(Options { agents, resources: vec![AGENT.to_owned()], ..Options::default() })?;
    let (cluster, over) = (Arc::new(cluster), Arc::new(AtomicBool::new(false)));
    let killer = {
        let (cluster, over, every, seed) =
            (Arc::clone(&cluster), Arc::clone(&over), Duration::from_secs_f64(args.every), args.seed);
        std::thread::spawn(move || kill_again_and_again(&cluster, &over, every, seed))
    };
    let clean = runtime.block_on(ask(args, &dir, &cluster, &expected));
    over.store(true, Ordering::Relaxed);
    let kills = killer.join().map_err(|_| "the killer died")?;
    println!("kills: {kills:?}");
    clean
}

async fn answers(dir: &Path, scale: f64) -> Result<Vec<Answer>> {
    let session = Session::open(Engine::Datafusion, 2, dir, None).await?;
    let mut answers = vec![];
    for query in 1..=queries::COUNT {
        answers.push(Answer::of(&session.collect(&queries::text(query, scale)?).await?)?);
    }
    Ok(answers)
}

async fn ask(args: &Args, dir: &Path, cluster: &Cluster, expected: &[Answer]) -> Result<bool> {
    let session = Session::open(Engine::Mesos, 3, dir, Some(&cluster.masters())).await?;
    let (start, length) = (Instant::now(), Duration::from_secs_f64(args.minutes * 60.0));
    let (mut done, mut wrong, mut failed, mut slowest) = (0, 0, 0, Duration::ZERO);
    let (mut first, mut grown) = (None, false);
    while start.elapsed() < length {
        for (query, expected) in (1..).zip(expected) {
            let began = Instant::now();
            match session.collect(&queries::text(query, args.scale)?).await {
                Ok(rows) if Answer::of(&rows)?.agrees(expected) => {}
                Ok(_) => {
                    eprintln!("WRONG: q{query:02}");
                    wrong += 1;
                }
                Err(error) => {
                    eprintln!("FAILED: q{query:02}: {error}");
                    failed += 1;
                }
            }
            done += 1;
            slowest = slowest.max(began.elapsed());
        }
        let now = Footprint::of(cluster)?;
        let first = *first.get_or_insert(now);
        println!(
            "{:>5.0} s: {done} queries, {wrong} wrong, {failed} failed, slowest {:.1} s; RSS {:.0} MB (first {:.0}), {} \
             descriptors ({}), {} shuffle files ({}); largest executor {:.0} MB, {} descriptors",
            start.elapsed().as_secs_f64(),
            slowest.as_secs_f64(),
            now.rss_mb,
            first.rss_mb,
            now.descriptors,
            first.descriptors,
            now.files,
            first.files,
            now.executor_mb,
            now.executor_descriptors,
        );
        grown = now.has_grown(&first);
    }
    session.close().await;
    if grown {
        eprintln!("GROWN: see the last line");
    }
    Ok(wrong + failed == 0 && !grown)
}

/// What was killed, and how often.
fn kill_again_and_again(
    cluster: &Cluster,
    over: &AtomicBool,
    every: Duration,
    seed: u64,
) -> BTreeMap<&'static str, usize> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut random = move |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 16) as usize % below
    };
    let mut kills = BTreeMap::new();
    let mut last = Instant::now();
    while !over.load(Ordering::Relaxed) {
        std::thread::sleep(Duration::from_millis(100));
        if last.elapsed() < every {
            continue;
        }
        last = Instant::now();
        let agent = random(cluster.agents());
        let kind = ["an executor", "an agent", "a machine", "the master"][random(4)];
        let killed = match kind {
            "an executor" => cluster.executors(agent).map(|executors| {
                for executor in executors {
                    // SAFETY: a signal to a process of this benchmark's cluster.
                    unsafe { libc::kill(executor.pid as i32, libc::SIGKILL) };
                }
            }),
            "an agent" => cluster.kill_agent(agent, Signal::Kill).and_then(|()| {
                std::thread::sleep(Duration::from_secs(2));
                cluster.start_agent(agent, false)
            }),
            "a machine" => cluster.kill_agent_node(agent).and_then(|()| {
                std::thread::sleep(Duration::from_secs(2));
                cluster.start_agent(agent, true)
            }),
            _ => cluster.kill_master(0).and_then(|()| {
                std::thread::sleep(Duration::from_secs(2));
                cluster.start_master(0)
            }),
        };
        match killed {
            Ok(()) => *kills.entry(kind).or_default() += 1,
            Err(error) => eprintln!("could not kill {kind}: {error}"),
        }
    }
    kills
}
