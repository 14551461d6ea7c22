//! Events per second, small job against large: `cargo run --release -p dpark-lineage --example scheduler_throughput`.

#![allow(clippy::print_stdout)]

use dpark_lineage::*;
use std::collections::VecDeque;
use std::time::{Duration, Instant};

fn main() {
    println!(
        "{:>10} {:>10} {:>10} {:>12} {:>12} {:>14}",
        "kind", "tasks", "events", "seconds", "events/s", "turns/event"
    );
    for kind in [DependencyKind::Shuffle, DependencyKind::Narrow] {
        for tasks in [1_000, 10_000, 100_000] {
            run(tasks, kind);
        }
    }
}

/// Half of the tasks are maps, half read them, on 100 executors with 8 slots each.
fn run(tasks: u32, kind: DependencyKind) {
    let mut scheduler = Scheduler::default();
    let mut events = VecDeque::new();
    for executor in (0..100).map(ExecutorId) {
        events.push_back(Event::ExecutorAdded {
            executor,
            node: NodeId(executor.0),
            slots: 8,
            driver: false,
            anywhere: true,
        });
    }
    let (maps, readers) = (StageId(0), StageId(1));
    let stages =
        vec![StageSpec::new(maps, "maps", tasks / 2), StageSpec::new(readers, "readers", tasks / 2).reads(maps, kind)];
    events.push_back(Event::JobSubmitted(JobSpec { job: JobId(0), stages, target: readers }));
    let mut handled = 0u64;
    #[allow(clippy::disallowed_methods, reason = "a benchmark measures time; the scheduler itself is given none")]
    let start = Instant::now();
    while let Some(event) = events.pop_front() {
        handled += 1;
        for action in scheduler.handle(Duration::ZERO, event) {
            match action {
                Action::Launch { executor, task } => {
                    events.push_back(Event::TaskFinished { executor, task, output: MapOutput::default() });
                }
                Action::ResultReady { job, partition, .. } => events.push_back(Event::ResultTaken { job, partition }),
                _ => {}
            }
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    let turns = scheduler.work() as f64 / handled as f64;
    let rate = handled as f64 / seconds;
    println!("{:>10} {tasks:>10} {handled:>10} {seconds:>12.4} {rate:>12.0} {turns:>14.2}", format!("{kind:?}"));
}
