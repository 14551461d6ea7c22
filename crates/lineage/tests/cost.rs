//! The price of an event must not grow with the size of the job. Counted in the scheduler's own loop turns
//! (`Scheduler::work`), so the result is the same on every machine; `examples/scheduler_throughput.rs` measures time.

#![allow(clippy::unwrap_used, clippy::panic)]

use dpark_lineage::*;
use std::collections::VecDeque;
use std::time::Duration;

const MAPS: StageId = StageId(0);
const READERS: StageId = StageId(1);

/// What goes wrong on the way.
#[derive(Clone, Copy, PartialEq)]
enum Trouble {
    Nothing,
    /// Every task fails once.
    Failures,
    /// One map output in a hundred is missing when its reader comes.
    Losses,
}

/// Runs `tasks` maps and as many readers on 50 executors and returns (events, loop turns).
fn run(tasks: u32, kind: DependencyKind, trouble: Trouble) -> (u64, u64) {
    let mut scheduler = Scheduler::default();
    let mut events = VecDeque::new();
    for executor in (0..50).map(ExecutorId) {
        events.push_back(Event::ExecutorAdded {
            executor,
            node: NodeId(executor.0),
            slots: 4,
            driver: false,
            anywhere: true,
        });
    }
    let stages = vec![StageSpec::new(MAPS, "maps", tasks), StageSpec::new(READERS, "readers", tasks).reads(MAPS, kind)];
    events.push_back(Event::JobSubmitted(JobSpec { job: JobId(0), stages, target: READERS }));
    let (mut handled, mut finished) = (0, false);
    while let Some(event) = events.pop_front() {
        handled += 1;
        for action in scheduler.handle(Duration::ZERO, event) {
            match action {
                Action::Launch { executor, task } => {
                    let lost = trouble == Trouble::Losses && task.stage == READERS && task.partition % 100 == 0;
                    let input = scheduler.outputs(MAPS).unwrap()[task.partition as usize].as_ref();
                    events.push_back(if lost && task.attempt == 0 {
                        let (input, detail) = (input.unwrap(), String::new());
                        let (executor_of_input, attempt) = (input.executor, input.attempt);
                        let (stage, map, cause) = (MAPS, task.partition, FetchCause::Gone);
                        let fetch = FetchFailed { stage, map, attempt, executor: executor_of_input, cause, detail };
                        Event::TaskFailed { executor, task, error: fetch.into() }
                    } else if trouble == Trouble::Failures && task.attempt == 0 {
                        Event::TaskFailed { executor, task, error: TaskError::Io("disk".into()) }
                    } else {
                        Event::TaskFinished { executor, task, output: MapOutput::default() }
                    });
                }
                Action::ResultReady { job, partition, .. } => events.push_back(Event::ResultTaken { job, partition }),
                Action::JobFinished { .. } => finished = true,
                Action::JobFailed { error, .. } => panic!("{error}"),
                _ => {}
            }
        }
    }
    assert!(finished);
    (handled, scheduler.work())
}

/// `tasks` maps and as many readers, which wait for the place of their map; fifty of either are slow and get a second
/// attempt. All of it with a clock.
fn run_by_the_clock(tasks: u32) -> (u64, u64) {
    let config = SchedulerConfig {
        speculation: Some(Speculation::default()),
        locality_wait: Duration::from_millis(500),
        ..SchedulerConfig::default()
    };
    let mut scheduler = Scheduler::new(config);
    let mut events = VecDeque::new();
    for executor in (0..50).map(ExecutorId) {
        events.push_back(Event::ExecutorAdded {
            executor,
            node: NodeId(executor.0),
            slots: 4,
            driver: false,
            anywhere: true,
        });
    }
    let readers = StageSpec::new(READERS, "readers", tasks).reads(MAPS, DependencyKind::Narrow);
    let stages = vec![StageSpec::new(MAPS, "maps", tasks), readers];
    events.push_back(Event::JobSubmitted(JobSpec { job: JobId(0), stages, target: READERS }));
    let (mut handled, mut finished, mut seconds, mut now) = (0, false, 0, Duration::ZERO);
    let mut slow = VecDeque::new();
    loop {
        // When nothing else happens, time passes.
        let event = match (events.pop_front(), scheduler.next_tick()) {
            (Some(event), _) => event,
            (None, Some(at)) => {
                now = at;
                Event::Tick
            }
            (None, None) => match slow.pop_front() {
                Some(event) => event,
                None => break,
            },
        };
        now += Duration::from_micros(100);
        handled += 1;
        for action in scheduler.handle(now, event) {
            match action {
                Action::Launch { executor, task } => {
                    let event = Event::TaskFinished { executor, task, output: MapOutput::default() };
                    seconds += u32::from(task.attempt > 0);
                    match task.attempt == 0 && task.partition % (tasks / 50) == 0 {
                        true => slow.push_back(event),
                        false => events.push_back(event),
                    }
                }
                Action::Kill { executor, task } => {
                    events.push_back(Event::TaskFailed { executor, task, error: TaskError::Cancelled });
                }
                Action::ResultReady { job, partition, .. } => events.push_back(Event::ResultTaken { job, partition }),
                Action::JobFinished { .. } => finished = true,
                Action::JobFailed { error, .. } => panic!("{error}"),
                _ => {}
            }
        }
    }
    assert!(finished && seconds >= 100, "{seconds} second attempts");
    (handled, scheduler.work())
}

#[test]
fn the_price_of_an_event_does_not_depend_on_the_number_of_tasks_by_the_clock_either() {
    let price = |tasks| {
        let (events, work) = run_by_the_clock(tasks);
        work as f64 / events as f64
    };
    let (small, large) = (price(1_000), price(20_000));
    assert!(large < small * 1.2 && large < 8.0, "{small:.2} turns per event, then {large:.2}");
}

#[test]
fn the_price_of_an_event_does_not_depend_on_the_number_of_tasks() {
    for kind in [DependencyKind::Shuffle, DependencyKind::Narrow] {
        for trouble in [Trouble::Nothing, Trouble::Failures, Trouble::Losses] {
            let price = |tasks| {
                let (events, work) = run(tasks, kind, trouble);
                work as f64 / events as f64
            };
            let (small, large) = (price(1_000), price(20_000));
            assert!(large < small * 1.2 && large < 6.0, "{kind:?}: {small:.2} turns per event, then {large:.2}");
        }
    }
}
