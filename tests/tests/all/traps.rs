//! Services that are traps: they yield no function, cost little, and keep nobody else waiting.

use std::net::SocketAddr;
use std::path::Path;

use harness::daemon::Daemon;
use harness::described::{Described, document, resource};
use harness::traps::{ALL, Kind, Trap};
use harness::{http, process};
use serde_json::json;

/// Upstreams that hang, more than are looked at together.
const HANGING: usize = 150;

/// What all of them may cost, in MiB.
const MEMORY: u64 = 300;

fn register(folder: &Path, name: &str, address: SocketAddr) {
    // A name that the watcher leaves alone until the file is whole.
    let draft = folder.join(format!(".{name}.draft"));
    std::fs::write(&draft, resource(name, &[address])).unwrap();
    std::fs::rename(draft, folder.join(format!("{name}.yaml"))).unwrap();
}

fn address(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

#[tokio::test]
async fn traps_yield_no_function_and_keep_nobody_waiting() {
    let folder = process::folder("resources");
    let mut traps = vec![];
    for (name, kind) in ALL {
        traps.push((name, kind, Trap::start(kind).await));
    }
    let good = Described::start("good", document(&["sail", "moor"])).await;
    let resources = format!("--resources={}", folder.path().display());
    let daemon = Daemon::start([resources, "--workers=1".to_owned()]).await;
    let before = daemon.peak_memory();
    for (name, _, trap) in &traps {
        register(folder.path(), name, trap.address);
    }
    register(folder.path(), "own-admin", address(&daemon.admin));
    register(folder.path(), "own-gateway", address(&daemon.gateway));
    let (_, _, hanging) = traps.iter().find(|(_, kind, _)| *kind == Kind::Hanging).unwrap();
    for number in 0..HANGING {
        register(folder.path(), &format!("hanging-{number}"), hanging.address);
    }
    daemon
        .process
        .until("someone waits for the hanging one", || async {
            let count = hanging.connections();
            if count > 64 { Ok(()) } else { Err(format!("{count} connections")) }
        })
        .await;
    register(folder.path(), "good", good.address());
    daemon.until_functions("good", ["sail", "moor"]).await;
    let state = |upstream: serde_json::Value| upstream["discovery"]["state"].as_str().unwrap_or_default().to_owned();
    assert_eq!(state(daemon.upstream("hanging").await.unwrap()), "waiting", "the others still wait");
    let answer = http::get(&daemon.url("good", "sail")).await;
    assert_eq!(answer, Ok(json!({"service": "good", "path": "/sail"})), "calls go on meanwhile");

    for (name, kind, trap) in &traps {
        let judged = || async {
            let upstream = daemon.upstream(name).await?;
            if ["none", "failing"].contains(&&*state(upstream.clone())) { Ok(()) } else { Err(upstream.to_string()) }
        };
        daemon.process.until(&format!("{kind:?} is judged"), judged).await;
        assert!(trap.connections() > 0, "{kind:?} was looked at");
    }
    for name in ["own-admin", "own-gateway"] {
        let upstream = daemon.upstream(name).await.unwrap();
        assert!(upstream["endpoints"][0]["refused"].is_string(), "{name} is never called: {upstream}");
        assert_eq!(daemon.call(name, "anything", &json!({})).await.status, 404);
    }
    let functions = daemon.list("/api/v1/functions").await.unwrap();
    let foreign: Vec<_> = functions.iter().filter(|function| function["upstream"] != "good").collect();
    assert!(foreign.is_empty(), "functions of traps: {foreign:?}");
    let cost = daemon.peak_memory() - before;
    assert!(cost < MEMORY, "the traps cost {cost} MiB");
}
