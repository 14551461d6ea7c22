//! Updates of tasks that come twice, in another order, late, without uuid, or contradict each other. The executor is
//! real, and the driver has its reports; what the master says of tasks is the trial's.

use crate::fixture::{check_sums, sums, trial};
use crate::stand::{AGENT, on_stand};
use dpark_tests::story::Story;
use libtest_mimic::{Failed, Trial};
use mesos_rs::proto::scheduler::CallType;
use mesos_rs::proto::{StatusReason, StatusSource, TaskId, TaskInfo, TaskState, TaskStatus};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("updates::twice_reordered_and_late", twice_reordered_and_late),
        trial("updates::without_uuid", without_uuid),
        trial("updates::offer_rescinded_after_it_was_used", offer_rescinded_after_it_was_used),
        trial("updates::finished_by_reconciliation", finished_by_reconciliation),
        trial("updates::a_container_without_memory", a_container_without_memory),
    ]
}

/// Not from the executor. Nobody waits for an acknowledgement.
fn said_by(source: StatusSource, task: &TaskId, state: TaskState, reason: StatusReason) -> TaskStatus {
    let (source, reason) = (Some(source.into()), Some(reason.into()));
    TaskStatus { agent_id: Some(AGENT.into()), source, reason, ..TaskStatus::new(task.clone(), state) }
}

/// The same update with another state, and with a uuid of its own.
fn turned_into(state: TaskState, update: &TaskStatus) -> TaskStatus {
    let mut uuid = update.uuid.clone().unwrap().to_vec();
    uuid[0] ^= 1 + state as u8;
    TaskStatus { state: state.into(), uuid: Some(uuid.into()), ..update.clone() }
}

fn undisturbed(story: &mut Story) {
    story.catch_up();
    assert!(story.removed.is_empty(), "{:?}", story.removed);
    assert!(story.failed.is_empty(), "{:?}", story.failed);
    assert!(story.started.iter().all(|(task, _)| task.attempt == 0), "{:?}", story.started);
}

/// Every update is acknowledged as often as it comes, and changes nothing after the first time.
fn twice_reordered_and_late() -> Result<(), Failed> {
    on_stand(&[], async |ctx, stand| {
        let mut story = Story::of(ctx);
        let query = tokio::spawn(sums(ctx, stand.directory(), &[])?.collect());
        stand.call(CallType::Revive).await;
        let mut past = vec![];
        let answer = stand.serve_telling(query, |stand, update| {
            stand.tell(update);
            stand.tell(&turned_into(TaskState::Running, update));
            stand.tell(update);
            past.push(update.clone());
        });
        check_sums(answer.await??);
        assert!(past.len() >= 12, "every task has an end: {}", past.len());

        for update in &past {
            stand.tell(update);
            stand.tell(&turned_into(TaskState::Failed, update));
            let reason = StatusReason::ExecutorTerminated;
            stand.tell(&said_by(StatusSource::Agent, &update.task_id, TaskState::Failed, reason));
        }
        let query = tokio::spawn(sums(ctx, stand.directory(), &[])?.collect());
        check_sums(stand.serve(query).await??);
        stand.check_acknowledged().await;
        undisturbed(&mut story);
        Ok(())
    })
}

/// What has no uuid, or an empty one, is not acknowledged.
fn without_uuid() -> Result<(), Failed> {
    on_stand(&[], async |ctx, stand| {
        let mut story = Story::of(ctx);
        let query = tokio::spawn(sums(ctx, stand.directory(), &[])?.collect());
        stand.call(CallType::Revive).await;
        let answer = stand.serve_telling(query, |stand, update| {
            let running = turned_into(TaskState::Running, update);
            stand.tell(&TaskStatus { uuid: None, ..running.clone() });
            stand.tell(&TaskStatus { uuid: Some(Default::default()), ..running });
            stand.tell(update);
        });
        check_sums(answer.await??);
        stand.check_acknowledged().await;
        undisturbed(&mut story);
        Ok(())
    })
}

/// The offer was void when its use arrived: the master drops the tasks, which are not to blame.
fn offer_rescinded_after_it_was_used() -> Result<(), Failed> {
    on_stand(&[("task.max_failures", "1")], async |ctx, stand| {
        let mut story = Story::of(ctx);
        let query = tokio::spawn(sums(ctx, stand.directory(), &[])?.collect());
        stand.call(CallType::Revive).await;
        let dropped = stand.launches().await;
        stand.master.rescind(&stand.last_offer());
        for task in &dropped {
            let reason = StatusReason::InvalidOffers;
            stand.tell(&said_by(StatusSource::Master, &task.task_id, TaskState::Dropped, reason));
        }
        check_sums(stand.serve(query).await??);
        stand.check_acknowledged().await;
        story.catch_up();
        assert_eq!(story.failed.len(), dropped.len(), "{:?}", story.failed);
        assert!(story.failed.iter().all(|(_, _, error)| error.contains("not started")), "{:?}", story.failed);
        assert!(story.removed.is_empty(), "{:?}", story.removed);
        Ok(())
    })
}

/// A subscription is lost with the news that tasks have finished. The master, asked what became of them, says so: that
/// is not the loss of an executor.
fn finished_by_reconciliation() -> Result<(), Failed> {
    on_stand(&[], async |ctx, stand| {
        let mut story = Story::of(ctx);
        let query = tokio::spawn(sums(ctx, stand.directory(), &[])?.collect());
        stand.call(CallType::Revive).await;
        let tasks = stand.launches().await;
        let updates = stand.run(&tasks).await;
        story.until("the driver to have their reports", |story| story.finished.len() == tasks.len()).await;
        stand.master.cut();
        stand.call(CallType::Reconcile).await;
        for task in &tasks {
            let reason = StatusReason::Reconciliation;
            stand.tell(&said_by(StatusSource::Master, &task.task_id, TaskState::Finished, reason));
        }
        // The agent, which has no acknowledgement, says it again.
        for update in &updates {
            stand.tell(update);
        }
        check_sums(stand.serve(query).await??);
        stand.check_acknowledged().await;
        undisturbed(&mut story);
        Ok(())
    })
}

/// The agent ends the executor, whose container took too much: its tasks are given twice as much the next time.
fn a_container_without_memory() -> Result<(), Failed> {
    on_stand(&[], async |ctx, stand| {
        let mut story = Story::of(ctx);
        let query = tokio::spawn(ctx.parallelize(0..4i64, 1).map(|n| n).collect());
        stand.call(CallType::Revive).await;
        let first = stand.launches().await;
        let reason = StatusReason::ContainerLimitationMemory;
        stand.tell(&said_by(StatusSource::Agent, &first[0].task_id, TaskState::Failed, reason));
        let again = stand.launches().await;
        assert_eq!((memory(&first[0]), memory(&again[0])), (256.0, 512.0));
        for status in stand.run(&again).await {
            stand.tell(&status);
        }
        assert_eq!(stand.serve(query).await??, [0, 1, 2, 3]);
        story.catch_up();
        assert!(story.failed.iter().any(|(.., error)| error.contains("out of memory")), "{:?}", story.failed);
        Ok(())
    })
}

/// MiB that a task takes.
fn memory(task: &TaskInfo) -> f64 {
    let scalars = task.resources.iter().filter(|resource| resource.name == "mem");
    scalars.filter_map(|resource| Some(resource.scalar.as_ref()?.value)).sum()
}
