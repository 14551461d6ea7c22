//! A cluster of real masters and agents for one test, and a framework on it.
//!
//! Clusters come from `dpark-test-cluster`, which takes them down whatever becomes of the test.

use dpark_test_cluster::Options;
use mesos_rs::proto::{
    AgentId, CommandInfo, ExecutorInfo, Filters, FrameworkInfo, Offer, TaskInfo, TaskState, TaskStatus,
};
use mesos_rs::resources::{Prefer, Request, Resources};
use mesos_rs::scheduler::{self, Config, Event, SchedulerHandle};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;

/// A cluster of its own for a test.
pub(crate) struct Cluster(dpark_test_cluster::Cluster);

impl Cluster {
    /// Two agents, with more flags for the masters; with more than one master, a ZooKeeper, too.
    pub(crate) fn up(masters: usize, flags: &[String]) -> Self {
        let ping = ["agent_ping_timeout=1secs", "max_agent_ping_timeouts=3", "zk_session_timeout=2secs"];
        let master_flags = ping.map(String::from).into_iter().chain(flags.iter().cloned()).collect();
        let resources = vec!["cpus:4;mem:4096;disk:4096;ports:[31000-31999]".to_owned()];
        let options = Options { agents: 2, masters, master_flags, resources, ..Options::default() };
        Self(dpark_test_cluster::Cluster::start(options).unwrap())
    }

    pub(crate) fn masters(&self, count: usize) -> String {
        self.0.master_addresses()[..count].join(",")
    }

    pub(crate) fn zookeeper(&self) -> String {
        self.0.zk().unwrap()
    }

    /// The agent that made an offer.
    pub(crate) fn agent_of(&self, offer: &Offer) -> usize {
        let has_id = |agent: &usize| self.0.agent_id(*agent).is_ok_and(|id| id == offer.agent_id.value);
        (0..self.0.agents()).find(has_id).expect("an agent of the cluster")
    }
}

impl std::ops::Deref for Cluster {
    type Target = dpark_test_cluster::Cluster;

    fn deref(&self) -> &Self::Target {
        &self.0
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
