//! A rolling deployment: instances of two versions behind one name, then of the new one alone. No function flaps.

use std::net::SocketAddr;
use std::path::Path;

use harness::daemon::Daemon;
use harness::described::{Described, document, resource};
use harness::events::Events;
use harness::{http, process};

/// Looks while both versions run.
const LOOKS: usize = 8;

fn deploy(folder: &Path, instances: &[SocketAddr]) {
    let draft = folder.join(".draft");
    std::fs::write(&draft, resource("ship", instances)).unwrap();
    std::fs::rename(draft, folder.join("ship.yaml")).unwrap();
}

#[tokio::test]
async fn no_function_flaps_while_two_versions_run() {
    let folder = process::folder("resources");
    let old = Described::start("old", document(&["moor", "sail"])).await;
    let new = Described::start("new", document(&["sail", "steam"])).await;
    let newer = Described::start("newer", document(&["sail", "steam"])).await;
    deploy(folder.path(), &[old.address()]);
    let daemon = Daemon::start([format!("--resources={}", folder.path().display())]).await;
    daemon.until_functions("ship", ["moor", "sail"]).await;
    let events = Events::follow(&daemon).await;

    deploy(folder.path(), &[old.address(), new.address()]);
    let url = format!("{}/api/v1/upstreams/ship/refresh", daemon.admin);
    daemon
        .process
        .until("what is new is there", || async {
            http::send(http::client().post(&url)).await?;
            let found = daemon.functions("ship").await?;
            if found.contains("steam") { Ok(()) } else { Err(format!("{found:?}")) }
        })
        .await;
    for _ in 0..LOOKS {
        http::send(http::client().post(&url)).await.unwrap();
        daemon.until_functions("ship", ["moor", "sail", "steam"]).await;
    }
    assert!(new.asked() > 1 && old.asked() > 1, "both versions were asked");
    assert_eq!(events.removed(), [""; 0]);

    deploy(folder.path(), &[new.address(), newer.address()]);
    daemon.until_functions("ship", ["sail", "steam"]).await;
    events.until("removed", "ship/moor").await;
    assert_eq!(events.removed(), ["ship/moor"]);
    let added = events.seen().iter().filter(|event| event["type"] == "added").count();
    assert_eq!(added, 1, "only `steam` came: {:?}", events.seen());
}
