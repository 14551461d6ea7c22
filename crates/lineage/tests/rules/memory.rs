//! How much memory tasks are given.

use super::*;

fn oom() -> TaskError {
    TaskError::Oom("sort".into())
}

/// One executor that is lent a lot, one task at a time, and a job of twenty.
fn bench(config: SchedulerConfig) -> Bench {
    let mut b = Bench::with(config, &[1]);
    b.send(job(0, [stage(0, 20).needs(Resources { cpus: 1000, memory: 100 })], 0));
    b
}

impl Bench {
    fn memory(&self, task: TaskId) -> u64 {
        self.scheduler.needs(task).memory
    }
}

#[test]
fn later_tasks_start_with_what_nine_in_ten_needed() {
    let mut b = bench(SchedulerConfig::default());
    for partition in 0..5 {
        assert_eq!(b.memory(t(0, partition, 0)), 100, "too little is known yet");
        b.fail(0, t(0, partition, 0), oom());
        assert_eq!(b.memory(t(0, partition, 1)), 200);
        b.finish(0, t(0, partition, 1));
    }
    assert_eq!(b.memory(t(0, 5, 0)), 200);
    b.finish(0, t(0, 5, 0));
    assert_eq!(b.memory(t(0, 6, 0)), 200);
}

#[test]
fn one_in_ten_is_an_exception() {
    let mut b = bench(SchedulerConfig::default());
    for partition in 0..9 {
        b.finish(0, t(0, partition, 0));
    }
    b.fail(0, t(0, 9, 0), oom()).finish(0, t(0, 9, 1));
    assert_eq!(b.memory(t(0, 10, 0)), 100, "one of ten");
    b.fail(0, t(0, 10, 0), oom()).finish(0, t(0, 10, 1));
    assert_eq!(b.memory(t(0, 11, 0)), 200, "two of eleven");
}

#[test]
fn a_running_task_has_what_it_was_given() {
    let mut b = Bench::new(&[6]);
    b.send(job(0, [stage(0, 7).needs(Resources { cpus: 1000, memory: 100 })], 0));
    for partition in 0..5 {
        b.fail(0, t(0, partition, 0), oom());
        b.finish(0, t(0, partition, 1));
    }
    assert_eq!(b.memory(t(0, 5, 0)), 100, "it runs since before");
}

#[test]
fn more_than_there_can_be_is_not_asked_for() {
    let mut b = bench(SchedulerConfig::default());
    b.send(Event::MemoryLimit { memory: 300 });
    b.fail(0, t(0, 0, 0), oom());
    assert_eq!(b.memory(t(0, 0, 1)), 200);
    b.fail(0, t(0, 0, 1), oom());
    assert_eq!(b.memory(t(0, 0, 2)), 300);
    assert_eq!(b.error(), None);
    b.fail(0, t(0, 0, 2), oom());
    assert_eq!((b.memory(t(0, 0, 3)), b.error()), (300, None));
    b.fail(0, t(0, 0, 3), oom());
    let expected = JobError::TaskFailed { task: t(0, 0, 3), executor: ExecutorId(0), failures: 4, error: oom() };
    assert_eq!(b.error(), Some(&expected), "it had all there is");
}
