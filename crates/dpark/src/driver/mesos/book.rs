//! What is known of agents and their executors.
//!
//! An agent is known by its id, never by its host's name. On each there is at most one executor of ours; one that died is
//! followed by another with a name of its own. Pure.

use super::health::Health;
use dpark_executor::mesos::mesos_task_id;
use dpark_executor::protocol::ToWorker;
use dpark_lineage::{ExecutorId, NodeId, TaskId};
use mesos_rs::proto::{AgentId, ExecutorInfo, TaskId as MesosTaskId};
use std::collections::{BTreeMap, HashMap};
use std::time::Duration;
use tokio::sync::mpsc;

/// An executor of ours: planned, starting, or running.
#[derive(Debug)]
pub(super) struct Executor {
    pub(super) agent: AgentId,
    /// As every launch must repeat it.
    pub(super) info: ExecutorInfo,
    /// Its messages, also before it is there to read them.
    pub(super) outbox: mpsc::UnboundedSender<ToWorker>,
    /// Some task of it was launched.
    pub(super) started: bool,
    /// Why it was not let in, if it was not.
    pub(super) refusal: Option<String>,
    /// It has said hello.
    pub(super) connected: bool,
    /// Tasks whose end Mesos has not told.
    pub(super) tasks: BTreeMap<TaskId, MesosTaskId>,
    /// Since when it has nothing to do.
    pub(super) idle: Duration,
}

/// An agent.
#[derive(Debug, Default)]
pub(super) struct Agent {
    pub(super) host: String,
    /// `host:port` of its own HTTP server.
    pub(super) http: Option<String>,
    pub(super) executor: Option<ExecutorId>,
    /// Its number for the scheduler.
    pub(super) node: Option<NodeId>,
    pub(super) health: Health,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) agents: HashMap<AgentId, Agent>,
    pub(super) executors: BTreeMap<ExecutorId, Executor>,
}

impl Book {
    /// The executor of a name that Mesos uses.
    pub(super) fn named(&self, agent: &AgentId, name: &str) -> Option<ExecutorId> {
        let id = self.agents.get(agent)?.executor?;
        self.executors.get(&id).filter(|executor| executor.info.executor_id.value == name).map(|_| id)
    }

    /// Takes an executor off the book.
    pub(super) fn remove(&mut self, id: ExecutorId) -> Option<Executor> {
        let executor = self.executors.remove(&id)?;
        if let Some(agent) = self.agents.get_mut(&executor.agent)
            && agent.executor == Some(id)
        {
            agent.executor = None;
        }
        Some(executor)
    }

    /// Notes a launch and gives the task's name for Mesos.
    pub(super) fn launched(&mut self, id: ExecutorId, task: TaskId) -> Option<MesosTaskId> {
        let executor = self.executors.get_mut(&id)?;
        executor.started = true;
        let name = MesosTaskId::from(mesos_task_id(&executor.info.executor_id.value, task));
        executor.tasks.insert(task, name.clone());
        Some(name)
    }

    /// A launch did not reach the agent. If it was the first one, the next must pay for the executor again.
    pub(super) fn not_started(&mut self, id: ExecutorId) {
        if let Some(executor) = self.executors.get_mut(&id).filter(|e| !e.connected && e.tasks.is_empty()) {
            executor.started = false;
        }
    }

    /// Mesos says that a task is over.
    pub(super) fn ended(&mut self, id: ExecutorId, task: TaskId, now: Duration) {
        if let Some(executor) = self.executors.get_mut(&id) {
            executor.tasks.remove(&task);
            executor.idle = now;
        }
    }

    /// The task of a name.
    pub(super) fn find(&self, name: &MesosTaskId) -> Option<(ExecutorId, TaskId)> {
        let task = dpark_executor::mesos::parse_task_id(&name.value)?;
        let found = self.executors.iter().find(|(_, executor)| executor.tasks.get(&task) == Some(name))?;
        Some((*found.0, task))
    }

    /// Those of one executor.
    pub(super) fn tasks_of(&self, id: ExecutorId) -> Vec<TaskId> {
        self.executors.get(&id).map(|executor| executor.tasks.keys().copied().collect()).unwrap_or_default()
    }

    /// All tasks whose end is not told.
    pub(super) fn tasks(&self) -> Vec<(MesosTaskId, Option<AgentId>)> {
        let of = |executor: &Executor| {
            let agent = executor.agent.clone();
            executor.tasks.values().map(move |name| (name.clone(), Some(agent.clone()))).collect::<Vec<_>>()
        };
        self.executors.values().flat_map(of).collect()
    }

    /// Executors that have said hello and to which Mesos counts no task.
    pub(super) fn without_tasks(&self) -> Vec<ExecutorId> {
        let quiet = self.executors.iter().filter(|(_, executor)| executor.connected && executor.tasks.is_empty());
        quiet.map(|(id, _)| *id).collect()
    }
}
