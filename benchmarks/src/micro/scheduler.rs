//! The scheduler's events per second. The cost of an event must not grow with the number of tasks.

use super::Figure;
use dpark_lineage::{
    Action, DependencyKind, Event, ExecutorId, JobId, JobSpec, MapOutput, NodeId, Scheduler, StageId, StageSpec,
};
use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// A job of two stages, half of the tasks maps and half readers, on 100 executors of 8 slots; every task succeeds.
pub(super) fn measure(tasks: u32) -> Figure {
    let (maps, readers) = (StageId(0), StageId(1));
    let stages = vec![
        StageSpec::new(maps, "maps", tasks / 2),
        StageSpec::new(readers, "readers", tasks / 2).reads(maps, DependencyKind::Shuffle),
    ];
    let mut events: VecDeque<Event> = (0..100)
        .map(|id| Event::ExecutorAdded {
            executor: ExecutorId(id),
            slots: 8,
            driver: false,
            anywhere: true,
            node: NodeId(id),
        })
        .collect();
    events.push_back(Event::JobSubmitted(JobSpec { job: JobId(0), stages, target: readers }));
    let mut scheduler = Scheduler::default();
    let mut handled = 0u64;
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
    let rate = handled as f64 / start.elapsed().as_secs_f64() / 1e6;
    Figure { name: format!("scheduler, {tasks} tasks"), value: rate, unit: "M events/s", rows: None }
}
