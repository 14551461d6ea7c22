//! Readers of shuffles prefer the executor that has much of their input.

use super::*;

impl Bench {
    fn finish_with(&mut self, executor: u64, task: TaskId, bytes: &[u64]) -> &mut Self {
        let buckets = bytes.iter().map(|bytes| BucketSize { rows: 1, bytes: *bytes }).collect();
        let output = MapOutput { buckets, spilled_bytes: 0 };
        self.send(Event::TaskFinished { executor: ExecutorId(executor), task, output })
    }
}

/// Two maps on executors 0 and 1, which write these bytes; says where the readers start.
fn readers(first: &[u64], second: &[u64]) -> Vec<(u64, u32)> {
    let mut b = Bench::new(&[4, 4]);
    let readers = stage(1, first.len() as u32).reads(StageId(0), Shuffle);
    b.send(job(0, [stage(0, 2), readers], 1));
    assert_eq!(b.launched(), [(0, t(0, 0, 0)), (1, t(0, 1, 0))]);
    b.finish_with(0, t(0, 0, 0), first).finish_with(1, t(0, 1, 0), second);
    b.launched().iter().map(|(executor, task)| (*executor, task.partition)).collect()
}

#[test]
fn a_reader_runs_where_most_of_its_input_lies() {
    assert_eq!(readers(&[100, 1, 60], &[1, 100, 40]), [(0, 0), (1, 1), (0, 2)]);
}

#[test]
fn what_has_no_bytes_lies_nowhere() {
    assert_eq!(readers(&[0, 0, 0], &[0, 0, 0]), [(0, 0), (1, 1), (0, 2)]);
    assert_eq!(readers(&[0, 0, 0], &[0, 0, 9]), [(0, 0), (1, 2), (0, 1)], "a free slot first looks who belongs there");
}

#[test]
fn less_than_a_fifth_is_nothing() {
    // Six maps on six executors; the last has a little more of the one reader's input.
    for (most, expected) in [(24, 0), (30, 5)] {
        let mut b = Bench::new(&[1; 6]);
        b.send(job(0, [stage(0, 6), stage(1, 1).reads(StageId(0), Shuffle)], 1));
        for partition in 0..6 {
            let bytes = if partition == 5 { most } else { 20 };
            b.finish_with(partition, t(0, partition as u32, 0), &[bytes]);
        }
        assert_eq!(b.launched(), [(expected, t(1, 0, 0))], "{most} of {}", 100 + most);
    }
}

#[test]
fn if_everything_lies_on_one_executor_the_readers_spread() {
    let mut b = Bench::new(&[1]);
    b.send(job(0, [stage(0, 2), stage(1, 2).reads(StageId(0), Shuffle)], 1)).finish_with(0, t(0, 0, 0), &[9, 9]);
    b.executor(1, 4, false, true).executor(2, 0, false, true);
    assert_eq!(b.finish_with(0, t(0, 1, 0), &[9, 9]).launched(), [(1, t(1, 0, 0)), (1, t(1, 1, 0))]);
}

#[test]
fn a_free_slot_prefers_the_reader_that_belongs_there() {
    let mut b = Bench::new(&[1, 1]);
    b.send(job(0, [stage(0, 2), stage(1, 4).reads(StageId(0), Shuffle)], 1));
    b.finish_with(0, t(0, 0, 0), &[9, 9, 9, 0]).finish_with(1, t(0, 1, 0), &[0, 0, 0, 9]);
    assert_eq!(b.launched(), [(0, t(1, 0, 0)), (1, t(1, 3, 0))]);
    assert_eq!(b.finish(1, t(1, 3, 0)).launched(), [(1, t(1, 1, 0))], "better here than not at all");
}

#[test]
fn it_is_worked_out_again_when_inputs_moved() {
    let mut b = Bench::new(&[1, 1]);
    b.send(job(0, [stage(0, 2), stage(1, 2).reads(StageId(0), Shuffle)], 1));
    b.finish_with(0, t(0, 0, 0), &[9, 9]).finish_with(1, t(0, 1, 0), &[5, 5]);
    assert_eq!(b.launched(), [(0, t(1, 0, 0)), (1, t(1, 1, 0))]);
    b.executor(2, 2, false, true);
    b.fail(1, t(1, 1, 0), fetch_failed(t(0, 0, 0), 0, FetchCause::Gone));
    assert_eq!(b.launched(), [(2, t(0, 0, 1))]);
    b.executor(1, 8, false, true).finish_with(2, t(0, 0, 1), &[9, 9]);
    assert_eq!(b.launched(), [(2, t(1, 1, 1))], "though executor 1 has more room");
}

#[test]
fn very_large_shuffles_are_not_worked_out() {
    let mut b = Bench::new(&[1, 1]);
    b.send(job(0, [stage(0, 2), stage(1, 500_001).reads(StageId(0), Shuffle)], 1));
    b.finish_with(0, t(0, 0, 0), &[9, 0]);
    let before = b.scheduler.work();
    b.finish_with(1, t(0, 1, 0), &[0, 9]);
    assert!(b.scheduler.work() - before < 100);
}
