//! What the trials share: a cluster, a context on it, and a query that can be held at a chosen moment.

use dpark::Context;
use dpark::rdd::Rdd;
use dpark_lineage::StageId;
use dpark_test_cluster::{Cluster, Options};
use dpark_tests::oracle::modes::MESOS;
use dpark_tests::story::{Story, on, open, said, say, wait_for, wait_until};
use libtest_mimic::{Failed, Trial};
use std::path::{Path, PathBuf};
use tokio::task::JoinHandle;

/// A trial of a name.
pub(crate) fn trial(name: &str, run: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Trial {
    Trial::test(format!("mesos::{name}"), run)
}

/// Two agents of one core each, unless a trial wants others.
pub(crate) fn two_agents() -> Options {
    Options { agents: 2, resources: vec!["cpus:1.2;mem:1024;disk:1024".into()], ..Options::default() }
}

/// Runs `body` on a context whose executors are this program, and a cluster made for it.
pub(crate) fn on_cluster(
    options: Options,
    conf: &[(&str, &str)],
    body: impl AsyncFnOnce(&Context, &Cluster) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let cluster = Cluster::start(options)?;
    on_this(&cluster, &cluster.masters(), conf, async |ctx| body(ctx, &cluster).await)?;
    cluster.close()?;
    Ok(())
}

/// The same on a cluster that is there.
pub(crate) fn on_this(
    cluster: &Cluster,
    master: &str,
    conf: &[(&str, &str)],
    body: impl AsyncFnOnce(&Context) -> Result<(), Failed>,
) -> Result<(), Failed> {
    let program = std::env::current_exe()?.display().to_string();
    let mut all = vec![("mesos.executor.path", program.as_str())];
    all.extend(MESOS);
    // Held tasks are slow, and are to stay alone.
    all.push(("task.speculation", "false"));
    all.retain(|(key, _)| !conf.iter().any(|(other, _)| other == key));
    // An empty path is how a trial says that agents shall fetch the program.
    all.extend(conf.iter().copied().filter(|(_, value)| !value.is_empty()));
    let work = cluster.directory().join("driver");
    on(master, &work, &all, body)
}

/// Six map tasks, three that sum by key, three with the result. Tasks of the first stage whose partition is among the
/// `held` say so below `gates` and wait.
pub(crate) fn sums(ctx: &Context, gates: &Path, held: &[i64]) -> Result<Rdd<(i64, i64)>, Failed> {
    let maps = ctx.parallelize(0..600i64, 6).with(&(gates.display().to_string(), held.to_vec()));
    let maps = maps.map(|(gates, held), n| {
        if n % 100 == 0 && held.contains(&(n / 100)) {
            let gates = Path::new(gates);
            say(gates, "held");
            wait_for(&gates.join("go"));
        }
        (n % 100, n)
    });
    Ok(maps.reduce_by_key(|a, b| a + b).map(|(key, sum)| (key % 50, sum)).reduce_by_key(|a, b| a + b))
}

/// Whether these are the sums.
pub(crate) fn check_sums(mut found: Vec<(i64, i64)>) {
    found.sort_unstable();
    let sum = |key: i64| (0..12).map(|round| key + 50 * round).sum::<i64>();
    assert_eq!(found, (0..50).map(|key| (key, sum(key))).collect::<Vec<_>>());
}

/// Waits until so many tasks are held, without keeping the runtime from its work.
pub(crate) async fn until_held(gates: &Path, count: usize) -> Vec<u32> {
    let gates = gates.to_path_buf();
    let wait = move || {
        wait_until("tasks should be held", || said(&gates, "held").len() >= count);
        said(&gates, "held")
    };
    tokio::task::spawn_blocking(wait).await.unwrap()
}

/// A query whose last map task is held.
pub(crate) struct Held {
    gates: PathBuf,
    query: JoinHandle<datafusion::common::Result<Vec<(i64, i64)>>>,
    /// What the context told since before it began.
    pub(crate) story: Story,
    /// The process that runs the held task.
    pub(crate) pid: u32,
}

impl Held {
    /// Starts the query and waits until the task is held.
    pub(crate) async fn start(ctx: &Context, cluster: &Cluster) -> Result<Held, Failed> {
        let gates = cluster.directory().join("gates");
        std::fs::create_dir(&gates)?;
        let story = Story::of(ctx);
        let query = tokio::spawn(sums(ctx, &gates, &[5])?.collect());
        let pid = until_held(&gates, 1).await[0];
        Ok(Held { gates, query, story, pid })
    }

    /// Lets the task go.
    pub(crate) fn release(&self) {
        open(&self.gates.join("go"));
    }

    /// Lets the task go, waits for the right answer, and tells what happened.
    pub(crate) async fn finish(mut self) -> Result<Story, Failed> {
        self.release();
        check_sums(self.query.await??);
        self.story.catch_up();
        Ok(self.story)
    }
}

/// What was computed again for the one job, which ended well.
pub(crate) fn recomputed(story: &Story) -> Vec<(StageId, u32)> {
    let [(None, recomputed)] = &story.ended[..] else { panic!("one job, without error: {:?}", story.ended) };
    let mut recomputed = recomputed.clone();
    recomputed.sort_unstable();
    recomputed
}
