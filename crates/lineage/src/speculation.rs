//! Second attempts beside slow ones.
//!
//! A machine that is ill without being dead (a failing disk, a neighbour that takes its cores) holds up a stage with the
//! last of its tasks. When most of a stage is done, a task that takes much longer than the others did gets a second
//! attempt on another machine. The first result counts, and the other attempt is killed.
//!
//! Ordinary work goes first: a second attempt gets only what no waiting task of any job can take.

use crate::attempts::Watch;
use crate::event::Action;
use crate::ids::{ExecutorId, StageId, TaskId};
use crate::resources::Resources;
use crate::scheduler::Scheduler;
use crate::spec::Placement;
use crate::stage::Stage;
use std::ops::Bound::{Excluded, Unbounded};

impl Scheduler {
    /// Notes which running tasks of the stage are late by now.
    pub(crate) fn find_late(&mut self, id: StageId) {
        let Some(stage) = self.stages.get_mut(&id) else { return };
        let (partitions, missing) = (stage.spec.partitions, stage.missing);
        while let Some(partition) = stage.pace.pop_late(partitions, missing, self.now) {
            self.work += 1;
            if let Some(running) = stage.running.get_mut(&partition) {
                stage.pace.add_late(partition, running);
            }
            self.speculating.insert(id);
        }
    }

    /// A late partition of any stage and an executor with room for its second attempt.
    pub(crate) fn next_second(&mut self) -> Option<(StageId, u32, ExecutorId)> {
        let mut after = None;
        while let Some(id) = self.speculating.range((after.map_or(Unbounded, Excluded), Unbounded)).next().copied() {
            if let Some((partition, executor)) = self.choose_second(id) {
                return Some((id, partition, executor));
            }
            if self.stages.get(&id).is_none_or(|stage| stage.pace.late() == 0) {
                self.speculating.remove(&id);
            }
            after = Some(id);
        }
        None
    }

    fn choose_second(&mut self, id: StageId) -> Option<(u32, ExecutorId)> {
        let mut after = None;
        loop {
            self.work += 1;
            // Without its inputs it could only fail.
            let stage = self.stages.get(&id).filter(|stage| stage.ready)?;
            let (partition, node) = stage.pace.first_late(after)?;
            if !self.is_wanted(stage, partition) {
                self.let_be(id, partition);
                continue;
            }
            let (placement, needs) = (stage.spec.placement, stage.needs(partition));
            let home = self.home(stage, partition).filter(|home| self.fleet.node(*home) != Some(node));
            let home = home.filter(|home| self.fleet.has_room_on(*home, placement, needs));
            if let Some(executor) = home.or_else(|| self.fleet.roomiest(placement, needs, Some(node))) {
                return Some((partition, executor));
            }
            // If there is room on the very node that it must avoid, late ones of other nodes can use it.
            self.fleet.roomiest(placement, needs, None)?;
            after = Some(node);
        }
    }

    /// Nobody waits for the partition: no second attempt.
    fn let_be(&mut self, id: StageId, partition: u32) {
        let Some(stage) = self.stages.get_mut(&id) else { return };
        if let Some(running) = stage.running.get_mut(&partition) {
            stage.pace.unwatch(partition, running);
            running.watch = Watch::Done;
        }
    }

    /// The stages that want second attempts and would use an offer now.
    fn seconds_wanted(&self) -> impl Iterator<Item = &Stage> {
        let stages = self.speculating.iter().filter_map(|id| self.stages.get(id));
        stages.filter(|s| s.ready && !s.wanted_by.is_empty() && s.spec.placement == Placement::Anywhere)
    }

    /// How many second attempts would be launched at once if there were room for them.
    pub(crate) fn launchable_seconds(&self) -> usize {
        self.seconds_wanted().map(|stage| stage.pace.late()).sum()
    }

    /// What they take, one of each stage.
    pub(crate) fn needs_of_seconds(&self) -> impl Iterator<Item = Resources> {
        self.seconds_wanted().filter_map(|stage| Some(stage.needs(stage.pace.first_late(None)?.0)))
    }

    /// Only the end of an attempt is awaited from now on.
    pub(crate) fn kill(&mut self, executor: ExecutorId, task: TaskId) {
        self.fleet.stop(executor, task);
        self.actions.push(Action::Kill { executor, task });
    }
}
