//! The executor side against a scripted agent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use mesos_fake::{FakeAgent, OnSubscribe};
use mesos_rs::executor::{self, Config, End, Event, ExecutorHandle};
use mesos_rs::proto::executor::{Call, CallType};
use mesos_rs::proto::{KillPolicy, TaskInfo, TaskState, TaskStatus};
use mesos_rs::{CallError, LinkError};
use std::time::Duration;
use tokio::sync::mpsc::Receiver;

struct Client {
    handle: ExecutorHandle,
    events: Receiver<Event>,
}

impl Client {
    fn start(agent: &FakeAgent, more: &[(&'static str, &str)]) -> Self {
        let environment = agent.environment(more);
        let config = Config::from_variables(|name| {
            environment.iter().find(|(variable, _)| variable == name).map(|(_, value)| value.clone())
        });
        let timings = (Duration::from_millis(500), Duration::from_millis(200));
        let (handle, events) =
            executor::start(Config { timeout: timings.0, update_retry: timings.1, ..config.unwrap() }).unwrap();
        Self { handle, events }
    }

    async fn next(&mut self) -> Event {
        let next = tokio::time::timeout(Duration::from_secs(10), self.events.recv()).await;
        next.expect("an event within 10 s").expect("no end yet")
    }

    async fn connected(&mut self) -> bool {
        match self.next().await {
            Event::Connected { again, .. } => again,
            other => panic!("{other:?}"),
        }
    }
}

async fn connected(more: &[(&'static str, &str)]) -> (FakeAgent, Client) {
    let agent = FakeAgent::start().await;
    let mut client = Client::start(&agent, more);
    assert!(!client.connected().await);
    assert_eq!(agent.next_call().await.r#type(), CallType::Subscribe);
    (agent, client)
}

fn task(id: &str) -> TaskInfo {
    TaskInfo { task_id: id.into(), name: id.into(), ..TaskInfo::default() }
}

fn status(call: Call) -> TaskStatus {
    call.update.expect("an update").status
}

#[tokio::test]
async fn updates_are_sent_in_order_and_again_until_acknowledged() {
    let (agent, mut client) = connected(&[]).await;
    agent.launch(task("t"));
    let Event::Launch(launched) = client.next().await else { panic!("no launch") };
    client.handle.update(TaskStatus::new(launched.task_id.clone(), TaskState::Running)).unwrap();
    client.handle.update(TaskStatus::new(launched.task_id, TaskState::Finished).with_message("done")).unwrap();
    let (running, finished) = (status(agent.next_call().await), status(agent.next_call().await));
    assert_eq!((running.state(), finished.state()), (TaskState::Running, TaskState::Finished));
    assert_eq!((running.executor_id.clone().unwrap().value.as_str(), finished.message()), ("executor", "done"));
    assert_ne!(running.uuid, finished.uuid);
    agent.acknowledge(running.task_id, running.uuid.unwrap());

    // Only the other one comes again, unchanged.
    assert_eq!(status(agent.next_call().await), finished);
    assert!(!client.handle.flush(Duration::from_millis(10)).await);
    agent.acknowledge(finished.task_id, finished.uuid.unwrap());
    assert!(client.handle.flush(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn what_was_not_acknowledged_is_told_to_an_agent_that_comes_back() {
    let (agent, mut client) = connected(&[]).await;
    agent.launch(task("t"));
    agent.launch(task("u"));
    client.next().await;
    client.next().await;
    client.handle.update(TaskStatus::new("t".into(), TaskState::Running)).unwrap();
    let running = status(agent.next_call().await);
    agent.acknowledge(running.task_id, running.uuid.unwrap());
    assert!(client.handle.flush(Duration::from_secs(5)).await);

    agent.script(OnSubscribe::Status(503, "Agent has not finished recovery"));
    agent.cut();
    assert!(matches!(client.next().await, Event::Disconnected { .. }));
    // Said while the agent is away, so kept for later; a message is refused.
    client.handle.update(TaskStatus::new("t".into(), TaskState::Finished)).unwrap();
    let error = client.handle.message("hi".into()).await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected { call: "MESSAGE" }), "{error}");
    agent.next_call().await;
    assert!(client.connected().await);
    let again = agent.next_call().await.subscribe.unwrap();
    assert_eq!(again.unacknowledged_tasks.iter().map(|t| t.task_id.value.as_str()).collect::<Vec<_>>(), ["u"]);
    assert_eq!(again.unacknowledged_updates[0].status.state(), TaskState::Finished);
    assert_eq!(status(agent.next_call().await).state(), TaskState::Finished);
}

#[tokio::test]
async fn kill_says_how_long_it_may_take() {
    let (agent, mut client) = connected(&[]).await;
    let policy = |seconds| Some(KillPolicy::with_grace(Duration::from_secs(seconds)));
    agent.launch(TaskInfo { kill_policy: policy(3), ..task("t") });
    client.next().await;
    for (said, expected) in [(None, Some(3)), (policy(1), Some(1))] {
        agent.kill("t", said);
        let Event::Kill { task_id, grace } = client.next().await else { panic!("no kill") };
        assert_eq!((task_id.value.as_str(), grace), ("t", expected.map(Duration::from_secs)));
    }
    agent.kill("unknown", None);
    assert!(matches!(client.next().await, Event::Kill { grace: None, .. }));
    agent.message(b"hi");
    assert!(matches!(client.next().await, Event::Message(data) if &data[..] == b"hi"));
    client.handle.message("ho".into()).await.unwrap();
    assert_eq!(agent.next_call().await.message.unwrap().data, "ho");
}

#[tokio::test]
async fn shutdown_leaves_time_for_updates_and_no_more() {
    let (agent, mut client) = connected(&[]).await;
    agent.shutdown();
    let Event::Shutdown { grace } = client.next().await else { panic!("no shutdown") };
    assert_eq!(grace, Duration::from_secs(1));
    client.handle.update(TaskStatus::new("t".into(), TaskState::Killed)).unwrap();
    let killed = status(agent.next_call().await);
    agent.acknowledge(killed.task_id, killed.uuid.unwrap());
    assert!(client.handle.flush(grace).await);
    assert!(matches!(client.next().await, Event::Ended(End::ShutDown)));
    assert!(client.handle.update(TaskStatus::new("t".into(), TaskState::Killed)).is_err());
}

#[tokio::test]
async fn without_checkpointing_the_agents_end_is_the_executors() {
    let (agent, mut client) = connected(&[("MESOS_CHECKPOINT", "0")]).await;
    agent.cut();
    assert!(matches!(client.next().await, Event::Ended(End::AgentLost(_))));
}

#[tokio::test]
async fn an_agent_that_stays_away_is_waited_for_only_so_long() {
    let (agent, mut client) = connected(&[("MESOS_RECOVERY_TIMEOUT", "500ms")]).await;
    drop(agent);
    assert!(matches!(client.next().await, Event::Disconnected { .. }));
    let Event::Ended(End::RecoveryTimeout { after, why }) = client.next().await else { panic!("no end") };
    assert!(after >= Duration::from_millis(500) && after < Duration::from_secs(5), "{after:?}");
    assert!(matches!(why, LinkError::Connect { .. }), "{why}");
}

#[tokio::test]
async fn an_agent_that_does_not_know_us_is_the_end() {
    let agent = FakeAgent::start().await;
    let mut client = Client::start(&agent, &[("MESOS_EXECUTOR_ID", "stranger")]);
    let Event::Ended(End::Refused(why)) = client.next().await else { panic!("no end") };
    assert!(why.to_string().ends_with("400: Executor cannot be found"), "{why}");
}

#[tokio::test]
async fn refused_updates_are_told_and_postponed_ones_sent_again() {
    let (agent, mut client) = connected(&[]).await;
    agent.refuse_next(503, "Agent has not finished recovery");
    client.handle.update(TaskStatus::new("t".into(), TaskState::Running)).unwrap();
    let first = status(agent.next_call().await);
    assert_eq!(status(agent.next_call().await), first);
    agent.acknowledge(first.task_id, first.uuid.unwrap());

    agent.refuse_next(400, "Senseless");
    client.handle.update(TaskStatus::new("t".into(), TaskState::Finished)).unwrap();
    let Event::Refused { status, text } = client.next().await else { panic!("no refusal") };
    assert_eq!((status.state(), text.as_str()), (TaskState::Finished, "Senseless"));
    assert!(client.handle.flush(Duration::from_secs(5)).await);
}

#[tokio::test]
async fn the_token_goes_with_every_call() {
    let (agent, _client) = connected(&[("MESOS_EXECUTOR_AUTHENTICATION_TOKEN", "token")]).await;
    assert_eq!(agent.last_header("authorization"), Some("Bearer token".to_string()));
}
