//! The executors: what they have room for, and which tasks run there.
//!
//! An executor has slots of its own, which a task takes until it ends, or it is *lent* resources by a cluster, which a
//! task takes for good: when it ends the cluster has them back, and lends them again if it likes.
//!
//! Kept in the order of free room, so that finding a place for a task costs the same with ten executors as with ten
//! thousand.

use crate::ids::{ExecutorId, TaskId};
use crate::resources::Resources;
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
    /// What a cluster lends at the moment. Only used where there are no slots.
    pub(crate) lent: Resources,
    /// A cluster has lent something before.
    lends: bool,
    pub(crate) driver: bool,
    pub(crate) anywhere: bool,
    pub(crate) tasks: BTreeMap<TaskId, Slot>,
}

impl Executor {
    /// How much room there is, for comparison: free slots, or lent thousandths of a core.
    fn free(&self) -> u32 {
        match self.slots {
            0 => self.lent.cpus,
            slots => slots.saturating_sub(u32::try_from(self.tasks.len()).unwrap_or(u32::MAX)),
        }
    }
    fn fits(&self, needs: Resources) -> bool {
        self.free() > 0 && (self.slots > 0 || self.lent.contains(needs))
    }
    /// Whether it can be counted on to take tasks: a machine of a cluster that lends nothing and runs nothing of ours
    /// may be somebody else's for a long time.
    fn counts(&self) -> bool {
        self.slots > 0 || self.lent.cpus > 0 || (self.lends && !self.tasks.is_empty())
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
    /// Those with room, the most of it last; among equals, the lowest id last.
    free: BTreeSet<(u32, Reverse<ExecutorId>)>,
    /// How many there are that count, busy ones included.
    members: usize,
}

impl Rank {
    fn insert(&mut self, id: ExecutorId, executor: &Executor) {
        self.members += usize::from(executor.counts());
        if executor.free() > 0 {
            self.free.insert((executor.free(), Reverse(id)));
        }
    }
    fn remove(&mut self, id: ExecutorId, executor: &Executor) {
        self.members -= usize::from(executor.counts());
        self.free.remove(&(executor.free(), Reverse(id)));
    }
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
        let executor = match self.remove(id) {
            Some(known) => Executor { slots, driver, anywhere, ..known },
            None => Executor { slots, lent: Resources::NONE, lends: false, driver, anywhere, tasks: BTreeMap::new() },
        };
        self.insert(id, executor);
    }

    pub(crate) fn remove(&mut self, id: ExecutorId) -> Option<Executor> {
        let executor = self.executors.remove(&id)?;
        for (placement, rank) in [(Placement::Anywhere, &mut self.anywhere), (Placement::Driver, &mut self.driver)] {
            if executor.takes(placement) {
                rank.remove(id, &executor);
            }
        }
        Some(executor)
    }

    fn insert(&mut self, id: ExecutorId, executor: Executor) {
        for (placement, rank) in [(Placement::Anywhere, &mut self.anywhere), (Placement::Driver, &mut self.driver)] {
            if executor.takes(placement) {
                rank.insert(id, &executor);
            }
        }
        self.executors.insert(id, executor);
    }

    /// Changes an executor and moves it to its new rank.
    fn change<T>(&mut self, id: ExecutorId, change: impl FnOnce(&mut Executor) -> T) -> Option<T> {
        let mut executor = self.remove(id)?;
        let result = change(&mut executor);
        self.insert(id, executor);
        Some(result)
    }

    /// From now on the cluster lends this much on the executor's machine.
    pub(crate) fn lend(&mut self, id: ExecutorId, resources: Resources) {
        self.change(id, |executor| (executor.lent, executor.lends) = (resources, true));
    }

    /// Takes a slot, or `needs` of what is lent.
    pub(crate) fn start(&mut self, id: ExecutorId, task: TaskId, needs: Resources) {
        self.change(id, |executor| {
            executor.lent = executor.lent.minus(needs);
            executor.tasks.insert(task, Slot::Running);
        });
    }

    /// Frees a task's slot and says what it was doing; `None` if no such task is there.
    pub(crate) fn end(&mut self, id: ExecutorId, task: TaskId) -> Option<Slot> {
        self.change(id, |executor| executor.tasks.remove(&task)).flatten()
    }

    /// From now on only the end of the task is awaited.
    pub(crate) fn stop(&mut self, id: ExecutorId, task: TaskId) {
        if let Some(slot) = self.executors.get_mut(&id).and_then(|executor| executor.tasks.get_mut(&task)) {
            *slot = Slot::Stopping;
        }
    }

    /// Whether the executor runs this attempt, and nobody wants to stop it.
    pub(crate) fn runs(&self, id: ExecutorId, task: TaskId) -> bool {
        self.executors.get(&id).is_some_and(|executor| executor.tasks.get(&task) == Some(&Slot::Running))
    }

    /// Whether the executor runs anything.
    pub(crate) fn is_busy(&self, id: ExecutorId) -> bool {
        self.executors.get(&id).is_some_and(|executor| !executor.tasks.is_empty())
    }

    /// Whether any executor has room.
    pub(crate) fn has_room(&self) -> bool {
        !self.anywhere.free.is_empty() || !self.driver.free.is_empty()
    }

    /// Whether this executor could take such a task now.
    pub(crate) fn has_room_on(&self, id: ExecutorId, placement: Placement, needs: Resources) -> bool {
        self.executors.get(&id).is_some_and(|e| e.takes(placement) && e.fits(needs))
    }

    /// The executor with the most room for such tasks, other than `except`.
    pub(crate) fn roomiest(
        &self,
        placement: Placement,
        needs: Resources,
        except: Option<ExecutorId>,
    ) -> Option<ExecutorId> {
        let roomy = self.rank(placement).free.iter().rev().map(|(_, Reverse(id))| *id);
        // Those that follow have fewer cores; one with more memory may be among them.
        roomy.filter(|id| Some(*id) != except).find(|id| self.executors.get(id).is_some_and(|e| e.fits(needs)))
    }

    /// Whether some other executor can be counted on for such tasks, be it busy or not.
    pub(crate) fn has_other(&self, placement: Placement, than: ExecutorId) -> bool {
        let itself = self.executors.get(&than).is_some_and(|e| e.counts() && e.takes(placement));
        self.rank(placement).members > usize::from(itself)
    }

    /// What `check_invariants` asks of this file: the ranks tell the truth.
    pub(crate) fn check(&self) -> Result<(), String> {
        for placement in [Placement::Anywhere, Placement::Driver] {
            let rank = self.rank(placement);
            let members = || self.executors.iter().filter(|(_, e)| e.counts() && e.takes(placement));
            let free: BTreeSet<_> =
                members().filter(|(_, e)| e.free() > 0).map(|(id, e)| (e.free(), Reverse(*id))).collect();
            if members().count() != rank.members || free != rank.free {
                return Err(format!("the rank of executors for {placement:?} is wrong: {rank:?}"));
            }
        }
        Ok(())
    }
}
