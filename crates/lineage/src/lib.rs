//! Lineage, stages and scheduling as a pure state machine.
//!
//! A driver owns a [`Scheduler`] and tells it what happened; the scheduler answers what to do. It has no thread, no
//! clock of its own, no I/O and no randomness: equal events at equal times give equal actions, so whole clusters, with
//! their crashes, are tested in memory (`tests/simulation`), and a recorded session replays exactly.
//!
//! ```text
//!  ExecutorAdded/Removed ─┐                                        ┌─► StageStarting, Launch, Kill
//!  Offered/OffersEnded ────┤                                        │
//!  JobSubmitted/Cancelled ┤   handle(now, Event) -> Vec<Action>    ├─► ResultReady
//!  TaskFinished/Failed ───┼─►        `scheduler`           ────────┼─► JobFinished, JobFailed
//!  ResultTaken ───────────┤  1 the event changes the books         └─► DropOutput, ForgetStage
//!  OutputLost ────────────┤  2 demand: what is wanted, what ready
//!  StagePinned/Unpinned ──┤  3 the clock: what is due
//!  Tick ───────────────────┘  4 placement: waiting task → free slot
//! ```
//!
//! # Rooms, in the order of a job's life
//!
//! | file | holds |
//! |---|---|
//! | `ids`, `error`, `output` | what travels between driver and executors |
//! | `spec`, `resources` | what a driver asks for: stages, dependencies, jobs, and what a task takes |
//! | `event`, `job_error` | the protocol: events in, actions out, why jobs fail |
//! | `scheduler`, `config` | the face: [`Scheduler::handle`] and the driver's questions, and how patient it is |
//! | `graph`, `submission` | a spec is checked, put in order and registered |
//! | `stage`, `job`, `queue`, `fleet` | the books: partitions and outputs, jobs, waiting partitions, slots |
//! | `attempts`, `pace`, `durations`, `grants`, `retired` | smaller books: what runs, how fast, with how much memory; what is left of a stage |
//! | `demand` | which stages are wanted, and which of them can start |
//! | `placement` | which waiting task goes to which free slot |
//! | `locality`, `shuffle_homes`, `delay` | where a task likes to run, and how long it waits for that |
//! | `clock`, `speculation` | what happens because time passes: waits end, slow tasks get a second attempt |
//! | `reports` | a task finished or failed, a result was taken |
//! | `recovery` | an executor or an output is lost |
//! | `cleanup` | a job ends: kill, drop, forget |
//! | `progress`, `invariants` | looking at it, for people and for tests |
//!
//! # The ideas
//!
//! *One stage, one output, one name.* A [`StageId`] names a stage and what its tasks wrote. Jobs that refer to the same
//! id share the stage: its tasks run once.
//!
//! *Demand runs backwards.* Nothing is ever scheduled for recovery. A job wants the partitions of its target that are
//! neither there nor taken; an incomplete stage that is wanted wants its inputs. First run, resuming a half-lost cached
//! data set and recovery from a crash are the same walk.
//!
//! *Every input is a barrier.* A task starts when all outputs of all inputs are there, whatever the kind of
//! dependency. The kind only decides where the task likes to run.
//!
//! *Time is an event.* A driver that keeps [`Scheduler::next_tick`] in view and sends [`Event::Tick`] then gets slow
//! tasks tried a second time elsewhere ([`Speculation`]), and tasks that wait for a busy place let go. One that never
//! does, and asks for neither, loses nothing.
//!
//! *A broken thing is a machine, not a process.* A retry keeps away from the [`NodeId`] on which its task failed, and a
//! second attempt from the one on which the first is slow.
//!
//! *Everything is bounded.* A partition may fail `max_failures` times, and fail to fetch `max_fetch_failures` times;
//! then its jobs fail with the last error.
//!
//! *Room comes in two kinds.* An executor's own slots come back when a task ends; what a cluster offers is gone with the
//! task it was used for. So a driver on a cluster adds its executors with no slots, passes on offers as they come, ends
//! them when all launches are out, and learns from [`Scheduler::launchable_tasks`] whether to ask for more.
//!
//! *What the driver owes.* Every launched task is reported exactly once: `TaskFinished`, `TaskFailed`, or
//! `ExecutorRemoved` for all tasks of an executor. That holds for killed tasks too: their slot is taken until then.
//!
//! # Example
//!
//! Two partitions are scanned, shuffled into one, and the result is taken.
//!
//! ```
//! use dpark_lineage::*;
//! use std::time::Duration;
//!
//! let mut scheduler = Scheduler::new(SchedulerConfig::default());
//! let mut handle = |event| scheduler.handle(Duration::ZERO, event);
//! let (scan, total, job, executor) = (StageId(0), StageId(1), JobId(0), ExecutorId(0));
//! let task = |stage, partition| TaskId { stage, partition, attempt: 0 };
//! let finished = |task| Event::TaskFinished { executor, task, output: MapOutput::default() };
//!
//! handle(Event::ExecutorAdded { executor, node: NodeId(0), slots: 2, driver: true, anywhere: true });
//! let stages = vec![
//!     StageSpec::new(scan, "scan", 2),
//!     StageSpec::new(total, "total", 1).reads(scan, DependencyKind::Shuffle),
//! ];
//! assert_eq!(
//!     handle(Event::JobSubmitted(JobSpec { job, stages, target: total })),
//!     [
//!         Action::StageStarting { stage: scan },
//!         Action::Launch { executor, task: task(scan, 0) },
//!         Action::Launch { executor, task: task(scan, 1) },
//!     ]
//! );
//! assert_eq!(handle(finished(task(scan, 0))), []); // a shuffle waits for all of its input
//! assert_eq!(
//!     handle(finished(task(scan, 1))),
//!     [Action::StageStarting { stage: total }, Action::Launch { executor, task: task(total, 0) }]
//! );
//! assert_eq!(
//!     handle(finished(task(total, 0))),
//!     [Action::ResultReady { job, partition: 0, executor, attempt: 0 }]
//! );
//! assert_eq!(
//!     handle(Event::ResultTaken { job, partition: 0 }),
//!     [
//!         Action::JobFinished { job },
//!         Action::DropOutput { stage: scan },
//!         Action::DropOutput { stage: total },
//!         Action::ForgetStage { stage: total },
//!         Action::ForgetStage { stage: scan },
//!     ]
//! );
//! ```

mod attempts;
mod cleanup;
mod clock;
mod config;
mod delay;
mod demand;
mod durations;
mod error;
mod event;
mod fleet;
mod grants;
mod graph;
mod ids;
mod invariants;
mod job;
mod job_error;
mod locality;
mod output;
mod pace;
mod placement;
mod progress;
mod queue;
mod recovery;
mod reports;
mod resources;
mod retired;
mod scheduler;
mod shuffle_homes;
mod spec;
mod speculation;
mod stage;
mod submission;

pub use config::{SchedulerConfig, Speculation};
pub use error::{FetchCause, FetchFailed, TaskError, UserErrorKind};
pub use event::{Action, Event};
pub use ids::{ExecutorId, JobId, NodeId, StageId, TaskId};
pub use job_error::JobError;
pub use output::{BucketSize, MapOutput};
pub use progress::{Progress, StageProgress};
pub use resources::Resources;
pub use scheduler::Scheduler;
pub use spec::{Dependency, DependencyKind, JobSpec, Placement, StageSpec};
pub use stage::Located;
