//! The executor API of an agent.

use crate::server::{Api, OnSubscribe, Server, record};
use bytes::Bytes;
use hyper::HeaderMap;
use mesos_rs::proto::executor::{
    Acknowledged, Call, CallType, Event, EventMessage, EventType, Kill, Launch, Subscribed,
};
use mesos_rs::proto::{AgentInfo, ExecutorInfo, FrameworkInfo, KillPolicy, TaskId, TaskInfo};
use parking_lot::Mutex;
use prost::Message;

const FRAMEWORK: &str = "framework-0001";
const EXECUTOR: &str = "executor";
const PATH: &str = "/slave(1)/api/v1/executor";

/// An agent with one executor.
pub struct FakeAgent {
    server: Server<Executor>,
}

#[derive(Default)]
struct Executor {
    subscribed: Mutex<bool>,
}

impl Api for Executor {
    type Call = Call;

    fn paths(&self) -> &'static [&'static str] {
        &[PATH]
    }

    fn decode(&self, body: &[u8]) -> Result<Call, String> {
        Call::decode(body).map_err(|e| e.to_string())
    }

    fn is_subscribe(&self, call: &Call) -> bool {
        call.r#type() == CallType::Subscribe
    }

    fn check(&self, call: &Call, _: &HeaderMap) -> Result<(), (u16, String)> {
        match call {
            _ if call.framework_id.value != FRAMEWORK => Err((400, "Framework cannot be found".to_string())),
            _ if call.executor_id.value != EXECUTOR => Err((400, "Executor cannot be found".to_string())),
            _ if !self.is_subscribe(call) && !*self.subscribed.lock() => {
                Err((403, "Executor is not subscribed".to_string()))
            }
            Call { update: Some(update), .. } if !is_uuid(update.status.uuid.as_deref().unwrap_or_default()) => {
                Err((400, "Not a valid UUID".to_string()))
            }
            _ => Ok(()),
        }
    }

    fn subscribed(&self, _: &Call) -> (Option<String>, Vec<u8>) {
        *self.subscribed.lock() = true;
        let subscribed = Subscribed {
            executor_info: ExecutorInfo { executor_id: EXECUTOR.into(), ..ExecutorInfo::default() },
            framework_info: FrameworkInfo::new("root", "fake"),
            agent_info: AgentInfo { hostname: "host".to_string(), ..AgentInfo::default() },
            container_id: Some("container".into()),
        };
        let event =
            Event { r#type: Some(EventType::Subscribed.into()), subscribed: Some(subscribed), ..Event::default() };
        (None, event.encode_to_vec())
    }
}

/// Not any sixteen bytes will do: version and variant are looked at.
fn is_uuid(bytes: &[u8]) -> bool {
    bytes.len() == 16 && (1..=5).contains(&(bytes[6] >> 4)) && bytes[8] >> 6 == 2
}

impl FakeAgent {
    /// Listens on a port of its own.
    pub async fn start() -> Self {
        Self { server: Server::start(Executor::default()).await }
    }

    /// The environment that an agent gives its executor; `more` comes on top.
    pub fn environment(&self, more: &[(&'static str, &str)]) -> Vec<(String, String)> {
        let address = self.server.address;
        let usual = [
            ("MESOS_AGENT_ENDPOINT", address.to_string()),
            ("MESOS_SLAVE_PID", format!("slave(1)@{address}")),
            ("MESOS_FRAMEWORK_ID", FRAMEWORK.to_string()),
            ("MESOS_EXECUTOR_ID", EXECUTOR.to_string()),
            ("MESOS_DIRECTORY", "/sandbox".to_string()),
            ("MESOS_CHECKPOINT", "1".to_string()),
            ("MESOS_RECOVERY_TIMEOUT", "10secs".to_string()),
            ("MESOS_SUBSCRIPTION_BACKOFF_MAX", "100ms".to_string()),
            ("MESOS_EXECUTOR_SHUTDOWN_GRACE_PERIOD", "1secs".to_string()),
        ];
        let more = more.iter().map(|(name, value)| (name.to_string(), value.to_string()));
        let mut all: Vec<_> = more.collect();
        all.extend(usual.into_iter().map(|(name, value)| (name.to_string(), value)));
        all
    }

    /// Answers one SUBSCRIBE like this; several are answered in the order they were scripted.
    pub fn script(&self, answer: OnSubscribe) {
        self.server.shared.lock().script.push_back(answer);
    }

    /// Answers the next call like this.
    pub fn refuse_next(&self, status: u16, text: &'static str) {
        self.server.shared.lock().answers.push_back((status, text));
    }

    /// The next call that passed all checks, SUBSCRIBE included.
    pub async fn next_call(&self) -> Call {
        self.server.next_call().await
    }

    /// A header of the last call.
    pub fn last_header(&self, name: &str) -> Option<String> {
        let shared = self.server.shared.lock();
        shared.headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_string)
    }

    /// Sends an event.
    pub fn send(&self, event: Event) {
        self.server.send(record(&event.encode_to_vec()));
    }

    /// Breaks the connection of the stream.
    pub fn cut(&self) {
        self.server.cut();
    }

    /// Sends LAUNCH.
    pub fn launch(&self, task: TaskInfo) {
        self.send(Event { r#type: Some(EventType::Launch.into()), launch: Some(Launch { task }), ..Event::default() });
    }

    /// Sends KILL.
    pub fn kill(&self, task: &str, kill_policy: Option<KillPolicy>) {
        let kill = Some(Kill { task_id: task.into(), kill_policy });
        self.send(Event { r#type: Some(EventType::Kill.into()), kill, ..Event::default() });
    }

    /// Sends ACKNOWLEDGED.
    pub fn acknowledge(&self, task_id: TaskId, uuid: Bytes) {
        let acknowledged = Some(Acknowledged { task_id, uuid });
        self.send(Event { r#type: Some(EventType::Acknowledged.into()), acknowledged, ..Event::default() });
    }

    /// Sends MESSAGE.
    pub fn message(&self, data: &'static [u8]) {
        let message = Some(EventMessage { data: data.into() });
        self.send(Event { r#type: Some(EventType::Message.into()), message, ..Event::default() });
    }

    /// Sends SHUTDOWN.
    pub fn shutdown(&self) {
        self.send(Event { r#type: Some(EventType::Shutdown.into()), ..Event::default() });
    }
}
