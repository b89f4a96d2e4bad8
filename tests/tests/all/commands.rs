//! The command line, against a running daemon.

mod demo;
mod offline;
mod watch;

use std::collections::BTreeSet;

use harness::daemon::{Daemon, Options};
use harness::described::{Described, document};
use harness::{curl, process, python, wait};
use serde_json::{Value, json};

/// More functions than a page has.
const MANY: usize = 1_203;

async fn harbour() -> (harness::service::Service, Daemon) {
    let service = python::fastapi().await;
    let daemon = Daemon::start([format!("--upstream=harbour={}", service.url(""))]).await;
    daemon
        .process
        .until("it is found", || async {
            let found = daemon.functions("harbour").await?;
            if found.contains("get_ship") { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    (service, daemon)
}

#[tokio::test]
async fn get_lists() {
    let (service, daemon) = harbour().await;
    let table = daemon.done(&["get", "upstreams"]).await;
    let row: Vec<&str> = table.lines().find(|line| line.starts_with("harbour")).unwrap().split_whitespace().collect();
    assert!(table.starts_with("NAME") && row.contains(&"static") && row.contains(&"rest"), "{table}");
    let wide = daemon.done(&["get", "functions", "-o", "wide", "-q", "get_ship"]).await;
    assert!(wide.contains(&daemon.url("harbour", "get_ship")), "{wide}");
    let names = daemon.done(&["get", "functions", "-o", "name"]).await;
    let names: BTreeSet<&str> = names.lines().collect();
    assert!(names.contains("harbour/get_ship") && !names.contains("harbour/hidden"), "{names:?}");
    let sources = daemon.done(&["get", "sources", "-o", "json"]).await;
    let sources: Value = serde_json::from_str(&sources).unwrap();
    assert_eq!(sources["items"][0]["state"], "ok", "{sources}");
    let yaml = daemon.done(&["get", "upstreams", "-o", "yaml"]).await;
    assert!(yaml.contains("name: harbour"), "{yaml}");
    assert_eq!(daemon.done(&["get", "functions", "--kind", "grpc", "-o", "name"]).await, "");
    drop(service);
}

#[tokio::test]
async fn json_has_all_pages() {
    let names: Vec<String> = (0..MANY).map(|number| format!("f{number}")).collect();
    let many = Described::start("many", document(&names.iter().map(String::as_str).collect::<Vec<_>>())).await;
    let daemon = Daemon::start([format!("--upstream=many={}", many.url(""))]).await;
    daemon.until_functions("many", names.clone()).await;
    let printed = daemon.done(&["get", "functions", "-o", "json"]).await;
    let printed: Value = serde_json::from_str(&printed).unwrap();
    let items = printed["items"].as_array().unwrap();
    let found: BTreeSet<&str> = items.iter().filter_map(|item| item["name"].as_str()).collect();
    assert_eq!((items.len(), found.len()), (MANY, MANY));
    assert_eq!(printed.as_object().unwrap().len(), 1, "it is items alone");
}

#[tokio::test]
async fn describe_prints_a_line_that_calls() {
    let (_service, daemon) = harbour().await;
    let upstream = daemon.done(&["describe", "upstream", "harbour"]).await;
    assert!(upstream.contains("name: harbour"), "{upstream}");
    for (function, status) in [("motto", 200), ("get_ship", 200), ("add_ship", 201), ("log_in", 200)] {
        let printed = daemon.done(&["describe", "function", &format!("harbour/{function}"), "-o", "json"]).await;
        let described: Value = serde_json::from_str(&printed).unwrap();
        assert_eq!(described["callUrl"], daemon.url("harbour", function));
        assert!(described["input"].is_object(), "{described}");
        let line = described["curl"].as_str().unwrap();
        let answer = curl::run(line).await;
        assert_eq!(answer.status, status, "{line}: {}", answer.text());
    }
    let ended = daemon.run(&["describe", "function", "harbour/none"]).await;
    assert!(ended.code == 1 && ended.err.contains("none"), "{ended:?}");
}

#[tokio::test]
async fn call_calls() {
    let (service, daemon) = harbour().await;
    let printed = daemon.done(&["call", "harbour", "get_ship", "-p", "ship_id=7"]).await;
    let direct = service.get("/ships/7").await;
    assert_eq!(serde_json::from_str::<Value>(&printed).unwrap(), direct);
    let asked = ["call", "harbour", "list_ships", "-d", r#"{"limit": 3}"#, "-p", "sort=-name", "-H", "X-Trace: t"];
    let answer: Value = serde_json::from_str(&daemon.done(&asked).await).unwrap();
    assert_eq!((&answer["limit"], &answer["sort"]), (&json!(3), &json!("-name")), "{answer}");
    for named in [vec!["harbour@gloo-system"], vec!["harbour", "-n", "gloo-system"]] {
        let asked = [&["call", "-p", "ship_id=7"], &named[..1], &["get_ship"], &named[1..]].concat();
        assert_eq!(serde_json::from_str::<Value>(&daemon.done(&asked).await).unwrap(), direct, "{asked:?}");
    }
    let included = daemon.done(&["call", "harbour", "motto", "-i"]).await;
    assert!(included.contains("200 OK") && included.to_lowercase().contains("content-type: text/plain"), "{included}");
    let dry = daemon.done(&["call", "harbour", "get_ship", "-p", "ship_id=7", "--dry-run"]).await;
    let dry: Value = serde_json::from_str(&dry).unwrap();
    assert_eq!((&dry["method"], &dry["url"]), (&json!("GET"), &json!(service.url("/ships/7"))), "{dry}");
    let failed = daemon.run(&["call", "harbour", "get_ship", "-p", "ship_id=100"]).await;
    assert_eq!((failed.code, &*failed.out), (1, r#"{"detail":"no ship 100"}"#));
    let late = daemon.run(&["call", "harbour", "be_slow", "-p", "seconds=60", "--timeout", "0.2"]).await;
    assert!(late.code == 1 && late.out.contains("urn:portolan:problem:deadline"), "{late:?}");
    assert_eq!(daemon.run(&["call", "harbour"]).await.code, 2, "wrong usage");
}

#[tokio::test]
async fn why_tells() {
    let (service, daemon) = harbour().await;
    for target in ["harbour", &service.address(), &service.url("/")] {
        let told = daemon.done(&["why", target]).await;
        assert!(told.contains("/openapi.json") && told.contains("200"), "{target}: {told}");
    }
    let told = daemon.done(&["why", "harbour/get_ship"]).await;
    assert!(told.contains("get_ship") && told.contains("GET /ships/{ship_id}"), "{told}");
    let told = daemon.done(&["why", "harbour/hidden"]).await;
    assert!(told.contains("hidden"), "{told}");
    let told = daemon.done(&["why", "10.9.8.7:6543"]).await;
    assert!(told.contains("static"), "which sources looked: {told}");
}

#[tokio::test]
async fn refresh_forget_backup_and_restore() {
    let ship = Described::start("ship", document(&["sail"])).await;
    let daemon = Daemon::start([format!("--upstream=ship={}", ship.url(""))]).await;
    daemon.until_functions("ship", ["sail"]).await;
    ship.describe(document(&["sail", "moor"]));
    daemon.done(&["refresh", "upstream", "ship"]).await;
    assert_eq!(daemon.functions("ship").await.unwrap().len(), 2);
    let ended = daemon.run(&["forget", "upstream", "ship"]).await;
    assert!(ended.code == 1 && ended.err.contains("409"), "a source lists it: {ended:?}");

    let folder = process::folder("backup");
    let (file, data) = (folder.path().join("backup").display().to_string(), folder.path().join("data"));
    daemon.done(&["backup", &file]).await;
    let function = daemon.function("ship", "moor").await.unwrap();
    assert!(daemon.terminate(wait::SOON).await.success());
    let flag = format!("--data-dir={}", data.display());
    let ended = harness::command::run(["restore", &file, &flag]).await;
    assert_eq!(ended.code, 0, "{ended:?}");
    let again = harness::command::run(["restore", &file, &flag]).await;
    assert_eq!(again.code, 1, "a store that is not empty is left alone: {again:?}");

    let restored = Daemon::launch(Options { data: Some(data), ..Options::default() }, ["--workers=1"]);
    restored.ready().await;
    let mut same = restored.function("ship", "moor").await.unwrap();
    assert_eq!(same["stale"], true, "no flag names it any more");
    for changed in ["stale", "callUrl"] {
        same[changed] = function[changed].clone();
    }
    assert_eq!(same, function);
    let answer = restored.call("ship", "moor", &json!({})).await;
    assert_eq!(answer.json()["path"], "/moor", "{}", answer.text());
    restored.done(&["forget", "upstream", "ship"]).await;
    assert_eq!(restored.list("/api/v1/functions").await.unwrap(), [json!(null); 0]);
    assert_eq!(restored.call("ship", "moor", &json!({})).await.reason(), "unknown-upstream");
}
