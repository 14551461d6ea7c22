//! What becomes of tasks, executors and agents, as the master tells it.

use super::backend::{Backend, Note};
use super::sandbox::Sandbox;
use super::words::{is_end_of_executor, is_over, state_name, wait_status};
use crate::driver::message::Message;
use dpark_executor::protocol::ToWorker;
use dpark_lineage::{ExecutorId, TaskError, TaskId};
use mesos_rs::proto::scheduler::Failure;
use mesos_rs::proto::{StatusReason, StatusSource, TaskState, TaskStatus};
use std::time::Duration;
use tokio::sync::oneshot;

/// So many executors in a row that end before they say hello mean that none ever will.
const STILLBORN: u32 = 4;

/// An agent that the master cannot reach may only be cut off from the master. Its executor proves to live within this.
const PROBE: Duration = Duration::from_secs(2);

/// How long the agent is asked for what an executor wrote that did not start: there is nothing else to tell.
const FOR_WORDS: Duration = Duration::from_secs(2);

/// The same for one that ran. Its agent may be gone too, and what it had must be computed again soon.
const FOR_LAST_WORDS: Duration = Duration::from_millis(300);

/// The end of an executor is told by its connection, by a failure and by updates; the one that says why may come last.
const OTHER_WORDS: Duration = Duration::from_millis(300);

impl Backend {
    pub(super) fn update(&mut self, status: TaskStatus) {
        let now = self.now();
        self.reconciler.answered(&status.task_id);
        let state = status.state();
        let known = self.book.find(&status.task_id);
        if is_over(state) {
            if let Some((executor, task)) = known {
                self.book.ended(executor, task, now);
            }
            self.appetite.hopes();
        }
        let by_executor = status.source == Some(StatusSource::Executor.into());
        if let (Some((executor, task)), false) = (known, by_executor) {
            let message = status.message.clone().unwrap_or_default();
            let reason = status.reason();
            match state {
                TaskState::Unreachable => self.probe(executor, "the master cannot reach its agent", PROBE),
                // The master was asked, and knows of the end; the task's report comes from its executor, or that is gone.
                TaskState::Finished => {}
                state if is_over(state) => {
                    let text = format!("{}: {message}", state_name(state));
                    let error = match (state, reason) {
                        (_, StatusReason::ContainerLimitationMemory) => TaskError::Oom(text.clone()),
                        (TaskState::Dropped, _) | (_, StatusReason::InvalidOffers) => {
                            TaskError::NotStarted(text.clone())
                        }
                        _ => TaskError::Lost(text.clone()),
                    };
                    if is_end_of_executor(reason) {
                        if matches!(error, TaskError::Oom(_)) {
                            // Whose memory it was is not known: all get more.
                            for task in self.book.tasks_of(executor).into_iter().chain([task]) {
                                self.lost(executor, task, error.clone());
                            }
                        }
                        self.down(executor, text);
                    } else {
                        let not_started = matches!(error, TaskError::NotStarted(_));
                        self.lost(executor, task, error);
                        if not_started {
                            self.book.not_started(executor);
                        }
                    }
                }
                _ => {}
            }
        }
        let master = self.master.clone();
        tokio::spawn(async move {
            if let Err(error) = master.acknowledge(&status).await {
                tracing::debug!(%error, "an update was not acknowledged; it comes again");
            }
        });
    }

    /// A task that does not run, whatever the executor will say.
    pub(super) fn lost(&mut self, executor: ExecutorId, task: TaskId, error: TaskError) {
        if let Some(executor) = self.book.executors.get_mut(&executor) {
            executor.tasks.remove(&task);
            // Should it run after all, it is one too many.
            let _ = executor.outbox.send(ToWorker::Kill { task });
        }
        self.tell(Message::Report { executor, task, report: Box::new(Err(error)) });
    }

    pub(super) fn failure(&mut self, failure: Failure) {
        let Some(agent) = failure.agent_id else { return };
        match failure.executor_id {
            Some(name) => {
                if let Some(id) = self.book.named(&agent, &name.value) {
                    let status = failure.status.unwrap_or_default();
                    self.down_soon(id, format!("the executor ended, {}", wait_status(status)));
                }
            }
            None => {
                if let Some(id) = self.book.agents.get(&agent).and_then(|agent| agent.executor) {
                    self.probe(id, "the master has lost its agent", PROBE);
                }
            }
        }
    }

    /// Lets an executor prove that it lives. Its agent may be cut off from the master, and not from us.
    pub(super) fn probe(&mut self, id: ExecutorId, why: &'static str, patience: Duration) {
        let Some(executor) = self.book.executors.get(&id) else { return };
        let (answered, answer) = oneshot::channel();
        if executor.connected {
            let _ = executor.outbox.send(ToWorker::Ping { number: id.0 });
            self.probes.entry(id).or_default().push(answered);
        }
        let notes = self.notes.clone();
        tokio::spawn(async move {
            let alive = matches!(tokio::time::timeout(patience, answer).await, Ok(Ok(())));
            if !alive {
                let _ = notes.send(Note::Silent { executor: id, reason: why.to_owned() });
            }
        });
    }

    /// An executor is gone, unless Mesos says first how it ended.
    pub(super) fn down_soon(&self, executor: ExecutorId, reason: String) {
        let notes = self.notes.clone();
        tokio::spawn(async move {
            tokio::time::sleep(OTHER_WORDS).await;
            let _ = notes.send(Note::Down { executor, reason });
        });
    }

    /// An executor is gone, with its tasks and outputs.
    pub(super) fn down(&mut self, id: ExecutorId, reason: String) {
        let now = self.now();
        let Some(executor) = self.book.remove(id) else { return };
        self.door.waiting.lock().remove(&id);
        self.probes.remove(&id);
        let agent = self.book.agents.get_mut(&executor.agent);
        let (host, http) = agent
            .map(|agent| {
                if executor.started {
                    agent.health.died(now);
                }
                (agent.host.clone(), agent.http.clone())
            })
            .unwrap_or_default();
        let framework = self.master.framework_id().map(|id| id.value).unwrap_or_default();
        let sandbox = Sandbox::new(http.filter(|_| executor.started), &framework, &executor.info.executor_id.value);
        let refusal = executor.refusal.as_ref().map(|refusal| format!(": {refusal}")).unwrap_or_default();
        let reason = format!("{reason}{refusal}\nagent {host} ({}), {sandbox}", executor.agent.value);
        let stillborn = executor.started && !executor.connected;
        self.stillborn += u32::from(stillborn);
        // One bad machine among good ones is only left alone.
        let alone = !self.book.executors.values().any(|executor| executor.connected);
        let hopeless = self.stillborn >= STILLBORN && alone;
        if hopeless {
            self.stillborn = 0;
        }
        self.appetite.hopes();
        let (master, driver) = (self.master.clone(), self.driver.clone());
        // Asking the agent takes time, and there may be a hundred of them.
        tokio::spawn(async move {
            let words = sandbox.last_words(if stillborn { FOR_WORDS } else { FOR_LAST_WORDS }).await;
            let reason = reason + &words;
            if stillborn {
                // They never ran.
                for task in executor.tasks.keys() {
                    let report = Box::new(Err(TaskError::NotStarted(reason.clone())));
                    let _ = driver.send(Message::Report { executor: id, task: *task, report });
                }
            }
            let _ = driver.send(Message::ExecutorDown { executor: id, reason: reason.clone() });
            if hopeless {
                tracing::error!(%reason, "nothing runs on this cluster");
                let reason = format!("{STILLBORN} executors in a row did not start; the last one: {reason}");
                let _ = driver.send(Message::Hopeless { reason, forever: false });
            }
            // If it lives after all, it is of no use any more.
            if executor.started {
                let _ = master.shutdown(executor.info.executor_id, executor.agent).await;
            }
        });
    }
}
