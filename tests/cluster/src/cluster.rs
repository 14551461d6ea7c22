//! The fixture itself.

use crate::holder::Holder;
use crate::{Error, Options, Signal, http, processes_of, wait_until};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A running cluster. Dropping it takes it down and removes its directory; after a panic, or with `DPARK_TESTBED_KEEP`
/// in the environment, the directory with logs and sandboxes is kept, and standard error says where.
///
/// Nodes are counted from 0. Methods may be called from several threads; those that change a node wait for each other.
pub struct Cluster {
    directory: PathBuf,
    holder: Mutex<Holder>,
    /// By the node's name, as `agent-0`.
    addresses: Mutex<BTreeMap<String, String>>,
    zk: Option<String>,
}

/// An executor that runs on an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Executor {
    /// The process that its container was started with; it lives as long as the executor.
    pub pid: u32,
    /// The id that its framework gave it.
    pub id: String,
    /// The id of its framework.
    pub framework: String,
    /// Its sandbox, with `stdout` and `stderr`.
    pub sandbox: PathBuf,
}

impl Cluster {
    /// Brings a cluster up: all agents are registered with the leading master. The first time on a machine, Mesos is
    /// fetched and built before.
    pub fn start(options: Options) -> Result<Self, Error> {
        let directory = tempfile::Builder::new()
            .prefix("dpark-cluster-")
            .tempdir()
            .map_err(Error::io("cannot make a directory"))?
            // The holder removes it, since it may outlive this process.
            .keep();
        let (holder, first) = Holder::start(&directory, &options.arguments())?;
        let leader = first["options"]["leader"].as_str().unwrap_or_default();
        let addresses = first["addresses"].as_object().into_iter().flatten();
        Ok(Self {
            zk: leader.starts_with("zk://").then(|| leader.to_owned()),
            addresses: Mutex::new(
                addresses.filter_map(|(name, to)| Some((name.clone(), to.as_str()?.to_owned()))).collect(),
            ),
            holder: Mutex::new(holder),
            directory,
        })
    }

    /// Takes the cluster down like dropping it, and fails when a process is left.
    pub fn close(self) -> Result<(), Error> {
        self.end(false)
    }

    fn end(&self, keep: bool) -> Result<(), Error> {
        lock(&self.holder).end(&self.directory, keep)?;
        let left = self.processes_left();
        if left.is_empty() { Ok(()) } else { Err(Error::Left(left)) }
    }

    /// Where the cluster lives: `agent-0.log`, `master-0.log`, and a directory for each node.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// All processes of the cluster that live now. Once it is down, [`processes_of`] tells of its directory.
    pub fn processes_left(&self) -> Vec<u32> {
        processes_of(&self.directory)
    }

    // Addresses.

    /// The masters, as `mesos://host:port,host:port`.
    pub fn masters(&self) -> String {
        format!("mesos://{}", self.master_addresses().join(","))
    }

    /// The masters, each as `host:port`.
    pub fn master_addresses(&self) -> Vec<String> {
        let addresses = lock(&self.addresses);
        addresses.iter().filter(|(name, _)| name.starts_with("master-")).map(|(_, to)| to.clone()).collect()
    }

    /// ZooKeeper's URL, as `zk://host:port/mesos`, if there is one.
    pub fn zk(&self) -> Option<String> {
        self.zk.clone()
    }

    /// An agent's `host:port`. Its host is an address of its own, which is also its host name.
    pub fn agent_address(&self, agent: usize) -> Result<String, Error> {
        let name = format!("agent-{agent}");
        lock(&self.addresses).get(&name).cloned().ok_or(Error::NoNode(name))
    }

    /// How many agents there are, alive or not.
    pub fn agents(&self) -> usize {
        lock(&self.addresses).keys().filter(|name| name.starts_with("agent-")).count()
    }

    // Breaking and mending.

    /// Sends a signal to an agent's process, and waits for its end if the signal brings it. Its executors live on, but
    /// for [`Signal::Usr1`].
    pub fn kill_agent(&self, agent: usize, signal: Signal) -> Result<(), Error> {
        self.signal("agent", agent, signal)
    }

    /// Kills an agent and all that runs on it, as if the machine were lost.
    pub fn kill_agent_node(&self, agent: usize) -> Result<(), Error> {
        self.command(&["kill-agent", &agent.to_string(), "--node"])
    }

    /// Stops an agent, as if its machine were cut off; its executors are not stopped.
    pub fn stop_agent(&self, agent: usize) -> Result<(), Error> {
        self.kill_agent(agent, Signal::Stop)
    }

    /// Lets a stopped agent go on.
    pub fn cont_agent(&self, agent: usize) -> Result<(), Error> {
        self.kill_agent(agent, Signal::Cont)
    }

    /// Starts an agent that has ended, and waits until it is registered. It recovers its executors, unless it is to
    /// `wipe` what it knows: a new machine at the same address.
    pub fn start_agent(&self, agent: usize, wipe: bool) -> Result<(), Error> {
        let number = agent.to_string();
        let words = ["start-agent", &number, "--wipe"];
        self.command(if wipe { &words } else { &words[..2] })
    }

    /// Starts one agent more, with these resources and attributes or those of the last one, and gives its number once it
    /// is registered.
    pub fn add_agent(&self, resources: Option<&str>, attributes: Option<&str>) -> Result<usize, Error> {
        let mut words = vec!["add-agent".to_owned()];
        words.extend(resources.map(|resources| format!("--resources={resources}")));
        words.extend(attributes.map(|attributes| format!("--attributes={attributes}")));
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let added = lock(&self.holder).command(&words)?;
        let text = |field: &str| added[field].as_str().unwrap_or_default().to_owned();
        lock(&self.addresses).insert(text("name"), text("address"));
        text("name")
            .strip_prefix("agent-")
            .and_then(|number| number.parse().ok())
            .ok_or_else(|| Error::Testbed(format!("not an agent: {added}")))
    }

    /// Kills a master. (One that ends by itself, as after losing its leadership, starts again.)
    pub fn kill_master(&self, master: usize) -> Result<(), Error> {
        self.signal("master", master, Signal::Kill)
    }

    /// Sends a signal to a master's process, and waits for its end if the signal brings it.
    pub fn signal_master(&self, master: usize, signal: Signal) -> Result<(), Error> {
        self.signal("master", master, signal)
    }

    /// Starts a master that has ended, and waits until it answers. It may take longer until it leads and agents are
    /// back, see [`Cluster::wait_for_agents`].
    pub fn start_master(&self, master: usize) -> Result<(), Error> {
        self.command(&["start-master", &master.to_string()])
    }

    /// Sends a signal to ZooKeeper's process.
    pub fn signal_zookeeper(&self, signal: Signal) -> Result<(), Error> {
        self.signal("zookeeper", 0, signal)
    }

    /// Starts ZooKeeper after it has ended.
    pub fn start_zookeeper(&self) -> Result<(), Error> {
        self.command(&["start-zookeeper", "0"])
    }

    fn signal(&self, kind: &str, number: usize, signal: Signal) -> Result<(), Error> {
        self.command(&[&format!("kill-{kind}"), &number.to_string(), "--signal", signal.name()])
    }

    fn command(&self, words: &[&str]) -> Result<(), Error> {
        lock(&self.holder).command(words).map(|_| ())
    }

    // Looking.

    /// The executors that run on an agent, or would if it were up.
    pub fn executors(&self, agent: usize) -> Result<Vec<Executor>, Error> {
        self.agent_address(agent)?;
        let found = lock(&self.holder).command(&["executors", &agent.to_string()])?;
        let executor = |found: &Value| {
            let text = |field: &str| found[field].as_str().unwrap_or_default().to_owned();
            let pid = found["pid"].as_u64().and_then(|pid| pid.try_into().ok())?;
            Some(Executor { pid, id: text("executor"), framework: text("framework"), sandbox: text("sandbox").into() })
        };
        Ok(found.as_array().into_iter().flatten().filter_map(executor).collect())
    }

    /// The directory that all sandboxes of an agent are in, as
    /// `AGENT-ID/frameworks/FRAMEWORK-ID/executors/EXECUTOR-ID/runs/latest`.
    pub fn sandbox_dir(&self, agent: usize) -> PathBuf {
        self.directory.join(format!("agent-{agent}/work/slaves"))
    }

    /// The log of a node, as `agent-0`, `master-0` or `zookeeper-0`, so far.
    pub fn log(&self, node: &str) -> Result<String, Error> {
        let path = self.directory.join(format!("{node}.log"));
        let log = std::fs::read(&path).map_err(Error::io(format!("cannot read {}", path.display())))?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    /// The number of the leading master.
    pub fn leader(&self) -> Result<usize, Error> {
        self.first_master("/master/state-summary", None).map(|(master, _)| master)
    }

    /// The leading master's state, as of its endpoint `/master/state`.
    pub fn state(&self) -> Result<Value, Error> {
        self.get("/master/state")
    }

    /// The frameworks that the leading master knows, each as of its endpoint `/master/frameworks`, those that are
    /// completed left out.
    pub fn frameworks(&self) -> Result<Vec<Value>, Error> {
        match self.get("/master/frameworks")?["frameworks"].take() {
            Value::Array(frameworks) => Ok(frameworks),
            _ => Ok(vec![]),
        }
    }

    /// What the leading master says at any endpoint.
    pub fn get(&self, path: &str) -> Result<Value, Error> {
        self.first_master(path, None).map(|(_, answer)| answer)
    }

    /// What the leading master says to a call of the v1 operator API, as `{"type": "GET_AGENTS"}`.
    pub fn operator(&self, call: &Value) -> Result<Value, Error> {
        self.first_master("/api/v1", Some(call)).map(|(_, answer)| answer)
    }

    /// All but the leader answer with a redirect.
    fn first_master(&self, path: &str, body: Option<&Value>) -> Result<(usize, Value), Error> {
        let mut last = Error::NoNode("master".to_owned());
        for (master, address) in self.master_addresses().iter().enumerate() {
            match http::ask(address, path, body) {
                Ok(answer) => return Ok((master, answer)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// An agent's id, as the leading master knows it.
    pub fn agent_id(&self, agent: usize) -> Result<String, Error> {
        let end = format!("@{}", self.agent_address(agent)?);
        let agents = self.get("/master/slaves")?;
        let mut agents = agents["slaves"].as_array().into_iter().flatten();
        agents
            .find(|agent| agent["pid"].as_str().is_some_and(|pid| pid.ends_with(&end)))
            .and_then(|agent| Some(agent["id"].as_str()?.to_owned()))
            .ok_or_else(|| Error::NoNode(format!("agent-{agent} registered with the master")))
    }

    /// Waits until the leading master has this many active agents.
    pub fn wait_for_agents(&self, count: usize, limit: Duration) -> Result<(), Error> {
        wait_until(&format!("{count} active agents"), limit, || {
            let active = &self.get("/master/state-summary")?["slaves"];
            let active = active.as_array().into_iter().flatten().filter(|agent| agent["active"] == json!(true)).count();
            Ok((active == count).then_some(()))
        })
    }

    // Maintenance.

    /// Announces that these agents' machines will be away, in place of what was announced before: frameworks get
    /// inverse offers, and offers say the unavailability.
    pub fn schedule_maintenance(&self, agents: &[usize], start: SystemTime, duration: Duration) -> Result<(), Error> {
        let start = start.duration_since(UNIX_EPOCH).unwrap_or_default();
        let windows = if agents.is_empty() {
            json!([])
        } else {
            json!([{"machine_ids": self.machines(agents)?, "unavailability": {
                "start": {"nanoseconds": nanoseconds(start)}, "duration": {"nanoseconds": nanoseconds(duration)}}}])
        };
        self.operator(&json!({"type": "UPDATE_MAINTENANCE_SCHEDULE",
            "update_maintenance_schedule": {"schedule": {"windows": windows}}}))
            .map(|_| ())
    }

    /// Takes machines of the schedule out of service: their agents are removed and may not come back before
    /// [`Cluster::stop_maintenance`].
    pub fn start_maintenance(&self, agents: &[usize]) -> Result<(), Error> {
        self.operator(&json!({"type": "START_MAINTENANCE", "start_maintenance": {"machines": self.machines(agents)?}}))
            .map(|_| ())
    }

    /// Puts machines back into service, and out of the schedule. Their agents must be started again.
    pub fn stop_maintenance(&self, agents: &[usize]) -> Result<(), Error> {
        self.operator(&json!({"type": "STOP_MAINTENANCE", "stop_maintenance": {"machines": self.machines(agents)?}}))
            .map(|_| ())
    }

    fn machines(&self, agents: &[usize]) -> Result<Value, Error> {
        let machine = |&agent: &usize| {
            let address = self.agent_address(agent)?;
            let host = address.split(':').next().unwrap_or_default();
            Ok(json!({"hostname": host, "ip": host}))
        };
        agents.iter().map(machine).collect()
    }

    /// Drains an agent: it gets no new tasks, and those it has are killed with at most `grace`. It is `DRAINED` in
    /// [`Cluster::state`] once none is left.
    pub fn drain(&self, agent: usize, grace: Duration) -> Result<(), Error> {
        self.operator(&json!({"type": "DRAIN_AGENT", "drain_agent": {
            "agent_id": {"value": self.agent_id(agent)?},
            "max_grace_period": {"nanoseconds": nanoseconds(grace)}}}))
            .map(|_| ())
    }

    /// Lets a drained agent take tasks again.
    pub fn reactivate(&self, agent: usize) -> Result<(), Error> {
        self.operator(&json!({"type": "REACTIVATE_AGENT", "reactivate_agent": {
            "agent_id": {"value": self.agent_id(agent)?}}}))
            .map(|_| ())
    }
}

impl Drop for Cluster {
    #[expect(clippy::print_stderr, reason = "there is no other way to tell the test's reader")]
    fn drop(&mut self) {
        let keep = std::thread::panicking() || std::env::var_os("DPARK_TESTBED_KEEP").is_some();
        if let Err(error) = self.end(keep) {
            eprintln!("the test's Mesos cluster: {error}");
        }
        if self.directory.exists() {
            eprintln!("logs and sandboxes of the test's Mesos cluster are in {}", self.directory.display());
        }
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    duration.as_nanos().try_into().unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
