//! The last lines that an executor wrote, read from its sandbox through the agent.

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::fmt;
use std::time::Duration;

/// Bytes from the end of a file.
const TAIL: u64 = 2048;
const MAX_ANSWER: usize = 1 << 20;

/// Where one executor's files are.
#[derive(Debug, Clone)]
pub(crate) struct Sandbox {
    /// `host:port` of the agent's HTTP server.
    agent: Option<String>,
    /// For its `/files` routes.
    path: String,
}

impl Sandbox {
    pub(super) fn new(agent: Option<String>, framework: &str, executor: &str) -> Self {
        Self { agent, path: format!("/frameworks/{framework}/executors/{executor}/runs/latest") }
    }

    /// The ends of its `stdout` and `stderr`, ready to be put behind a message. Nothing if they cannot be had within
    /// `patience`: they are only a help.
    pub(crate) async fn last_words(&self, patience: Duration) -> String {
        let Some(agent) = &self.agent else { return String::new() };
        let read = |file| tokio::time::timeout(patience, read_tail(agent, &self.path, file));
        let (stdout, stderr) = futures::future::join(read("stdout"), read("stderr")).await;
        let (stdout, stderr) = (stdout.ok().flatten(), stderr.ok().flatten());
        let written = [("stdout", stdout), ("stderr", stderr)].into_iter();
        written.filter_map(|(file, lines)| Some(format!("\nlast lines of its {file}:\n{}", lines?))).collect()
    }
}

impl fmt::Display for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sandbox {}", self.path)?;
        match &self.agent {
            Some(agent) => write!(f, " (http://{agent}/files/browse?path={})", self.path),
            None => Ok(()),
        }
    }
}

async fn read_tail(agent: &str, sandbox: &str, file: &str) -> Option<String> {
    let path = format!("{sandbox}/{file}");
    // Without an offset the agent tells how long the file is.
    let size = read(agent, &path, "-1", 0).await?.0;
    let start = size.saturating_sub(TAIL);
    let (_, text) = read(agent, &path, &start.to_string(), TAIL).await?;
    let text = if start > 0 { text.split_once('\n').map_or(text.clone(), |(_, rest)| rest.to_owned()) } else { text };
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

async fn read(agent: &str, path: &str, offset: &str, length: u64) -> Option<(u64, String)> {
    let mut url = url::Url::parse(&format!("http://{agent}/files/read")).ok()?;
    url.query_pairs_mut().append_pair("path", path).append_pair("offset", offset);
    if length > 0 {
        url.query_pairs_mut().append_pair("length", &length.to_string());
    }
    let client: Client<HttpConnector, Empty<Bytes>> = Client::builder(TokioExecutor::new()).build_http();
    let answer = client.get(url.as_str().parse().ok()?).await.ok()?;
    if !answer.status().is_success() {
        return None;
    }
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await.ok()?.to_bytes();
    let body: serde_json::Value = serde_json::from_slice(&body).ok()?;
    Some((body.get("offset")?.as_u64()?, body.get("data")?.as_str()?.to_owned()))
}
