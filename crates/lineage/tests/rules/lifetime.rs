//! How long outputs and specs are kept: to the end of the jobs that need them, or as long as they are pinned.

use super::*;

fn drop_output(stage: u64) -> Action {
    Action::DropOutput { stage: StageId(stage) }
}

fn forget(stage: u64) -> Action {
    Action::ForgetStage { stage: StageId(stage) }
}

/// Stage 1 is pinned and complete, its job is over.
fn cached() -> Bench {
    let mut b = Bench::new(&[2]);
    b.send(Event::StagePinned { stage: StageId(1) }).send(job(0, two_stages(), 1));
    b.finish(0, t(0, 0, 0)).finish(0, t(0, 1, 0)).finish(0, t(1, 0, 0)).finish(0, t(1, 1, 0));
    b.take(0, 0).take(0, 1);
    assert_eq!(b.actions, [Action::JobFinished { job: JobId(0) }, drop_output(0)]);
    b
}

#[test]
fn outputs_stay_until_the_job_ends() {
    let mut b = Bench::new(&[2]);
    b.send(job(0, two_stages(), 1)).finish(0, t(0, 0, 0)).finish(0, t(0, 1, 0));
    assert_eq!(b.finish(0, t(1, 0, 0)).finish(0, t(1, 1, 0)).take(0, 0).actions, []);
    b.take(0, 1);
    assert_eq!(
        b.actions,
        [Action::JobFinished { job: JobId(0) }, drop_output(0), drop_output(1), forget(1), forget(0)]
    );
    assert_eq!(b.scheduler.stage(StageId(0)), None);
}

#[test]
fn a_pinned_stage_serves_later_jobs_without_being_listed() {
    let mut b = cached();
    b.send(job(1, [stage(2, 1).reads(StageId(1), Narrow)], 2));
    assert_eq!(b.tasks(), [t(2, 0, 0)]);
    b.finish(0, t(2, 0, 0)).take(1, 0);
    assert_eq!(b.actions, [Action::JobFinished { job: JobId(1) }, drop_output(2), forget(2)]);
    assert!(b.scheduler.is_complete(StageId(1)));
    assert_eq!(b.send(Event::StageUnpinned { stage: StageId(1) }).actions, [drop_output(1), forget(1), forget(0)]);
}

#[test]
fn a_pinned_target_is_offered_at_once() {
    let mut b = cached();
    b.send(job(1, [], 1));
    assert_eq!(b.actions.len(), 2);
    assert!(b.actions.iter().all(|a| matches!(a, Action::ResultReady { .. })));
    assert!(b.take(1, 0).take(1, 1).asked(Action::JobFinished { job: JobId(1) }));
}

#[test]
fn a_lost_pinned_output_is_recomputed_when_a_job_needs_it() {
    let mut b = cached();
    b.executor(1, 2, false, true);
    assert_eq!(b.remove(0).actions, [], "nobody needs it now");
    b.send(job(1, [stage(2, 1).reads(StageId(1), Shuffle)], 2));
    assert_eq!(b.tasks(), [t(0, 0, 1), t(0, 1, 1)], "from the start: its inputs were dropped");
    assert!(!b.asked(Action::StageStarting { stage: StageId(0) }), "it has been started before");
    b.finish(1, t(0, 0, 1)).finish(1, t(0, 1, 1)).finish(1, t(1, 0, 1)).finish(1, t(1, 1, 1));
    b.finish(1, t(2, 0, 0));
    let again = [(0, 0), (0, 1), (1, 0), (1, 1)].map(|(stage, partition)| (StageId(stage), partition));
    assert_eq!(b.scheduler.recomputed(JobId(1)), again);
    assert_eq!(
        b.take(1, 0).actions,
        [Action::JobFinished { job: JobId(1) }, drop_output(0), drop_output(2), forget(2)]
    );
}

#[test]
fn a_half_made_pinned_stage_is_completed_by_the_next_job() {
    let mut b = Bench::new(&[1]);
    b.send(Event::StagePinned { stage: StageId(0) }).send(job(0, [stage(0, 2)], 0)).finish(0, t(0, 0, 0));
    b.send(Event::JobCancelled { job: JobId(0) }).fail(0, t(0, 1, 0), TaskError::Cancelled);
    b.send(job(1, [], 0));
    assert_eq!(b.tasks(), [t(0, 1, 1)]);
    assert!(b.scheduler.recomputed(JobId(1)).is_empty());
}

#[test]
fn two_jobs_share_a_stage() {
    let mut b = Bench::new(&[4]);
    b.send(job(0, two_stages(), 1));
    assert_eq!(b.send(job(1, [stage(0, 2), stage(2, 1).reads(StageId(0), Shuffle)], 2)).actions, []);
    b.finish(0, t(0, 0, 0)).finish(0, t(0, 1, 0));
    assert_eq!(b.tasks().len(), 3, "both readers start");
    b.send(Event::JobCancelled { job: JobId(0) });
    assert!(!b.asked(drop_output(0)) && b.asked(forget(1)));
    assert!(b.asked(Action::JobFailed { job: JobId(0), error: JobError::Cancelled }));
    b.finish(0, t(2, 0, 0)).take(1, 0);
    assert!(b.asked(drop_output(0)) && b.asked(forget(0)));
}

#[test]
fn cancelling_kills_only_what_nobody_else_needs() {
    let mut b = Bench::new(&[4]);
    b.send(job(0, [stage(0, 1), stage(1, 1), stage(2, 1).reads(StageId(0), Shuffle).reads(StageId(1), Shuffle)], 2));
    b.send(job(1, [], 0)).send(Event::JobCancelled { job: JobId(0) });
    let kills: Vec<_> = b.actions.iter().filter(|a| matches!(a, Action::Kill { .. })).collect();
    assert_eq!(kills, [&Action::Kill { executor: ExecutorId(0), task: t(1, 0, 0) }]);
    assert!(b.finish(0, t(0, 0, 0)).take(1, 0).asked(Action::JobFinished { job: JobId(1) }));
}

#[test]
fn a_killed_task_takes_its_slot_until_its_end_is_reported() {
    let mut b = Bench::new(&[1]);
    b.send(job(0, [stage(0, 1)], 0)).send(Event::JobCancelled { job: JobId(0) });
    assert_eq!(b.send(job(1, [stage(1, 1)], 1)).actions, []);
    assert_eq!(b.fail(0, t(0, 0, 0), TaskError::Cancelled).tasks(), [t(1, 0, 0)]);
}

#[test]
fn a_killed_task_that_finished_leaves_nothing_behind() {
    let mut b = Bench::new(&[1]);
    b.send(job(0, [stage(0, 1)], 0)).send(Event::JobCancelled { job: JobId(0) });
    assert!(b.asked(drop_output(0)));
    assert_eq!(b.finish(0, t(0, 0, 0)).actions, [drop_output(0)], "again, for the file that came late");
    // Unless the stage is in use again: then the file goes with the others.
    b.send(job(1, [stage(0, 1)], 0)).send(Event::JobCancelled { job: JobId(1) });
    b.send(job(2, [stage(0, 1)], 0));
    assert_eq!(b.finish(0, t(0, 0, 1)).tasks(), [t(0, 0, 2)]);
    assert!(b.send(Event::JobCancelled { job: JobId(2) }).asked(drop_output(0)));
}

#[test]
fn attempts_are_never_used_twice_even_by_a_stage_that_was_forgotten() {
    let mut b = Bench::new(&[2]);
    b.send(job(0, [stage(0, 1)], 0)).fail(0, t(0, 0, 0), io()).finish(0, t(0, 0, 1)).take(0, 0);
    assert!(b.asked(forget(0)));
    assert_eq!(b.send(job(1, [stage(0, 1)], 0)).tasks(), [t(0, 0, 2)]);
    assert!(b.asked(Action::StageStarting { stage: StageId(0) }));
}
