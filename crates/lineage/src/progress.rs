//! How far things are, for progress bars, the web page and reports.
//!
//! Everything is read from counters: asking costs as much as there are stages, however many tasks they have.

use crate::ids::{JobId, StageId};
use crate::job::Job;
use crate::scheduler::Scheduler;
use crate::stage::Stage;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::time::Duration;

/// How far one job is, or all live jobs together.
///
/// Counted are the stages that had to be waited for at some time. What was there before (a cached data set) and what
/// lies behind it is not part of the way. A stage that nobody waits for any more is done, even if some of its outputs
/// were lost since.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Progress {
    /// Stages that are done.
    pub stages_done: u64,
    /// All stages.
    pub stages_total: u64,
    /// Tasks that are done.
    pub tasks_done: u64,
    /// Tasks that run now.
    pub tasks_running: u64,
    /// All tasks.
    pub tasks_total: u64,
    /// Rows in the outputs that are there.
    pub rows: u64,
    /// Bytes in the outputs that are there.
    pub bytes: u64,
}

/// How far one stage is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageProgress {
    /// Partitions whose output is there.
    pub tasks_done: u64,
    /// Partitions that run now.
    pub tasks_running: u64,
    /// All partitions.
    pub tasks_total: u64,
    /// Rows in the outputs that are there.
    pub rows: u64,
    /// Bytes in the outputs that are there.
    pub bytes: u64,
    /// When its first task was launched.
    pub started: Option<Duration>,
    /// When it was last made complete.
    pub completed: Option<Duration>,
    /// Second attempts launched beside slow ones.
    pub speculative_launches: u64,
    /// Those of them that were quicker than the first.
    pub speculative_wins: u64,
}

impl Progress {
    fn add(&mut self, stage: &Stage, wanted: bool, missing: u32) {
        let total = u64::from(stage.spec.partitions);
        self.stages_total += 1;
        self.stages_done += u64::from(!wanted);
        self.tasks_total += total;
        self.tasks_done += if wanted { total.saturating_sub(u64::from(missing)) } else { total };
        self.tasks_running += stage.running.len() as u64;
        self.rows = self.rows.saturating_add(stage.rows);
        self.bytes = self.bytes.saturating_add(stage.bytes);
    }
}

impl Scheduler {
    /// How far all live jobs are together; a stage that two of them share counts once.
    pub fn progress(&self) -> Progress {
        let mut progress = Progress::default();
        let stages: BTreeSet<StageId> = self.jobs.values().flat_map(|job| job.involved.iter().copied()).collect();
        for stage in stages.iter().filter_map(|id| self.stages.get(id)) {
            progress.add(stage, !stage.wanted_by.is_empty(), stage.missing);
        }
        progress
    }

    /// How far a job is, or was when it ended. `None` for a job that is not known or ended long ago.
    pub fn job_progress(&self, job: JobId) -> Option<Progress> {
        match self.jobs.get(&job) {
            Some(job) => Some(self.progress_of(job)),
            None => self.ended.iter().rev().find(|j| j.job == job).map(|j| j.progress),
        }
    }

    fn progress_of(&self, job: &Job) -> Progress {
        let mut progress = Progress::default();
        for (id, stage) in job.involved.iter().filter_map(|id| Some((*id, self.stages.get(id)?))) {
            let missing = if id == job.target { job.target_missing } else { stage.missing };
            progress.add(stage, job.wanted.contains(&id), missing);
        }
        progress
    }

    /// How far a known stage is.
    pub fn stage_progress(&self, stage: StageId) -> Option<StageProgress> {
        let stage = self.stages.get(&stage)?;
        Some(StageProgress {
            tasks_done: u64::from(stage.spec.partitions.saturating_sub(stage.missing)),
            tasks_running: stage.running.len() as u64,
            tasks_total: u64::from(stage.spec.partitions),
            rows: stage.rows,
            bytes: stage.bytes,
            started: stage.started,
            completed: stage.completed,
            speculative_launches: stage.pace.launches,
            speculative_wins: stage.pace.wins,
        })
    }

    /// Launches of a job that repeated work, in order: the partition had had an output before, which was lost (or
    /// dropped at the end of an earlier job and is needed again to replace a lost one). Empty for a job that is not
    /// known or ended long ago.
    pub fn recomputed(&self, job: JobId) -> &[(StageId, u32)] {
        match self.jobs.get(&job) {
            Some(job) => &job.recomputed,
            None => self.ended.iter().rev().find(|j| j.job == job).map(|j| j.recomputed.as_slice()).unwrap_or_default(),
        }
    }
}
