//! What is launched when, and where.

use super::*;

#[test]
fn slots_are_the_limit_and_the_roomiest_executor_is_first() {
    let mut b = Bench::new(&[1, 3]);
    b.send(job(0, [stage(0, 6)], 0));
    assert_eq!(b.launched(), [(1, t(0, 0, 0)), (1, t(0, 1, 0)), (0, t(0, 2, 0)), (1, t(0, 3, 0))]);
    assert_eq!(b.scheduler.launchable_tasks(), 2);
    assert_eq!(b.finish(1, t(0, 1, 0)).launched(), [(1, t(0, 4, 0))]);
}

#[test]
fn work_that_waits_starts_when_an_executor_comes() {
    let mut b = Bench::new(&[]);
    assert_eq!(b.send(job(0, [stage(0, 2)], 0)).actions, []);
    assert_eq!(b.executor(7, 1, false, true).tasks(), [t(0, 0, 0)]);
    assert_eq!(b.executor(7, 2, false, true).tasks(), [t(0, 1, 0)], "the same executor, with one more slot");
    assert_eq!(b.executor(7, 1, false, true).actions, [], "fewer slots: what runs goes on");
}

#[test]
fn a_stage_starts_when_all_of_its_inputs_are_complete() {
    for kind in [Narrow, Shuffle, DependencyKind::Broadcast] {
        let mut b = Bench::new(&[4]);
        b.send(job(0, [stage(0, 2), stage(1, 2).reads(StageId(0), kind)], 1));
        assert!(b.asked(Action::StageStarting { stage: StageId(0) }));
        assert_eq!(b.finish(0, t(0, 0, 0)).actions, []);
        b.finish(0, t(0, 1, 0));
        assert_eq!(b.actions.first(), Some(&Action::StageStarting { stage: StageId(1) }));
        assert_eq!(b.tasks(), [t(1, 0, 0), t(1, 1, 0)]);
    }
}

#[test]
fn an_after_stage_comes_first_but_is_not_an_input() {
    let mut b = Bench::new(&[4]);
    let stages = [stage(0, 1), stage(1, 2).after(StageId(0)), stage(2, 1).reads(StageId(1), Shuffle)];
    assert_eq!(b.send(job(0, stages, 2)).tasks(), [t(0, 0, 0)]);
    assert_eq!(b.finish(0, t(0, 0, 0)).tasks(), [t(1, 0, 0), t(1, 1, 0)]);
    b.finish(0, t(1, 0, 0));
    // Once it has been complete, nobody needs it: its loss and that of a task behind it cost only the task.
    b.executor(1, 4, false, true).remove(0);
    assert_eq!(b.tasks(), [t(1, 1, 1), t(1, 0, 1)]);
}

#[test]
fn an_after_stage_lost_between_its_end_and_the_first_launch_is_not_computed_again() {
    let mut b = Bench::new(&[1]);
    b.send(job(0, [stage(0, 1), stage(1, 1), stage(2, 1).reads(StageId(1), Shuffle).after(StageId(0))], 2));
    let first = b.tasks();
    assert_eq!(first, [t(1, 0, 0)], "inputs before after-stages");
    assert_eq!(b.finish(0, t(1, 0, 0)).tasks(), [t(0, 0, 0)]);
    b.executor(0, 0, true, true).finish(0, t(0, 0, 0));
    assert_eq!(b.launched(), [], "no slot");
    b.remove(0).executor(1, 1, false, true);
    assert_eq!(b.tasks(), [t(1, 0, 1)], "only the input");
    assert_eq!(b.finish(1, t(1, 0, 1)).tasks(), [t(2, 0, 0)]);
}

#[test]
fn jobs_take_turns() {
    let mut b = Bench::new(&[]);
    b.send(job(0, [stage(0, 4)], 0)).send(job(1, [stage(1, 4)], 1)).send(job(2, [stage(2, 1)], 2));
    b.executor(0, 6, true, true);
    let stages: Vec<u64> = b.tasks().iter().map(|task| task.stage.0).collect();
    assert_eq!(stages, [0, 1, 2, 0, 1, 0]);
    assert_eq!(b.finish(0, t(2, 0, 0)).tasks(), [t(1, 2, 0)], "it is the second job's turn");
}

#[test]
fn a_narrow_reader_runs_where_its_input_lies() {
    let mut b = Bench::new(&[2, 2]);
    b.send(job(0, [stage(0, 4), stage(1, 4).reads(StageId(0), Narrow)], 1));
    let places = b.launched();
    for (executor, task) in &places {
        b.finish(*executor, *task);
    }
    let near = |(executor, task): &(u64, TaskId)| (*executor, task.partition);
    let mut readers: Vec<_> = b.launched().iter().map(near).collect();
    let mut inputs: Vec<_> = places.iter().map(near).collect();
    readers.sort();
    inputs.sort();
    assert_eq!(readers, inputs);
}

/// Stage 1 reads stage 0 narrowly. Executor 0 has inputs 0 and 2, executor 1 has 1 and 3; readers 0 and 1 run.
fn narrow_readers() -> Bench {
    let mut b = Bench::new(&[1, 1]);
    b.send(job(0, [stage(0, 4), stage(1, 4).reads(StageId(0), Narrow)], 1));
    b.finish(0, t(0, 0, 0)).finish(1, t(0, 1, 0)).finish(0, t(0, 2, 0)).finish(1, t(0, 3, 0));
    assert_eq!(b.launched(), [(0, t(1, 0, 0)), (1, t(1, 1, 0))]);
    b
}

#[test]
fn a_free_slot_prefers_what_lies_there() {
    let mut b = narrow_readers();
    assert_eq!(b.finish(1, t(1, 1, 0)).launched(), [(1, t(1, 3, 0))], "partition 2 lies elsewhere");
    assert_eq!(b.finish(1, t(1, 3, 0)).launched(), [(1, t(1, 2, 0))], "better here than not at all");
}

#[test]
fn an_input_that_moved_draws_its_reader_along() {
    let mut b = narrow_readers();
    b.executor(2, 1, false, true);
    assert_eq!(b.launched(), [(2, t(1, 2, 0))]);
    b.send(Event::OutputLost(fetch_failed(t(0, 3, 0), 1, FetchCause::Gone)));
    assert_eq!(b.finish(2, t(1, 2, 0)).launched(), [(2, t(0, 3, 1))]);
    // Reader 3 is now at home on executor 2, whoever is asked first.
    b.fail(1, t(1, 1, 0), io());
    assert_eq!(b.launched(), []);
    assert_eq!(b.finish(2, t(0, 3, 1)).launched(), [(2, t(1, 1, 1)), (1, t(1, 3, 0))]);
}

#[test]
fn driver_stages_run_on_the_driver_only_and_do_not_hold_others_up() {
    let mut b = Bench::new(&[]);
    b.executor(0, 1, true, false).executor(1, 1, false, true);
    b.send(job(
        0,
        [stage(0, 2).on_driver(), stage(1, 2), stage(2, 1).reads(StageId(0), Shuffle).reads(StageId(1), Shuffle)],
        2,
    ));
    let mut launched = b.launched();
    launched.sort();
    assert_eq!(launched, [(0, t(0, 0, 0)), (1, t(1, 0, 0))]);
    assert_eq!(b.finish(1, t(1, 0, 0)).launched(), [(1, t(1, 1, 0))]);
    assert_eq!(b.finish(1, t(1, 1, 0)).launched(), [], "executor 1 idles rather than take the driver's");
    assert_eq!(b.finish(0, t(0, 0, 0)).launched(), [(0, t(0, 1, 0))]);
}

#[test]
fn an_executor_without_slots_counts_for_nothing() {
    let mut b = Bench::new(&[0, 1]);
    assert_eq!(b.send(job(0, [stage(0, 1)], 0)).launched(), [(1, t(0, 0, 0))]);
    assert_eq!(b.fail(1, t(0, 0, 0), io()).launched(), [(1, t(0, 0, 1))], "there is no other");
}
