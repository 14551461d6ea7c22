//! The outputs in memory, by stage: which of them make room when others need it.

use crate::keep::Keep;
use dpark_lineage::{StageId, TaskId};
use std::collections::{BTreeMap, VecDeque};

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Residents {
    stages: BTreeMap<StageId, Stage>,
    clock: u64,
}

#[derive(Debug, Default)]
struct Stage {
    used: u64,
    keep: Keep,
    /// Oldest first; may name outputs that are gone.
    tasks: VecDeque<TaskId>,
}

/// What makes room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Victim {
    /// One output goes to disk.
    ToDisk(TaskId),
    /// The outputs of a stage are given up.
    Dropped(Vec<TaskId>),
}

impl Residents {
    pub(crate) fn add(&mut self, task: TaskId, keep: Keep) {
        let stage = self.stages.entry(task.stage).or_default();
        stage.keep = keep;
        stage.tasks.push_back(task);
        self.used(task.stage);
    }

    /// A stage's outputs are read or written.
    pub(crate) fn used(&mut self, stage: StageId) {
        self.clock += 1;
        if let Some(stage) = self.stages.get_mut(&stage) {
            stage.used = self.clock;
        }
    }

    pub(crate) fn retain(&mut self, lives: impl Fn(&TaskId) -> bool) {
        self.stages.retain(|_, stage| {
            stage.tasks.retain(&lives);
            !stage.tasks.is_empty()
        });
    }

    /// Takes out what makes room for an output of `by`: the oldest of the stage that was not used for the longest time.
    /// A stage never gives itself up.
    pub(crate) fn victim(&mut self, by: StageId) -> Option<Victim> {
        let (&id, stage) = self.stages.iter_mut().min_by_key(|(_, stage)| stage.used)?;
        if stage.keep == Keep::Memory && id != by {
            return self.stages.remove(&id).map(|stage| Victim::Dropped(stage.tasks.into()));
        }
        let task = stage.tasks.pop_front();
        if stage.tasks.is_empty() {
            self.stages.remove(&id);
        }
        task.map(Victim::ToDisk)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(stage: u64, partition: u32) -> TaskId {
        TaskId { stage: StageId(stage), partition, attempt: 0 }
    }

    #[test]
    fn the_least_recently_used_stage_makes_room() {
        let mut residents = Residents::default();
        for (stage, keep) in [(1, Keep::MemoryAndDisk), (2, Keep::Memory), (3, Keep::MemoryAndDisk)] {
            (0..2).for_each(|partition| residents.add(task(stage, partition), keep));
        }
        residents.used(StageId(1));
        // Not to disk, and all of it.
        assert_eq!(residents.victim(StageId(9)), Some(Victim::Dropped(vec![task(2, 0), task(2, 1)])));
        assert_eq!(residents.victim(StageId(9)), Some(Victim::ToDisk(task(3, 0))));
        residents.retain(|task| task.stage != StageId(3));
        assert_eq!(residents.victim(StageId(9)), Some(Victim::ToDisk(task(1, 0))));
        assert_eq!(residents.victim(StageId(9)), Some(Victim::ToDisk(task(1, 1))));
        assert_eq!(residents.victim(StageId(9)), None);
    }

    #[test]
    fn a_stage_does_not_give_itself_up() {
        let mut residents = Residents::default();
        residents.add(task(1, 0), Keep::Memory);
        assert_eq!(residents.victim(StageId(1)), Some(Victim::ToDisk(task(1, 0))));
    }
}
