//! A worker as a Mesos executor: one process per agent and application that runs many tasks.
//!
//! Two parties start a task: the driver says what it computes, the agent says that its resources are taken. It runs when
//! both have spoken. Its end is told to both: the report to the driver, the state to the agent.
//!
//! ```text
//!   driver ── Launch(stage, inputs) ──┐
//!                                     ├─► task ──┬─► report ──► driver
//!   agent ─── LAUNCH(resources) ──────┘          └─► state ───► agent ──► master ──► driver's backend
//! ```
//! The agent may come and go (it is restarted, the executor lives on); without the driver the executor has no use and ends.

use crate::protocol::{ToWorker, WorkerConfig, content_id, receive};
use crate::task::TaskReport;
use crate::worker::Worker;
use dpark_lineage::{StageId, TaskError, TaskId};
use mesos_rs::executor::{Config, Event, ExecutorHandle, start};
use mesos_rs::proto::{AgentInfo, TaskId as MesosTaskId, TaskInfo, TaskState, TaskStatus};
use mesos_rs::resources::Resources;
use parking_lot::Mutex;
use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::tcp::OwnedReadHalf;
use tokio::sync::mpsc;

/// A task that runs longer than this is told to be running; shorter ones are only told to have ended.
const TELL_RUNNING: Duration = Duration::from_millis(500);

/// Characters of an error that the agent is told.
const MESSAGE: usize = 1000;

/// How long the states of the last tasks may take to reach the agent.
const FLUSH: Duration = Duration::from_secs(2);

/// The name of a task for Mesos.
pub fn mesos_task_id(executor: &str, task: TaskId) -> String {
    format!("{executor}.{}.{}.{}", task.stage.0, task.partition, task.attempt)
}

/// The task of a name that [`mesos_task_id`] made.
pub fn parse_task_id(text: &str) -> Option<TaskId> {
    let mut parts = text.rsplitn(4, '.');
    let attempt = parts.next()?.parse().ok()?;
    let partition = parts.next()?.parse().ok()?;
    let stage = StageId(parts.next()?.parse().ok()?);
    parts.next()?;
    Some(TaskId { stage, partition, attempt })
}

/// The reason of the end, where the sandbox keeps it and the driver finds it.
pub(crate) fn last_words(error: &io::Error) {
    let _ = writeln!(io::stderr(), "{error}");
}

/// Runs until the driver or the agent has no more use for it.
pub(crate) async fn serve() -> io::Result<()> {
    let build = tokio::task::spawn_blocking(content_id);
    let (agent, mut events) = start(Config::from_env().map_err(io::Error::other)?).map_err(io::Error::other)?;
    let (config, of_agent) = loop {
        match events.recv().await {
            Some(Event::Connected { executor, agent, .. }) => {
                let data = executor.data.clone().unwrap_or_default();
                let config: WorkerConfig = postcard::from_bytes(&data).map_err(io::Error::other)?;
                break (config, *agent);
            }
            Some(Event::Disconnected { why }) => tracing::warn!(%why, "cannot subscribe with the agent yet"),
            Some(Event::Ended(end)) => return Err(io::Error::other(end.to_string())),
            Some(_) => {}
            None => return Err(io::Error::other("the agent is gone")),
        }
    };
    // In the sandbox, which the agent removes.
    let slots = cores_of(&of_agent);
    let config = WorkerConfig { slots, dir: std::env::current_dir()?.join("dpark"), ..config };
    let build = build.await.map_err(io::Error::other)??;
    let (worker, from_driver) = Worker::start(&config, build).await?;
    let mut from_driver = messages(from_driver);
    let mut tasks = Tasks::new(worker, agent.clone());
    let result = loop {
        tokio::select! {
            message = from_driver.recv() => match message {
                Some(Ok(ToWorker::Shutdown)) => break Ok(()),
                Some(Ok(message)) => tasks.hear_driver(message),
                None => break Err(io::Error::other("the driver has closed the connection")),
                Some(Err(error)) => break Err(io::Error::other(format!("the connection to the driver broke: {error}"))),
            },
            event = events.recv() => match event {
                Some(Event::Launch(task)) => tasks.hear_agent(*task),
                Some(Event::LaunchGroup(group)) => group.into_iter().for_each(|task| tasks.hear_agent(task)),
                Some(Event::Kill { task_id, .. }) => tasks.kill_for_agent(&task_id),
                Some(Event::Shutdown { .. }) => break Ok(()),
                Some(Event::Ended(end)) => break Err(io::Error::other(end.to_string())),
                Some(Event::Disconnected { why }) => tracing::warn!(%why, "the agent is away"),
                Some(_) => {}
                None => break Ok(()),
            },
        }
    };
    tasks.worker.executor.stop();
    agent.flush(FLUSH).await;
    result
}

/// What the driver says, read by a task of its own: half a message must not be lost when the agent speaks meanwhile.
fn messages(mut from: OwnedReadHalf) -> mpsc::Receiver<io::Result<ToWorker>> {
    let (to, messages) = mpsc::channel(64);
    tokio::spawn(async move {
        while let Some(message) = receive::<ToWorker>(&mut from).await.transpose() {
            let is_last = message.is_err();
            if to.send(message).await.is_err() || is_last {
                break;
            }
        }
    });
    messages
}

fn cores_of(agent: &AgentInfo) -> usize {
    let all = Resources::try_from(agent.resources.as_slice()).unwrap_or_default();
    (all.scalar("cpus").to_f64().ceil() as usize).clamp(1, 4096)
}

/// What the agent said of a task.
struct Lent {
    id: MesosTaskId,
    /// Bytes.
    memory: usize,
}

/// The tasks of which only one party has spoken.
struct Tasks {
    worker: Worker,
    agent: ExecutorHandle,
    /// By the driver, with the task's inputs.
    told: HashMap<TaskId, Vec<(StageId, StageId)>>,
    /// By the agent.
    lent: HashMap<TaskId, Lent>,
    /// By the driver, which wants it no more.
    dropped: HashSet<TaskId>,
    /// By the agent, which wants it no more.
    refused: HashSet<TaskId>,
    /// Running tasks that the agent wants to end.
    killed: Arc<Mutex<HashSet<TaskId>>>,
}

impl Tasks {
    fn new(worker: Worker, agent: ExecutorHandle) -> Self {
        let (told, lent, dropped, refused, killed) = Default::default();
        Self { worker, agent, told, lent, dropped, refused, killed }
    }

    fn hear_driver(&mut self, message: ToWorker) {
        match message {
            ToWorker::Launch { task, .. } if self.refused.remove(&task) => self.worker.teller()(task, Err(killed())),
            ToWorker::Launch { task, inputs } => {
                self.told.insert(task, inputs);
                self.start(task);
            }
            ToWorker::Kill { task } if self.told.remove(&task).is_some() => {
                self.dropped.insert(task);
                self.worker.teller()(task, Err(TaskError::Cancelled));
            }
            message => self.worker.obey(message),
        }
    }

    fn hear_agent(&mut self, info: TaskInfo) {
        let Some(task) = parse_task_id(&info.task_id.value) else {
            let status = TaskStatus::new(info.task_id, TaskState::Error).with_message("not a task of this driver");
            return say(&self.agent, status);
        };
        if self.dropped.remove(&task) {
            return say(&self.agent, TaskStatus::new(info.task_id, TaskState::Killed));
        }
        let memory = memory_of(&info);
        self.worker.executor.pool_size().grow(memory);
        self.lent.insert(task, Lent { id: info.task_id, memory });
        self.start(task);
    }

    fn kill_for_agent(&mut self, id: &MesosTaskId) {
        let Some(task) = parse_task_id(&id.value) else { return };
        if let Some(lent) = self.lent.remove(&task) {
            self.worker.executor.pool_size().shrink(lent.memory);
            self.refused.insert(task);
            return say(&self.agent, TaskStatus::new(lent.id, TaskState::Killed));
        }
        // Told now: code that does not come back to the runtime ends only when it likes.
        self.killed.lock().insert(task);
        self.worker.teller()(task, Err(killed()));
        self.worker.executor.kill(task);
    }

    /// Starts the task if both parties have spoken.
    fn start(&mut self, task: TaskId) {
        if !self.told.contains_key(&task) || !self.lent.contains_key(&task) {
            return;
        }
        let (Some(inputs), Some(Lent { id, memory })) = (self.told.remove(&task), self.lent.remove(&task)) else {
            return;
        };
        let inputs = self.worker.inputs(&inputs);
        let (agent, size, tell) = (self.agent.clone(), self.worker.executor.pool_size().clone(), self.worker.teller());
        // Whether the agent knows the end; nothing may be said after it.
        let over = Arc::new(Mutex::new(false));
        tokio::spawn({
            let (over, agent, id) = (Arc::clone(&over), agent.clone(), id.clone());
            async move {
                tokio::time::sleep(TELL_RUNNING).await;
                let over = over.lock();
                if !*over {
                    say(&agent, TaskStatus::new(id, TaskState::Running));
                }
            }
        });
        let wanted_to_end = Arc::clone(&self.killed);
        self.worker.launch(task, inputs, move |report| {
            size.shrink(memory);
            let status = state_of(id, &report);
            // For the driver it has ended already.
            if !wanted_to_end.lock().remove(&task) {
                tell(task, report);
            }
            let mut over = over.lock();
            *over = true;
            say(&agent, status);
        });
    }
}

fn killed() -> TaskError {
    TaskError::Lost("killed by the Mesos agent".into())
}

fn state_of(id: MesosTaskId, report: &TaskReport) -> TaskStatus {
    match report {
        Ok(_) => TaskStatus::new(id, TaskState::Finished),
        Err(TaskError::Cancelled) => TaskStatus::new(id, TaskState::Killed),
        Err(error) => {
            let text = error.to_string().chars().take(MESSAGE).collect::<String>();
            TaskStatus::new(id, TaskState::Failed).with_message(text)
        }
    }
}

/// Bytes that the task was given.
fn memory_of(info: &TaskInfo) -> usize {
    let all = Resources::try_from(info.resources.as_slice()).unwrap_or_default();
    (all.scalar("mem").to_f64() * 1024.0 * 1024.0) as usize
}

fn say(agent: &ExecutorHandle, status: TaskStatus) {
    if let Err(error) = agent.update(status) {
        tracing::warn!(%error, "the agent cannot be told of a task's state");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tasks_come_back() {
        let task = TaskId { stage: StageId(12), partition: 3, attempt: 1 };
        let name = mesos_task_id("dpark-7.executor", task);
        assert_eq!(name, "dpark-7.executor.12.3.1");
        assert_eq!(parse_task_id(&name), Some(task));
        for wrong in ["", "1.2.3", "x.1.2.y", "something else"] {
            assert_eq!(parse_task_id(wrong), None, "{wrong}");
        }
    }
}
