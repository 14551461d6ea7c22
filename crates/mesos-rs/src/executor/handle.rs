//! What an executor says.

use super::outbox::Outbox;
use crate::error::CallError;
use crate::http::Lane;
use crate::proto::executor::{Call, CallMessage, CallType};
use crate::proto::{ExecutorId, FrameworkId, StatusSource, TaskId, TaskState, TaskStatus};
use bytes::Bytes;
use parking_lot::{Mutex, RwLock};
use prost::Message;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

/// Sends updates and messages. Clones share one subscription.
#[derive(Clone)]
pub struct ExecutorHandle {
    shared: Arc<Shared>,
}

/// What driver, courier and handles share.
pub(super) struct Shared {
    pub(super) framework_id: FrameworkId,
    pub(super) executor_id: ExecutorId,
    pub(super) outbox: Mutex<Outbox>,
    /// Present while subscribed.
    pub(super) lane: RwLock<Option<Arc<Lane>>>,
    /// There is something for the courier to do.
    pub(super) wake: Notify,
    /// How many updates are not acknowledged.
    pub(super) waiting: watch::Sender<usize>,
    pub(super) ended: AtomicBool,
    /// What points in time are counted from.
    started: Instant,
}

impl Shared {
    pub(super) fn new(framework_id: FrameworkId, executor_id: ExecutorId) -> Self {
        Self {
            framework_id,
            executor_id,
            outbox: Mutex::default(),
            lane: RwLock::new(None),
            wake: Notify::new(),
            waiting: watch::Sender::new(0),
            ended: AtomicBool::new(false),
            started: Instant::now(),
        }
    }

    pub(super) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Changes the outbox and tells those who wait for it.
    pub(super) fn change<T>(&self, change: impl FnOnce(&mut Outbox) -> T) -> T {
        let mut outbox = self.outbox.lock();
        let result = change(&mut outbox);
        self.waiting.send_replace(outbox.len());
        result
    }

    pub(super) fn call(&self, kind: CallType) -> Call {
        Call {
            framework_id: self.framework_id.clone(),
            executor_id: self.executor_id.clone(),
            r#type: Some(kind.into()),
            ..Call::default()
        }
    }
}

impl std::fmt::Debug for ExecutorHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExecutorHandle").field("executor_id", &self.shared.executor_id).finish_non_exhaustive()
    }
}

impl ExecutorHandle {
    pub(super) fn new(shared: Arc<Shared>) -> Self {
        Self { shared }
    }

    /// Tells the state of a task. This does not wait: the update is sent as soon as there is a subscription, and again
    /// until it is acknowledged, in the order of the calls. Executor, source, time and uuid are filled in. Fails only
    /// when all is over.
    pub fn update(&self, mut status: TaskStatus) -> Result<(), CallError> {
        if self.shared.ended.load(Ordering::SeqCst) {
            return Err(CallError::Disconnected { call: "UPDATE" });
        }
        status.executor_id = Some(self.shared.executor_id.clone());
        status.source = Some(StatusSource::Executor.into());
        status.timestamp = SystemTime::now().duration_since(UNIX_EPOCH).ok().map(|since| since.as_secs_f64());
        self.shared.change(|outbox| outbox.push(status, rand::random()));
        self.shared.wake.notify_one();
        Ok(())
    }

    /// Sends something to the scheduler. It may get lost.
    pub async fn message(&self, data: Bytes) -> Result<(), CallError> {
        const CALL: &str = "MESSAGE";
        let lane = self.shared.lane.read().clone().ok_or(CallError::Disconnected { call: CALL })?;
        let call = Call { message: Some(CallMessage { data }), ..self.shared.call(CallType::Message) };
        let reply = lane.call(call.encode_to_vec().into()).await;
        match reply.map_err(|why| CallError::Broken { call: CALL, why })? {
            reply if reply.status == 202 => Ok(()),
            reply => Err(CallError::Rejected { call: CALL, status: reply.status, text: reply.text() }),
        }
    }

    /// Waits until all updates are acknowledged, but not longer than `limit`. Whether they are.
    pub async fn flush(&self, limit: Duration) -> bool {
        let mut waiting = self.shared.waiting.subscribe();
        tokio::time::timeout(limit, waiting.wait_for(|waiting| *waiting == 0)).await.is_ok_and(|found| found.is_ok())
    }
}

impl TaskStatus {
    /// The least that an update says.
    pub fn new(task_id: TaskId, state: TaskState) -> Self {
        Self { task_id, state: state.into(), ..Self::default() }
    }

    /// With a text for people.
    #[must_use]
    pub fn with_message(self, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..self }
    }
}
