//! Second attempts beside slow ones.

use super::*;

fn config() -> SchedulerConfig {
    let minimum = Duration::from_secs(1);
    let speculation = Speculation { quantile_percent: 75, multiplier_percent: 300, minimum };
    SchedulerConfig { speculation: Some(speculation), ..SchedulerConfig::default() }
}

/// Four tasks, two on each executor, started at 1 s; those of partitions 0 to 2 took 100 ms.
fn one_is_slow() -> Bench {
    one_is_slow_of(stage(0, 4))
}

fn one_is_slow_of(stage: StageSpec) -> Bench {
    let mut b = Bench::with(config(), &[2, 2]);
    b.send(job(0, [stage], 0));
    assert_eq!(b.launched(), [(0, t(0, 0, 0)), (1, t(0, 1, 0)), (0, t(0, 2, 0)), (1, t(0, 3, 0))]);
    b.at(1_100).finish(0, t(0, 0, 0)).finish(1, t(0, 1, 0)).finish(0, t(0, 2, 0));
    b
}

fn kill(executor: u64, task: TaskId) -> Action {
    Action::Kill { executor: ExecutorId(executor), task }
}

#[test]
fn nothing_is_tried_twice_unless_it_is_asked_for() {
    let mut b = Bench::new(&[2, 2]);
    b.send(job(0, [stage(0, 4)], 0)).finish(0, t(0, 0, 0)).finish(1, t(0, 1, 0)).finish(0, t(0, 2, 0));
    assert_eq!(b.next_tick(), None);
    assert_eq!(b.tick(1_000_000).launched(), []);
}

#[test]
fn a_slow_task_gets_a_second_attempt_on_another_node() {
    let mut b = one_is_slow();
    assert_eq!(b.next_tick(), Some(2_000), "a second after it started: three times the median is less");
    assert_eq!(b.tick(1_999).launched(), []);
    assert_eq!(b.tick(2_000).launched(), [(0, t(0, 3, 1))]);
    assert_eq!(b.scheduler.progress().tasks_running, 1, "it is one partition");
    assert_eq!(b.next_tick(), None);
    assert_eq!(b.tick(9_000).launched(), [], "two are enough");
    assert!(b.scheduler.recomputed(JobId(0)).is_empty());
}

#[test]
fn what_is_slow_depends_on_the_others() {
    let mut b = Bench::with(config(), &[2, 2]);
    b.send(job(0, [stage(0, 4)], 0));
    assert_eq!(b.at(3_000).finish(0, t(0, 0, 0)).next_tick(), None);
    assert_eq!(b.finish(1, t(0, 1, 0)).next_tick(), None, "half of them are too few to tell");
    b.finish(0, t(0, 2, 0));
    // Two seconds each, kept rounded up by at most 3 %.
    let due = b.next_tick().unwrap();
    assert!((7_000..7_200).contains(&due), "{due}");
    assert_eq!(b.tick(due + 1).launched(), [(0, t(0, 3, 1))]);
}

#[test]
fn absurd_rules_do_not_make_the_clock_spin() {
    let speculation = Speculation { quantile_percent: 0, multiplier_percent: 0, minimum: Duration::ZERO };
    let config = SchedulerConfig { speculation: Some(speculation), ..SchedulerConfig::default() };
    let mut b = Bench::with(config, &[1, 1]);
    b.send(job(0, [stage(0, 3)], 0)).finish(0, t(0, 0, 0));
    assert_eq!(b.launched(), [(0, t(0, 2, 0))]);
    // `send` checks that every tick lies ahead.
    while let Some(at) = b.next_tick() {
        b.tick(at);
    }
    assert_eq!(b.finish(0, t(0, 2, 0)).launched(), [(0, t(0, 1, 1))]);
}

#[test]
fn the_first_result_counts_and_the_other_attempt_is_killed() {
    for copy_wins in [true, false] {
        let mut b = one_is_slow();
        b.tick(2_000);
        let (winner, loser) = ((0, t(0, 3, 1)), (1, t(0, 3, 0)));
        let (winner, loser) = if copy_wins { (winner, loser) } else { (loser, winner) };
        b.finish(winner.0, winner.1);
        let (executor, attempt) = (ExecutorId(winner.0), winner.1.attempt);
        let ready = Action::ResultReady { job: JobId(0), partition: 3, executor, attempt };
        assert_eq!(b.actions, [kill(loser.0, loser.1), ready]);
        let progress = b.scheduler.stage_progress(StageId(0)).unwrap();
        assert_eq!((progress.speculative_launches, progress.speculative_wins), (1, u64::from(copy_wins)));
        assert_eq!((progress.tasks_done, progress.tasks_running), (4, 0));
        assert!(!b.scheduler.awaits(ExecutorId(loser.0), loser.1));
        // The loser's slot is taken until its end, and its own result does nothing.
        b.send(job(1, [stage(1, 4)], 1));
        assert_eq!(b.launched().iter().filter(|(executor, _)| *executor == loser.0).count(), 1);
        assert_eq!(b.finish(loser.0, loser.1).launched(), [(loser.0, t(1, 3, 0))]);
        for partition in 0..4 {
            b.take(0, partition);
        }
        assert!(b.asked(Action::DropOutput { stage: StageId(0) }));
    }
}

#[test]
fn ordinary_work_goes_first() {
    let mut b = one_is_slow();
    b.send(job(1, [stage(1, 4)], 1));
    assert_eq!(b.launched(), [(0, t(1, 0, 0)), (0, t(1, 1, 0)), (1, t(1, 2, 0))]);
    assert_eq!(b.tick(2_000).launched(), []);
    assert_eq!(b.scheduler.launchable_tasks(), 2, "one of either kind");
    assert_eq!(b.finish(0, t(1, 0, 0)).launched(), [(0, t(1, 3, 0))]);
    assert_eq!(b.finish(0, t(1, 1, 0)).launched(), [(0, t(0, 3, 1))]);
    assert_eq!(b.scheduler.launchable_tasks(), 0);
}

#[test]
fn it_is_not_tried_twice_on_one_node() {
    let mut b = one_is_slow();
    b.send(job(1, [stage(1, 3)], 1)).tick(2_000);
    assert_eq!(b.executor_on(1, 7, 4).launched(), [], "another process on the same machine");
    assert_eq!(b.executor_on(8, 8, 4).launched(), [(8, t(0, 3, 1))]);
}

#[test]
fn late_tasks_of_one_node_do_not_hold_up_those_of_another() {
    let mut b = Bench::with(config(), &[]);
    b.executor_on(0, 0, 2).executor_on(1, 1, 6);
    b.send(job(0, [stage(0, 8)], 0)).at(1_100);
    let (slow, fast): (Vec<_>, Vec<_>) = b.launched().into_iter().partition(|(e, task)| *e == 0 || task.partition == 0);
    assert_eq!(slow.len(), 3);
    for (executor, task) in fast {
        b.finish(executor, task);
    }
    assert_eq!(b.next_tick(), None, "five of eight");
    b.finish(slow[2].0, slow[2].1).tick(2_000);
    let places: Vec<u64> = b.launched().iter().map(|(executor, _)| *executor).collect();
    assert_eq!(places.len(), 2);
    assert!(places.contains(&1), "{places:?}");
}

#[test]
fn a_cluster_is_asked_for_room_for_it() {
    let needs = Resources { cpus: 1000, memory: 100 };
    let mut b = Bench::with(config(), &[]);
    b.executor(1, 0, false, true).executor(2, 0, false, true);
    let offer = |executor, tasks: u32| Event::Offered {
        offers: vec![(ExecutorId(executor), Resources { cpus: 1000 * tasks, memory: 100 * u64::from(tasks) })],
    };
    b.send(job(0, [stage(0, 4).needs(needs)], 0)).send(offer(1, 4));
    b.finish(1, t(0, 0, 0)).finish(1, t(0, 1, 0)).finish(1, t(0, 2, 0));
    assert_eq!((b.scheduler.launchable_tasks(), b.scheduler.least_needs()), (0, None));
    b.tick(2_000);
    assert_eq!((b.scheduler.launchable_tasks(), b.scheduler.least_needs()), (1, Some(needs)));
    assert_eq!(b.send(offer(1, 1)).launched(), [], "its own machine");
    assert_eq!(b.send(offer(2, 1)).launched(), [(2, t(0, 3, 1))]);
    assert_eq!((b.scheduler.launchable_tasks(), b.scheduler.least_needs()), (0, None));
}

#[test]
fn if_one_of_two_fails_the_other_goes_on() {
    for copy_fails in [true, false] {
        let mut b = one_is_slow();
        b.tick(2_000);
        let (failing, other) = ((0, t(0, 3, 1)), (1, t(0, 3, 0)));
        let (failing, other) = if copy_fails { (failing, other) } else { (other, failing) };
        assert_eq!(b.fail(failing.0, failing.1, io()).actions, [], "nothing is put back, nothing killed");
        assert_eq!(b.tick(9_000).launched(), [], "nor is there a third");
        assert_eq!(b.fail(other.0, other.1, io()).tasks(), [t(0, 3, 2)], "now it waits again");
        for attempt in 2..4 {
            let [(executor, task)] = b.launched()[..] else { panic!("{:?}", b.actions) };
            assert_eq!(task.attempt, attempt);
            b.fail(executor, task, io());
        }
        let Some(JobError::TaskFailed { failures: 4, .. }) = b.error() else { panic!("both were counted") };
    }
}

#[test]
fn an_error_that_would_repeat_ends_both() {
    let mut b = one_is_slow();
    b.tick(2_000);
    b.fail(0, t(0, 3, 1), TaskError::User { kind: UserErrorKind::Compute, message: "overflow".into() });
    assert!(b.error().is_some() && b.asked(kill(1, t(0, 3, 0))));
}

#[test]
fn losing_both_puts_it_back_once() {
    let mut b = one_is_slow();
    b.tick(2_000).executor(2, 4, false, true);
    b.remove(1);
    assert!(b.tasks().iter().all(|task| task.partition != 3), "the second attempt is running: {:?}", b.actions);
    b.remove(0);
    assert_eq!(b.tasks().iter().filter(|task| task.partition == 3).collect::<Vec<_>>(), [&t(0, 3, 2)]);
}

#[test]
fn one_that_never_ran_is_replaced() {
    let mut b = one_is_slow();
    b.tick(2_000).fail(0, t(0, 3, 1), TaskError::NotStarted("rescinded".into()));
    assert_eq!(b.launched(), [(0, t(0, 3, 2))]);
}

#[test]
fn those_that_never_run_end_nothing_and_are_given_up() {
    let mut b = one_is_slow();
    let mut copies = b.tick(2_000).launched();
    let mut tries = 0;
    while let [(executor, task)] = copies[..] {
        tries += 1;
        assert!(tries < 10, "there is no end of them");
        copies = b.fail(executor, task, TaskError::NotStarted("refused".into())).launched();
    }
    assert_eq!((copies.len(), b.error()), (0, None), "the first attempt goes on");
    assert_eq!(b.scheduler.launchable_copies(), 0);
}

#[test]
fn without_inputs_there_is_no_second_attempt() {
    let mut b = Bench::with(config(), &[2, 2]);
    b.send(job(0, [stage(0, 1), stage(1, 4).reads(StageId(0), Shuffle)], 1)).finish(0, t(0, 0, 0));
    let running = b.launched();
    b.at(1_100);
    for (executor, task) in &running[..3] {
        b.finish(*executor, *task);
    }
    let (executor, slow) = running[3];
    b.send(Event::OutputLost(fetch_failed(t(0, 0, 0), 0, FetchCause::Gone)));
    let again = b.launched();
    assert_eq!(b.tick(2_000).launched(), []);
    b.finish(again[0].0, again[0].1);
    let [(other, task)] = b.launched()[..] else { panic!("{:?}", b.actions) };
    assert_eq!(task, t(1, slow.partition, 1));
    assert_ne!(other, executor);
}

#[test]
fn a_task_that_nobody_waits_for_gets_none() {
    let mut b = one_is_slow();
    b.send(Event::StagePinned { stage: StageId(0) }).send(Event::JobCancelled { job: JobId(0) });
    assert_eq!(b.next_tick(), None);
    assert_eq!(b.tick(9_000).launched(), []);
    assert_eq!(b.scheduler.launchable_tasks(), 0);
    // The next job does not compare with what ran for the first.
    b.fail(1, t(0, 3, 0), TaskError::Cancelled).send(job(1, [], 0));
    assert_eq!((b.tasks(), b.next_tick()), (vec![t(0, 3, 1)], None));
}

#[test]
fn a_stage_may_forbid_it() {
    let mut b = one_is_slow_of(stage(0, 4).without_speculation());
    assert_eq!(b.next_tick(), None);
    assert_eq!(b.tick(9_000).launched(), []);
}
