//! Both sides on a real Mesos: see `testbed` for where it comes from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod testbed;

use dpark_test_cluster::Signal;
use mesos_rs::proto::{FrameworkInfo, StatusReason, TaskState, TaskStatus};
use mesos_rs::scheduler::{Config, End, Event, Reconciler};
use mesos_rs::{CallError, Credential, LinkError};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};
use testbed::{Cluster, Framework, config};

#[tokio::test(flavor = "multi_thread")]
async fn tasks_live_and_die() {
    let cluster = Cluster::up(1, &[]);
    let mut framework = Framework::start(config(&cluster.masters(1)));
    assert!(!framework.connected().await.1);

    let (offer, status) = framework.run("one", "run", None).await;
    let agent = offer.agent_id.clone();
    assert!(status.uuid.is_some() && status.container_status.unwrap().executor_pid.is_some());
    framework.run("two", "finish 100", Some(&agent)).await;
    framework.update("two", TaskState::Finished).await;
    // The offers of an agent name the executors that live there.
    assert_eq!(framework.offer(Some(&agent)).await.executor_ids, ["e".into()]);
    framework.handle.revive(&[]).await.unwrap();

    // Messages go both ways.
    framework.handle.message(agent.clone(), "e".into(), "hello".into()).await.unwrap();
    let echo = |event: &Event| match event {
        Event::Message { agent_id, data, .. } if *agent_id == agent => Some(data.clone()),
        _ => None,
    };
    assert_eq!(framework.wait("the echo", echo).await, "hello");

    // Reconciliation, of all and of one.
    for tasks in [vec![], vec![("one".into(), Some(agent.clone()))]] {
        framework.handle.reconcile(tasks).await.unwrap();
        let status = framework.update("one", TaskState::Running).await;
        assert_eq!((status.reason(), status.uuid), (StatusReason::Reconciliation, None));
    }
    framework.handle.reconcile(vec![("nobody".into(), None)]).await.unwrap();
    framework.update("nobody", TaskState::Unknown).await;

    framework.handle.kill("one".into(), Some(agent.clone()), None).await.unwrap();
    framework.update("one", TaskState::Killed).await;
    framework.handle.kill("nobody".into(), None, None).await.unwrap();
    framework.update("nobody", TaskState::Unknown).await;

    // An executor that is told to end kills its tasks first.
    framework.run("three", "run", Some(&agent)).await;
    framework.handle.shutdown("e".into(), agent.clone()).await.unwrap();
    let (status, code) = executor_ends(&mut framework, "three").await;
    assert_eq!((status.state(), code), (TaskState::Killed, Some(0)));

    // One that just dies.
    framework.launch("four", "die", Some(&agent)).await;
    let (status, code) = executor_ends(&mut framework, "four").await;
    assert_eq!((status.state(), code), (TaskState::Failed, Some(7 << 8)));
    assert_eq!(status.reason(), StatusReason::ExecutorTerminated);
    framework.teardown().await;
}

/// The last update of its task, and how the executor ended. Which of the two comes first is not said.
async fn executor_ends(framework: &mut Framework, task: &str) -> (TaskStatus, Option<i32>) {
    let (mut last, mut code) = (None, None);
    loop {
        match framework.next().await {
            Event::Update(status) if status.task_id.value == task && status.state().is_terminal() => {
                last = Some(status)
            }
            Event::Failure(failure) if failure.executor_id.is_some() => code = Some(failure.status),
            _ => {}
        }
        if let (Some(last), Some(code)) = (&last, code) {
            return (last.clone(), code);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn offers_come_when_wanted() {
    let cluster = Cluster::up(1, &[]);
    let mut framework = Framework::start(config(&cluster.masters(1)));
    framework.connected().await;
    let offer = framework.offer(None).await;
    framework.handle.suppress(&[]).await.unwrap();
    let week = mesos_rs::proto::Filters::refuse(Duration::from_secs(7 * 24 * 3600));
    framework.handle.decline(vec![offer.id], Some(week)).await.unwrap();
    tokio::time::sleep(Duration::from_secs(2)).await;
    let start = Instant::now();
    framework.handle.revive(&[]).await.unwrap();
    framework.offer(Some(&offer.agent_id)).await;
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());

    // A call that makes no sense is refused with the master's reasons.
    let error = framework.handle.update_framework(FrameworkInfo::default(), vec![]).await.unwrap_err();
    let CallError::Rejected { status: 400, text, .. } = error else { panic!("{error}") };
    assert!(!text.is_empty());
    let info = FrameworkInfo { roles: vec!["other".into()], ..config(&cluster.masters(1)).framework };
    framework.handle.update_framework(info, vec![]).await.unwrap();
    let role = |event: &Event| match event {
        Event::Offers(offers) => offers[0].allocation_info.as_ref().map(|info| info.role().to_string()),
        _ => None,
    };
    while framework.wait("an offer", role).await != "other" {}
    framework.teardown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_framework_outlives_its_scheduler() {
    let cluster = Cluster::up(1, &[]);
    let mut first = Framework::start(config(&cluster.masters(1)));
    let (id, _) = first.connected().await;
    first.run("t", "run", None).await;

    // Another takes over while the first one is there,
    let again = || {
        let mut config = config(&cluster.masters(1));
        config.framework.id = Some(id.as_str().into());
        config
    };
    let mut second = Framework::start(again());
    assert_eq!(second.connected().await.0, id);
    let End::Error(text) = first.ended().await else { panic!("no error") };
    assert_eq!(text, "Framework failed over");
    second.handle.reconcile(vec![]).await.unwrap();
    second.update("t", TaskState::Running).await;

    // and after it has left.
    second.handle.stop();
    assert!(matches!(second.ended().await, End::Stopped));
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut third = Framework::start(again());
    assert_eq!(third.connected().await.0, id);
    third.handle.reconcile(vec![("t".into(), None)]).await.unwrap();
    third.update("t", TaskState::Running).await;
    third.teardown().await;

    // What has been torn down stays so.
    let mut late = Framework::start(again());
    let end = late.ended().await;
    assert!(matches!(&end, End::Error(_) | End::Refused(_)), "{end}");
    assert!(end.to_string().contains("removed") || end.to_string().contains("torn down"), "{end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restarted_master_is_found_again() {
    let cluster = Cluster::up(1, &[]);
    let mut framework = Framework::start(config(&cluster.masters(1)));
    let (id, _) = framework.connected().await;
    let (offer, before) = framework.run("t", "run", None).await;

    cluster.kill_master(0).unwrap();
    let lost = |event: &Event| matches!(event, Event::Disconnected { .. }).then_some(());
    framework.wait("the loss", lost).await;
    let error = framework.handle.revive(&[]).await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected { .. }), "{error}");
    let refused = |event: &Event| matches!(event, Event::Retrying { why: LinkError::Connect { .. }, .. }).then_some(());
    framework.wait("a vain attempt", refused).await;
    cluster.start_master(0).unwrap();
    assert_eq!(framework.connected().await, (id, true));

    let status = reconciled(&mut framework, "t").await;
    assert_eq!(status, before.container_status);
    framework.handle.kill("t".into(), Some(offer.agent_id), None).await.unwrap();
    framework.update("t", TaskState::Killed).await;
    framework.teardown().await;
}

/// Asks for the task until it is known again, which it is once its agent is. Gives the container it runs in.
async fn reconciled(framework: &mut Framework, task: &str) -> Option<mesos_rs::proto::ContainerStatus> {
    let start = Instant::now();
    let mut reconciler = Reconciler::new(Duration::from_millis(200), Duration::from_secs(2));
    reconciler.start([(task.into(), None)], Duration::ZERO);
    while start.elapsed() < Duration::from_secs(60) {
        if let Some(ask) = reconciler.due(start.elapsed(), 0.5) {
            framework.handle.reconcile(ask).await.unwrap();
        }
        let wait = reconciler.next().unwrap().saturating_sub(start.elapsed());
        if let Ok(Event::Update(status)) = tokio::time::timeout(wait, framework.next()).await
            && status.state() == TaskState::Running
        {
            reconciler.answered(&status.task_id);
            assert_eq!(reconciler.next(), None);
            return status.container_status;
        }
    }
    panic!("{task} is not known again");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_executor_outlives_its_agent() {
    let cluster = Cluster::up(1, &[]);
    let mut framework = Framework::start(config(&cluster.masters(1)));
    framework.connected().await;
    let (offer, before) = framework.run("t", "run", None).await;
    // This one ends while there is no agent to tell.
    framework.run("short", "finish 2000", Some(&offer.agent_id)).await;
    let number = cluster.agent_of(&offer);
    cluster.kill_agent(number, Signal::Kill).unwrap();
    tokio::time::sleep(Duration::from_millis(2500)).await;
    cluster.start_agent(number, false).unwrap();

    let status = framework.update("short", TaskState::Finished).await;
    assert_eq!(status.agent_id, Some(offer.agent_id.clone()));
    framework.handle.kill("t".into(), Some(offer.agent_id), None).await.unwrap();
    let status = framework.update("t", TaskState::Killed).await;
    assert_eq!(
        status.container_status.unwrap().container_id,
        before.container_status.unwrap().container_id,
        "the same container"
    );
    framework.teardown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_agent_is_told() {
    let cluster = Cluster::up(1, &[]);
    let mut framework = Framework::start(config(&cluster.masters(1)));
    framework.connected().await;
    let (offer, _) = framework.run("t", "run", None).await;
    cluster.kill_agent_node(cluster.agent_of(&offer)).unwrap();
    let (mut unreachable, mut gone) = (false, false);
    while !(unreachable && gone) {
        match framework.next().await {
            Event::Update(status) if status.state() == TaskState::Unreachable => {
                assert!(status.uuid.is_none());
                unreachable = true;
            }
            Event::Failure(failure) if failure.executor_id.is_none() => {
                assert_eq!(failure.agent_id, Some(offer.agent_id.clone()));
                gone = true;
            }
            _ => {}
        }
    }
    framework.teardown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_principal_has_to_prove_itself() {
    let secrets = tempfile::tempdir().unwrap();
    let (secret, credentials) = (secrets.path().join("secret"), secrets.path().join("credentials"));
    std::fs::write(&secret, "open sesame\n").unwrap();
    std::fs::write(&credentials, r#"{"credentials": [{"principal": "Aladdin", "secret": "open sesame"}]}"#).unwrap();
    let flags = [
        "authenticate_http_frameworks=true".to_owned(),
        "http_framework_authenticators=basic".to_owned(),
        format!("credentials={}", credentials.display()),
    ];
    let cluster = Cluster::up(1, &flags);
    let mut stranger = Framework::start(config(&cluster.masters(1)));
    let End::Refused(why) = stranger.ended().await else { panic!("not refused") };
    assert!(matches!(why, LinkError::Refused { status: 401, .. }), "{why}");

    let usual = config(&cluster.masters(1));
    let framework = FrameworkInfo { principal: Some("Aladdin".into()), ..usual.framework };
    let credential = Some(Credential::from_secret_file("Aladdin", &secret).unwrap());
    let mut framework = Framework::start(Config { framework, credential, ..config(&cluster.masters(1)) });
    framework.connected().await;
    framework.run("t", "finish 0", None).await;
    framework.update("t", TaskState::Finished).await;
    framework.teardown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_master_takes_the_lead() {
    let cluster = Cluster::up(3, &[]);
    // One finds the leader in ZooKeeper, the other one is redirected by followers.
    let mut watching = Framework::start(config(&cluster.zookeeper()));
    let (id, _) = watching.connected().await;
    let mut redirected = Framework::start(config(&cluster.masters(3)));
    let (other, _) = redirected.connected().await;
    watching.run("t", "run", None).await;

    let old = cluster.leader().unwrap();
    cluster.kill_master(old).unwrap();
    assert_eq!(watching.connected().await, (id, true));
    assert_eq!(redirected.connected().await, (other, true));
    assert_ne!(cluster.leader().unwrap(), old);
    assert!(reconciled(&mut watching, "t").await.is_some());
    watching.teardown().await;
    redirected.teardown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tasks_at_once() {
    const TASKS: usize = 300;
    let cluster = Cluster::up(1, &[]);
    let mut framework = Framework::start(config(&cluster.masters(1)));
    framework.connected().await;
    let (offer, _) = framework.run("first", "finish 0", None).await;
    framework.update("first", TaskState::Finished).await;

    let start = Instant::now();
    let names: Vec<String> = (0..TASKS).map(|number| format!("task-{number}")).collect();
    framework.launch_all(&names, "finish 0", "cpus=0.01,mem=4", &offer.agent_id).await;
    let mut states: BTreeMap<String, Vec<TaskState>> = BTreeMap::new();
    let mut finished = 0;
    while finished < TASKS {
        if let Event::Update(status) = framework.next().await {
            finished += usize::from(status.state().is_terminal());
            states.entry(status.task_id.value.clone()).or_default().push(status.state());
        }
    }
    let took = start.elapsed();
    println!("{TASKS} tasks in {took:?}");
    assert!(states.values().all(|states| states == &[TaskState::Running, TaskState::Finished]), "{states:?}");
    assert_eq!(states.len(), TASKS);
    framework.teardown().await;
}
