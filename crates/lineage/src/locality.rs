//! Where waiting partitions like to run: where their narrow input lies, or where much of what they read of shuffles lies
//! (`shuffle_homes.rs`).
//!
//! Two questions are asked when a slot is to be filled: "where would this partition like to run?", and "who would like
//! to run on this executor?", for which every queue keeps hints.

use crate::ids::{ExecutorId, StageId};
use crate::scheduler::Scheduler;
use crate::spec::{DependencyKind, StageSpec};
use crate::stage::Stage;

/// The input whose place counts; the first narrow one, if there are several.
pub(crate) fn narrow_input(spec: &StageSpec) -> Option<StageId> {
    spec.inputs.iter().find(|d| d.kind == DependencyKind::Narrow).map(|d| d.stage)
}

impl Scheduler {
    /// Where a partition likes to run.
    pub(crate) fn home(&self, stage: &Stage, partition: u32) -> Option<ExecutorId> {
        match narrow_input(&stage.spec) {
            Some(input) => Some(self.stages.get(&input)?.output(partition)?.executor),
            None => *stage.homes.get(partition as usize)?,
        }
    }

    /// A waiting partition of the stage that likes to run on the executor.
    pub(crate) fn local_partition(&mut self, id: StageId, executor: ExecutorId) -> Option<u32> {
        loop {
            self.work += 1;
            let partition = self.stages.get_mut(&id)?.queue.first_local(executor)?;
            let stage = self.stages.get(&id)?;
            if self.home(stage, partition) == Some(executor) && self.is_wanted(stage, partition) {
                return Some(partition);
            }
            self.stages.get_mut(&id)?.queue.drop_local(executor);
        }
    }

    /// An output was written: whoever reads it narrowly would like to run there.
    pub(crate) fn hint_readers(&mut self, id: StageId, partition: u32, executor: ExecutorId) {
        let readers = self.stages.get_mut(&id).map(|s| std::mem::take(&mut s.readers)).unwrap_or_default();
        for reader in &readers {
            if let Some(reader) = self.stages.get_mut(reader)
                && narrow_input(&reader.spec) == Some(id)
                && partition < reader.spec.partitions
            {
                reader.queue.add_local(executor, partition);
            }
        }
        if let Some(stage) = self.stages.get_mut(&id) {
            stage.readers = readers;
        }
    }

    /// Works out all hints of a stage anew: it is new, or all of its partitions wait again, or like to run elsewhere.
    pub(crate) fn hint_all(&mut self, id: StageId) {
        let Some(mut stage) = self.stages.remove(&id) else { return };
        stage.queue.clear_local();
        if narrow_input(&stage.spec).is_some() || !stage.homes.is_empty() {
            self.work += u64::from(stage.spec.partitions);
            for partition in 0..stage.spec.partitions {
                if let Some(executor) = self.home(&stage, partition) {
                    stage.queue.add_local(executor, partition);
                }
            }
        }
        self.stages.insert(id, stage);
    }
}
