//! The scheduler side against a scripted master that does what a real one will not do on demand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

use mesos_fake::{FakeMaster, OnSubscribe, launched};
use mesos_rs::proto::scheduler::CallType;
use mesos_rs::proto::{Filters, FrameworkInfo, TaskInfo, TaskState};
use mesos_rs::scheduler::{self, Config, End, Event, SchedulerHandle};
use mesos_rs::{CallError, Credential, LinkError, Masters};
use std::time::{Duration, Instant};
use tokio::sync::mpsc::Receiver;

fn config(masters: &str) -> Config {
    Config {
        timeout: Duration::from_millis(500),
        backoff: (Duration::from_millis(10), Duration::from_millis(50)),
        ..Config::new(masters.parse().unwrap(), FrameworkInfo::new("root", "test"))
    }
}

struct Client {
    handle: SchedulerHandle,
    events: Receiver<Event>,
}

impl Client {
    fn start(config: Config) -> Self {
        let (handle, events) = scheduler::start(config).unwrap();
        Self { handle, events }
    }

    async fn next(&mut self) -> Event {
        let next = tokio::time::timeout(Duration::from_secs(10), self.events.recv()).await;
        next.expect("an event within 10 s").expect("no end yet")
    }

    /// The error of the next event, which has to be of a failed attempt.
    async fn retrying(&mut self) -> LinkError {
        match self.next().await {
            Event::Retrying { why, .. } => why,
            other => panic!("{other:?}"),
        }
    }

    async fn disconnected(&mut self) -> LinkError {
        match self.next().await {
            Event::Disconnected { why } => why,
            other => panic!("{other:?}"),
        }
    }

    /// The framework's id and whether it is not the first connection.
    async fn connected(&mut self) -> (String, bool) {
        match self.next().await {
            Event::Connected { framework_id, again, .. } => (framework_id.value, again),
            other => panic!("{other:?}"),
        }
    }
}

async fn connected() -> (FakeMaster, Client) {
    let master = FakeMaster::start().await;
    let mut client = Client::start(config(&master.address()));
    client.connected().await;
    master.next_of(CallType::Subscribe).await;
    (master, client)
}

#[tokio::test]
async fn events_and_calls_go_through() {
    let (master, mut client) = connected().await;
    assert_eq!(client.handle.framework_id().unwrap().value, "framework-0001");
    master.heartbeat();
    master.offer("o1", "a1");
    let Event::Offers(offers) = client.next().await else { panic!("no offers") };
    let task = TaskInfo { task_id: "t".into(), agent_id: offers[0].agent_id.clone(), ..TaskInfo::default() };
    client.handle.launch(vec![offers[0].id.clone()], vec![task], None).await.unwrap();
    assert_eq!(launched(&master.next_call().await)[0].task_id, "t".into());

    client.handle.decline(vec!["o2".into()], Some(Filters::refuse(Duration::from_secs(60)))).await.unwrap();
    assert_eq!(master.next_call().await.decline.unwrap().filters.unwrap().refuse_seconds, Some(60.0));
    client.handle.kill("t".into(), Some("a1".into()), None).await.unwrap();
    client.handle.shutdown("e".into(), "a1".into()).await.unwrap();
    client.handle.reconcile(vec![]).await.unwrap();
    client.handle.message("a1".into(), "e".into(), "hi".into()).await.unwrap();
    client.handle.accept_inverse(vec!["i".into()], None).await.unwrap();
    client.handle.decline_inverse(vec!["i".into()], None).await.unwrap();
    client.handle.suppress(&[]).await.unwrap();
    client.handle.revive(&["*".into()]).await.unwrap();
    for expected in [
        CallType::Kill,
        CallType::Shutdown,
        CallType::Reconcile,
        CallType::Message,
        CallType::AcceptInverseOffers,
        CallType::DeclineInverseOffers,
        CallType::Suppress,
        CallType::Revive,
    ] {
        let call = master.next_call().await;
        assert_eq!((call.r#type(), call.framework_id.unwrap().value.as_str()), (expected, "framework-0001"));
    }
    assert_eq!(master.connections(), 2, "one for events, one for calls");

    client.handle.teardown().await.unwrap();
    assert!(matches!(client.next().await, Event::Ended(End::TornDown)));
    assert!(client.events.recv().await.is_none());
    let error = client.handle.revive(&[]).await.unwrap_err();
    assert!(matches!(error, CallError::Disconnected { call: "REVIVE" }), "{error}");
}

#[tokio::test]
async fn only_updates_with_uuid_are_acknowledged() {
    let (master, mut client) = connected().await;
    // Reordered, twice, and late: all are the user's to judge, none is swallowed.
    master.update("t", TaskState::Finished, Some(b"uuid-2"));
    master.update("t", TaskState::Running, Some(b"uuid-1"));
    master.update("t", TaskState::Running, Some(b"uuid-1"));
    master.update("t", TaskState::Lost, None);
    master.update("t", TaskState::Lost, Some(b""));
    let mut seen = Vec::new();
    for _ in 0..5 {
        let Event::Update(status) = client.next().await else { panic!("no update") };
        seen.push((status.state(), client.handle.acknowledge(&status).await.unwrap()));
    }
    let (finished, running, lost) = (TaskState::Finished, TaskState::Running, TaskState::Lost);
    assert_eq!(seen, [(finished, true), (running, true), (running, true), (lost, false), (lost, false)]);
    let uuid = master.next_call().await.acknowledge.unwrap().uuid;
    assert_eq!(&uuid[..], b"uuid-2");
}

#[tokio::test]
async fn a_rescind_after_the_offer_was_used_is_told() {
    let (master, mut client) = connected().await;
    master.offer("o1", "a1");
    let Event::Offers(offers) = client.next().await else { panic!("no offers") };
    client.handle.launch(vec![offers[0].id.clone()], vec![], None).await.unwrap();
    master.rescind("o1");
    let Event::Rescind(id) = client.next().await else { panic!("no rescind") };
    assert_eq!(id, offers[0].id);
}

#[tokio::test]
async fn a_redirect_is_followed_however_it_is_written() {
    let (first, second) = (FakeMaster::start().await, FakeMaster::start().await);
    for location in ["//AT/master/api/v1/scheduler", "//AT", "http://AT/api/v1/scheduler"] {
        first.script(OnSubscribe::Redirect(location.replace("AT", &second.address())));
        let mut client = Client::start(config(&first.address()));
        client.connected().await;
        second.next_of(CallType::Subscribe).await;
        client.handle.revive(&[]).await.unwrap();
        second.next_of(CallType::Revive).await;
    }
    assert_eq!((first.streams(), second.streams()), (0, 3));
}

#[tokio::test]
async fn redirects_that_lead_nowhere_are_errors() {
    let (first, second) = (FakeMaster::start().await, FakeMaster::start().await);
    first.script(OnSubscribe::Redirect(format!("//{}", second.address())));
    second.script(OnSubscribe::Redirect(format!("//{}", first.address())));
    first.script(OnSubscribe::Redirect("nowhere".into()));
    first.script(OnSubscribe::Redirect("//127.0.0.1:1/".into()));
    let mut client = Client::start(config(&first.address()));
    let loops = client.retrying().await.to_string();
    assert!(loops.contains("loop"), "{loops}");
    let nowhere = client.retrying().await.to_string();
    assert!(nowhere.contains("neither a URL nor a path"), "{nowhere}");
    assert!(matches!(client.retrying().await, LinkError::Connect { .. }));
    assert!(!client.connected().await.1);
}

#[tokio::test]
async fn silence_is_a_lost_connection() {
    let master = FakeMaster::start().await;
    master.announce_heartbeat(0.05);
    let mut client = Client::start(config(&master.address()));
    let (id, _) = client.connected().await;
    let start = Instant::now();
    // Heartbeats keep it.
    for _ in 0..8 {
        tokio::time::sleep(Duration::from_millis(50)).await;
        master.heartbeat();
    }
    assert!(client.handle.is_connected());
    let why = client.disconnected().await;
    assert!(matches!(why, LinkError::Silent { after, .. } if after == Duration::from_millis(250)), "{why}");
    assert!(start.elapsed() >= Duration::from_millis(600));
    assert_eq!(client.connected().await, (id.clone(), true));

    // The framework's id is said in both places.
    master.next_of(CallType::Subscribe).await;
    let call = master.next_of(CallType::Subscribe).await;
    assert_eq!(call.framework_id.unwrap().value, id);
    assert_eq!(call.subscribe.unwrap().framework_info.id.unwrap().value, id);
}

#[tokio::test]
async fn broken_streams_are_named_and_mended() {
    let (master, mut client) = connected().await;
    let mut whys = Vec::new();
    for breakage in 0..6 {
        match breakage {
            0 => master.send_bytes(b"not a length\n"),
            1 => master.send_bytes(b"99999999999\n"),
            2 => master.send_bytes(b"4\n\xff\xff\xff\xff"),
            3 => {
                master.send_bytes(b"100\nhalf");
                master.end();
            }
            4 => master.end(),
            _ => master.cut(),
        }
        whys.push(client.disconnected().await.to_string());
        let error = client.handle.revive(&[]).await.unwrap_err();
        assert!(matches!(error, CallError::Disconnected { .. }), "{error}");
        assert_eq!(client.connected().await, ("framework-0001".to_string(), true));
    }
    for (why, expected) in whys.iter().zip([
        "should be digits",
        "above the limit",
        "cannot be decoded",
        "96 of its 100 bytes short",
        "has closed the stream",
        "body", // hyper's words for a connection that breaks within a body
    ]) {
        assert!(why.contains(expected), "{why} / {expected}");
    }
}

#[tokio::test]
async fn streams_that_begin_wrongly_are_refused() {
    let master = FakeMaster::start().await;
    master.script(OnSubscribe::ContentType("text/html"));
    master.script(OnSubscribe::ContentType("application/json"));
    master.script(OnSubscribe::NoStreamId);
    master.script(OnSubscribe::Silent);
    master.script(OnSubscribe::Hang);
    let mut client = Client::start(config(&master.address()));
    for found in ["text/html", "application/json"] {
        let why = client.retrying().await.to_string();
        assert!(why.contains(found), "{why}");
    }
    assert!(matches!(client.retrying().await, LinkError::NoStreamId { .. }));
    assert!(matches!(client.retrying().await, LinkError::Silent { .. }));
    assert!(matches!(client.retrying().await, LinkError::Timeout { what: "answer", .. }));
    client.connected().await;
}

#[tokio::test]
async fn an_event_before_subscribed_is_refused() {
    let master = FakeMaster::start().await;
    master.script(OnSubscribe::Silent);
    let mut client = Client::start(config(&master.address()));
    master.next_of(CallType::Subscribe).await;
    master.offer("o", "a");
    assert!(matches!(client.retrying().await, LinkError::NotSubscribed { .. }));
    client.connected().await;
}

#[tokio::test]
async fn refusals_carry_the_masters_text() {
    let master = FakeMaster::start().await;
    master.script(OnSubscribe::Status(503, "No leader elected"));
    master.script(OnSubscribe::Status(500, ""));
    master.script(OnSubscribe::Status(403, "Not allowed to use role 'x'"));
    let mut client = Client::start(config(&master.address()));
    let why = client.retrying().await.to_string();
    assert!(why.ends_with("answers 503: No leader elected"), "{why}");
    assert!(client.retrying().await.to_string().ends_with("answers 500: "));
    let Event::Ended(End::Refused(why)) = client.next().await else { panic!("no end") };
    assert!(why.to_string().contains("Not allowed to use role 'x'"), "{why}");
    assert!(client.events.recv().await.is_none());
}

#[tokio::test]
async fn refused_calls_carry_the_masters_text() {
    let (master, client) = connected().await;
    master.refuse_next(500, "Ouch");
    let error = client.handle.revive(&[]).await.unwrap_err();
    assert_eq!(error.to_string(), "REVIVE: answer 500: Ouch");

    master.rename_stream();
    let error = client.handle.revive(&[]).await.unwrap_err();
    assert!(error.to_string().contains("answer 400: The stream ID 'stream-1'"), "{error}");
    master.forget_stream();
    let error = client.handle.revive(&[]).await.unwrap_err();
    assert_eq!(error.to_string(), "REVIVE: answer 403: Framework is not subscribed");
    // A teardown that is refused is none.
    assert!(client.handle.teardown().await.is_err());
    assert!(client.handle.is_connected());
}

#[tokio::test]
async fn a_removed_framework_is_the_end() {
    let (master, mut client) = connected().await;
    master.error("Framework has been removed");
    let Event::Ended(End::Error(text)) = client.next().await else { panic!("no end") };
    assert_eq!(text, "Framework has been removed");
    assert!(client.events.recv().await.is_none());
    assert!(!client.handle.is_connected());

    // And also as the first event of a stream.
    master.script(OnSubscribe::Silent);
    let mut client = Client::start(config(&master.address()));
    master.next_of(CallType::Subscribe).await;
    master.error("Framework has been removed");
    assert!(matches!(client.next().await, Event::Ended(End::Error(_))));
}

#[tokio::test]
async fn another_scheduler_of_the_same_framework_takes_over() {
    let (master, mut first) = connected().await;
    let mut takeover = config(&master.address());
    takeover.framework.id = first.handle.framework_id();
    let mut second = Client::start(takeover);
    assert_eq!(second.connected().await, ("framework-0001".to_string(), false));
    let Event::Ended(End::Error(text)) = first.next().await else { panic!("no end") };
    assert_eq!(text, "Framework failed over");
}

#[tokio::test]
async fn masters_that_cannot_be_reached_are_passed_over() {
    let master = FakeMaster::start().await;
    // One that refuses, and one that accepts and then says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let masters = format!("127.0.0.1:1,{},{}", silent.local_addr().unwrap(), master.address());
    let mut client = Client::start(config(&masters));
    assert!(matches!(client.retrying().await, LinkError::Connect { .. }));
    assert!(matches!(client.retrying().await, LinkError::Timeout { .. }));
    client.connected().await;
}

#[tokio::test]
async fn what_was_suppressed_or_changed_is_said_again() {
    let (master, mut client) = connected().await;
    client.handle.suppress(&[]).await.unwrap();
    master.cut();
    client.disconnected().await;
    client.connected().await;
    let subscribe = master.next_of(CallType::Subscribe).await.subscribe.unwrap();
    assert_eq!(subscribe.suppressed_roles, ["*"]);

    let info = FrameworkInfo { roles: vec!["a".into(), "b".into()], ..FrameworkInfo::new("root", "renamed") };
    client.handle.update_framework(info, vec!["b".into()]).await.unwrap();
    assert_eq!(master.next_of(CallType::UpdateFramework).await.framework_id.unwrap().value, "framework-0001");
    master.cut();
    client.disconnected().await;
    client.connected().await;
    let subscribe = master.next_of(CallType::Subscribe).await.subscribe.unwrap();
    assert_eq!(subscribe.framework_info.name, "renamed");
    assert_eq!(subscribe.framework_info.id.unwrap().value, "framework-0001");
    assert_eq!(subscribe.suppressed_roles, ["b"]);
}

#[tokio::test]
async fn the_principal_is_proved_with_every_call() {
    let master = FakeMaster::start().await;
    let credential = Credential::Basic { principal: "Aladdin".into(), secret: "open sesame".into() };
    let mut client = Client::start(Config { credential: Some(credential), ..config(&master.address()) });
    client.connected().await;
    let expected = Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==".to_string());
    assert_eq!(master.last_header("authorization"), expected);
    client.handle.revive(&[]).await.unwrap();
    assert_eq!(master.last_header("authorization"), expected);
    assert_eq!(master.last_header("mesos-stream-id"), Some("stream-1".to_string()));
}

#[tokio::test]
async fn stopping_and_dropping_end_the_driver() {
    let (master, mut client) = connected().await;
    client.handle.stop();
    assert!(matches!(client.next().await, Event::Ended(End::Stopped)));
    assert_eq!(master.streams(), 1);

    let client = Client::start(config(&master.address()));
    master.next_of(CallType::Subscribe).await;
    drop(client.events);
    let gone = async {
        while client.handle.is_connected() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(5), gone).await.expect("the driver ends");
}

#[tokio::test]
async fn a_slow_user_is_not_taken_for_a_silent_master() {
    let master = FakeMaster::start().await;
    master.announce_heartbeat(0.05);
    let mut client = Client::start(Config { event_capacity: 1, ..config(&master.address()) });
    master.next_of(CallType::Subscribe).await;
    for number in 0..20 {
        master.offer(&format!("o{number}"), "a");
    }
    tokio::time::sleep(Duration::from_millis(600)).await;
    client.connected().await;
    for number in 0..20 {
        let Event::Offers(offers) = client.next().await else { panic!("no offers") };
        assert_eq!(offers[0].id.value, format!("o{number}"));
    }
}

#[test]
fn settings_that_cannot_work_are_refused_at_once() {
    assert!("".parse::<Masters>().is_err());
    let tls = mesos_rs::Tls { ca_file: Some("/nonexistent/ca.pem".into()) };
    let error = scheduler::start(Config { tls: Some(tls), ..config("https://m:1") }).map(drop).unwrap_err();
    assert!(error.to_string().contains("/nonexistent/ca.pem"), "{error}");
}
