//! Asking what has become of tasks until each is answered. Pure: time and randomness are arguments.
//!
//! After a subscription the answers of the master are not complete at once: an agent that has not come back to a new
//! master yet is not known to it, and the master says nothing about its tasks until it gives the agent up. So ask,
//! wait, and ask again for what is missing.

use crate::backoff::Backoff;
use crate::proto::{AgentId, TaskId};
use std::collections::BTreeMap;
use std::time::Duration;

/// Which tasks have not been heard of, and when to ask next. Points in time are counted from any one moment.
#[derive(Clone, Debug)]
pub struct Reconciler {
    missing: BTreeMap<TaskId, Option<AgentId>>,
    /// Ask for all that the master knows of, too.
    implicit: bool,
    backoff: Backoff,
    next: Option<Duration>,
}

impl Reconciler {
    /// Waits about `first` between asking for the first and the second time, and never longer than `cap`.
    pub fn new(first: Duration, cap: Duration) -> Self {
        Self { missing: BTreeMap::new(), implicit: false, backoff: Backoff::new(first, cap), next: None }
    }

    /// After a subscription: asks for everything, then for those of `tasks` that are not answered. Anything started
    /// before is forgotten.
    pub fn start(&mut self, tasks: impl IntoIterator<Item = (TaskId, Option<AgentId>)>, now: Duration) {
        self.missing = tasks.into_iter().collect();
        self.implicit = true;
        self.backoff.reset();
        self.next = Some(now);
    }

    /// Asks for one more task, soon.
    pub fn add(&mut self, task: TaskId, agent: Option<AgentId>, now: Duration) {
        self.missing.insert(task, agent);
        self.next = Some(self.next.map_or(now, |next| next.min(now)));
    }

    /// Any update about the task is an answer, and so is that nobody wants to know any more.
    pub fn answered(&mut self, task: &TaskId) {
        self.missing.remove(task);
        if self.missing.is_empty() && !self.implicit {
            self.next = None;
        }
    }

    /// When to call [`Self::due`]; none if there is nothing to ask.
    pub fn next(&self) -> Option<Duration> {
        self.next
    }

    /// What to ask now, for `reconcile` (an empty list asks for everything); none if it is not yet time. The next time
    /// is moved on by this, with `random` from 0 to 1.
    pub fn due(&mut self, now: Duration, random: f64) -> Option<Vec<(TaskId, Option<AgentId>)>> {
        if self.next.is_none_or(|next| now < next) {
            return None;
        }
        let ask = match std::mem::take(&mut self.implicit) {
            true => Vec::new(),
            false => self.missing.iter().map(|(task, agent)| (task.clone(), agent.clone())).collect(),
        };
        self.next = (!self.missing.is_empty()).then(|| now + self.backoff.next(random));
        Some(ask)
    }

    /// The call failed: ask all over again once there is a subscription.
    pub fn stop(&mut self) {
        self.next = None;
    }

    /// The tasks not heard of.
    pub fn missing(&self) -> impl Iterator<Item = &TaskId> {
        self.missing.keys()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn asks_for_all_then_for_what_is_missing_ever_more_slowly() {
        let mut reconciler = Reconciler::new(ms(100), ms(400));
        assert_eq!(reconciler.due(ms(0), 1.0), None);
        let task = |name: &str| (TaskId::from(name), Some(AgentId::from("a")));
        reconciler.start([task("1"), task("2"), task("3")], ms(1000));
        assert_eq!(reconciler.due(ms(999), 1.0), None);
        assert_eq!(reconciler.due(ms(1000), 1.0), Some(vec![]));
        reconciler.answered(&"2".into());
        assert_eq!(reconciler.due(ms(1099), 1.0), None);
        assert_eq!(reconciler.due(ms(1100), 1.0), Some(vec![task("1"), task("3")]));
        reconciler.answered(&"1".into());
        assert_eq!(reconciler.due(ms(1300), 1.0), Some(vec![task("3")]));
        assert_eq!(reconciler.due(ms(1700), 1.0), Some(vec![task("3")]));
        assert_eq!(reconciler.next(), Some(ms(2100)));
        reconciler.answered(&"3".into());
        assert_eq!(reconciler.next(), None);
        assert_eq!(reconciler.due(ms(9999), 1.0), None);
    }

    #[test]
    fn with_no_tasks_it_still_asks_once() {
        let mut reconciler = Reconciler::new(ms(100), ms(400));
        reconciler.start([], ms(0));
        reconciler.answered(&"stranger".into());
        assert_eq!(reconciler.due(ms(0), 0.0), Some(vec![]));
        assert_eq!(reconciler.next(), None);
        reconciler.add("late".into(), None, ms(50));
        assert_eq!(reconciler.due(ms(50), 0.0), Some(vec![("late".into(), None)]));
    }
}
