//! A whole executor. A task's data says what it does:
//!
//! - `finish MILLISECONDS`: run for so long, then end well;
//! - `run`: run until it is killed;
//! - `die`: the whole executor exits.
//!
//! Messages are sent back.

use mesos_rs::executor::{self, Config, Event, ExecutorHandle};
use mesos_rs::proto::{TaskId, TaskInfo, TaskState, TaskStatus};
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::task::JoinHandle;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (agent, mut events) = executor::start(Config::from_env()?)?;
    let mut running: BTreeMap<TaskId, JoinHandle<()>> = BTreeMap::new();
    while let Some(event) = events.recv().await {
        match event {
            Event::Launch(task) => {
                let id = task.task_id.clone();
                running.insert(id, tokio::spawn(run(agent.clone(), *task)));
            }
            Event::Kill { task_id, .. } => {
                if let Some(task) = running.remove(&task_id).filter(|task| !task.is_finished()) {
                    task.abort();
                    agent.update(TaskStatus::new(task_id, TaskState::Killed))?;
                }
            }
            Event::Message(data) => agent.message(data).await?,
            Event::Shutdown { grace } => {
                for (task_id, task) in running.into_iter().filter(|(_, task)| !task.is_finished()) {
                    task.abort();
                    agent.update(TaskStatus::new(task_id, TaskState::Killed))?;
                }
                agent.flush(grace).await;
                return Ok(());
            }
            Event::Refused { status, text } => return Err(format!("update of {}: {text}", status.task_id).into()),
            Event::Ended(end) => return Err(end.into()),
            _ => {}
        }
    }
    Ok(())
}

async fn run(agent: ExecutorHandle, task: TaskInfo) {
    let data = String::from_utf8_lossy(task.data.as_deref().unwrap_or_default()).into_owned();
    let _ = agent.update(TaskStatus::new(task.task_id.clone(), TaskState::Running));
    match data.split_once(' ').map(|(what, time)| (what, time.parse())) {
        Some(("finish", Ok(milliseconds))) => tokio::time::sleep(Duration::from_millis(milliseconds)).await,
        _ if data == "die" => std::process::exit(7),
        _ => std::future::pending().await,
    }
    let _ = agent.update(TaskStatus::new(task.task_id, TaskState::Finished));
}
