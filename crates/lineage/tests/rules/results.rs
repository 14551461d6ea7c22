//! The target's outputs and the driver that takes them.

use super::*;

fn ready(partition: u32, executor: u64, attempt: u32) -> Action {
    Action::ResultReady { job: JobId(0), partition, executor: ExecutorId(executor), attempt }
}

#[test]
fn a_job_is_finished_when_everything_was_taken() {
    let mut b = Bench::new(&[2]);
    b.send(job(0, [stage(0, 2)], 0));
    assert_eq!(b.finish(0, t(0, 1, 0)).actions, [ready(1, 0, 0)]);
    assert_eq!(b.take(0, 1).take(0, 1).actions, [], "twice is once");
    assert_eq!(b.take(0, 0).actions, [], "not offered yet, so the driver cannot have it");
    assert_eq!(b.finish(0, t(0, 0, 0)).actions, [ready(0, 0, 0)]);
    assert_eq!(b.take(0, 0).actions.first(), Some(&Action::JobFinished { job: JobId(0) }));
}

#[test]
fn a_result_that_was_lost_before_it_was_taken_comes_again() {
    let mut b = Bench::new(&[1]);
    b.send(job(0, [stage(0, 1)], 0)).finish(0, t(0, 0, 0));
    b.send(Event::OutputLost(fetch_failed(t(0, 0, 0), 0, FetchCause::Corrupt)));
    assert_eq!(b.tasks(), [t(0, 0, 1)]);
    assert_eq!(b.send(Event::OutputLost(fetch_failed(t(0, 0, 0), 0, FetchCause::Corrupt))).actions, []);
    assert_eq!(b.finish(0, t(0, 0, 1)).actions, [ready(0, 0, 1)]);
}

#[test]
fn a_copy_that_succeeds_after_all_ends_the_recomputation() {
    let mut b = Bench::new(&[1]);
    b.send(job(0, [stage(0, 1)], 0)).finish(0, t(0, 0, 0));
    b.remove(0);
    // The driver was in the middle of copying, and has everything.
    assert!(b.take(0, 0).asked(Action::JobFinished { job: JobId(0) }));
}

#[test]
fn a_copy_that_succeeds_after_all_needs_no_inputs_either() {
    let mut b = Bench::new(&[2]);
    b.send(job(0, two_stages(), 1)).finish(0, t(0, 0, 0)).finish(0, t(0, 1, 0));
    b.executor(1, 1, false, true).fail(0, t(1, 1, 0), io());
    b.finish(1, t(1, 1, 1)).finish(0, t(1, 0, 0));
    b.executor(1, 0, false, true).remove(0);
    assert_eq!(b.scheduler.launchable_tasks(), 2, "target partition 0 needs both inputs");
    b.take(0, 0);
    assert_eq!(b.scheduler.launchable_tasks(), 0);
}

#[test]
fn the_drivers_patience_is_bounded_too() {
    let mut b = Bench::new(&[1]);
    b.send(job(0, [stage(0, 1)], 0));
    for n in 0..16 {
        b.finish(0, t(0, 0, n));
        assert_eq!(b.actions, [ready(0, 0, n)]);
        b.send(Event::OutputLost(fetch_failed(t(0, 0, n), 0, FetchCause::Unreachable)));
    }
    let Some(JobError::TaskFailed { failures: 16, error: TaskError::FetchFailed(_), .. }) = b.error() else {
        panic!("{:?}", b.actions)
    };
}

#[test]
fn an_empty_target_is_finished_at_once() {
    let mut b = Bench::new(&[1]);
    b.send(job(0, [stage(0, 1), stage(1, 0).reads(StageId(0), Shuffle)], 1));
    assert!(b.asked(Action::JobFinished { job: JobId(0) }));
    assert_eq!(b.launched(), []);
}

#[test]
fn progress_counts_what_has_to_be_waited_for() {
    let mut b = Bench::new(&[2]);
    b.send(job(0, two_stages(), 1)).finish(0, t(0, 0, 0));
    let expected = Progress {
        stages_total: 2,
        tasks_done: 1,
        tasks_running: 1,
        tasks_total: 4,
        rows: 10,
        bytes: 80,
        ..Progress::default()
    };
    assert_eq!(b.scheduler.job_progress(JobId(0)), Some(expected));
    assert_eq!(b.scheduler.progress(), expected);
    b.finish(0, t(0, 1, 0)).finish(0, t(1, 0, 0)).finish(0, t(1, 1, 0));
    let progress = b.scheduler.job_progress(JobId(0)).unwrap();
    assert_eq!((progress.stages_done, progress.tasks_done, progress.rows), (2, 4, 40));
    let stage = b.scheduler.stage_progress(StageId(1)).unwrap();
    assert_eq!((stage.tasks_done, stage.started), (2, Some(Duration::from_secs(1))));
    b.take(0, 0).take(0, 1);
    assert_eq!(b.scheduler.job_progress(JobId(0)), Some(progress), "remembered after the end");
    assert_eq!(b.scheduler.progress(), Progress::default());
}
