//! Outputs and executors that are lost.

use super::*;

/// Stage 0's two outputs on executors 0 and 1, the two readers running; the reader of partition 0 on executor 0.
fn readers_running() -> Bench {
    let mut b = Bench::new(&[1, 1]);
    b.send(job(0, two_stages(), 1)).finish(0, t(0, 0, 0)).finish(1, t(0, 1, 0));
    assert_eq!(b.launched(), [(0, t(1, 0, 0)), (1, t(1, 1, 0))]);
    b
}

#[test]
fn a_missing_output_is_computed_again_and_the_reader_waits_for_it() {
    let mut b = readers_running();
    b.fail(0, t(1, 0, 0), fetch_failed(t(0, 1, 0), 1, FetchCause::Gone));
    assert_eq!(b.launched(), [(0, t(0, 1, 1))], "not where it was lost");
    assert_eq!(b.finish(0, t(0, 1, 1)).launched(), [(0, t(1, 0, 1))]);
    assert_eq!(b.scheduler.recomputed(JobId(0)), [(StageId(0), 1)]);
    assert!(b.scheduler.outputs(StageId(0)).unwrap().iter().all(Option::is_some));
}

#[test]
fn the_second_reader_that_misses_the_same_output_costs_nothing_more() {
    let mut b = readers_running();
    b.fail(0, t(1, 0, 0), fetch_failed(t(0, 1, 0), 1, FetchCause::Corrupt));
    b.finish(0, t(0, 1, 1));
    b.fail(1, t(1, 1, 0), fetch_failed(t(0, 1, 0), 1, FetchCause::Corrupt));
    assert_eq!(b.tasks(), [t(1, 1, 1)], "the output that it missed has been replaced");
    assert_eq!(b.scheduler.recomputed(JobId(0)).len(), 1);
}

#[test]
fn a_new_output_in_the_same_place_is_not_mistaken_for_the_old_one() {
    let mut b = Bench::new(&[4]);
    b.send(job(0, two_stages(), 1)).finish(0, t(0, 0, 0)).finish(0, t(0, 1, 0));
    b.fail(0, t(1, 0, 0), fetch_failed(t(0, 1, 0), 0, FetchCause::Gone)).finish(0, t(0, 1, 1));
    b.fail(0, t(1, 1, 0), fetch_failed(t(0, 1, 0), 0, FetchCause::Gone));
    assert_eq!(b.tasks(), [t(1, 1, 1)], "that was about attempt 0");
}

#[test]
fn an_unreachable_executor_is_not_removed_for_that() {
    let mut b = readers_running();
    b.fail(0, t(1, 0, 0), fetch_failed(t(0, 1, 0), 1, FetchCause::Unreachable));
    assert_eq!(b.launched(), [(0, t(0, 1, 1))]);
    b.finish(1, t(1, 1, 0));
    assert!(b.asked(Action::ResultReady { job: JobId(0), partition: 1, executor: ExecutorId(1), attempt: 0 }));
}

#[test]
fn missing_inputs_are_not_the_readers_failures_but_bounded() {
    let mut b = Bench::new(&[1]);
    b.send(job(0, [stage(0, 1), stage(1, 1).reads(StageId(0), Shuffle)], 1)).finish(0, t(0, 0, 0));
    for n in 0..16 {
        assert_eq!(b.tasks(), [t(1, 0, n)]);
        assert_eq!(b.error(), None);
        b.fail(0, t(1, 0, n), fetch_failed(t(0, 0, n), 0, FetchCause::Corrupt));
        b.finish(0, t(0, 0, n + 1));
    }
    assert_eq!(b.scheduler.live_jobs().count(), 0);
    assert_eq!(b.scheduler.recomputed(JobId(0)).len(), 15);
}

#[test]
fn a_dead_executor_costs_only_what_is_still_needed() {
    let mut b = Bench::new(&[4]);
    let stages = [stage(0, 2), stage(1, 2).reads(StageId(0), Shuffle), stage(2, 2).reads(StageId(1), Shuffle)];
    b.send(job(0, stages, 2)).finish(0, t(0, 0, 0)).finish(0, t(0, 1, 0));
    // From here on, executor 1 has all of stage 1 and the readers; stage 0 lies on executor 0.
    b.executor(1, 4, false, true);
    b.fail(0, t(1, 0, 0), io()).fail(0, t(1, 1, 0), io());
    b.finish(1, t(1, 0, 1)).finish(1, t(1, 1, 1));
    b.remove(0);
    assert!(b.tasks().iter().all(|task| task.stage != StageId(0)), "stage 1 is complete and needs nothing");
    assert!(b.scheduler.recomputed(JobId(0)).is_empty());
    b.executor(2, 4, false, true).remove(1);
    assert_eq!(b.tasks(), [t(0, 0, 1), t(0, 1, 1)], "now everything is lost, and the target needs it");
    b.finish(2, t(0, 0, 1)).finish(2, t(0, 1, 1));
    assert_eq!(b.tasks(), [t(1, 0, 2), t(1, 1, 2)]);
    b.finish(2, t(1, 0, 2)).finish(2, t(1, 1, 2));
    assert_eq!(b.tasks().len(), 2);
}

#[test]
fn taken_results_need_nothing_any_more() {
    let mut b = Bench::new(&[2]);
    b.send(job(0, [stage(0, 2)], 0)).finish(0, t(0, 0, 0)).take(0, 0);
    b.executor(1, 2, false, true).remove(0);
    assert_eq!(b.tasks(), [t(0, 1, 1)], "the first partition is with the driver");
    assert!(b.finish(1, t(0, 1, 1)).take(0, 1).asked(Action::JobFinished { job: JobId(0) }));
}

#[test]
fn inputs_recomputed_for_a_reader_that_made_it_are_dropped_from_the_plan() {
    let mut b = readers_running();
    b.finish(1, t(1, 1, 0));
    b.executor(1, 0, false, true);
    b.send(Event::OutputLost(fetch_failed(t(0, 0, 0), 0, FetchCause::Gone)));
    assert_eq!(b.scheduler.launchable_tasks(), 1);
    b.finish(0, t(1, 0, 0));
    assert_eq!(b.launched(), [], "the reader had fetched it before it was lost");
    assert_eq!(b.scheduler.launchable_tasks(), 0);
}

#[test]
fn several_jobs_can_fail_with_one_executor() {
    let mut b = Bench::new(&[2]);
    b.scheduler = Scheduler::new(SchedulerConfig { max_failures: 1, ..SchedulerConfig::default() });
    b.executor(0, 4, true, true);
    b.send(job(0, [stage(0, 2)], 0)).send(job(1, [stage(1, 2)], 1)).remove(0);
    assert_eq!(b.actions.iter().filter(|a| matches!(a, Action::JobFailed { .. })).count(), 2);
    assert!(!b.actions.iter().any(|a| matches!(a, Action::Kill { .. })), "there is nobody to tell");
}
