//! Values that closures share with the driver: broadcasts and accumulators, in threads and in worker processes.

use crate::fixture::Trials;
use arrow::array::AsArray;
use arrow::datatypes::Int64Type;
use dpark::prelude::*;
use dpark::{AccumulatorValue, EngineEvent};
use dpark_test_cluster::{Cluster, Options};
use dpark_tests::oracle::modes::MESOS;
use libtest_mimic::{Failed, Trial};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::broadcast::Receiver;

/// What runs on a cluster too.
const ON_MESOS: [&str; 5] = [
    "shared::broadcast",
    "shared::unpersisted",
    "shared::large_argument",
    "shared::retries_count_once",
    "shared::lost_executors",
];

type Case = fn(&'static str) -> Result<(), Failed>;

pub(crate) fn add(trials: &mut Trials) {
    let cases: [(&'static str, Case); 15] = [
        ("shared::broadcast", broadcast),
        ("shared::decoded_once", decoded_once),
        ("shared::about_one_copy", about_one_copy),
        ("shared::rows", rows),
        ("shared::unpersisted", unpersisted),
        ("shared::freed_when_unused", freed_when_unused),
        ("shared::not_nested", not_nested),
        ("shared::large_argument", large_argument),
        ("shared::retries_count_once", retries_count_once),
        ("shared::lost_executors", lost_executors),
        ("shared::actions_count_twice", actions_count_twice),
        ("shared::kept_exchanges_count_again", kept_exchanges_count_again),
        ("shared::named", named),
        ("shared::kinds", kinds),
        ("shared::not_read_in_tasks", not_read_in_tasks),
    ];
    for (name, case) in cases {
        trials.know(name);
        for (mode, master) in [("local2", "local[2]"), ("process3", "process[3]")] {
            trials.all.push(Trial::test(format!("{name}::{mode}"), move || case(master)));
        }
    }
    for (name, case) in cases.into_iter().filter(|(name, _)| ON_MESOS.contains(name)) {
        trials.all.push(Trial::test(format!("{name}::mesos"), move || {
            let cluster = Cluster::start(Options { agents: 3, ..Options::default() })?;
            // A trial's master lives as long as the program, which runs one.
            case(Box::leak(cluster.masters().into_boxed_str()))?;
            Ok(cluster.close()?)
        }));
    }
}

fn on<F: Future<Output = Result<(), Failed>>>(master: &str, body: impl FnOnce(Context) -> F) -> Result<(), Failed> {
    let mut builder = Context::builder().master(master).conf("shuffle.partitions", "3");
    if master.starts_with("mesos") || master.contains(':') {
        builder = builder.conf("mesos.executor.path", std::env::current_exe()?.display().to_string());
        builder = MESOS.iter().fold(builder, |builder, (key, value)| builder.conf(*key, *value));
    }
    let ctx = builder.build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let done = body(ctx.clone()).await;
        ctx.stop().await;
        done
    })
}

fn told(events: &mut Receiver<EngineEvent>) -> Vec<EngineEvent> {
    std::iter::from_fn(|| events.try_recv().ok()).collect()
}

fn is_local(master: &str) -> bool {
    master.starts_with("local")
}

fn broadcast(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let names = ctx.broadcast(HashMap::from([(1i64, "one".to_string()), (2, "two".into())]))?;
        let (more, factor) = (ctx.broadcast(vec![10i64, 20])?, 3i64);
        assert_eq!((names.len(), names.value()[&1].as_str()), (2, "one"));
        // Several, inside of other values, and one twice.
        let value = (vec![more.clone(), more], names, Some(factor));
        let named = ctx.parallelize(1..=3i64, 3).with(&value).map(|(lists, names, factor), n| {
            let name = names.get(&n).cloned().unwrap_or_else(|| "many".into());
            (name, lists[0][0] + lists[1][1] + n * factor.unwrap_or(0))
        });
        let expected = [("one".to_string(), 33i64), ("two".into(), 36), ("many".into(), 39)];
        assert_eq!(named.collect().await?, expected);
        Ok(())
    })
}

/// Decodings in this process.
static DECODED: AtomicI64 = AtomicI64::new(0);

#[derive(Serialize)]
struct Noticed(Vec<i64>);

impl<'de> Deserialize<'de> for Noticed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        DECODED.fetch_add(1, Ordering::Relaxed);
        Vec::deserialize(deserializer).map(Noticed)
    }
}

fn decoded_once(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let value = ctx.broadcast(Noticed(vec![1, 2, 3]))?;
        let rows = ctx.parallelize(0..24i64, 24).with(&value).map(|value, _| {
            std::thread::sleep(Duration::from_millis(20));
            (i64::from(std::process::id()), DECODED.load(Ordering::Relaxed), value.0.iter().sum::<i64>())
        });
        for _ in 0..2 {
            let seen: BTreeSet<(i64, i64, i64)> = rows.clone().collect().await?.into_iter().collect();
            let decodings = i64::from(!is_local(master));
            assert!(seen.iter().all(|(_, decoded, sum)| (*decoded, *sum) == (decodings, 6)), "{seen:?}");
            assert!(is_local(master) || seen.len() > 1, "one process did everything: {seen:?}");
        }
        Ok(())
    })
}

fn about_one_copy(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let value = ctx.broadcast((0..20 << 20).map(|i| (i % 251) as u8).collect::<Vec<u8>>())?;
        let rows = ctx.parallelize(0..12i64, 12).with(&value).map(|value, n| {
            std::thread::sleep(Duration::from_millis(50));
            i64::from(value[n as usize * 1_000_003]) + value.len() as i64
        });
        let expected: Vec<i64> = (0..12).map(|n| n * 1_000_003 % 251 + (20 << 20)).collect();
        assert_eq!(rows.collect().await?, expected);
        let (size, sent) = (20 << 20, value.traffic());
        if is_local(master) {
            assert_eq!((sent.driver, sent.peers), (0, 0));
        } else {
            assert!(sent.driver >= size && sent.driver <= size * 3 / 2, "{sent:?}");
            assert!(sent.driver + sent.peers >= 2 * size, "not everybody has it: {sent:?}");
        }
        Ok(())
    })
}

fn rows(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let df = ctx.sql("SELECT n, n * n AS square FROM (VALUES (1), (2), (3)) AS t(n)").await?;
        let squares = ctx.broadcast_rows(&df).await?;
        assert_eq!(squares.num_rows(), 3);
        let found = ctx.parallelize(1..=4i64, 2).with(&squares).map(|squares, wanted| {
            let column = |batch: &arrow::record_batch::RecordBatch, i: usize| {
                batch.column(i).as_primitive::<Int64Type>().values().to_vec()
            };
            let pairs = squares.batches().iter().flat_map(|batch| column(batch, 0).into_iter().zip(column(batch, 1)));
            pairs.filter(|(n, _)| *n == wanted).map(|(_, square)| square).next().unwrap_or(-1)
        });
        assert_eq!(found.collect().await?, [1, 4, 9, -1]);
        Ok(())
    })
}

fn unpersisted(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let value = ctx.broadcast(vec![5i64])?;
        let numbers = ctx.parallelize(1..=4i64, 2);
        let rows = numbers.clone().with(&value).map(|value, n| value[0] + n);
        assert_eq!(rows.clone().collect().await?, [6, 7, 8, 9]);
        value.unpersist();
        let words = format!("broadcast {} was unpersisted", value.id());
        // A data set that was made before.
        let error = rows.collect().await.unwrap_err().to_string();
        assert!(error.contains(&words) && !error.contains("attempts"), "{error}");
        // One that is made now.
        let error = numbers.clone().with(&(1i64, value.clone())).map(|_, n| n).collect().await.unwrap_err().to_string();
        assert!(error.contains(&words), "{error}");
        // The driver has it still, and the context lives on.
        assert_eq!(value.value(), &[5]);
        let again = ctx.broadcast(value.value().clone())?;
        assert_eq!(numbers.with(&again).map(|value, n| value[0] * n).collect().await?, [5, 10, 15, 20]);
        Ok(())
    })
}

/// A value that tells when the driver frees it.
#[derive(Serialize, Deserialize)]
struct Precious {
    number: i64,
    /// Trials run side by side.
    mode: usize,
}

static FREED: [AtomicBool; 2] = [AtomicBool::new(false), AtomicBool::new(false)];

impl Drop for Precious {
    fn drop(&mut self) {
        FREED[self.mode].store(true, Ordering::Relaxed);
    }
}

fn freed_when_unused(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let mode = usize::from(is_local(master));
        let freed = || FREED[mode].load(Ordering::Relaxed);
        let value = ctx.broadcast(Precious { number: 4, mode })?;
        let rows = ctx.parallelize(1..=2i64, 2).with(&value).map(|value, n| value.number + n);
        drop(value);
        assert_eq!(rows.clone().collect().await?, [5, 6]);
        assert!(!freed(), "a data set still needs it");
        assert_eq!(rows.collect().await?, [5, 6]);
        drop(rows);
        for _ in 0..500 {
            // Making an argument is an occasion to look for what is not needed.
            drop(ctx.parallelize(1..=1i64, 1).with(&0i64).map(|_, n| n));
            if freed() {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nobody needs the value, and it is not freed");
    })
}

fn not_nested(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let inner = ctx.broadcast(1i64)?;
        if !is_local(master) {
            let error = ctx.broadcast((inner.clone(), 2i64)).unwrap_err().to_string();
            assert!(error.contains("cannot hold a broadcast"), "{error}");
        }
        // Nor does it belong to others.
        let other = Context::builder().master("local[1]").build()?;
        let error = other.parallelize(1..=2i64, 1).with(&inner).map(|_, n| n).collect().await.unwrap_err().to_string();
        assert!(error.contains("of one context is given to rows of another"), "{error}");
        other.stop().await;
        Ok(())
    })
}

fn large_argument(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let mut events = ctx.events();
        let large: Vec<i64> = (0..1_000_000).map(|n| i64::MAX - n).collect();
        let names = ctx.broadcast(vec!["x".to_string()])?;
        let numbers = ctx.parallelize(0..8i64, 4);
        for _ in 0..2 {
            let rows = numbers.clone().with(&(large.clone(), names.clone()));
            let rows = rows.map(|(large, names), n| (names[0].clone(), large[n as usize * 1000]));
            let expected: Vec<_> = (0..8).map(|n| ("x".to_string(), i64::MAX - n * 1000)).collect();
            assert_eq!(rows.collect().await?, expected);
        }
        let made = told(&mut events).into_iter().filter_map(|event| match event {
            EngineEvent::BroadcastMade { argument: true, bytes, chunks, .. } => Some((bytes, chunks)),
            _ => None,
        });
        let made: Vec<_> = made.collect();
        if is_local(master) {
            assert_eq!(made, []);
        } else {
            // The first was freed before the second was made, or both are one.
            assert!((1..=2).contains(&made.len()), "{made:?}");
            assert!(made.iter().all(|(bytes, chunks)| *bytes > 8 << 20 && *chunks > 8), "{made:?}");
        }
        Ok(())
    })
}

fn retries_count_once(master: &'static str) -> Result<(), Failed> {
    let dir = tempfile::tempdir()?;
    let marker = dir.path().join("failed").display().to_string();
    on(master, async |ctx| {
        let (count, list) = (ctx.accumulator(0i64), ctx.accumulator(Vec::<i64>::new()));
        let mut events = ctx.events();
        let value = (count.clone(), list.clone(), marker);
        let rows = ctx.parallelize(0..100i64, 5).with(&value).map(|(count, list, marker), n| {
            count.add(1);
            list.add(n);
            // The last row of a partition, so that its attempt has added before.
            if n == 59 && File::create_new(Path::new(marker)).is_ok() {
                panic!("the first attempt fails");
            }
            n
        });
        assert_eq!(rows.collect().await?.len(), 100);
        assert_eq!(count.value()?, 100);
        let mut list = list.value()?;
        list.sort_unstable();
        assert_eq!(list, (0..100).collect::<Vec<_>>());
        let failed = told(&mut events).into_iter().filter(|event| matches!(event, EngineEvent::TaskFailed { .. }));
        assert_eq!(failed.count(), 1);
        Ok(())
    })
}

/// An executor dies, which others may have been told to fetch from; its partitions run again elsewhere.
fn lost_executors(master: &'static str) -> Result<(), Failed> {
    if is_local(master) {
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let marker = dir.path().join("died").display().to_string();
    on(master, async |ctx| {
        let count = ctx.accumulator(0i64);
        let large = ctx.broadcast(vec![3u8; 5 << 20])?;
        let rows = ctx.parallelize(0..40i64, 10).with(&(large, count.clone(), marker));
        let rows = rows.map(|(large, count, marker), n| {
            count.add(1);
            if n == 19 && File::create_new(Path::new(marker)).is_ok() {
                std::process::abort();
            }
            std::thread::sleep(Duration::from_millis(10));
            i64::from(large[n as usize * 1000]) * n
        });
        assert_eq!(rows.collect().await?, (0..40).map(|n| 3 * n).collect::<Vec<_>>());
        assert_eq!(count.value()?, 40);
        Ok(())
    })
}

fn actions_count_twice(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let count = ctx.accumulator(1000u64);
        let rows = ctx.parallelize(0..10i64, 3).with(&count).filter(|count, n| {
            count.add(1);
            n % 2 == 0
        });
        assert_eq!(count.value()?, 1000, "nothing has run");
        assert_eq!(rows.clone().count().await?, 5);
        assert_eq!(count.value()?, 1010);
        assert_eq!(rows.clone().collect().await?.len(), 5);
        assert_eq!(count.value()?, 1020);
        count.add(1);
        assert_eq!(count.value()?, 1021);
        // The rows of a cached data set are computed once.
        let cached = rows.cache();
        cached.clone().count().await?;
        assert_eq!(count.value()?, 1031);
        cached.count().await?;
        assert_eq!(count.value()?, 1031);
        Ok(())
    })
}

fn kept_exchanges_count_again(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let count = ctx.accumulator(0u64);
        let pairs = ctx.parallelize(0..30i64, 3).with(&count).map(|count, n| {
            count.add(1);
            (n % 3, n)
        });
        let sums = pairs.reduce_by_key(|a, b| a + b);
        for action in 1..=3 {
            assert_eq!(sums.clone().collect().await?.len(), 3);
            assert_eq!(count.value()?, 30 * action);
        }
        Ok(())
    })
}

fn named(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let mut events = ctx.events();
        let (bad, silent) = (ctx.accumulator_named("bad lines", 0u64), ctx.accumulator(0u64));
        let unused = ctx.accumulator_named("unused", 0u64);
        let lines = ["1", "x", "3", "y"].map(String::from);
        let numbers = ctx.parallelize(lines, 2).with(&(bad, silent, unused)).map(|(bad, silent, _), line| {
            silent.add(1);
            line.parse::<i64>().unwrap_or_else(|_| {
                bad.add(1);
                0
            })
        });
        assert_eq!(numbers.clone().collect().await?, [1, 0, 3, 0]);
        numbers.collect().await?;
        let ended = told(&mut events).into_iter().filter_map(|event| match event {
            EngineEvent::JobEnded { accumulators, .. } => Some(accumulators),
            _ => None,
        });
        let value = |value: &str| vec![AccumulatorValue { name: "bad lines".into(), value: value.into() }];
        assert_eq!(ended.collect::<Vec<_>>(), [value("2"), value("4")]);
        Ok(())
    })
}

/// A user's own kind: mean of what was added.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Mean {
    sum: f64,
    count: u64,
}

impl Accumulate for Mean {
    type Input = f64;
    fn add(&mut self, input: f64) {
        (self.sum, self.count) = (self.sum + input, self.count + 1);
    }
    fn merge(&mut self, other: Self) {
        (self.sum, self.count) = (self.sum + other.sum, self.count + other.count);
    }
}

fn kinds(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let extremes = (ctx.accumulator(Max(None)), ctx.accumulator(Min(Some(-1i64))));
        let words = ctx.accumulator(HashMap::<String, u64>::new());
        let last = ctx.accumulator(BTreeMap::<bool, Max<i64>>::new());
        let mean = ctx.accumulator(Mean::default());
        let value = (extremes.clone(), words.clone(), last.clone(), mean.clone());
        let rows = ctx.parallelize(1..=9i64, 4).with(&value).map(|((max, min), words, last, mean), n| {
            max.add(n);
            min.add(n);
            words.add((if n % 3 == 0 { "fizz" } else { "other" }.to_string(), 1));
            last.add((n % 2 == 0, n));
            mean.add(n as f64);
            n
        });
        rows.collect().await?;
        assert_eq!(extremes.0.value()?, Max(Some(9)));
        assert_eq!(extremes.1.value()?, Min(Some(-1)));
        assert_eq!(words.value()?, HashMap::from([("fizz".into(), 3), ("other".into(), 6)]));
        assert_eq!(last.value()?, BTreeMap::from([(true, Max(Some(8))), (false, Max(Some(9)))]));
        let mean = mean.value()?;
        assert_eq!(mean.sum / mean.count as f64, 5.0);
        Ok(())
    })
}

fn not_read_in_tasks(master: &'static str) -> Result<(), Failed> {
    on(master, async |ctx| {
        let count = ctx.accumulator(0i64);
        let answers = ctx.parallelize(1..=2i64, 2).with(&count).map(|count, n| {
            count.add(n);
            count.value().map_or_else(|error| error.to_string(), |value| value.to_string())
        });
        for answer in answers.collect().await? {
            assert!(answer.contains("a task cannot read an accumulator"), "{answer}");
        }
        assert_eq!(count.value()?, 3);
        Ok(())
    })
}
