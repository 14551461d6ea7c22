//! Time: when a stage wants to be looked at although nothing happens, and what is done then.
//!
//! Every stage has at most one alarm, the earliest of what it waits for: a task becomes late (`pace.rs`), or partitions
//! have waited long enough for their places (`delay.rs`). An alarm may ring for nothing, but never late. After it rang
//! the next one lies in the future, so whoever follows `next_tick` does not spin.

use crate::ids::StageId;
use crate::scheduler::Scheduler;
use crate::stage::Stage;
use std::time::Duration;

impl Stage {
    /// When something about the stage changes by itself.
    pub(crate) fn deadline(&self, now: Duration) -> Option<Duration> {
        let late = self.pace.deadline(self.spec.partitions, self.missing);
        let waits = (!self.queue.holds_none() && self.wait_until > now).then_some(self.wait_until);
        late.into_iter().chain(waits).min()
    }
}

impl Scheduler {
    /// When to send the next [`Event::Tick`](crate::Event::Tick), as time since the driver started; `None` while nothing depends on time.
    /// May change with every event. What is due also happens on any later event, a tick or not.
    pub fn next_tick(&self) -> Option<Duration> {
        self.alarms.first().map(|(at, _)| *at)
    }

    /// Sets a stage's alarm: call it when a deadline may have come nearer, or gone away for long.
    pub(crate) fn rearm(&mut self, id: StageId) {
        if !self.config.depends_on_time() {
            return;
        }
        let Some(stage) = self.stages.get_mut(&id) else { return };
        let alarm = stage.deadline(self.now);
        if alarm == stage.alarm {
            return;
        }
        if let Some(before) = std::mem::replace(&mut stage.alarm, alarm) {
            self.alarms.remove(&(before, id));
        }
        self.alarms.extend(alarm.map(|at| (at, id)));
    }

    /// Does what is due by now.
    pub(crate) fn wake(&mut self) {
        while let Some((_, id)) = self.alarms.first().copied().filter(|(at, _)| *at <= self.now) {
            self.work += 1;
            self.find_late(id);
            self.rearm(id);
        }
    }
}
