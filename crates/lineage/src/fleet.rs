//! The executors: their slots, and which tasks take them.
//!
//! Kept in the order of free slots, so that finding a place for a task costs the same with ten executors as with ten
//! thousand.

use crate::ids::{ExecutorId, TaskId};
use crate::spec::Placement;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

/// What a task that takes a slot is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Slot {
    /// Its output is awaited.
    Running,
    /// It was killed; only its end is awaited, since memory and cores are in use until then.
    Stopping,
}

/// One executor.
#[derive(Debug)]
pub(crate) struct Executor {
    pub(crate) slots: u32,
    pub(crate) driver: bool,
    pub(crate) anywhere: bool,
    pub(crate) tasks: BTreeMap<TaskId, Slot>,
}

impl Executor {
    fn free(&self) -> u32 {
        self.slots.saturating_sub(u32::try_from(self.tasks.len()).unwrap_or(u32::MAX))
    }
    fn takes(&self, placement: Placement) -> bool {
        match placement {
            Placement::Anywhere => self.anywhere,
            Placement::Driver => self.driver,
        }
    }
}

/// The executors that take tasks of one placement.
#[derive(Debug, Default)]
struct Rank {
    /// Those with free slots, the most of them last; among equals, the lowest id last.
    free: BTreeSet<(u32, Reverse<ExecutorId>)>,
    /// How many there are, busy ones included.
    members: usize,
}

/// All executors.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    executors: BTreeMap<ExecutorId, Executor>,
    anywhere: Rank,
    driver: Rank,
}

impl Fleet {
    fn rank(&self, placement: Placement) -> &Rank {
        match placement {
            Placement::Anywhere => &self.anywhere,
            Placement::Driver => &self.driver,
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (ExecutorId, &Executor)> {
        self.executors.iter().map(|(id, e)| (*id, e))
    }

    /// Adds an executor, or changes the slots and roles of one that is there.
    pub(crate) fn add(&mut self, id: ExecutorId, slots: u32, driver: bool, anywhere: bool) {
        let tasks = self.remove(id).map(|e| e.tasks).unwrap_or_default();
        let executor = Executor { slots, driver, anywhere, tasks };
        for (placement, rank) in [(Placement::Anywhere, &mut self.anywhere), (Placement::Driver, &mut self.driver)] {
            if slots > 0 && executor.takes(placement) {
                rank.members += 1;
                if executor.free() > 0 {
                    rank.free.insert((executor.free(), Reverse(id)));
                }
            }
        }
        self.executors.insert(id, executor);
    }

    pub(crate) fn remove(&mut self, id: ExecutorId) -> Option<Executor> {
        let executor = self.executors.remove(&id)?;
        for (placement, rank) in [(Placement::Anywhere, &mut self.anywhere), (Placement::Driver, &mut self.driver)] {
            if executor.slots > 0 && executor.takes(placement) {
                rank.members -= 1;
                rank.free.remove(&(executor.free(), Reverse(id)));
            }
        }
        Some(executor)
    }

    /// Changes an executor's tasks and moves it to its new rank.
    fn change<T>(&mut self, id: ExecutorId, change: impl FnOnce(&mut BTreeMap<TaskId, Slot>) -> T) -> Option<T> {
        let executor = self.executors.get_mut(&id)?;
        let before = executor.free();
        let result = change(&mut executor.tasks);
        let after = executor.free();
        for (placement, rank) in [(Placement::Anywhere, &mut self.anywhere), (Placement::Driver, &mut self.driver)] {
            if before != after && executor.takes(placement) {
                rank.free.remove(&(before, Reverse(id)));
                if after > 0 {
                    rank.free.insert((after, Reverse(id)));
                }
            }
        }
        Some(result)
    }

    /// Takes a slot.
    pub(crate) fn start(&mut self, id: ExecutorId, task: TaskId) {
        self.change(id, |tasks| tasks.insert(task, Slot::Running));
    }

    /// Frees a task's slot and says what it was doing; `None` if no such task is there.
    pub(crate) fn end(&mut self, id: ExecutorId, task: TaskId) -> Option<Slot> {
        self.change(id, |tasks| tasks.remove(&task)).flatten()
    }

    /// From now on only the end of the task is awaited.
    pub(crate) fn stop(&mut self, id: ExecutorId, task: TaskId) {
        self.change(id, |tasks| tasks.get_mut(&task).map(|slot| *slot = Slot::Stopping));
    }

    /// Whether any executor has a free slot.
    pub(crate) fn has_room(&self) -> bool {
        !self.anywhere.free.is_empty() || !self.driver.free.is_empty()
    }

    /// Whether this executor could take such a task now.
    pub(crate) fn has_room_on(&self, id: ExecutorId, placement: Placement) -> bool {
        self.executors.get(&id).is_some_and(|e| e.takes(placement) && e.free() > 0)
    }

    /// The executor with the most free slots for such tasks, other than `except`.
    pub(crate) fn roomiest(&self, placement: Placement, except: Option<ExecutorId>) -> Option<ExecutorId> {
        self.rank(placement).free.iter().rev().map(|(_, Reverse(id))| *id).find(|id| Some(*id) != except)
    }

    /// Whether some other executor takes such tasks, be it busy or not.
    pub(crate) fn has_other(&self, placement: Placement, than: ExecutorId) -> bool {
        let itself = self.executors.get(&than).is_some_and(|e| e.slots > 0 && e.takes(placement));
        self.rank(placement).members > usize::from(itself)
    }

    /// What `check_invariants` asks of this file: the ranks tell the truth.
    pub(crate) fn check(&self) -> Result<(), String> {
        for placement in [Placement::Anywhere, Placement::Driver] {
            let rank = self.rank(placement);
            let members = || self.executors.iter().filter(|(_, e)| e.slots > 0 && e.takes(placement));
            let free: BTreeSet<_> =
                members().filter(|(_, e)| e.free() > 0).map(|(id, e)| (e.free(), Reverse(*id))).collect();
            if members().count() != rank.members || free != rank.free {
                return Err(format!("the rank of executors for {placement:?} is wrong: {rank:?}"));
            }
        }
        Ok(())
    }
}
