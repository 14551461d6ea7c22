//! The scheduler API of a master.

use crate::server::{Api, OnSubscribe, Server, record};
use hyper::HeaderMap;
use mesos_rs::proto::scheduler::{Call, CallType, Error, Event, EventType, Offers, Rescind, Subscribed, Update};
use mesos_rs::proto::{
    FrameworkId, MasterInfo, Offer, Resource, Scalar, TaskId, TaskInfo, TaskState, TaskStatus, ValueType,
};
use parking_lot::Mutex;
use prost::Message;

/// A master with no agents: all events come from the test.
pub struct FakeMaster {
    server: Server<Scheduler>,
}

struct Scheduler {
    state: Mutex<State>,
}

struct State {
    framework_id: Option<FrameworkId>,
    stream_id: Option<String>,
    frameworks: u32,
    heartbeat: f64,
}

impl Api for Scheduler {
    type Call = Call;

    fn paths(&self) -> &'static [&'static str] {
        &["/api/v1/scheduler", "/master/api/v1/scheduler"]
    }

    fn decode(&self, body: &[u8]) -> Result<Call, String> {
        Call::decode(body).map_err(|e| e.to_string())
    }

    fn is_subscribe(&self, call: &Call) -> bool {
        call.r#type() == CallType::Subscribe
    }

    fn check(&self, call: &Call, headers: &HeaderMap) -> Result<(), (u16, String)> {
        let state = self.state.lock();
        let refuse = |text: &str| Err((400, text.to_string()));
        let stream_id = headers.get("Mesos-Stream-Id").map(|id| id.to_str().unwrap_or_default());
        if let Some(subscribe) = call.subscribe.as_ref().filter(|_| self.is_subscribe(call)) {
            return match &subscribe.framework_info {
                _ if stream_id.is_some() => refuse("Subscribe calls should not include the 'Mesos-Stream-Id' header"),
                info if info.user.is_empty() && info.name.is_empty() => refuse("Expecting 'framework_info'"),
                info if info.id != call.framework_id => {
                    refuse("'framework_id' differs from 'subscribe.framework_info.id'")
                }
                _ => Ok(()),
            };
        }
        match (&call.framework_id, stream_id) {
            (None, _) => refuse("Expecting 'framework_id' to be present"),
            (id, _) if *id != state.framework_id => refuse("Framework cannot be found"),
            (_, None) => refuse("All non-subscribe calls should include the 'Mesos-Stream-Id' header"),
            (_, _) if state.stream_id.is_none() => Err((403, "Framework is not subscribed".to_string())),
            (_, Some(id)) if Some(id) != state.stream_id.as_deref() => Err((
                400,
                format!(
                    "The stream ID '{id}' included in this request didn't match the stream ID currently associated with the framework"
                ),
            )),
            _ => Ok(()),
        }
    }

    fn subscribed(&self, call: &Call) -> (Option<String>, Vec<u8>) {
        let mut state = self.state.lock();
        state.frameworks += 1;
        let number = state.frameworks;
        let id = call.framework_id.clone().unwrap_or_else(|| format!("framework-{number:04}").into());
        let stream_id = format!("stream-{number}");
        state.framework_id = Some(id.clone());
        state.stream_id = Some(stream_id.clone());
        let subscribed = Subscribed {
            framework_id: id,
            heartbeat_interval_seconds: Some(state.heartbeat),
            master_info: Some(MasterInfo {
                id: "fake".into(),
                version: Some("1.11.0".into()),
                ..MasterInfo::default()
            }),
        };
        let event =
            Event { r#type: Some(EventType::Subscribed.into()), subscribed: Some(subscribed), ..Event::default() };
        (Some(stream_id), event.encode_to_vec())
    }

    fn replaced(&self) -> Option<Vec<u8>> {
        Some(error("Framework failed over").encode_to_vec())
    }
}

fn error(message: &str) -> Event {
    let error = Some(Error { message: message.to_string() });
    Event { r#type: Some(EventType::Error.into()), error, ..Event::default() }
}

impl FakeMaster {
    /// Listens on a port of its own.
    pub async fn start() -> Self {
        let state = State { framework_id: None, stream_id: None, frameworks: 0, heartbeat: 15.0 };
        Self { server: Server::start(Scheduler { state: Mutex::new(state) }).await }
    }

    /// `host:port`
    pub fn address(&self) -> String {
        self.server.address.to_string()
    }

    /// Answers one SUBSCRIBE like this; several are answered in the order they were scripted.
    pub fn script(&self, answer: OnSubscribe) {
        self.server.shared.lock().script.push_back(answer);
    }

    /// Answers the next call like this.
    pub fn refuse_next(&self, status: u16, text: &'static str) {
        self.server.shared.lock().answers.push_back((status, text));
    }

    /// What to announce; heartbeats themselves are sent by the test.
    pub fn announce_heartbeat(&self, seconds: f64) {
        self.server.api.state.lock().heartbeat = seconds;
    }

    /// Forgets the stream, as a master does that has noticed a broken connection before the client has.
    pub fn forget_stream(&self) {
        self.server.api.state.lock().stream_id = None;
    }

    /// Gives the stream another name, as if another scheduler had taken over.
    pub fn rename_stream(&self) {
        self.server.api.state.lock().stream_id = Some("another".to_string());
    }

    /// The next call that passed all checks, SUBSCRIBE included.
    pub async fn next_call(&self) -> Call {
        self.server.next_call().await
    }

    /// The next call of that type; others are passed over.
    pub async fn next_of(&self, kind: CallType) -> Call {
        loop {
            let call = self.next_call().await;
            if call.r#type() == kind {
                return call;
            }
        }
    }

    /// A header of the last call.
    pub fn last_header(&self, name: &str) -> Option<String> {
        let shared = self.server.shared.lock();
        shared.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_string)
    }

    /// How many streams there have been.
    pub fn streams(&self) -> usize {
        self.server.shared.lock().streams
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        self.server.shared.lock().connections
    }

    /// Sends an event.
    pub fn send(&self, event: Event) {
        self.server.send(record(&event.encode_to_vec()));
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&self, bytes: &[u8]) {
        self.server.send(bytes.to_vec());
    }

    /// Ends the stream.
    pub fn end(&self) {
        self.server.end();
    }

    /// Breaks the connection of the stream.
    pub fn cut(&self) {
        self.server.cut();
    }

    /// Sends HEARTBEAT.
    pub fn heartbeat(&self) {
        self.send(Event { r#type: Some(EventType::Heartbeat.into()), ..Event::default() });
    }

    /// Sends ERROR.
    pub fn error(&self, message: &str) {
        self.send(error(message));
    }

    /// Offers two cpus and a gigabyte of an agent.
    pub fn offer(&self, offer: &str, agent: &str) {
        let scalar = |name: &str, value| Resource {
            name: name.to_string(),
            r#type: ValueType::Scalar.into(),
            scalar: Some(Scalar { value }),
            ..Resource::default()
        };
        let offer = Offer {
            id: offer.into(),
            framework_id: self.server.api.state.lock().framework_id.clone().unwrap_or_default(),
            agent_id: agent.into(),
            hostname: "host".to_string(),
            resources: vec![scalar("cpus", 2.0), scalar("mem", 1024.0)],
            ..Offer::default()
        };
        let offers = Some(Offers { offers: vec![offer] });
        self.send(Event { r#type: Some(EventType::Offers.into()), offers, ..Event::default() });
    }

    /// Sends RESCIND.
    pub fn rescind(&self, offer: &str) {
        let rescind = Some(Rescind { offer_id: offer.into() });
        self.send(Event { r#type: Some(EventType::Rescind.into()), rescind, ..Event::default() });
    }

    /// Sends UPDATE; with a uuid, an acknowledgement is asked for.
    pub fn update(&self, task: &str, state: TaskState, uuid: Option<&[u8]>) {
        let status = TaskStatus {
            task_id: TaskId::from(task),
            state: state.into(),
            agent_id: Some("agent".into()),
            uuid: uuid.map(|uuid| uuid.to_vec().into()),
            ..TaskStatus::default()
        };
        let update = Some(Update { status });
        self.send(Event { r#type: Some(EventType::Update.into()), update, ..Event::default() });
    }
}

/// The tasks that a call launches.
pub fn launched(call: &Call) -> Vec<TaskInfo> {
    let operations = call.accept.iter().flat_map(|accept| &accept.operations);
    operations.filter_map(|operation| operation.launch.as_ref()).flat_map(|launch| launch.task_infos.clone()).collect()
}
