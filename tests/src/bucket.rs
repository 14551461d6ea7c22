//! A bucket of an S3 store, served from a directory: as much of the protocol as our use needs (GET with ranges, HEAD,
//! LIST in pages, PUT), and faults on demand.

#![allow(clippy::unwrap_used, reason = "test code")]

use http_body_util::{BodyExt, Collected, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, LAST_MODIFIED, RANGE};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::fmt::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// The bucket's name.
pub const NAME: &str = "data";

/// Who may read.
const KEY_ID: &str = "somebody";

/// Keys a page of a listing.
const PAGE: usize = 2;

/// A store with one bucket.
pub struct Bucket {
    address: SocketAddr,
    served: Arc<Served>,
    _runtime: Runtime,
}

#[derive(Default)]
struct Served {
    root: PathBuf,
    /// So many of the next requests for parts of objects are answered with 503.
    failures: AtomicUsize,
    /// `GET key bytes=0-7` and so on.
    requests: Mutex<Vec<String>>,
}

impl Bucket {
    /// Serves the files of a directory.
    pub fn serve(root: &Path) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))).unwrap();
        let address = listener.local_addr().unwrap();
        let served = Arc::new(Served { root: root.to_path_buf(), ..Served::default() });
        runtime.spawn(accept(listener, Arc::clone(&served)));
        Self { address, served, _runtime: runtime }
    }

    /// What an environment needs to read from it.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT", format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true".into()),
            ("AWS_ACCESS_KEY_ID", KEY_ID.into()),
            ("AWS_SECRET_ACCESS_KEY", "secret".into()),
            ("AWS_REGION", "nowhere".into()),
        ]
    }

    /// The next requests for objects fail as on a busy server.
    pub fn fail(&self, requests: usize) {
        self.served.failures.store(requests, Ordering::SeqCst);
    }

    /// The requests since the last call.
    pub fn requests(&self) -> Vec<String> {
        std::mem::take(&mut self.served.requests.lock().unwrap())
    }
}

async fn accept(listener: TcpListener, served: Arc<Served>) {
    while let Ok((stream, _)) = listener.accept().await {
        let served = Arc::clone(&served);
        tokio::spawn(async move {
            let answer = service_fn(move |request: Request<Incoming>| {
                let served = Arc::clone(&served);
                async move {
                    let (head, body) = request.into_parts();
                    let body = body.collect().await.map(Collected::to_bytes).unwrap_or_default();
                    Ok::<_, Infallible>(served.answer(&Request::from_parts(head, body)))
                }
            });
            // A client that goes away in the middle is its own affair.
            let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), answer).await;
        });
    }
}

impl Served {
    fn answer(&self, request: &Request<Bytes>) -> Response<Full<Bytes>> {
        let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !header("authorization").contains(&format!("Credential={KEY_ID}/")) {
            return error(StatusCode::FORBIDDEN, "AccessDenied");
        }
        let path = request.uri().path().trim_start_matches('/');
        let Some(key) = path.strip_prefix(NAME).map(|key| key.trim_start_matches('/')) else {
            return error(StatusCode::NOT_FOUND, "NoSuchBucket");
        };
        let range = header(RANGE.as_str());
        self.requests.lock().unwrap().push(format!("{} {key} {range}", request.method()));
        if key.is_empty() {
            return self.list(request.uri().query().unwrap_or_default());
        }
        if request.method() == Method::PUT {
            let path = self.root.join(key);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, request.body()).unwrap();
            return Response::builder().header(ETAG, "\"new\"").body(Full::default()).unwrap();
        }
        let failing = |left: usize| left.checked_sub(1);
        if !range.is_empty() && self.failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, failing).is_ok() {
            return error(StatusCode::SERVICE_UNAVAILABLE, "SlowDown");
        }
        let Ok(object) = std::fs::read(self.root.join(key)) else {
            return error(StatusCode::NOT_FOUND, "NoSuchKey");
        };
        let all = object.len();
        let (start, end) = match range.strip_prefix("bytes=").and_then(|range| range.split_once('-')) {
            Some(("", last)) => (all - last.parse::<usize>().unwrap().min(all), all),
            Some((start, "")) => (start.parse().unwrap(), all),
            Some((start, last)) => (start.parse().unwrap(), (last.parse::<usize>().unwrap() + 1).min(all)),
            None => (0, all),
        };
        let body = if request.method() == Method::HEAD { vec![] } else { object[start..end].to_vec() };
        let response = Response::builder()
            .status(if range.is_empty() { StatusCode::OK } else { StatusCode::PARTIAL_CONTENT })
            .header(ETAG, format!("\"{all}\""))
            .header(LAST_MODIFIED, "Tue, 01 Jan 2013 00:00:00 GMT")
            .header(CONTENT_LENGTH, end - start);
        let response = match range.is_empty() {
            true => response,
            false => response.header(CONTENT_RANGE, format!("bytes {start}-{}/{all}", end - 1)),
        };
        response.body(Full::from(body)).unwrap()
    }

    fn list(&self, query: &str) -> Response<Full<Bytes>> {
        let of = |wanted: &str| {
            let found = url::form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.into_owned()).unwrap_or_default()
        };
        let (prefix, delimiter, token) = (of("prefix"), of("delimiter"), of("continuation-token"));
        let mut keys = vec![];
        walk(&self.root, "", &mut keys);
        keys.retain(|(key, _)| key.starts_with(&prefix));
        keys.sort();
        // What has the delimiter behind the prefix is told as a folder.
        let mut folders = BTreeSet::new();
        if !delimiter.is_empty() {
            keys.retain(|(key, _)| {
                let folder = key[prefix.len()..].split_once(&delimiter).map(|(folder, _)| folder.to_owned());
                folders.extend(folder.iter().map(|folder| format!("{prefix}{folder}{delimiter}")));
                folder.is_none()
            });
        }
        let start: usize = token.parse().unwrap_or(0);
        let more = keys.len() > start + PAGE;
        let mut xml = format!("<ListBucketResult><Name>{NAME}</Name><IsTruncated>{more}</IsTruncated>");
        if more {
            write!(xml, "<NextContinuationToken>{}</NextContinuationToken>", start + PAGE).unwrap();
        }
        for (key, size) in keys.iter().skip(start).take(PAGE) {
            let when = "2013-01-01T00:00:00.000Z";
            write!(xml, "<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>{when}</LastModified>").unwrap();
            write!(xml, "<ETag>\"{size}\"</ETag></Contents>").unwrap();
        }
        for folder in folders.iter().filter(|_| start == 0) {
            write!(xml, "<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>").unwrap();
        }
        xml += "</ListBucketResult>";
        Response::new(Full::from(xml))
    }
}

fn walk(dir: &Path, prefix: &str, keys: &mut Vec<(String, u64)>) {
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        match entry.metadata() {
            Ok(found) if found.is_dir() => walk(&entry.path(), &format!("{name}/"), keys),
            Ok(found) => keys.push((name, found.len())),
            Err(_) => {}
        }
    }
}

fn error(status: StatusCode, code: &str) -> Response<Full<Bytes>> {
    let body = format!("<Error><Code>{code}</Code><Message>{code}</Message></Error>");
    Response::builder().status(status).body(Full::from(body)).unwrap()
}
