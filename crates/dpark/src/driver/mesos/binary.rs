//! Serves this program to agents: their executors are copies of it.
//!
//! One file at one address, which names its digest and a secret of its own: Mesos shows the address to whoever may look.

use dpark_executor::protocol::own_program;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::CONTENT_LENGTH;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

const CHUNK: usize = 256 << 10;

/// The server, and the address of the file.
#[derive(Debug)]
pub(super) struct Binary {
    pub(super) url: String,
    accept: AbortHandle,
}

impl Drop for Binary {
    fn drop(&mut self) {
        self.accept.abort();
    }
}

impl Binary {
    /// Serves this program, which has the id `build`, at a port of `ip`.
    pub(super) async fn serve(ip: IpAddr, build: &str) -> io::Result<Self> {
        let file = own_program()?;
        let listener = TcpListener::bind((ip, 0)).await?;
        let path = format!("/{:032x}/{build}/dpark-executor", rand::random::<u128>());
        let url = format!("http://{}{path}", SocketAddr::from((ip, listener.local_addr()?.port())));
        Ok(Self { url, accept: tokio::spawn(accept(listener, Arc::from(path), Arc::new(file))).abort_handle() })
    }
}

async fn accept(listener: TcpListener, path: Arc<str>, file: Arc<PathBuf>) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            // Too many open files, or the like: it may pass.
            tokio::time::sleep(Duration::from_millis(100)).await;
            continue;
        };
        let (path, file) = (Arc::clone(&path), Arc::clone(&file));
        tokio::spawn(async move {
            let answer = service_fn(|request: Request<Incoming>| {
                let (path, file) = (Arc::clone(&path), Arc::clone(&file));
                async move {
                    let wanted = request.uri().path() == &*path;
                    if !wanted {
                        tracing::warn!(%peer, "somebody asks the driver for what is not there");
                    }
                    Ok::<_, Infallible>(match wanted {
                        true => send(&file, request.method() == Method::HEAD).await.unwrap_or_else(|error| {
                            tracing::error!(%error, "this program cannot be read, so no agent can fetch it");
                            empty(StatusCode::INTERNAL_SERVER_ERROR)
                        }),
                        false => empty(StatusCode::NOT_FOUND),
                    })
                }
            });
            let mut http = hyper::server::conn::http1::Builder::new();
            if let Err(error) = http.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), answer).await {
                tracing::debug!(%peer, %error, "while an agent fetched the executor");
            }
        });
    }
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Full::default().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}

async fn send(file: &PathBuf, head: bool) -> io::Result<Response<Body>> {
    let file = tokio::fs::File::open(file).await?;
    let length = file.metadata().await?.len();
    let mut response = empty(StatusCode::OK);
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    if !head {
        let chunks = futures::stream::try_unfold(file, |mut file| async move {
            let mut chunk = Vec::with_capacity(CHUNK);
            let read = file.read_buf(&mut chunk).await?;
            Ok::<_, io::Error>((read > 0).then(|| (Frame::data(Bytes::from(chunk)), file)))
        });
        *response.body_mut() = BodyExt::boxed_unsync(StreamBody::new(chunks));
    }
    Ok(response)
}
