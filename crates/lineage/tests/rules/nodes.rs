//! Machines with several executors, one after the other or side by side.

use super::*;

#[test]
fn a_retry_keeps_away_from_the_node_and_not_only_from_the_executor() {
    let mut b = Bench::new(&[]);
    b.executor_on(0, 0, 1).executor_on(0, 1, 1).executor_on(5, 2, 1);
    b.send(job(0, [stage(0, 3)], 0));
    assert_eq!(b.tasks().len(), 3);
    b.finish(1, t(0, 1, 0));
    assert_eq!(b.fail(0, t(0, 0, 0), io()).launched(), [], "executor 1 has room, but is on the same machine");
    assert_eq!(b.finish(2, t(0, 2, 0)).launched(), [(2, t(0, 0, 1))]);
}

#[test]
fn the_successor_of_a_crashed_executor_does_not_get_its_task() {
    let mut b = Bench::new(&[]);
    b.executor_on(0, 0, 1).executor_on(1, 1, 1).send(job(0, [stage(0, 2)], 0));
    assert_eq!(b.launched(), [(0, t(0, 0, 0)), (1, t(0, 1, 0))]);
    b.remove(0);
    assert_eq!(b.executor_on(0, 2, 1).launched(), [], "another one, on the machine that may be broken");
    assert_eq!(b.finish(1, t(0, 1, 0)).launched(), [(1, t(0, 0, 1))]);
}

#[test]
fn one_node_is_better_than_none() {
    let mut b = Bench::new(&[]);
    b.executor_on(0, 0, 1).executor_on(0, 1, 0).send(job(0, [stage(0, 1)], 0));
    assert_eq!(b.remove(0).launched(), []);
    assert_eq!(b.executor_on(0, 2, 1).launched(), [(2, t(0, 0, 1))]);
    assert_eq!(b.fail(2, t(0, 0, 1), io()).launched(), [(2, t(0, 0, 2))]);
}

#[test]
fn a_lost_output_is_not_written_to_the_same_node_again() {
    let mut b = Bench::new(&[]);
    b.executor_on(0, 0, 1).executor_on(0, 1, 1).executor_on(5, 2, 1);
    b.send(job(0, [stage(0, 1), stage(1, 3).reads(StageId(0), Shuffle)], 1));
    let [(executor, task)] = b.launched()[..] else { panic!("{:?}", b.actions) };
    b.finish(executor, task);
    let readers = b.launched();
    b.send(Event::OutputLost(fetch_failed(task, executor, FetchCause::Corrupt)));
    for (executor, reader) in readers {
        b.fail(executor, reader, fetch_failed(task, 0, FetchCause::Corrupt));
        match executor {
            2 => assert_eq!(b.launched(), [(2, t(0, 0, 1))]),
            _ => assert_eq!(b.launched(), []),
        }
    }
}
