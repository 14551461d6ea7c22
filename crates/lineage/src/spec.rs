//! What a driver asks for: stages, what they read, and the job that wants one of them.
//!
//! A spec says nothing about *how* a stage computes its partitions; the fragment stays with the driver, under the
//! stage's id. The scheduler only needs shapes: how many partitions, which inputs, where they may run.

use crate::ids::{JobId, StageId};
use crate::resources::Resources;
use serde::{Deserialize, Serialize};

/// How the tasks of a stage read an input. Every kind is a barrier (no task starts before its inputs are complete);
/// the kind decides locality, and tells the executors what to fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum DependencyKind {
    /// Partition `p` of the reader reads output `p` of the input, and likes to run where that lies.
    Narrow,
    /// Partition `p` of the reader reads bucket `p` of every output of the input.
    Shuffle,
    /// Every partition of the reader reads everything.
    Broadcast,
}

/// An input of a stage.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Dependency {
    /// The stage whose output is read.
    pub stage: StageId,
    /// How it is read.
    pub kind: DependencyKind,
}

/// Where the tasks of a stage may run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Placement {
    /// On every executor added with `anywhere: true`.
    #[default]
    Anywhere,
    /// Only on executors added with `driver: true`: the fragment reads what only the driver's process has.
    Driver,
}

/// A stage: `partitions` tasks that run the same fragment and write one output each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StageSpec {
    /// Names the stage and its output, in all jobs of the application.
    pub id: StageId,
    /// For people: progress bars, the web page, error messages.
    pub name: String,
    /// How many tasks the stage has. None is allowed: such a stage is complete from the start.
    pub partitions: u32,
    /// What its tasks read. All of it must be complete before the first task starts.
    pub inputs: Vec<Dependency>,
    /// Stages that must have been complete once before the first task starts, without being read by the tasks
    /// (a join's build side whose key summary becomes a runtime filter here). If their output is lost later, it is
    /// not recomputed for this stage's sake.
    pub after: Vec<StageId>,
    /// Where its tasks may run.
    pub placement: Placement,
    /// What each of its tasks takes.
    pub needs: Resources,
    /// Whether a slow task may get a second attempt beside the first (`SchedulerConfig::speculation`). Only one of the
    /// two is ever taken, so this is off only for tasks that do something outside before their result is taken.
    pub speculate: bool,
}

impl StageSpec {
    /// A stage without inputs that runs anywhere.
    pub fn new(id: StageId, name: impl Into<String>, partitions: u32) -> Self {
        let (placement, needs) = (Placement::Anywhere, Resources::default());
        Self { id, name: name.into(), partitions, inputs: vec![], after: vec![], placement, needs, speculate: true }
    }
    /// Adds an input.
    pub fn reads(mut self, stage: StageId, kind: DependencyKind) -> Self {
        self.inputs.push(Dependency { stage, kind });
        self
    }
    /// Adds a stage to wait for without reading it.
    pub fn after(mut self, stage: StageId) -> Self {
        self.after.push(stage);
        self
    }
    /// Restricts the stage to the driver's own executor.
    pub fn on_driver(mut self) -> Self {
        self.placement = Placement::Driver;
        self
    }
    /// Says what each of its tasks takes.
    pub fn needs(mut self, needs: Resources) -> Self {
        self.needs = needs;
        self
    }
    /// Forbids second attempts beside slow ones.
    pub fn without_speculation(mut self) -> Self {
        self.speculate = false;
        self
    }
    /// Every stage this one refers to: inputs, then soft orderings.
    pub(crate) fn parents(&self) -> impl Iterator<Item = StageId> + '_ {
        self.inputs.iter().map(|d| d.stage).chain(self.after.iter().copied())
    }
}

/// One action of the user: make all partitions of `target` available to the driver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobSpec {
    /// Names the job; never used twice in an application.
    pub job: JobId,
    /// The stages that `target` needs, in any order. Those that the scheduler knows already (pinned, behind a pinned
    /// stage, or part of another live job) may be listed again, unchanged, or left out. Listed stages that `target`
    /// does not need are ignored.
    pub stages: Vec<StageSpec>,
    /// The stage whose outputs the driver fetches.
    pub target: StageId,
}
