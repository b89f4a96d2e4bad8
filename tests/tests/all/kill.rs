//! SIGKILL in the middle of a stream of changes, again and again: nothing that was acknowledged or shown is lost, and the daemon
//! always starts again.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::daemon::Daemon;
use harness::described::{Described, document, resource};
use harness::{http, process};
use serde_json::{Value, json};
use tokio::task::JoinSet;

/// Daemons that are killed side by side, and how often each.
const DAEMONS: usize = 4;
const KILLS: usize = 26;

/// Resources that change all the time.
const CHANGING: usize = 8;

/// How often one of them changes.
const PACE: Duration = Duration::from_millis(15);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_acknowledged_is_lost_by_a_hundred_kills() {
    let mut daemons = JoinSet::new();
    for _ in 0..DAEMONS {
        daemons.spawn(killed_again_and_again());
    }
    while let Some(done) = daemons.join_next().await {
        done.unwrap();
    }
}

async fn killed_again_and_again() {
    let folder = process::folder("resources");
    let live = Described::start("live", document(&["f0"])).await;
    let resources = format!("--resources={}", folder.path().display());
    std::fs::write(folder.path().join("live.yaml"), resource("live", &[live.address()])).unwrap();
    let mut arguments = vec![resources, "--workers=1".to_owned()];
    let lasting = arguments.clone();
    // Flags that are not given any more leave stale entries, which can be forgotten.
    arguments.extend((0..KILLS).map(|number| format!("--upstream=old-{number}=http://127.0.0.1:9")));
    let mut daemon = Daemon::start(arguments).await;
    daemon.until_functions("live", ["f0"]).await;
    daemon
        .process
        .until("all are there", || async {
            let all = daemon.list("/api/v1/upstreams").await?.len();
            if all == KILLS + 1 { Ok(()) } else { Err(format!("{all}")) }
        })
        .await;
    daemon.kill();
    daemon.with_arguments(&lasting);

    let mut changes = JoinSet::new();
    changes.spawn(keep_changing(folder.path().to_owned()));
    let mut seen = Seen::default();
    for kill in 0..KILLS {
        daemon.restart().await;
        seen.is_there(&daemon).await;
        // Each kind of acknowledgement is at times the last thing before the end.
        for step in 0..4 {
            match (kill + step) % 4 {
                0 => forget(&daemon, &mut seen, &format!("old-{kill}")).await,
                1 => describe(&daemon, &live, &mut seen, kill).await,
                2 => seen.look(&daemon).await,
                _ => further(&daemon, kill as u64 % 3).await,
            }
        }
        daemon.kill();
        if kill % 5 == 0 {
            // And once while it starts.
            daemon.start_again();
            daemon
                .process
                .until("it begins", || async {
                    if daemon.data().join("store").exists() { Ok(()) } else { Err("no store yet".to_owned()) }
                })
                .await;
            daemon.kill();
        }
    }
    daemon.restart().await;
    seen.is_there(&daemon).await;
    assert_eq!(seen.forgotten.len(), KILLS);
}

/// Rewrites one resource after the other for ever, and now and then takes one away.
async fn keep_changing(folder: PathBuf) {
    let mut pace = tokio::time::interval(PACE);
    for change in 0_u64.. {
        pace.tick().await;
        let name = format!("changing-{}", change % CHANGING as u64);
        if change % 7 == 6 {
            // It may not be there.
            let _ = std::fs::remove_file(folder.join(format!("{name}.yaml")));
        } else {
            write(&folder, &name, change);
        }
    }
}

fn write(folder: &Path, name: &str, change: u64) {
    let resource = json!({
        "apiVersion": "gloo.solo.io/v1",
        "kind": "Upstream",
        "metadata": {
            "name": name, "namespace": "gloo-system", "labels": {"change": change.to_string()},
            "annotations": {"portolan.dev/discovery": "disabled"},
        },
        "spec": {"static": {"hosts": [{"addr": "127.0.0.1", "port": 9}]}},
    });
    let draft = folder.join(format!(".{name}.draft"));
    std::fs::write(&draft, resource.to_string()).unwrap();
    std::fs::rename(draft, folder.join(format!("{name}.yaml"))).unwrap();
}

/// What was shown or acknowledged.
#[derive(Default)]
struct Seen {
    revision: u64,
    /// Upstreams with their revisions, and what they were then.
    upstreams: BTreeMap<String, (u64, Value)>,
    functions: BTreeSet<String>,
    forgotten: BTreeSet<String>,
}

impl Seen {
    /// Looks at all upstreams.
    async fn look(&mut self, daemon: &Daemon) {
        let page = daemon.admin("/api/v1/upstreams?limit=1000").await;
        self.revision = page["revision"].as_u64().unwrap();
        self.upstreams = upstreams(&page);
    }

    /// All of it is there still, or something later in its place.
    async fn is_there(&self, daemon: &Daemon) {
        let page = daemon.admin("/api/v1/upstreams?limit=1000").await;
        let revision = page["revision"].as_u64().unwrap();
        assert!(revision >= self.revision, "revision {revision} after {}", self.revision);
        let found = upstreams(&page);
        for (name, (revision, upstream)) in &self.upstreams {
            match found.get(name) {
                Some((now, same)) if now == revision => assert_eq!(same, upstream, "{name} at {revision}"),
                Some((now, _)) => assert!(now > revision, "{name} is of {now}, was of {revision}"),
                // Taken away since then, by the one who changes things or by us.
                None => assert!(name.starts_with("changing-") || self.forgotten.contains(name), "{name} is gone"),
            }
        }
        for name in &self.forgotten {
            assert!(!found.contains_key(name), "{name} was forgotten and is back");
        }
        let functions = daemon.functions("live").await.unwrap();
        assert!(functions.is_superset(&self.functions), "{functions:?} after {:?}", self.functions);
        let events = format!("{}/api/v1/events?since={}", daemon.admin, self.revision);
        let answer = http::client().get(events).send().await.unwrap();
        assert_eq!(answer.status(), 200, "events go on after {}", self.revision);
    }
}

fn upstreams(page: &Value) -> BTreeMap<String, (u64, Value)> {
    let items = page["items"].as_array().unwrap().iter();
    let entry = |item: &Value| {
        let name = item["name"].as_str().unwrap().to_owned();
        (name, (item["revision"].as_u64().unwrap(), json!([item["id"], item["labels"], item["firstSeen"]])))
    };
    items.map(entry).collect()
}

async fn forget(daemon: &Daemon, seen: &mut Seen, name: &str) {
    let url = format!("{}/api/v1/upstreams/{name}", daemon.admin);
    http::send(http::client().delete(url)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    seen.forgotten.insert(name.to_owned());
}

/// The live service has one function more, and is looked at.
async fn describe(daemon: &Daemon, live: &Described, seen: &mut Seen, kill: usize) {
    let names: Vec<String> = (0..=kill + 1).map(|number| format!("f{number}")).collect();
    live.describe(document(&names.iter().map(String::as_str).collect::<Vec<_>>()));
    let url = format!("{}/api/v1/upstreams/live/refresh", daemon.admin);
    http::send(http::client().post(url)).await.unwrap();
    seen.functions = daemon.functions("live").await.unwrap();
    assert_eq!(seen.functions.len(), names.len(), "a refresh is over when it answers");
}

/// Waits for so many revisions more.
async fn further(daemon: &Daemon, revisions: u64) {
    let revision = || async { Ok::<_, String>(daemon.admin("/api/v1").await["revision"].as_u64().unwrap()) };
    let begin = revision().await.unwrap();
    daemon
        .process
        .until("more changes", || async {
            let now = revision().await?;
            if now >= begin + revisions { Ok(()) } else { Err(format!("{now} after {begin}")) }
        })
        .await;
}
