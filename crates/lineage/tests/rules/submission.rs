//! Specs that make no sense fail their job and leave no trace.

use super::*;

fn refused(event: Event) -> JobError {
    let mut b = Bench::new(&[1]);
    b.send(event);
    assert_eq!(b.actions.len(), 1, "{:?}", b.actions);
    assert_eq!(b.scheduler.stage(StageId(0)), None);
    b.error().unwrap().clone()
}

#[test]
fn an_unknown_stage() {
    let stage = StageId(5);
    assert_eq!(refused(job(0, [stage_0()], 5)), JobError::UnknownStage { stage, needed_by: None });
    let error = refused(job(0, [stage_0().reads(stage, Shuffle)], 0));
    assert_eq!(error.to_string(), "stage 5 is unknown, but stage 0 needs it");
    assert_eq!(
        refused(job(0, [stage_0().after(stage)], 0)),
        JobError::UnknownStage { stage, needed_by: Some(StageId(0)) }
    );
}

fn stage_0() -> StageSpec {
    stage(0, 1)
}

#[test]
fn a_cycle() {
    assert_eq!(refused(job(0, [stage_0().reads(StageId(0), Shuffle)], 0)), JobError::Cyclic { stage: StageId(0) });
    let circle =
        [stage_0().reads(StageId(1), Shuffle), stage(1, 1).after(StageId(2)), stage(2, 1).reads(StageId(0), Narrow)];
    assert!(matches!(refused(job(0, circle, 2)), JobError::Cyclic { .. }));
}

#[test]
fn one_id_for_two_stages() {
    assert_eq!(refused(job(0, [stage_0(), stage(0, 2)], 0)), JobError::Conflicting { stage: StageId(0) });
    let mut b = Bench::new(&[1]);
    b.send(job(0, [stage(0, 2)], 0)).send(job(1, [stage(0, 3)], 0));
    assert_eq!(b.error(), Some(&JobError::Conflicting { stage: StageId(0) }));
    assert_eq!(b.scheduler.live_jobs().count(), 1, "the first job goes on");
}

#[test]
fn absurdly_many_partitions() {
    assert!(matches!(refused(job(0, [stage(0, u32::MAX)], 0)), JobError::TooManyPartitions { .. }));
}

#[test]
fn a_job_that_is_live_already_is_not_submitted_again() {
    let mut b = Bench::new(&[1]);
    b.send(job(0, [stage(0, 2)], 0));
    assert_eq!(b.send(job(0, [stage(7, 2)], 7)).actions, []);
}

#[test]
fn stages_that_the_target_does_not_need_are_ignored() {
    let mut b = Bench::new(&[4]);
    b.send(job(0, [stage(0, 1), stage(1, 1)], 1));
    assert_eq!(b.tasks(), [t(1, 0, 0)]);
    assert_eq!(b.scheduler.stage(StageId(0)), None);
}

#[test]
fn the_order_of_the_list_does_not_matter_and_a_deep_lineage_is_fine() {
    let deep = 20_000;
    let chain = |n: u64| if n == 0 { stage(0, 1) } else { stage(n, 1).reads(StageId(n - 1), Narrow) };
    let mut scheduler = Scheduler::default();
    scheduler.handle(Duration::ZERO, job(0, (0..deep).rev().map(chain), deep - 1));
    assert_eq!(scheduler.job_progress(JobId(0)).unwrap().stages_total, deep);
    assert_eq!(scheduler.launchable_tasks(), 1);
}
