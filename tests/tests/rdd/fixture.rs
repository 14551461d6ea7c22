//! What trials share: the modes in which they run, random rows with all that is awkward, and comparisons.

use dpark::Context;
use dpark::prelude::{Rdd, Row};
use dpark_test_cluster::{Cluster, Options};
use dpark_tests::oracle::modes::MESOS;
use libtest_mimic::{Failed, Trial};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// How a trial ends.
pub(crate) type Done = Result<(), Failed>;

/// The body of a trial.
type Body = Arc<dyn Fn(Context) -> Pin<Box<dyn Future<Output = Done>>> + Send + Sync>;

const MASTERS: [(&str, &str); 2] = [("local2", "local[2]"), ("process2", "process[2]")];

/// Outputs on disk, little memory, and batches of which every operator sees many.
const SPILL: [(&str, &str); 3] =
    [("shuffle.memory", "false"), ("executor.memory", "64MB"), ("datafusion.execution.batch_size", "100")];

/// Operators that collect rows by key have some ten megabytes each.
pub(crate) const LITTLE: [(&str, &str); 2] = [("shuffle.memory", "false"), ("executor.memory", "24MB")];

/// All trials, and their names without the mode.
#[derive(Default)]
pub(crate) struct Trials {
    pub(crate) all: Vec<Trial>,
    pub(crate) names: BTreeSet<&'static str>,
    /// What also runs on a cluster, by room.
    rooms: BTreeMap<&'static str, Vec<OnCluster>>,
}

/// A trial's body, and its options.
type OnCluster = (&'static str, Vec<(&'static str, &'static str)>, Body);

impl Trials {
    /// A trial on both masters, with three partitions.
    pub(crate) fn add<R: Future<Output = Done> + 'static>(&mut self, name: &'static str, body: fn(Context) -> R) {
        self.add_with(name, &[], body);
    }

    /// The same with other options.
    pub(crate) fn add_with<R: Future<Output = Done> + 'static>(
        &mut self,
        name: &'static str,
        conf: &[(&'static str, &'static str)],
        body: fn(Context) -> R,
    ) {
        let body = boxed(body);
        self.later(name, conf.to_vec(), &body);
        for master in MASTERS {
            let conf = [("shuffle.partitions", "3")].iter().chain(conf).copied().collect();
            self.mode(name, master, "", conf, &body);
        }
    }

    /// One trial for each room: all its bodies on one cluster, those with options of their own in contexts of their own.
    pub(crate) fn on_cluster(&mut self) {
        for (room, bodies) in std::mem::take(&mut self.rooms) {
            self.all.push(Trial::test(format!("{room}::mesos"), move || {
                let cluster = Cluster::start(Options { agents: 2, ..Options::default() })?;
                for (name, conf, body) in bodies {
                    let conf = conf.iter().map(|(key, value)| (*key, (*value).to_owned())).collect();
                    on_mesos(&cluster, conf, &body)
                        .map_err(|error| format!("{name}: {}", error.message().unwrap_or("")))?;
                }
                Ok(cluster.close()?)
            }));
        }
    }

    fn later(&mut self, name: &'static str, conf: Vec<(&'static str, &'static str)>, body: &Body) {
        let room = name.split("::").next().unwrap_or(name);
        self.rooms.entry(room).or_default().push((name, conf, Arc::clone(body)));
    }

    /// A trial of what moves rows: on both masters with 1, 3 and 16 partitions, and once with little memory.
    pub(crate) fn wide<R: Future<Output = Done> + 'static>(&mut self, name: &'static str, body: fn(Context) -> R) {
        let body = boxed(body);
        self.later(name, vec![], &body);
        for master in MASTERS {
            for (mode, partitions) in [("::p1", "1"), ("::p3", "3"), ("::p16", "16")] {
                self.mode(name, master, mode, vec![("shuffle.partitions", partitions)], &body);
            }
            let spill = [("shuffle.partitions", "3")].into_iter().chain(SPILL).collect();
            self.mode(name, master, "::p3::spill", spill, &body);
        }
    }

    /// A trial whose operations by key must write spill files.
    pub(crate) fn spilling<R: Future<Output = Done> + 'static>(&mut self, name: &'static str, body: fn(Context) -> R) {
        self.watched(name, &LITTLE, boxed(body));
    }

    /// A trial without a context.
    pub(crate) fn plain(&mut self, name: &'static str, body: impl FnOnce() -> Done + Send + 'static) {
        self.know(name);
        self.all.push(Trial::test(name, body));
    }

    /// A name that the page of what things mean may give.
    pub(crate) fn know(&mut self, name: &'static str) {
        assert!(self.names.insert(name), "two trials are called {name}");
    }

    fn mode(
        &mut self,
        name: &'static str,
        (master_name, master): (&str, &'static str),
        mode: &str,
        conf: Vec<(&'static str, &'static str)>,
        body: &Body,
    ) {
        if !self.names.contains(name) {
            self.know(name);
        }
        let body = Arc::clone(body);
        let trial = Trial::test(format!("{name}::{master_name}{mode}"), move || {
            on(master, conf.iter().map(|(key, value)| (*key, (*value).to_owned())), &body)
        });
        self.all.push(trial);
    }

    fn watched(&mut self, name: &'static str, conf: &'static [(&str, &str)], body: Body) {
        self.know(name);
        for (master_name, master) in MASTERS {
            let body = Arc::clone(&body);
            self.all.push(Trial::test(format!("{name}::{master_name}"), move || {
                let dir = tempfile::tempdir()?;
                let watch = Watch::over(dir.path());
                let conf = conf.iter().map(|(key, value)| (*key, (*value).to_owned()));
                let own = [("shuffle.partitions", "3".to_owned()), ("dir", dir.path().display().to_string())];
                on(master, conf.chain(own), &body)?;
                match watch.most() {
                    0 => Err("nothing was spilled, so nothing was tried".into()),
                    _ => Ok(()),
                }
            }));
        }
    }
}

fn boxed<R: Future<Output = Done> + 'static>(body: fn(Context) -> R) -> Body {
    Arc::new(move |ctx| Box::pin(body(ctx)))
}

fn on<'a>(master: &str, conf: impl Iterator<Item = (&'a str, String)>, body: &Body) -> Done {
    let builder = Context::builder().master(master);
    let ctx = conf.fold(builder, |builder, (key, value)| builder.conf(key, value)).build()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    runtime.block_on(async {
        let done = body(ctx.clone()).await;
        ctx.stop().await;
        done
    })
}

/// The same on a cluster whose executors are this program.
pub(crate) fn on_mesos(cluster: &Cluster, conf: Vec<(&str, String)>, body: &Body) -> Done {
    let own = MESOS.iter().map(|(key, value)| (*key, (*value).to_owned()));
    let program = std::env::current_exe()?.display().to_string();
    let places = [
        ("shuffle.partitions", "3".to_owned()),
        ("dir", cluster.directory().join("driver").display().to_string()),
        ("mesos.executor.path", program),
    ];
    on(&cluster.masters(), own.chain(places).chain(conf), body)
}

/// Counts spill files below a directory, over and over. (They are gone when the job ends, and no event tells of them.)
struct Watch {
    over: Arc<AtomicBool>,
    most: Arc<AtomicUsize>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Watch {
    fn over(dir: &Path) -> Self {
        let (over, most) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let (dir, stop, seen) = (dir.to_owned(), Arc::clone(&over), Arc::clone(&most));
        let thread = std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                seen.fetch_max(spill_files(&dir), Ordering::Relaxed);
                std::thread::sleep(Duration::from_millis(1));
            }
        });
        Self { over, most, thread: Some(thread) }
    }

    fn most(mut self) -> usize {
        self.stop();
        self.most.load(Ordering::Relaxed)
    }

    fn stop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().map(std::thread::JoinHandle::join);
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Files of DataFusion's disk manager, which has a directory of its own in that of each executor.
fn spill_files(dir: &Path) -> usize {
    let below = |dir: PathBuf| std::fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path());
    let executors = below(dir.to_owned());
    let managers = executors.flat_map(below).filter(|path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("datafusion-"))
    });
    managers.flat_map(below).count()
}

/// Most trials use rows of this one type, so that not every closure is compiled for a type of its own.
pub(crate) type Pair = (Option<String>, i64);

/// Random rows: keys that are `None`, empty, of other scripts, rare and frequent; values that repeat.
pub(crate) fn pairs(seed: u64, rows: usize) -> Vec<Pair> {
    let mut random = StdRng::seed_from_u64(seed);
    let pair = |_| {
        let key = match random.random_range(0..40) {
            0..4 => None,
            4..8 => Some(String::new()),
            8 => Some("日本".into()),
            9 => Some("e\u{301}".into()),
            10 => Some("é".into()),
            11 => Some("🦀\0".into()),
            12..30 => Some(format!("key {}", random.random_range(0..9))),
            _ => Some(format!("rare {}", random.random_range(0..1000))),
        };
        (key, random.random_range(-50..50))
    };
    (0..rows).map(pair).collect()
}

/// Rows in partitions of all kinds: full ones, empty ones, and one with a single row. Their order stays.
pub(crate) fn ragged<T: Row + Clone>(ctx: &Context, rows: &[T]) -> Rdd<T> {
    let (most, last) = rows.split_at(rows.len().saturating_sub(1));
    let most = ctx.parallelize(most.to_vec(), 4);
    most.union_all([&ctx.parallelize(vec![], 2), &ctx.parallelize(last.to_vec(), 1)])
}

/// The partitions of rows that were parallelized.
pub(crate) fn chunks<T: Clone>(rows: &[T], partitions: usize) -> Vec<Vec<T>> {
    let border = |partition: usize| partition * rows.len() / partitions;
    (0..partitions).map(|partition| rows[border(partition)..border(partition + 1)].to_vec()).collect()
}

/// The values of each key, in the order of the rows.
pub(crate) fn grouped<K: Ord + Clone, V: Clone>(rows: &[(K, V)]) -> BTreeMap<K, Vec<V>> {
    let mut groups: BTreeMap<K, Vec<V>> = BTreeMap::new();
    for (key, value) in rows {
        groups.entry(key.clone()).or_default().push(value.clone());
    }
    groups
}

/// An error unless the rows are the same, in the same order. (Not all of them are told, as `assert_eq` would.)
pub(crate) fn equal<T: PartialEq + Debug>(found: &[T], expected: &[T]) -> Done {
    let differ = found.iter().zip(expected).position(|(found, expected)| found != expected);
    match differ {
        Some(row) => Err(format!("row {row} is {:?}, expected {:?}", found[row], expected[row]).into()),
        None if found.len() != expected.len() => {
            let after =
                |rows: &[T]| rows.iter().skip(found.len().min(expected.len())).map(|row| format!("{row:?}")).next();
            let next = after(found).or_else(|| after(expected)).unwrap_or_default();
            Err(format!("{} rows, expected {}; the first that only one side has: {next}", found.len(), expected.len())
                .into())
        }
        None => Ok(()),
    }
}

/// An error unless the rows are the same, in whatever order.
pub(crate) fn same<T: Ord + Debug>(found: Vec<T>, expected: impl IntoIterator<Item = T>) -> Done {
    equal(&sorted(found), &sorted(expected.into_iter().collect()))
}

/// In ascending order.
pub(crate) fn sorted<T: Ord>(mut rows: Vec<T>) -> Vec<T> {
    rows.sort_unstable();
    rows
}

/// Groups with the values of each key in ascending order, since theirs is not specified.
pub(crate) fn in_order<K, V: Ord>(groups: impl IntoIterator<Item = (K, Vec<V>)>) -> Vec<(K, Vec<V>)> {
    groups.into_iter().map(|(key, values)| (key, sorted(values))).collect()
}

/// What an error says.
pub(crate) fn told<T>(result: Result<T, impl ToString>) -> String {
    match result {
        Ok(_) => "no error".into(),
        Err(error) => error.to_string(),
    }
}

/// An error unless a text has all parts.
pub(crate) fn says(text: &str, parts: &[&str]) -> Done {
    match parts.iter().find(|part| !text.contains(**part)) {
        Some(part) => Err(format!("{part:?} is not in {text:?}").into()),
        None => Ok(()),
    }
}
