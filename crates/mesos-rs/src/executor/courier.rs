//! Sends what is in the outbox, in its order, until it is acknowledged.

use super::event::Event;
use super::handle::Shared;
use crate::http::Lane;
use crate::proto::TaskStatus;
use crate::proto::executor::{Call, CallType, Update};
use prost::Message;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;

pub(super) struct Courier {
    pub(super) shared: Arc<Shared>,
    pub(super) events: mpsc::Sender<Event>,
    pub(super) retry: Duration,
}

impl Courier {
    /// Runs until its task is aborted.
    pub(super) async fn run(self) {
        loop {
            let lane = self.shared.lane.read().clone();
            if let Some(lane) = lane {
                self.deliver(&lane).await;
            }
            let next = self.shared.outbox.lock().next_due(self.retry);
            // What has just failed is due still; the driver wakes us when there is a new subscription.
            let wait = next.map_or(self.retry, |due| due.saturating_sub(self.shared.now()));
            let wait = wait.max(self.retry / 10);
            let _ = tokio::time::timeout(wait, self.shared.wake.notified()).await;
        }
    }

    async fn deliver(&self, lane: &Lane) {
        loop {
            let due = self.shared.outbox.lock().due(self.shared.now(), self.retry);
            let Some((number, status)) = due else { return };
            let update = Some(Update { status: status.clone() });
            let call = Call { update, ..self.shared.call(CallType::Update) };
            match lane.call(call.encode_to_vec().into()).await {
                Ok(reply) if reply.status == 202 => {
                    let now = self.shared.now();
                    self.shared.change(|outbox| outbox.sent(number, now));
                }
                // It will never do.
                Ok(reply) if reply.status == 400 => self.refused(number, status, reply.text()).await,
                // The agent is not ready, or on its way out.
                Ok(reply) => {
                    tracing::debug!("an update is answered {}: {}", reply.status, reply.text());
                    return;
                }
                Err(error) => {
                    tracing::debug!("an update is kept for later: {error}");
                    return;
                }
            }
        }
    }

    async fn refused(&self, number: u64, status: TaskStatus, text: String) {
        tracing::warn!("the agent refuses an update of task {}: {text}", status.task_id);
        self.shared.change(|outbox| outbox.give_up(number));
        let _ = self.events.send(Event::Refused { status: Box::new(status), text }).await;
    }
}
