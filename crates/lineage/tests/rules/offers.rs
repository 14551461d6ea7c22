//! Executors that live on what a cluster offers.

use super::*;

const CORE: Resources = Resources { cpus: 1000, memory: 100 };

fn resources(cpus: u32, memory: u64) -> Resources {
    Resources { cpus, memory }
}

/// Executors 1 and 2, without slots, and a job of one stage.
fn cluster(partitions: u32) -> Bench {
    let mut b = Bench::new(&[]);
    b.executor(1, 0, false, true).executor(2, 0, false, true);
    b.send(job(0, [stage(0, partitions).needs(CORE)], 0));
    b
}

impl Bench {
    fn offer(&mut self, offers: &[(u64, Resources)]) -> &mut Self {
        let offers = offers.iter().map(|(executor, resources)| (ExecutorId(*executor), *resources)).collect();
        self.send(Event::Offered { offers })
    }

    fn end_offers(&mut self, executors: &[u64]) -> &mut Self {
        self.send(Event::OffersEnded { executors: executors.iter().copied().map(ExecutorId).collect() })
    }
}

#[test]
fn offers_are_used_up_and_do_not_come_back_with_the_end_of_a_task() {
    let mut b = cluster(5);
    assert_eq!(b.launched(), []);
    assert_eq!(b.scheduler.launchable_tasks(), 5);
    b.offer(&[(1, resources(2500, 1000)), (2, resources(1000, 150))]);
    assert_eq!(b.launched(), [(1, t(0, 0, 0)), (1, t(0, 1, 0)), (2, t(0, 2, 0))]);
    assert_eq!(b.scheduler.launchable_tasks(), 2);
    b.end_offers(&[1, 2]);
    assert_eq!(b.finish(1, t(0, 0, 0)).launched(), [], "the cluster has it back");
    assert_eq!(b.offer(&[(2, resources(1000, 100))]).launched(), [(2, t(0, 3, 0))]);
}

#[test]
fn an_offer_must_have_the_memory_too() {
    let mut b = cluster(2);
    assert_eq!(b.offer(&[(1, resources(8000, 99))]).launched(), []);
    assert_eq!(b.scheduler.least_needs(), Some(CORE));
    b.end_offers(&[1]);
    // The one with more cores has too little memory; the other one is found behind it.
    assert_eq!(b.offer(&[(1, resources(8000, 99)), (2, resources(1000, 100))]).launched(), [(2, t(0, 0, 0))]);
}

#[test]
fn a_task_that_had_too_little_memory_gets_twice_as_much() {
    let mut b = cluster(1);
    b.offer(&[(1, resources(1000, 100))]).end_offers(&[1]);
    let oom = || TaskError::Oom("sort".into());
    b.fail(1, t(0, 0, 0), oom());
    assert_eq!(b.scheduler.needs(t(0, 0, 1)), resources(1000, 200));
    assert_eq!(b.offer(&[(2, resources(1000, 199))]).launched(), []);
    assert_eq!(b.offer(&[(2, resources(1000, 200))]).launched(), [(2, t(0, 0, 1))]);
    b.fail(2, t(0, 0, 1), oom());
    assert_eq!(b.scheduler.least_needs(), Some(resources(1000, 400)));
}

#[test]
fn a_retry_keeps_away_from_its_executor_only_while_another_one_can_be_counted_on() {
    let mut b = cluster(2);
    b.offer(&[(1, CORE), (2, CORE)]).end_offers(&[1, 2]);
    b.fail(1, t(0, 0, 0), io());
    assert_eq!(b.offer(&[(1, CORE)]).launched(), [], "the other one runs a task of ours and will be offered again");
    b.end_offers(&[1]).finish(2, t(0, 1, 0));
    assert_eq!(b.offer(&[(1, CORE)]).launched(), [(1, t(0, 0, 1))], "the other one may be somebody else's for long");
}

#[test]
fn an_executor_is_in_use_while_it_runs_or_holds_something() {
    let mut b = cluster(1);
    let used = |b: &Bench| b.scheduler.is_in_use(ExecutorId(1));
    assert!(!used(&b));
    b.offer(&[(1, CORE)]).end_offers(&[1]);
    assert!(used(&b));
    b.finish(1, t(0, 0, 0));
    assert!(used(&b), "its output may be fetched");
    b.take(0, 0);
    assert!(!used(&b));
}

#[test]
fn an_executor_that_is_lost_with_its_offer_is_forgotten() {
    let mut b = cluster(2);
    b.offer(&[(1, CORE)]);
    assert_eq!(b.remove(1).launched(), []);
    assert_eq!(b.end_offers(&[1]).launched(), []);
    assert_eq!(b.offer(&[(1, CORE)]).launched(), [], "nobody knows it");
    assert_eq!(b.offer(&[(2, resources(2000, 200))]).tasks(), [t(0, 0, 1), t(0, 1, 0)]);
}
