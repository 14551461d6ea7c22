//! Which waiting task goes to which free slot.
//!
//! Jobs take turns, one launch each. Within a job, stages go in lineage order; within a stage, partitions that failed
//! before go first (a job that must fail should fail early), then the others in order. A task prefers the executor
//! where it is at home (`locality.rs`) and may wait for it (`delay.rs`), else it takes the one with the most room. What
//! is left then is for second attempts (`speculation.rs`).
//!
//! A partition that failed keeps away from that executor's node as long as another one exists, *even if the others are
//! busy*: a machine with a broken disk fails its tasks fast, so it is the one that always has free slots, and would get
//! the same partition until the job fails. The next process on the same machine would be no better than the last.

use crate::attempts::Attempt;
use crate::event::Action;
use crate::fleet::Fleet;
use crate::ids::{ExecutorId, JobId, StageId, TaskId};
use crate::scheduler::Scheduler;
use crate::stage::Stage;
use std::ops::Bound::{self, Excluded, Included, Unbounded};
use std::time::Duration;

impl Scheduler {
    /// Launches tasks until nothing fits any more.
    pub(crate) fn place(&mut self) {
        self.pass_on_gains();
        while self.fleet.has_room() {
            let Some((job, stage, partition, executor)) = self.next_launch() else { break };
            self.turn = Some(job);
            self.launch(stage, partition, executor);
        }
        while self.fleet.has_room() {
            let Some((stage, partition, executor)) = self.next_second() else { break };
            self.launch_second(stage, partition, executor);
        }
    }

    fn next_launch(&mut self) -> Option<(JobId, StageId, u32, ExecutorId)> {
        let Some(turn) = self.turn else { return self.next_launch_of(Unbounded, Unbounded) };
        self.next_launch_of(Excluded(turn), Unbounded).or_else(|| self.next_launch_of(Unbounded, Included(turn)))
    }

    /// The first launch that fits, among the jobs in a range of ids.
    fn next_launch_of(
        &mut self,
        mut from: Bound<JobId>,
        to: Bound<JobId>,
    ) -> Option<(JobId, StageId, u32, ExecutorId)> {
        while let Some(job) = self.runnable_jobs.range((from, to)).next().copied() {
            let mut place = None;
            while let Some(at) = self.runnable_after(job, place) {
                if let Some((partition, executor)) = self.choose(at.1) {
                    return Some((job, at.1, partition, executor));
                }
                place = Some(at);
            }
            from = Excluded(job);
        }
        None
    }

    fn runnable_after(&self, job: JobId, place: Option<(u32, StageId)>) -> Option<(u32, StageId)> {
        self.jobs.get(&job)?.runnable.range((place.map_or(Unbounded, Excluded), Unbounded)).next().copied()
    }

    /// A waiting partition of the stage and an executor with room for it.
    fn choose(&mut self, id: StageId) -> Option<(u32, ExecutorId)> {
        self.choose_retry(id).or_else(|| self.choose_fresh(id))
    }

    fn choose_retry(&mut self, id: StageId) -> Option<(u32, ExecutorId)> {
        let mut after = None;
        loop {
            self.work += 1;
            let stage = self.stages.get(&id)?;
            let (partition, avoid) = stage.queue.first_retry(after)?;
            if !self.is_wanted(stage, partition) {
                self.park(id, partition);
                continue;
            }
            let placement = stage.spec.placement;
            let needs = stage.needs(partition);
            let home = self.home(stage, partition).filter(|home| self.fleet.node(*home) != Some(avoid));
            let home = home.filter(|home| self.fleet.has_room_on(*home, placement, needs));
            let mut executor = home.or_else(|| self.fleet.roomiest(placement, needs, Some(avoid)));
            if executor.is_none() && !self.fleet.has_other(placement, avoid) {
                executor = self.fleet.roomiest(placement, needs, None);
            }
            if let Some(executor) = executor {
                return Some((partition, executor));
            }
            after = Some(avoid);
        }
    }

    fn choose_fresh(&mut self, id: StageId) -> Option<(u32, ExecutorId)> {
        loop {
            self.work += 1;
            let stage = self.stages.get(&id)?;
            let waiting = self.is_waiting(stage);
            let first = if waiting { stage.queue.first_fresh() } else { stage.queue.first_fresh_or_held() };
            let Some(partition) = first else { return self.choose_held(id) };
            if !self.is_wanted(stage, partition) {
                self.park(id, partition);
                continue;
            }
            let placement = stage.spec.placement;
            let home = self.home(stage, partition);
            let needs = stage.needs(partition);
            if let Some(executor) = home.filter(|home| self.fleet.has_room_on(*home, placement, needs)) {
                return Some((partition, executor));
            }
            if let Some(home) = home.filter(|home| waiting && self.is_worth_a_wait(stage, *home)) {
                self.hold(id, partition, home);
                continue;
            }
            // Its place is busy. Before it goes elsewhere, see whether another partition belongs there.
            let Some(executor) = self.fleet.roomiest(placement, needs, None) else { return self.choose_held(id) };
            let local = self.local_partition(id, executor);
            let local = local.filter(|p| self.stages.get(&id).is_some_and(|stage| stage.needs(*p) == needs));
            return Some((local.unwrap_or(partition), executor));
        }
    }

    pub(crate) fn park(&mut self, id: StageId, partition: u32) {
        let Some(stage) = self.stages.get_mut(&id) else { return };
        stage.park(partition);
        if stage.queue.is_empty() {
            self.refresh(id);
        }
    }

    fn launch(&mut self, id: StageId, partition: u32, executor: ExecutorId) {
        let Some(stage) = self.stages.get_mut(&id) else { return };
        let Some(task) = stage.tasks.get_mut(partition as usize) else { return };
        if !stage.announced {
            stage.announced = true;
            stage.started = Some(self.now);
            self.actions.push(Action::StageStarting { stage: id });
        }
        stage.queue.remove(partition, task.avoid.take());
        if std::mem::take(&mut task.computed_before) {
            for job in &stage.wanted_by {
                if let Some(job) = self.jobs.get_mut(job) {
                    job.recomputed.push((id, partition));
                }
            }
        }
        let (empty, launch) = (stage.queue.is_empty(), Launch { partition, executor, speculative: false });
        self.actions.extend(start(stage, &mut self.fleet, self.now, launch));
        let waits = !self.config.locality_wait.is_zero();
        if waits && self.stages.get(&id).is_some_and(|stage| self.home(stage, partition) == Some(executor)) {
            self.begin_wait(id);
        }
        self.rearm(id);
        if empty {
            self.refresh(id);
        }
    }

    fn launch_second(&mut self, id: StageId, partition: u32, executor: ExecutorId) {
        let Some(stage) = self.stages.get_mut(&id) else { return };
        stage.pace.launches += 1;
        let launch = Launch { partition, executor, speculative: true };
        self.actions.extend(start(stage, &mut self.fleet, self.now, launch));
        self.rearm(id);
    }
}

struct Launch {
    partition: u32,
    executor: ExecutorId,
    speculative: bool,
}

/// Starts an attempt: the only one at its partition, or one beside another.
fn start(stage: &mut Stage, fleet: &mut Fleet, now: Duration, launch: Launch) -> Option<Action> {
    let Launch { partition, executor, speculative } = launch;
    let needs = stage.needs(partition);
    let task = stage.tasks.get_mut(partition as usize)?;
    let id = TaskId { stage: stage.spec.id, partition, attempt: task.next_attempt };
    let node = fleet.start(executor, id, needs)?;
    task.next_attempt += 1;
    stage.holds_data = true;
    let (number, memory) = (id.attempt, needs.memory);
    stage.start(partition, Attempt { number, executor, node, started: now, memory, speculative });
    Some(Action::Launch { executor, task: id })
}
