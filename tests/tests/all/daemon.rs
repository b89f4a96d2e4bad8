//! The daemon's life: it starts, survives a kill, and stops when it is told to.

use harness::daemon::Daemon;
use harness::described::{Described, document};
use harness::{http, wait};

#[tokio::test]
async fn starts_again_after_a_kill_and_stops_at_sigterm() {
    let mut daemon = Daemon::start(["--workers=1"]).await;
    daemon.kill();
    assert!(http::get(&format!("{}/readyz", daemon.admin)).await.is_err());
    daemon.restart().await;
    daemon.admin("/readyz").await;
    let status = daemon.terminate(wait::SOON).await;
    assert!(status.success(), "SIGTERM ended it with {status}");
}

#[tokio::test]
async fn an_empty_store_is_ready_when_all_had_their_first_look() {
    let mut described = vec![];
    for name in ["a", "b", "c"] {
        described.push((name, Described::start(name, document(&["sail", "moor"])).await));
    }
    let flags = described.iter().map(|(name, service)| format!("--upstream={name}={}", service.url("")));
    let daemon = Daemon::start(flags.chain(["--upstream=nobody=http://127.0.0.1:9".to_owned()])).await;
    assert_eq!(daemon.list("/api/v1/functions").await.unwrap().len(), 6, "as soon as it is ready");
}
