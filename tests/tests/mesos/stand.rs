//! A cluster that follows a script: a master and an agent in this process, and this program as the one real executor.
//!
//! ```text
//!  context ──SUBSCRIBE, ACCEPT, …──► scripted master ◄──── trial ────► scripted agent ◄── executor (a process)
//!     ▲                                                                                      │
//!     └──────────────────────── control port, shuffle port ──────────────────────────────────┘
//! ```
//! The trial is all that lies between the two: what the executor says of its tasks reaches the driver as the trial
//! tells it, which may be twice, late, in another order or not at all.

use dpark::Context;
use dpark_tests::oracle::modes::MESOS;
use dpark_tests::story::on;
use libtest_mimic::Failed;
use mesos_fake::{FakeAgent, FakeMaster, OnSubscribe, launched};
use mesos_rs::proto::scheduler::{Call, CallType, Event, EventType, Update};
use mesos_rs::proto::{AgentInfo, FrameworkInfo, OfferId, TaskInfo, TaskStatus, executor};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// The id of the agent.
pub(crate) const AGENT: &str = "agent";

/// The id that both scripts give to the framework.
pub(crate) const FRAMEWORK: &str = "framework-0001";

/// Nothing takes longer by far.
const PATIENCE: Duration = Duration::from_secs(60);

/// After so long without a call the driver has said all it had to.
const QUIET: Duration = Duration::from_secs(1);

/// See the module.
pub(crate) struct Stand {
    pub(crate) master: FakeMaster,
    agent: FakeAgent,
    /// Of the executor, and for the driver's files.
    directory: TempDir,
    executor: Option<Child>,
    offers: usize,
    /// The driver's calls that were taken so far.
    pub(crate) calls: Vec<Call>,
    /// The uuids of the updates that the driver was told.
    told: Vec<Vec<u8>>,
}

impl Drop for Stand {
    fn drop(&mut self) {
        if let Some(executor) = &mut self.executor {
            let _ = executor.kill();
            let _ = executor.wait();
        }
    }
}

/// Runs `body` on a context of such a cluster.
pub(crate) fn on_stand(
    conf: &[(&str, &str)],
    body: impl AsyncFnOnce(&Context, &mut Stand) -> Result<(), Failed>,
) -> Result<(), Failed> {
    start(conf, |_| {}, body)
}

/// The same with a `script` for the master that is written before the context is there.
pub(crate) fn on_scripted_stand(
    script: impl FnOnce(&FakeMaster),
    body: impl AsyncFnOnce(&Context, &mut Stand) -> Result<(), Failed>,
) -> Result<(), Failed> {
    start(&[], script, body)
}

fn start(
    conf: &[(&str, &str)],
    script: impl FnOnce(&FakeMaster),
    body: impl AsyncFnOnce(&Context, &mut Stand) -> Result<(), Failed>,
) -> Result<(), Failed> {
    // Master and agent live on when the context's own runtime is busy or gone.
    let theirs = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let (master, agent) = theirs.block_on(async { (FakeMaster::start().await, FakeAgent::start().await) });
    script(&master);
    let directory = tempfile::tempdir()?;
    let (url, work) = (format!("mesos://{}", master.address()), directory.path().join("driver"));
    let program = std::env::current_exe()?.display().to_string();
    let mut all = vec![("mesos.executor.path", program.as_str())];
    all.extend(MESOS);
    all.extend(conf.iter().copied());
    let (calls, told) = (vec![], vec![]);
    let mut stand = Stand { master, agent, directory, executor: None, offers: 0, calls, told };
    on(&url, &work, &all, async |ctx| body(ctx, &mut stand).await)
}

impl Stand {
    /// For files of the trial.
    pub(crate) fn directory(&self) -> &Path {
        self.directory.path()
    }

    async fn hear(&mut self) -> Call {
        let call = self.master.next_call().await;
        self.calls.push(call.clone());
        call
    }

    /// The driver's next call of a kind.
    pub(crate) async fn call(&mut self, kind: CallType) -> Call {
        let start = Instant::now();
        loop {
            let call = self.hear().await;
            if call.r#type() == kind {
                return call;
            }
            assert!(start.elapsed() < PATIENCE, "the driver does not call {kind:?}");
        }
    }

    /// How many calls of a kind were taken so far.
    pub(crate) fn count(&self, kind: CallType) -> usize {
        self.calls.iter().filter(|call| call.r#type() == kind).count()
    }

    /// The name of the last offer.
    pub(crate) fn last_offer(&self) -> String {
        format!("offer-{}", self.offers)
    }

    /// Offers all of the agent, and gives what the driver launches on it; nothing if it declines.
    pub(crate) async fn offer(&mut self) -> Vec<TaskInfo> {
        self.offers += 1;
        let offer = self.last_offer();
        self.master.offer(&offer, AGENT);
        let is_meant = |ids: &[OfferId]| ids.iter().any(|id| id.value == offer);
        loop {
            let call = self.hear().await;
            if call.accept.as_ref().is_some_and(|accept| is_meant(&accept.offer_ids)) {
                return launched(&call);
            }
            if call.decline.as_ref().is_some_and(|decline| is_meant(&decline.offer_ids)) {
                return vec![];
            }
        }
    }

    /// Offers until the driver launches something.
    pub(crate) async fn launches(&mut self) -> Vec<TaskInfo> {
        let start = Instant::now();
        loop {
            let tasks = self.offer().await;
            if !tasks.is_empty() {
                return tasks;
            }
            assert!(start.elapsed() < PATIENCE, "the driver launches nothing");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Has the executor run tasks, and gives the updates that it makes of them. The driver is not told.
    pub(crate) async fn run(&mut self, tasks: &[TaskInfo]) -> Vec<TaskStatus> {
        if let (None, Some(first)) = (&self.executor, tasks.first()) {
            self.executor = Some(self.start_executor(first).await);
        }
        for task in tasks {
            self.agent.launch(task.clone());
        }
        let (mut updates, mut ended) = (vec![], 0);
        while ended < tasks.len() {
            let Some(update) = self.agent.next_call().await.update else { continue };
            let status = TaskStatus { agent_id: Some(AGENT.into()), ..update.status };
            self.agent.acknowledge(status.task_id.clone(), status.uuid.clone().unwrap_or_default());
            ended += usize::from(status.state().is_terminal());
            updates.push(status);
        }
        updates
    }

    /// Does what an agent does for the first task of an executor.
    async fn start_executor(&self, task: &TaskInfo) -> Child {
        let info = task.executor.clone().unwrap();
        let command = info.command.clone().unwrap();
        let variables = command.environment.unwrap_or_default().variables;
        let variables = variables.into_iter().map(|variable| (variable.name, variable.value.unwrap_or_default()));
        // The script's own SUBSCRIBED knows nothing of this executor.
        self.agent.script(OnSubscribe::Silent);
        let executor = Command::new(command.value.unwrap())
            .envs(variables)
            .envs(self.agent.environment(&[]))
            .current_dir(self.directory())
            .stderr(File::create(self.directory().join("stderr")).unwrap())
            .spawn()
            .unwrap();
        let call = self.agent.next_call().await;
        assert_eq!(call.r#type(), executor::CallType::Subscribe);
        let agent_info = AgentInfo { hostname: "host".to_owned(), ..AgentInfo::default() };
        let framework_info = FrameworkInfo::new("root", "script");
        let container_id = Some("container".into());
        let subscribed = executor::Subscribed { executor_info: info, framework_info, agent_info, container_id };
        let kind = Some(executor::EventType::Subscribed.into());
        self.agent.send(executor::Event { r#type: kind, subscribed: Some(subscribed), ..Default::default() });
        executor
    }

    /// Tells the driver of a task's state.
    pub(crate) fn tell(&mut self, status: &TaskStatus) {
        self.told.extend(status.uuid.as_ref().filter(|uuid| !uuid.is_empty()).map(|uuid| uuid.to_vec()));
        let (kind, update) = (Some(EventType::Update.into()), Some(Update { status: status.clone() }));
        self.master.send(Event { r#type: kind, update, ..Event::default() });
    }

    /// Plays master and agent until the query is over. The trial tells the driver of its tasks.
    pub(crate) async fn serve_telling<T>(
        &mut self,
        query: JoinHandle<T>,
        mut tell: impl FnMut(&mut Self, &TaskStatus),
    ) -> Result<T, Failed> {
        let start = Instant::now();
        while !query.is_finished() {
            let tasks = self.offer().await;
            for status in self.run(&tasks).await {
                tell(self, &status);
            }
            assert!(start.elapsed() < PATIENCE, "the query does not end");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(query.await?)
    }

    /// The same, and the driver is told what is so.
    pub(crate) async fn serve<T>(&mut self, query: JoinHandle<T>) -> Result<T, Failed> {
        self.serve_telling(query, |stand, status| stand.tell(status)).await
    }

    /// Checks that the driver has acknowledged what it was told, each time once, and nothing else.
    pub(crate) async fn check_acknowledged(&mut self) {
        while tokio::time::timeout(QUIET, self.hear()).await.is_ok() {}
        let calls = self.calls.iter().filter_map(|call| call.acknowledge.as_ref());
        let mut acknowledged: Vec<_> = calls.map(|call| call.uuid.to_vec()).collect();
        acknowledged.sort_unstable();
        self.told.sort_unstable();
        assert_eq!(acknowledged, self.told);
    }
}
