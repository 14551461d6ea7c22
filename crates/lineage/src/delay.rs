//! Delay scheduling (Zaharia et al. 2010): a partition whose place is busy waits for it a little.
//!
//! When its narrow input is a cached partition, a task that runs elsewhere copies all of it over the network, while its
//! own place is often free a moment later. So it is held, and others of its stage go ahead, until the stage has gone
//! `locality_wait` without launching a task in the right place. Then everything goes anywhere, until the next task is
//! launched in the right place.
//!
//! Only narrow inputs are waited for. A shuffle's preferred place has a fifth of the input or a little more: the rest
//! comes over the network anyway, so an idle slot costs more than it saves. And a partition that failed before does not
//! wait: it goes first, so that a job that must fail fails early.
//!
//! A held partition is looked at again only when its place may have got room, or when the wait is over.

use crate::ids::{ExecutorId, StageId};
use crate::locality::narrow_input;
use crate::scheduler::Scheduler;
use crate::stage::Stage;

impl Scheduler {
    /// Whether partitions of the stage still wait for their places.
    pub(crate) fn is_waiting(&self, stage: &Stage) -> bool {
        self.now < stage.wait_until
    }

    /// Whether such a place is worth waiting for. One that never takes the stage's tasks is not.
    pub(crate) fn is_worth_a_wait(&self, stage: &Stage, home: ExecutorId) -> bool {
        narrow_input(&stage.spec).is_some() && self.fleet.takes(home, stage.spec.placement)
    }

    /// The wait begins: the stage became ready, or launched a task in the right place.
    pub(crate) fn begin_wait(&mut self, id: StageId) {
        if let Some(stage) = self.stages.get_mut(&id).filter(|_| !self.config.locality_wait.is_zero()) {
            stage.wait_until = self.now.saturating_add(self.config.locality_wait);
            self.rearm(id);
        }
    }

    /// Puts a partition off until its place has room or the wait is over.
    pub(crate) fn hold(&mut self, id: StageId, partition: u32, home: ExecutorId) {
        if let Some(stage) = self.stages.get_mut(&id) {
            stage.queue.hold(partition, home);
            self.holding.insert(id);
            self.rearm(id);
        }
    }

    /// Tells the stages that hold partitions which executors may have got room since they looked.
    pub(crate) fn pass_on_gains(&mut self) {
        if self.holding.is_empty() {
            return self.fleet.forget_gained();
        }
        let gained = self.fleet.take_gained();
        let stages = &mut self.stages;
        let work = &mut self.work;
        self.holding.retain(|id| {
            let Some(stage) = stages.get_mut(id).filter(|stage| !stage.queue.holds_none()) else { return false };
            *work += gained.len() as u64;
            gained.iter().for_each(|executor| stage.queue.add_probe(*executor));
            true
        });
    }

    /// A held partition whose place has room now.
    pub(crate) fn choose_held(&mut self, id: StageId) -> Option<(u32, ExecutorId)> {
        loop {
            self.work += 1;
            let stage = self.stages.get(&id)?;
            let executor = stage.queue.probe()?;
            let partition = stage.queue.first_held_for(executor);
            let partition = partition
                .filter(|partition| self.fleet.has_room_on(executor, stage.spec.placement, stage.needs(*partition)));
            match partition {
                Some(partition) if self.is_wanted(stage, partition) => return Some((partition, executor)),
                Some(partition) => self.park(id, partition),
                None => self.stages.get_mut(&id)?.queue.drop_probe(executor),
            }
        }
    }
}
