//! What the agent may not know yet. Pure: time and randomness are arguments; points in time are counted from any one
//! moment.
//!
//! An update is kept until the agent acknowledges it, which it does once it has written it down. A task is kept until
//! the first acknowledgement of any update about it: from then on the agent knows that it has arrived.

use crate::proto::executor::{Launch, Subscribe, Update};
use crate::proto::{KillPolicy, TaskId, TaskInfo, TaskState, TaskStatus};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::time::Duration;

#[derive(Debug, Default)]
pub(super) struct Outbox {
    tasks: BTreeMap<TaskId, TaskInfo>,
    /// By a running number: updates of a task must not overtake each other.
    updates: BTreeMap<u64, Pending>,
    count: u64,
    policies: BTreeMap<TaskId, KillPolicy>,
}

#[derive(Debug)]
struct Pending {
    uuid: Bytes,
    status: TaskStatus,
    sent: Option<Duration>,
}

impl Outbox {
    pub(super) fn launched(&mut self, launch: &Launch) {
        let task = &launch.task;
        self.tasks.insert(task.task_id.clone(), task.clone());
        if let Some(policy) = &task.kill_policy {
            self.policies.insert(task.task_id.clone(), policy.clone());
        }
    }

    /// How long a task may take to end if the call to end it does not say.
    pub(super) fn grace(&self, task: &TaskId) -> Option<Duration> {
        self.policies.get(task).and_then(|policy| policy.grace_period.clone()).map(Duration::from)
    }

    /// Takes an update in, with a uuid made of random bytes. Agents refuse sixteen bytes that do not carry the version
    /// and the variant of a UUID.
    pub(super) fn push(&mut self, mut status: TaskStatus, mut random: [u8; 16]) {
        random[6] = (random[6] & 0x0f) | 0x40;
        random[8] = (random[8] & 0x3f) | 0x80;
        let uuid = Bytes::copy_from_slice(&random);
        status.uuid = Some(uuid.clone());
        if TaskState::try_from(status.state).is_ok_and(TaskState::is_terminal) {
            self.policies.remove(&status.task_id);
        }
        self.updates.insert(self.count, Pending { uuid, status, sent: None });
        self.count += 1;
    }

    pub(super) fn acknowledged(&mut self, task: &TaskId, uuid: &Bytes) {
        self.updates.retain(|_, pending| pending.uuid != uuid);
        self.tasks.remove(task);
    }

    /// For SUBSCRIBE. Does not count as sending: should that fail, nothing has changed.
    pub(super) fn unacknowledged(&self) -> Subscribe {
        Subscribe {
            unacknowledged_tasks: self.tasks.values().cloned().collect(),
            unacknowledged_updates: self
                .updates
                .values()
                .map(|pending| Update { status: pending.status.clone() })
                .collect(),
        }
    }

    /// The first update that was not sent, or not for `retry`, and its number.
    pub(super) fn due(&self, now: Duration, retry: Duration) -> Option<(u64, TaskStatus)> {
        let is_due = |pending: &Pending| pending.sent.is_none_or(|sent| sent + retry <= now);
        self.updates.iter().find(|(_, p)| is_due(p)).map(|(number, p)| (*number, p.status.clone()))
    }

    /// When the next one is due, if all that was not sent is due now.
    pub(super) fn next_due(&self, retry: Duration) -> Option<Duration> {
        self.updates.values().map(|pending| pending.sent.map_or(Duration::ZERO, |sent| sent + retry)).min()
    }

    pub(super) fn sent(&mut self, number: u64, now: Duration) {
        if let Some(pending) = self.updates.get_mut(&number) {
            pending.sent = Some(now);
        }
    }

    /// The agent does not want it.
    pub(super) fn give_up(&mut self, number: u64) {
        self.updates.remove(&number);
    }

    /// How many updates are not acknowledged.
    pub(super) fn len(&self) -> usize {
        self.updates.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETRY: Duration = Duration::from_secs(10);

    fn status(task: &str, state: TaskState) -> TaskStatus {
        TaskStatus { task_id: task.into(), state: state.into(), ..TaskStatus::default() }
    }

    fn launch(task: &str, grace: Option<u64>) -> Launch {
        let kill_policy = grace.map(|seconds| KillPolicy::with_grace(Duration::from_secs(seconds)));
        Launch { task: TaskInfo { task_id: task.into(), kill_policy, ..TaskInfo::default() } }
    }

    #[test]
    fn updates_are_kept_in_order_until_acknowledged() {
        let mut outbox = Outbox::default();
        outbox.launched(&launch("t", None));
        outbox.push(status("t", TaskState::Running), [1; 16]);
        outbox.push(status("t", TaskState::Finished), [2; 16]);

        let (first, running) = outbox.due(Duration::ZERO, RETRY).unwrap();
        assert_eq!(running.state(), TaskState::Running);
        let [first_uuid, second_uuid] = [
            running.uuid.clone().unwrap(),
            outbox.unacknowledged().unacknowledged_updates[1].status.uuid.clone().unwrap(),
        ];
        assert_eq!((first_uuid[6], first_uuid[8], first_uuid.len()), (0x41, 0x81, 16));
        assert_ne!(first_uuid, second_uuid);
        outbox.sent(first, Duration::ZERO);
        let (second, finished) = outbox.due(Duration::ZERO, RETRY).unwrap();
        assert_eq!(finished.state(), TaskState::Finished);
        outbox.sent(second, Duration::from_secs(1));
        assert_eq!(outbox.due(Duration::from_secs(9), RETRY), None);
        assert_eq!(outbox.next_due(RETRY), Some(RETRY));
        assert_eq!(outbox.due(RETRY, RETRY).unwrap().0, first);

        let again = outbox.unacknowledged();
        assert_eq!((again.unacknowledged_tasks.len(), again.unacknowledged_updates.len()), (1, 2));
        outbox.acknowledged(&"t".into(), &first_uuid);
        let again = outbox.unacknowledged();
        assert_eq!((again.unacknowledged_tasks.len(), again.unacknowledged_updates.len()), (0, 1));
        // Twice, or one that was never sent.
        outbox.acknowledged(&"t".into(), &first_uuid);
        outbox.acknowledged(&"u".into(), &Bytes::from_static(&[9; 16]));
        assert_eq!(outbox.len(), 1);
        outbox.give_up(second);
        assert_eq!((outbox.len(), outbox.next_due(RETRY)), (0, None));
    }

    #[test]
    fn the_task_says_its_grace_until_it_has_ended() {
        let mut outbox = Outbox::default();
        outbox.launched(&launch("t", Some(3)));
        outbox.push(status("t", TaskState::Running), [1; 16]);
        outbox.acknowledged(&"t".into(), &Bytes::from_static(&[1; 16]));
        assert_eq!(outbox.grace(&"t".into()), Some(Duration::from_secs(3)));
        outbox.push(status("t", TaskState::Killed), [2; 16]);
        assert_eq!(outbox.grace(&"t".into()), None);
    }
}
