//! `get --watch` takes the filters that the list takes, and shows what fits them when it goes, with its upstream too.

use harness::daemon::{self, Daemon};
use harness::described::{Described, document, resource};
use harness::events::Events;
use harness::process::{self, Process};
use serde_json::{Value, json};

/// A watch that has printed its list.
async fn watch(daemon: &Daemon, line: &str, listed: &str) -> Process {
    let arguments = format!("get {line} --watch -n gloo-system --server {}", daemon.admin);
    let arguments: Vec<String> = arguments.split_whitespace().map(str::to_owned).collect();
    let watch = Process::start("watch", daemon::command(&arguments));
    until(&watch, listed).await;
    watch
}

async fn until(watch: &Process, printed: &str) {
    let is_printed = || async { watch.output().contains(printed).then_some(()).ok_or_else(|| watch.output()) };
    watch.until(&format!("it prints {printed}"), is_printed).await;
}

#[tokio::test]
async fn a_watch_shows_what_goes_by_all_of_its_filters() {
    let mut described = document(&["anchor", "sail"]);
    for (name, value) in [("tags", json!(["wind"])), ("deprecated", json!(true))] {
        described["paths"]["/sail"]["get"][name] = value;
    }
    let ship = Described::start("ship", described).await;
    let folder = process::folder("resources");
    let file = folder.path().join("ship.yaml");
    std::fs::write(&file, resource("ship", &[ship.address()])).unwrap();
    let daemon = Daemon::start([format!("--resources={}", folder.path().display())]).await;
    daemon.until_functions("ship", ["anchor", "sail"]).await;

    let upstream = daemon.upstream("ship").await.unwrap();
    let (id, source) = (upstream["id"].as_str().unwrap(), upstream["sourceId"].as_str().unwrap());
    assert_eq!(daemon.admin("/api/v1/sources").await["items"][0]["name"], source);
    let functions = daemon.list("/api/v1/functions").await.unwrap();
    let events = Events::follow(&daemon).await;
    let mut watches = vec![];
    for (line, whole) in [
        (format!("upstreams --source {source}"), true),
        (format!("upstreams --upstream {id}"), true),
        (format!("functions --upstream {id}"), true),
        ("functions --tag wind".to_owned(), false),
        ("functions --deprecated true".to_owned(), false),
        (format!("functions --upstream {id} --kind rest --tag wind"), false),
    ] {
        watches.push((watch(&daemon, &line, "ship").await, line.starts_with("functions"), whole));
    }
    std::fs::remove_file(file).unwrap();
    for (watch, of_functions, whole) in &watches {
        let gone = if *of_functions { "removed  function  ship/sail" } else { "removed  upstream  ship" };
        until(watch, gone).await;
        // It goes before `sail`.
        assert_eq!(watch.output().contains("ship/anchor"), *of_functions && *whole, "{}", watch.output());
    }
    events.until("removed", "ship").await;
    let removed: Vec<Value> = events.seen().into_iter().filter(|event| event["kind"] == "function").collect();
    let objects: Vec<&Value> = removed.iter().map(|event| &event["object"]).collect();
    assert_eq!(objects, functions.iter().collect::<Vec<_>>(), "as they were in the list");
}
