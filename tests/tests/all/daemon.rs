//! The daemon's life: it starts, survives a kill, and stops when it is told to.

use harness::daemon::Daemon;
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
