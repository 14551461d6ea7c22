//! What both have in common: an HTTP server, streams it keeps open, and a script.

use bytes::Bytes;
use http_body_util::{BodyExt, Full, combinators::BoxBody};
use hyper::body::{Body, Frame, Incoming};
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response};
use hyper_util::rt::TokioIo;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

pub(crate) const PROTOBUF: &str = "application/x-protobuf";

/// What to answer to a SUBSCRIBE. Without a script, all are accepted.
#[derive(Clone, Debug)]
pub enum OnSubscribe {
    /// A stream that begins with SUBSCRIBED.
    Accept,
    /// A stream that begins with nothing: the test sends all of it.
    Silent,
    /// A stream with this as its content type.
    ContentType(&'static str),
    /// A stream without a name.
    NoStreamId,
    /// 307 with this as the `Location`.
    Redirect(String),
    /// An error and its text.
    Status(u16, &'static str),
    /// No answer at all.
    Hang,
}

/// The body of a stream.
type Part = Result<Bytes, std::io::Error>;

pub(crate) struct Shared<C> {
    pub(crate) script: VecDeque<OnSubscribe>,
    /// Statuses and texts for the next calls, instead of 202.
    pub(crate) answers: VecDeque<(u16, &'static str)>,
    pub(crate) calls: mpsc::UnboundedSender<C>,
    /// The newest stream.
    stream: Option<mpsc::UnboundedSender<Part>>,
    pub(crate) streams: usize,
    pub(crate) connections: usize,
    pub(crate) headers: HeaderMap,
}

/// One of the two APIs.
pub(crate) trait Api: Send + Sync + 'static {
    type Call: Send + 'static;

    fn paths(&self) -> &'static [&'static str];

    /// The call, or why it is refused with 400.
    fn decode(&self, body: &[u8]) -> Result<Self::Call, String>;

    /// The call and the headers are as they should be, or the status and the text to answer with.
    fn check(&self, call: &Self::Call, headers: &HeaderMap) -> Result<(), (u16, String)>;

    fn is_subscribe(&self, call: &Self::Call) -> bool;

    /// The name of the stream, if this API names them, and the record to begin it with.
    fn subscribed(&self, call: &Self::Call) -> (Option<String>, Vec<u8>);

    /// The last record of a stream that another one takes the place of.
    fn replaced(&self) -> Option<Vec<u8>> {
        None
    }
}

pub(crate) struct Server<A: Api> {
    pub(crate) address: SocketAddr,
    pub(crate) shared: Arc<Mutex<Shared<A::Call>>>,
    pub(crate) api: Arc<A>,
    pub(crate) received: tokio::sync::Mutex<mpsc::UnboundedReceiver<A::Call>>,
    listening: tokio::task::JoinHandle<()>,
}

impl<A: Api> Drop for Server<A> {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl<A: Api> Server<A> {
    pub(crate) async fn start(api: A) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (calls, received) = mpsc::unbounded_channel();
        let shared = Shared {
            script: VecDeque::new(),
            answers: VecDeque::new(),
            calls,
            stream: None,
            streams: 0,
            connections: 0,
            headers: HeaderMap::new(),
        };
        let (shared, api) = (Arc::new(Mutex::new(shared)), Arc::new(api));
        let listening = tokio::spawn(listen(listener, Arc::clone(&shared), Arc::clone(&api)));
        Self { address, shared, api, received: tokio::sync::Mutex::new(received), listening }
    }

    pub(crate) async fn next_call(&self) -> A::Call {
        let mut received = self.received.lock().await;
        let next = tokio::time::timeout(Duration::from_secs(10), received.recv()).await;
        next.expect("a call within 10 s").expect("a server")
    }

    pub(crate) fn send(&self, bytes: Vec<u8>) {
        let shared = self.shared.lock();
        let stream = shared.stream.as_ref().expect("a subscription");
        let _ = stream.send(Ok(bytes.into()));
    }

    pub(crate) fn end(&self) {
        self.shared.lock().stream = None;
    }

    pub(crate) fn cut(&self) {
        if let Some(stream) = self.shared.lock().stream.take() {
            let _ = stream.send(Err(std::io::ErrorKind::ConnectionReset.into()));
        }
    }
}

async fn listen<A: Api>(listener: TcpListener, shared: Arc<Mutex<Shared<A::Call>>>, api: Arc<A>) {
    // Connections end with the server.
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((connection, _)) = listener.accept().await {
        shared.lock().connections += 1;
        let (shared, api) = (Arc::clone(&shared), Arc::clone(&api));
        connections.spawn(async move {
            let service = service_fn(move |request| answer(request, Arc::clone(&shared), Arc::clone(&api)));
            let _ =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(connection), service).await;
        });
    }
}

type Answer = Response<BoxBody<Bytes, std::io::Error>>;

fn plain(status: u16, text: String) -> Answer {
    let body = Full::new(Bytes::from(text)).map_err(|never: Infallible| match never {}).boxed();
    Response::builder().status(status).body(body).expect("a response")
}

async fn answer<A: Api>(
    request: Request<Incoming>,
    shared: Arc<Mutex<Shared<A::Call>>>,
    api: Arc<A>,
) -> Result<Answer, Infallible> {
    let (head, body) = request.into_parts();
    if !api.paths().contains(&head.uri.path()) {
        return Ok(plain(404, String::new()));
    }
    if head.method != Method::POST {
        return Ok(plain(405, format!("Expecting one of {{ 'POST' }}, but received '{}'.", head.method)));
    }
    let header = |name| head.headers.get(name).and_then(|value| value.to_str().ok());
    if header("content-type") != Some(PROTOBUF) {
        return Ok(plain(415, "Expecting 'Content-Type' of application/json or application/x-protobuf".to_string()));
    }
    if header("accept") != Some(PROTOBUF) {
        return Ok(plain(406, "Expecting 'Accept' to allow application/json or application/x-protobuf".to_string()));
    }
    let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let call = match api.decode(&body) {
        Ok(call) => call,
        Err(why) => return Ok(plain(400, format!("Failed to parse body into Call protobuf: {why}"))),
    };
    if let Err((status, text)) = api.check(&call, &head.headers) {
        return Ok(plain(status, text));
    }
    shared.lock().headers = head.headers.clone();
    if !api.is_subscribe(&call) {
        let mut shared = shared.lock();
        let (status, text) = shared.answers.pop_front().unwrap_or((202, ""));
        let _ = shared.calls.send(call);
        return Ok(plain(status, text.to_string()));
    }
    let how = shared.lock().script.pop_front().unwrap_or(OnSubscribe::Accept);
    let answer = match &how {
        OnSubscribe::Redirect(location) => {
            let mut redirect = plain(307, String::new());
            redirect.headers_mut().insert("location", location.parse().expect("a location"));
            redirect
        }
        OnSubscribe::Status(status, text) => plain(*status, text.to_string()),
        OnSubscribe::Hang => {
            let _ = shared.lock().calls.send(call);
            return std::future::pending().await;
        }
        stream => open(stream, &call, &shared, api.as_ref()),
    };
    let _ = shared.lock().calls.send(call);
    Ok(answer)
}

fn open<A: Api>(how: &OnSubscribe, call: &A::Call, shared: &Mutex<Shared<A::Call>>, api: &A) -> Answer {
    let (sender, receiver) = mpsc::unbounded_channel();
    let (stream_id, first) = api.subscribed(call);
    if !matches!(how, OnSubscribe::Silent) {
        let _ = sender.send(Ok(record(&first).into()));
    }
    let content_type = if let OnSubscribe::ContentType(other) = how { other } else { PROTOBUF };
    let mut response = Response::builder().header("content-type", content_type);
    if let (Some(stream_id), false) = (stream_id, matches!(how, OnSubscribe::NoStreamId)) {
        response = response.header("Mesos-Stream-Id", stream_id);
    }
    let mut shared = shared.lock();
    let old = shared.stream.replace(sender);
    if let (Some(old), Some(last)) = (old, api.replaced()) {
        let _ = old.send(Ok(record(&last).into()));
    }
    shared.streams += 1;
    response.body(Parts(receiver).boxed()).expect("a response")
}

/// A record with its length, as RecordIO has it.
pub(crate) fn record(message: &[u8]) -> Vec<u8> {
    [message.len().to_string().as_bytes(), b"\n", message].concat()
}

struct Parts(mpsc::UnboundedReceiver<Part>);

impl Body for Parts {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.0.poll_recv(context).map(|part| part.map(|part| part.map(Frame::data)))
    }
}
