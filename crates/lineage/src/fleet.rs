//! The executors: what they have room for, and which tasks run there.
//!
//! An executor has slots of its own, which a task takes until it ends, or it is *lent* resources by a cluster, which a
//! task takes for good: when it ends the cluster has them back, and lends them again if it likes.
//!
//! Kept in the order of free room, so that finding a place for a task costs the same with ten executors as with ten
//! thousand.

use crate::ids::{ExecutorId, NodeId, TaskId};
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
    /// The machine it lives on.
    pub(crate) node: NodeId,
    pub(crate) slots: u32,
    /// What a cluster lends at the moment. Only used where there are no slots.
    pub(crate) lent: Resources,
    /// A cluster has lent something before.
    lends: bool,
    pub(crate) driver: bool,
    pub(crate) anywhere: bool,
    pub(crate) tasks: BTreeMap<TaskId, Slot>,
    /// How many outputs on the books lie there.
    pub(crate) outputs: usize,
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
    fn standing(&self) -> Standing {
        Standing { free: self.free(), counts: self.counts() }
    }
}

/// The executors that take tasks of one placement.
#[derive(Debug, Default)]
struct Rank {
    /// Those with room, the most of it last; among equals, the lowest id last.
    free: BTreeSet<(u32, Reverse<ExecutorId>)>,
    /// How many there are that count on each node, busy ones included.
    nodes: BTreeMap<NodeId, usize>,
}

/// What an executor's rank depends on.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Standing {
    free: u32,
    counts: bool,
}

impl Rank {
    /// An executor's standing changed; one that is not there has none.
    fn change(&mut self, id: ExecutorId, node: NodeId, before: Standing, after: Standing) {
        if before.free != after.free {
            if before.free > 0 {
                self.free.remove(&(before.free, Reverse(id)));
            }
            if after.free > 0 {
                self.free.insert((after.free, Reverse(id)));
            }
        }
        match (before.counts, after.counts) {
            (false, true) => *self.nodes.entry(node).or_default() += 1,
            (true, false) => {
                if let Some(count) = self.nodes.get_mut(&node) {
                    *count -= 1;
                    if *count == 0 {
                        self.nodes.remove(&node);
                    }
                }
            }
            _ => {}
        }
    }
}

/// All executors.
#[derive(Debug, Default)]
pub(crate) struct Fleet {
    executors: BTreeMap<ExecutorId, Executor>,
    anywhere: Rank,
    driver: Rank,
    /// Executors that may have got room since `take_gained`.
    gained: Vec<ExecutorId>,
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

    /// Adds an executor, or changes the machine, slots and roles of one that is there.
    pub(crate) fn add(&mut self, id: ExecutorId, node: NodeId, slots: u32, driver: bool, anywhere: bool) {
        let (lent, lends) = (Resources::NONE, false);
        let executor = match self.remove(id) {
            Some(known) => Executor { node, slots, driver, anywhere, ..known },
            None => Executor { node, slots, lent, lends, driver, anywhere, tasks: BTreeMap::new(), outputs: 0 },
        };
        self.rerank(id, &executor, Standing::default(), executor.standing());
        self.executors.insert(id, executor);
        self.gained.push(id);
    }

    pub(crate) fn remove(&mut self, id: ExecutorId) -> Option<Executor> {
        let executor = self.executors.remove(&id)?;
        self.rerank(id, &executor, executor.standing(), Standing::default());
        Some(executor)
    }

    fn rerank(&mut self, id: ExecutorId, executor: &Executor, before: Standing, after: Standing) {
        for (placement, rank) in [(Placement::Anywhere, &mut self.anywhere), (Placement::Driver, &mut self.driver)] {
            if executor.takes(placement) {
                rank.change(id, executor.node, before, after);
            }
        }
    }

    /// Changes an executor's tasks or what it is lent, and moves it to its new rank.
    fn change<T>(&mut self, id: ExecutorId, change: impl FnOnce(&mut Executor) -> T) -> Option<T> {
        let executor = self.executors.get_mut(&id)?;
        let before = executor.standing();
        let result = change(executor);
        let after = executor.standing();
        for (placement, rank) in [(Placement::Anywhere, &mut self.anywhere), (Placement::Driver, &mut self.driver)] {
            if executor.takes(placement) {
                rank.change(id, executor.node, before, after);
            }
        }
        Some(result)
    }

    /// From now on the cluster lends this much on the executor's machine.
    pub(crate) fn lend(&mut self, id: ExecutorId, resources: Resources) {
        self.change(id, |executor| (executor.lent, executor.lends) = (resources, true));
        self.gained.push(id);
    }

    /// Takes a slot, or `needs` of what is lent, and says on which machine.
    pub(crate) fn start(&mut self, id: ExecutorId, task: TaskId, needs: Resources) -> Option<NodeId> {
        self.change(id, |executor| {
            executor.lent = executor.lent.minus(needs);
            executor.tasks.insert(task, Slot::Running);
            executor.node
        })
    }

    /// Frees a task's slot and says what it was doing; `None` if no such task is there.
    pub(crate) fn end(&mut self, id: ExecutorId, task: TaskId) -> Option<Slot> {
        self.gained.push(id);
        self.change(id, |executor| executor.tasks.remove(&task)).flatten()
    }

    /// Like `end`, for a task that left an output; if that is awaited, the executor has it from now on.
    pub(crate) fn finish(&mut self, id: ExecutorId, task: TaskId) -> Option<Slot> {
        self.gained.push(id);
        self.change(id, |executor| {
            let slot = executor.tasks.remove(&task);
            executor.outputs += usize::from(slot == Some(Slot::Running));
            slot
        })
        .flatten()
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

    /// Whether the executor runs anything or has outputs on the books.
    pub(crate) fn is_in_use(&self, id: ExecutorId) -> bool {
        self.executors.get(&id).is_some_and(|executor| !executor.tasks.is_empty() || executor.outputs > 0)
    }

    /// An output that lay there is no longer on the books.
    pub(crate) fn drop_output(&mut self, id: ExecutorId) {
        if let Some(executor) = self.executors.get_mut(&id) {
            executor.outputs = executor.outputs.saturating_sub(1);
        }
    }

    /// The executors that may have got room since the last call.
    pub(crate) fn take_gained(&mut self) -> Vec<ExecutorId> {
        std::mem::take(&mut self.gained)
    }

    /// Nobody wants to know.
    pub(crate) fn forget_gained(&mut self) {
        self.gained.clear();
    }

    /// The machine that an executor lives on.
    pub(crate) fn node(&self, id: ExecutorId) -> Option<NodeId> {
        self.executors.get(&id).map(|executor| executor.node)
    }

    /// Whether the executor is there and takes such tasks when it has room.
    pub(crate) fn takes(&self, id: ExecutorId, placement: Placement) -> bool {
        self.executors.get(&id).is_some_and(|executor| executor.takes(placement))
    }

    /// Whether any executor has room.
    pub(crate) fn has_room(&self) -> bool {
        !self.anywhere.free.is_empty() || !self.driver.free.is_empty()
    }

    /// Whether this executor could take such a task now.
    pub(crate) fn has_room_on(&self, id: ExecutorId, placement: Placement, needs: Resources) -> bool {
        self.executors.get(&id).is_some_and(|e| e.takes(placement) && e.fits(needs))
    }

    /// The executor with the most room for such tasks, on another node than `except`.
    pub(crate) fn roomiest(
        &self,
        placement: Placement,
        needs: Resources,
        except: Option<NodeId>,
    ) -> Option<ExecutorId> {
        let mut roomy = self.rank(placement).free.iter().rev().map(|(_, Reverse(id))| *id);
        // Those that follow have fewer cores; one with more memory may be among them.
        roomy.find(|id| {
            self.executors.get(id).is_some_and(|executor| Some(executor.node) != except && executor.fits(needs))
        })
    }

    /// Whether an executor on some other node can be counted on for such tasks, be it busy or not.
    pub(crate) fn has_other(&self, placement: Placement, than: NodeId) -> bool {
        let nodes = &self.rank(placement).nodes;
        nodes.len() > usize::from(nodes.contains_key(&than))
    }

    /// What `check_invariants` asks of this file: the ranks tell the truth.
    pub(crate) fn check(&self) -> Result<(), String> {
        for placement in [Placement::Anywhere, Placement::Driver] {
            let rank = self.rank(placement);
            let members = || self.executors.iter().filter(|(_, e)| e.takes(placement));
            let free: BTreeSet<_> =
                members().filter(|(_, e)| e.free() > 0).map(|(id, e)| (e.free(), Reverse(*id))).collect();
            let mut nodes = BTreeMap::<NodeId, usize>::new();
            members().filter(|(_, e)| e.counts()).for_each(|(_, e)| *nodes.entry(e.node).or_default() += 1);
            if nodes != rank.nodes || free != rank.free {
                return Err(format!("the rank of executors for {placement:?} is wrong: {rank:?}"));
            }
        }
        Ok(())
    }
}
