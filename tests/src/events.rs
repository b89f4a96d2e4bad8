//! What a daemon tells those who watch its catalog.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::daemon::Daemon;
use crate::{http, wait};

/// All events since a revision, as they come.
pub struct Events {
    seen: Arc<Mutex<Vec<Value>>>,
    _tasks: JoinSet<()>,
}

impl Events {
    /// Watches from what the catalog is now.
    pub async fn follow(daemon: &Daemon) -> Events {
        let revision = daemon.admin("/api/v1").await["revision"].clone();
        Events::since(daemon, revision.as_u64().expect("a revision")).await
    }

    /// Watches from a revision on.
    pub async fn since(daemon: &Daemon, revision: u64) -> Events {
        let url = format!("{}/api/v1/events?since={revision}", daemon.admin);
        // The client of all other requests gives up after a minute.
        let client = reqwest::Client::builder().no_proxy().build().expect("nothing in this can fail");
        let answer = client.get(url).header("accept", "application/x-ndjson").send().await.expect("the daemon answers");
        assert_eq!(answer.status(), 200, "events since {revision}");
        let seen: Arc<Mutex<Vec<Value>>> = Arc::default();
        let events = Arc::clone(&seen);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut pieces = answer.bytes_stream();
            let mut rest = vec![];
            while let Some(Ok(piece)) = pieces.next().await {
                rest.extend_from_slice(&piece);
                while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                    let line: Vec<u8> = rest.drain(..=end).collect();
                    if let Ok(event) = serde_json::from_slice(&line) {
                        events.lock().unwrap_or_else(PoisonError::into_inner).push(event);
                    }
                }
            }
        });
        http::install_tls();
        Events { seen, _tasks: tasks }
    }

    /// What came so far.
    pub fn seen(&self) -> Vec<Value> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for an event: `added`, `changed` or `removed`, of an upstream or of `upstream/function`.
    pub async fn until(&self, change: &str, name: &str) {
        let is = |event: &Value| event["type"] == change && event["name"] == name;
        let came = || async { self.seen().iter().any(is).then_some(()).ok_or("not yet") };
        wait::until(&format!("{name} is {change}"), wait::START, came).await;
    }

    /// The names of what was removed.
    pub fn removed(&self) -> Vec<String> {
        let removed =
            |event: &Value| (event["type"] == "removed").then(|| event["name"].as_str().map(str::to_owned))?;
        self.seen().iter().filter_map(removed).collect()
    }
}
