//! A cluster of real masters and agents for one test, and a framework on it.
//!
//! Clusters come from `mesos-testbed` (in `tests/mesos-testbed` of the workspace, or where MESOS_TESTBED says; built
//! with `make` there). It runs for as long as its standard input is open, so no cluster outlives its test, however
//! that ends; commands that break it are given through the same pipe.

use mesos_rs::proto::{
    AgentId, CommandInfo, ExecutorInfo, Filters, FrameworkInfo, Offer, TaskInfo, TaskState, TaskStatus,
};
use mesos_rs::resources::{Prefer, Request, Resources};
use mesos_rs::scheduler::{self, Config, Event, SchedulerHandle};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;

/// One cluster at a time: they are timed, and test machines are small.
static ONE: Mutex<()> = Mutex::new(());

pub(crate) struct Cluster {
    child: Child,
    output: BufReader<std::process::ChildStdout>,
    _directory: tempfile::TempDir,
    pub(crate) port: u16,
    _one: MutexGuard<'static, ()>,
}

fn program() -> PathBuf {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/mesos-testbed");
    let directory = std::env::var_os("MESOS_TESTBED").map_or(workspace, PathBuf::from);
    let program = directory.join("bin/mesos-testbed");
    assert!(
        program.exists(),
        "there is no Mesos to test against: {} does not exist. Set MESOS_TESTBED to a directory with bin/mesos-testbed.",
        program.display()
    );
    program
}

/// A port whose neighbours, as far as the testbed uses them, are free, too.
fn free_port() -> u16 {
    let first = 20_000 + u16::try_from(std::process::id() % 100).unwrap() * 100;
    let is_free = |port: &u16| {
        let masters = [0, 1, 2, 50].map(|offset| format!("127.0.0.1:{}", port + offset));
        let agents = [1, 2].map(|agent| format!("127.0.1.{agent}:{}", port + 1));
        masters.iter().chain(&agents).all(|address| TcpListener::bind(address).is_ok())
    };
    (0..100).map(|number| first + number * 100).find(is_free).expect("free ports")
}

impl Cluster {
    /// Two agents; with more than one master, a ZooKeeper, too.
    pub(crate) fn up(masters: u32, more: &[&str]) -> Self {
        let one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
        let (program, directory, port) = (program(), tempfile::tempdir().unwrap(), free_port());
        let serve = r#"echo up; while read -r line; do "$0" --dir "$1" $line >&2; echo "ended $?"; done"#;
        let mut child = Command::new(&program)
            .arg("--dir")
            .arg(directory.path())
            .args(["run", "--agents", "2", "--masters", &masters.to_string(), "--port", &port.to_string()])
            .args(["--master-flag", "agent_ping_timeout=1secs", "--master-flag", "max_agent_ping_timeouts=3"])
            .args(more)
            .args(["--", "sh", "-c", serve])
            .arg(&program)
            .arg(directory.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("mesos-testbed starts");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        while line != "up\n" {
            line.clear();
            assert_ne!(output.read_line(&mut line).unwrap(), 0, "mesos-testbed did not come up; has `make` been run?");
        }
        Self { child, output, _directory: directory, port, _one: one }
    }

    /// `kill-master 0`, `start-agent 1`, …
    pub(crate) fn command(&mut self, words: &str) {
        writeln!(self.child.stdin.as_mut().unwrap(), "{words}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        assert_eq!(line, "ended 0\n", "mesos-testbed {words}");
    }

    pub(crate) fn masters(&self, count: u16) -> String {
        (0..count).map(|number| format!("127.0.0.1:{}", self.port + number)).collect::<Vec<_>>().join(",")
    }

    pub(crate) fn zookeeper(&self) -> String {
        format!("zk://127.0.0.1:{}/mesos", self.port + 50)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// A scheduler that declines and acknowledges what comes along while a test waits for something else.
pub(crate) struct Framework {
    pub(crate) handle: SchedulerHandle,
    events: Receiver<Event>,
    executors: BTreeMap<AgentId, ExecutorInfo>,
    waiting: Vec<Offer>,
}

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn config(masters: &str) -> Config {
    let info = FrameworkInfo { failover_timeout: Some(60.0), ..FrameworkInfo::new("root", "mesos-rs test") };
    Config {
        backoff: (Duration::from_millis(100), Duration::from_secs(1)),
        ..Config::new(masters.parse().unwrap(), info)
    }
}

fn example() -> String {
    // Tests are in target/…/deps, examples beside that; `cargo test` builds both.
    let directory = std::env::current_exe().unwrap().parent().unwrap().parent().unwrap().join("examples");
    let path = directory.join("executor");
    assert!(path.exists(), "{} does not exist: cargo build -p mesos-rs --examples", path.display());
    path.to_str().unwrap().to_string()
}

impl Framework {
    pub(crate) fn start(config: Config) -> Self {
        let (handle, events) = scheduler::start(config).unwrap();
        Self { handle, events, executors: BTreeMap::new(), waiting: Vec::new() }
    }

    /// The next event; updates are acknowledged.
    pub(crate) async fn next(&mut self) -> Event {
        let next = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        let event = next.expect("an event in time").expect("no end yet");
        if let Event::Update(status) = &event {
            let _ = self.handle.acknowledge(status).await;
        }
        event
    }

    /// The next event for which `wanted` gives something; offers are declined, the rest is dropped.
    pub(crate) async fn wait<T>(&mut self, what: &str, mut wanted: impl FnMut(&Event) -> Option<T>) -> T {
        let start = Instant::now();
        let mut passed = Vec::new();
        loop {
            assert!(start.elapsed() < PATIENCE, "waiting for {what}, only saw {passed:?}");
            let event = self.next().await;
            if let Some(found) = wanted(&event) {
                return found;
            }
            match event {
                Event::Offers(offers) => {
                    let ids = offers.into_iter().map(|offer| offer.id).collect();
                    let _ = self.handle.decline(ids, Some(Filters::refuse(Duration::from_millis(500)))).await;
                }
                Event::Ended(end) => panic!("waiting for {what}: {end}; before that {passed:?}"),
                other => passed.push(format!("{other:?}")),
            }
        }
    }

    pub(crate) async fn connected(&mut self) -> (String, bool) {
        let connected = |event: &Event| match event {
            Event::Connected { framework_id, again, .. } => Some((framework_id.value.clone(), *again)),
            _ => None,
        };
        self.wait("a connection", connected).await
    }

    pub(crate) async fn update(&mut self, task: &str, state: TaskState) -> TaskStatus {
        let matches = |event: &Event| match event {
            Event::Update(status) if status.task_id.value == task && status.state() == state => Some(status.clone()),
            _ => None,
        };
        self.wait(&format!("{task} {state:?}"), matches).await
    }

    pub(crate) async fn ended(&mut self) -> scheduler::End {
        loop {
            if let Event::Ended(end) = self.next().await {
                return end;
            }
        }
    }

    /// An offer, of a certain agent if one is named.
    pub(crate) async fn offer(&mut self, agent: Option<&AgentId>) -> Offer {
        loop {
            let wanted = |offer: &Offer| agent.is_none_or(|agent| offer.agent_id == *agent);
            if let Some(at) = self.waiting.iter().position(wanted) {
                let offer = self.waiting.swap_remove(at);
                let rest = self.waiting.drain(..).map(|offer| offer.id).collect::<Vec<_>>();
                if !rest.is_empty() {
                    let _ = self.handle.decline(rest, Some(Filters::refuse(Duration::from_millis(500)))).await;
                }
                return offer;
            }
            match self.next().await {
                Event::Offers(offers) => self.waiting.extend(offers),
                Event::Ended(end) => panic!("waiting for an offer: {end}"),
                _ => {}
            }
        }
    }

    /// Launches a task in the example executor, on whatever agent or on the one named, and waits until it runs.
    pub(crate) async fn run(&mut self, task: &str, data: &'static str, agent: Option<&AgentId>) -> (Offer, TaskStatus) {
        let offer = self.launch(task, data, agent).await;
        let status = self.update(task, TaskState::Running).await;
        (offer, status)
    }

    pub(crate) async fn launch(&mut self, task: &str, data: &'static str, agent: Option<&AgentId>) -> Offer {
        let offer = self.offer(agent).await;
        self.launch_on(&offer, &[task.to_string()], data, "cpus=0.1,mem=32").await;
        offer
    }

    /// Launches many tasks on one agent.
    pub(crate) async fn launch_all(&mut self, tasks: &[String], data: &'static str, share: &str, agent: &AgentId) {
        self.handle.revive(&[]).await.unwrap();
        let offer = self.offer(Some(agent)).await;
        self.launch_on(&offer, tasks, data, share).await;
    }

    async fn launch_on(&mut self, offer: &Offer, tasks: &[String], data: &'static str, share: &str) {
        let share: Request = share.parse().unwrap();
        let mut left = Resources::try_from(offer.resources.as_slice()).unwrap();
        let executor = self.executors.entry(offer.agent_id.clone()).or_insert_with(|| {
            let own = left.take(&"cpus=0.1,mem=32".parse().unwrap(), Prefer::Reserved).unwrap();
            ExecutorInfo::custom("e".into(), CommandInfo::program(&example(), &["executor"]), own.to_proto())
        });
        let task = |task: &String| TaskInfo {
            name: task.clone(),
            task_id: task.as_str().into(),
            agent_id: offer.agent_id.clone(),
            resources: left.take(&share, Prefer::Reserved).unwrap().to_proto(),
            executor: Some(executor.clone()),
            data: Some(data.into()),
            ..TaskInfo::default()
        };
        let tasks = tasks.iter().map(task).collect();
        let filters = Some(Filters::refuse(Duration::from_millis(500)));
        self.handle.launch(vec![offer.id.clone()], tasks, filters).await.unwrap();
    }

    pub(crate) async fn teardown(mut self) {
        self.handle.teardown().await.unwrap();
        assert!(matches!(self.ended().await, scheduler::End::TornDown));
    }
}

/// Which of the testbed's agents an offer is of.
pub(crate) fn agent_number(offer: &Offer) -> u32 {
    offer.hostname.rsplit('.').next().unwrap().parse::<u32>().unwrap() - 1
}
