//! Delay scheduling: partitions wait for the place where their narrow input lies.

use super::*;

/// Stage 1 reads stage 0 narrowly and waits 3 s. Executor 0 has inputs 0 and 1, executor 1 has the others; each has one
/// slot from then on. The first reader of each runs since 1 s.
fn readers() -> Bench {
    let config = SchedulerConfig { locality_wait: Duration::from_secs(3), ..SchedulerConfig::default() };
    let mut b = Bench::with(config, &[2, 0]);
    b.send(Event::StagePinned { stage: StageId(0) }).send(job(0, [stage(0, 6)], 0));
    b.executor(0, 0, true, true).executor(1, 4, false, true);
    b.finish(0, t(0, 0, 0)).finish(0, t(0, 1, 0));
    for partition in 2..6 {
        b.finish(1, t(0, partition, 0));
    }
    for partition in 0..6 {
        b.take(0, partition);
    }
    b.executor(0, 1, true, true).executor(1, 1, false, true);
    b.send(job(1, [stage(1, 6).reads(StageId(0), Narrow)], 1));
    assert_eq!(b.launched(), [(0, t(1, 0, 0)), (1, t(1, 2, 0))]);
    b
}

#[test]
fn without_it_everything_goes_where_there_is_room() {
    let mut b = Bench::new(&[1, 0]);
    b.send(job(0, [stage(0, 2), stage(1, 2).reads(StageId(0), Narrow)], 1));
    b.finish(0, t(0, 0, 0)).executor(1, 1, false, true).finish(0, t(0, 1, 0));
    assert_eq!(b.launched(), [(0, t(1, 0, 0)), (1, t(1, 1, 0))]);
    assert_eq!(b.next_tick(), None);
}

#[test]
fn a_busy_place_is_waited_for() {
    let mut b = readers();
    assert_eq!(b.at(2_000).finish(0, t(1, 0, 0)).launched(), [(0, t(1, 1, 0))]);
    assert_eq!(b.at(2_100).finish(0, t(1, 1, 0)).launched(), [], "the others lie on executor 1");
    assert_eq!(b.scheduler.launchable_tasks(), 3, "an offer of their place would be used");
    assert_eq!(b.next_tick(), Some(5_000), "three seconds after the last launch in the right place");
    assert_eq!(b.at(2_200).finish(1, t(1, 2, 0)).launched(), [(1, t(1, 3, 0))]);
    assert_eq!(b.next_tick(), Some(5_200));
    assert_eq!(b.tick(5_199).launched(), []);
    assert_eq!(b.tick(5_200).launched(), [(0, t(1, 4, 0))], "better elsewhere than not at all");
    assert_eq!(b.at(6_000).finish(0, t(1, 4, 0)).launched(), [(0, t(1, 5, 0))], "the wait is over");
    assert_eq!(b.next_tick(), None);
}

#[test]
fn the_wait_begins_anew_with_a_launch_in_the_right_place() {
    let mut b = readers();
    b.at(2_000).finish(0, t(1, 0, 0)).finish(0, t(1, 1, 0));
    assert_eq!(b.tick(5_000).launched(), [(0, t(1, 3, 0))]);
    assert_eq!(b.finish(1, t(1, 2, 0)).launched(), [(1, t(1, 4, 0))]);
    assert_eq!(b.finish(0, t(1, 3, 0)).launched(), []);
    assert_eq!(b.next_tick(), Some(8_000));
    assert_eq!(b.tick(8_000).launched(), [(0, t(1, 5, 0))]);
}

#[test]
fn other_stages_and_jobs_go_ahead() {
    let mut b = readers();
    b.at(2_000).finish(0, t(1, 0, 0)).finish(0, t(1, 1, 0));
    assert_eq!(b.send(job(2, [stage(2, 1)], 2)).launched(), [(0, t(2, 0, 0))]);
}

#[test]
fn a_place_that_is_gone_is_not_waited_for() {
    let mut b = readers();
    b.at(2_000).finish(0, t(1, 0, 0)).finish(0, t(1, 1, 0)).remove(1);
    assert_eq!(b.tasks().len(), 1, "its inputs are computed again");
    for partition in 2..6 {
        let [(0, task)] = b.launched()[..] else { panic!("{:?}", b.actions) };
        assert_eq!(task.stage, StageId(0), "{partition}");
        b.finish(0, task);
    }
    // Now everything lies on executor 0.
    for _ in 2..6 {
        let [(0, task)] = b.launched()[..] else { panic!("{:?}", b.actions) };
        assert_eq!(task.stage, StageId(1));
        b.finish(0, task);
    }
}

#[test]
fn a_retry_does_not_wait() {
    let mut b = readers();
    b.at(2_000).finish(0, t(1, 0, 0)).finish(0, t(1, 1, 0));
    assert_eq!(b.fail(1, t(1, 2, 0), io()).launched(), [(0, t(1, 2, 1)), (1, t(1, 3, 0))]);
}

#[test]
fn a_place_that_does_not_take_such_tasks_is_not_waited_for() {
    let config = SchedulerConfig { locality_wait: Duration::from_secs(3), ..SchedulerConfig::default() };
    let mut b = Bench::with(config, &[]);
    b.executor(0, 2, true, false).executor(1, 2, false, true);
    b.send(job(0, [stage(0, 1).on_driver(), stage(1, 1).reads(StageId(0), Narrow)], 1));
    assert_eq!(b.finish(0, t(0, 0, 0)).launched(), [(1, t(1, 0, 0))]);
}

#[test]
fn shuffles_are_not_waited_for() {
    let config = SchedulerConfig { locality_wait: Duration::from_secs(3), ..SchedulerConfig::default() };
    let mut b = Bench::with(config, &[1, 1]);
    b.send(job(0, two_stages(), 1)).finish(0, t(0, 0, 0)).finish(1, t(0, 1, 0));
    assert_eq!(b.tasks().len(), 2);
    assert_eq!(b.next_tick(), None);
}

#[test]
fn a_cluster_that_lends_the_right_place_is_used_at_once() {
    let config = SchedulerConfig { locality_wait: Duration::from_secs(3), ..SchedulerConfig::default() };
    let mut b = Bench::with(config, &[]);
    b.executor(1, 0, false, true).executor(2, 0, false, true);
    let offer = |executors: &[u64]| Event::Offered {
        offers: executors.iter().map(|e| (ExecutorId(*e), Resources { cpus: 1000, memory: 0 })).collect(),
    };
    b.send(job(0, [stage(0, 2), stage(1, 2).reads(StageId(0), Narrow)], 1)).send(offer(&[1, 2]));
    assert_eq!(b.launched(), [(1, t(0, 0, 0)), (2, t(0, 1, 0))]);
    b.finish(1, t(0, 0, 0)).finish(2, t(0, 1, 0));
    assert_eq!(b.send(offer(&[1])).launched(), [(1, t(1, 0, 0))]);
    assert_eq!(b.send(offer(&[1])).launched(), [], "executor 2 may still be lent");
    assert_eq!(b.send(offer(&[2])).launched(), [(2, t(1, 1, 0))]);
}
