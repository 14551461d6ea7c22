//! What a cluster is to be like, and what can be sent to its processes.

/// What [`Cluster::start`](crate::Cluster::start) brings up.
#[derive(Debug, Clone)]
pub struct Options {
    /// How many agents.
    pub agents: usize,
    /// How many masters. More than one are found through ZooKeeper.
    pub masters: usize,
    /// Whether one master, too, is found through ZooKeeper.
    pub zookeeper: bool,
    /// Flags of every master, as `name=value`. They replace the testbed's own of the same name. Unless changed, an agent
    /// is unreachable after 5 pings of a second, and a master has lost its ZooKeeper session after 2 s.
    pub master_flags: Vec<String>,
    /// Flags of every agent, as `name=value`. They replace the testbed's own of the same name.
    pub agent_flags: Vec<String>,
    /// The resources of each agent; the last ones are those of all further agents.
    pub resources: Vec<String>,
    /// The attributes of each agent, besides `node:node-I`; the last ones are those of all further agents.
    pub attributes: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            agents: 3,
            masters: 1,
            zookeeper: false,
            master_flags: ["agent_ping_timeout=1secs", "max_agent_ping_timeouts=5", "zk_session_timeout=2secs"]
                .map(String::from)
                .to_vec(),
            agent_flags: vec![],
            resources: vec!["cpus:2;mem:2048;disk:4096;ports:[31000-31999]".to_owned()],
            attributes: vec![],
        }
    }
}

impl Options {
    /// The testbed's command line.
    pub(crate) fn arguments(&self) -> Vec<String> {
        let mut arguments = vec![format!("--agents={}", self.agents), format!("--masters={}", self.masters)];
        if self.zookeeper {
            arguments.push("--zookeeper".to_owned());
        }
        for (name, values) in [
            ("master-flag", &self.master_flags),
            ("agent-flag", &self.agent_flags),
            ("resources", &self.resources),
            ("attributes", &self.attributes),
        ] {
            arguments.extend(values.iter().map(|value| format!("--{name}={value}")));
        }
        arguments
    }
}

/// What can be sent to a process of the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// It ends at once.
    Kill,
    /// It is asked to end. An agent's executors live on, as after [`Signal::Kill`].
    Term,
    /// An agent unregisters, ends its executors and itself.
    Usr1,
    /// It stops, as if cut off from the network.
    Stop,
    /// It goes on.
    Cont,
}

impl Signal {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Kill => "KILL",
            Self::Term => "TERM",
            Self::Usr1 => "USR1",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
        }
    }
}
