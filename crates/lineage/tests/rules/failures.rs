//! Tasks that fail.

use super::*;

#[test]
fn a_retry_goes_to_another_executor_even_if_that_is_busy() {
    let mut b = Bench::new(&[1, 1]);
    b.send(job(0, [stage(0, 2)], 0));
    assert_eq!(b.launched(), [(0, t(0, 0, 0)), (1, t(0, 1, 0))]);
    assert_eq!(b.fail(0, t(0, 0, 0), io()).launched(), [], "executor 0 may be broken, executor 1 is busy");
    assert_eq!(b.finish(1, t(0, 1, 0)).launched(), [(1, t(0, 0, 1))]);
}

#[test]
fn a_broken_executor_does_not_fail_a_job_that_others_can_do() {
    let mut b = Bench::new(&[1, 1]);
    b.send(job(0, [stage(0, 50)], 0));
    let (mut running, mut done) = (b.launched(), 0);
    while let Some((executor, task)) = running.pop() {
        match executor {
            0 => b.fail(0, task, io()),
            _ => b.finish(executor, task),
        };
        done += u32::from(executor == 1);
        assert_eq!(b.error(), None);
        // The broken one is always quicker.
        running.extend(b.launched());
        running.sort_by_key(|(executor, _)| std::cmp::Reverse(*executor));
    }
    assert_eq!(done, 50);
}

#[test]
fn too_many_failures_end_the_job_with_the_last_error() {
    let mut b = Bench::new(&[1]);
    b.send(job(0, [stage(0, 1)], 0));
    for attempt in 0..3 {
        assert_eq!(b.fail(0, t(0, 0, attempt), io()).tasks(), [t(0, 0, attempt + 1)]);
    }
    let error = TaskError::Oom("sort".into());
    b.fail(0, t(0, 0, 3), error.clone());
    let expected = JobError::TaskFailed { task: t(0, 0, 3), executor: ExecutorId(0), failures: 4, error };
    assert_eq!(b.error(), Some(&expected));
    assert_eq!(
        expected.to_string(),
        "stage 0 partition 0 attempt 3 failed on executor 0 (4 failed attempts): out of memory: sort"
    );
}

#[test]
fn a_task_that_kills_its_executor_four_times_fails_the_job() {
    let mut b = Bench::new(&[1, 1, 1, 1, 1]);
    b.send(job(0, [stage(0, 1)], 0));
    for attempt in 0..4 {
        let [(executor, task)] = b.launched()[..] else { panic!("{:?}", b.actions) };
        assert_eq!(task, t(0, 0, attempt));
        b.remove(executor);
    }
    let Some(JobError::TaskFailed { failures: 4, error: TaskError::Lost(reason), .. }) = b.error() else {
        panic!("{:?}", b.actions)
    };
    assert_eq!(reason, "killed");
}

#[test]
fn an_error_that_would_repeat_fails_every_job_that_needs_the_stage_at_once() {
    let mut b = Bench::new(&[4]);
    b.send(job(0, two_stages(), 1)).send(job(1, [stage(2, 1).reads(StageId(0), Shuffle)], 2));
    b.send(job(2, [stage(3, 1)], 3));
    let error = TaskError::User { kind: UserErrorKind::Compute, message: "division by zero".into() };
    b.fail(0, t(0, 1, 0), error.clone());
    let failed: Vec<u64> = b
        .actions
        .iter()
        .filter_map(|a| if let Action::JobFailed { job, .. } = a { Some(job.0) } else { None })
        .collect();
    assert_eq!(failed, [0, 1]);
    assert!(b.asked(Action::Kill { executor: ExecutorId(0), task: t(0, 0, 0) }));
    assert_eq!(b.scheduler.live_jobs().collect::<Vec<_>>(), [JobId(2)]);
}

#[test]
fn a_failure_of_a_stage_that_a_job_is_done_with_is_not_its_failure() {
    let mut b = Bench::new(&[2]);
    b.send(job(0, two_stages(), 1)).finish(0, t(0, 0, 0)).finish(0, t(0, 1, 0));
    // An output is lost while both readers run, and both readers finish although it runs again.
    b.executor(0, 3, true, true).send(Event::OutputLost(fetch_failed(t(0, 0, 0), 0, FetchCause::Gone)));
    assert_eq!(b.tasks(), [t(0, 0, 1)]);
    b.finish(0, t(1, 0, 0)).finish(0, t(1, 1, 0));
    b.fail(0, t(0, 0, 1), TaskError::User { kind: UserErrorKind::Data, message: "corrupt".into() });
    assert_eq!(b.actions, [], "neither failed nor tried again");
    assert!(b.take(0, 0).take(0, 1).asked(Action::JobFinished { job: JobId(0) }));
}

#[test]
fn failures_are_counted_per_partition_and_forgotten_between_jobs() {
    let mut b = Bench::new(&[1]);
    b.send(Event::StagePinned { stage: StageId(0) }).send(job(0, [stage(0, 2)], 0));
    for attempt in 0..3 {
        b.fail(0, t(0, 0, attempt), io());
    }
    b.send(Event::JobCancelled { job: JobId(0) }).fail(0, t(0, 0, 3), TaskError::Cancelled);
    b.send(job(1, [], 0));
    assert_eq!(b.tasks(), [t(0, 0, 4)]);
    b.fail(0, t(0, 0, 4), io());
    assert_eq!(b.error(), None);
    assert_eq!(b.tasks(), [t(0, 0, 5)]);
}

#[test]
fn reports_that_mean_nothing_any_more_are_harmless() {
    let mut b = Bench::new(&[1, 1]);
    b.send(job(0, [stage(0, 2)], 0)).fail(0, t(0, 0, 0), io()).finish(1, t(0, 1, 0));
    assert_eq!(b.launched(), [(1, t(0, 0, 1))]);
    let before = b.scheduler.progress();
    assert_eq!(b.finish(0, t(0, 0, 0)).actions, [], "an older attempt");
    assert_eq!(b.finish(1, t(0, 1, 0)).actions, [], "the same report again");
    assert_eq!(b.fail(1, t(0, 1, 0), io()).actions, [], "failed after it finished");
    assert_eq!(b.finish(0, t(0, 0, 1)).actions, [], "another executor's task");
    assert_eq!(b.finish(9, t(7, 3, 1)).actions, [], "unknown everything");
    assert_eq!(b.finish(1, t(0, 99, 0)).actions, [], "no such partition");
    assert_eq!(b.remove(9).actions, []);
    assert_eq!(b.take(3, 0).take(0, 99).take(0, 0).actions, [], "nothing to take");
    assert_eq!(b.send(Event::JobCancelled { job: JobId(9) }).actions, []);
    assert_eq!(b.send(Event::StageUnpinned { stage: StageId(9) }).actions, []);
    assert_eq!(b.send(Event::OutputLost(fetch_failed(t(0, 99, 0), 1, FetchCause::Gone))).actions, []);
    assert_eq!(b.scheduler.progress(), before);
}
