//! The daemon's life: it starts, survives a kill, and stops when it is told to.

use harness::daemon::{Daemon, Options};
use harness::described::{Described, document};
use harness::{http, wait};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

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

#[tokio::test]
async fn it_opens_as_many_files_as_it_may_and_says_when_callers_wait() {
    let limited = ["sh", "-c", "ulimit -Sn 64 && ulimit -Hn 256 && exec \"$0\" \"$@\""].map(str::to_owned).into();
    let daemon = Daemon::launch(Options { under: limited, ..Options::default() }, ["--workers=1"]);
    daemon.ready().await;
    let output = daemon.process.output();
    assert!(output.contains("daemon.open_files old=64 new=256"), "{output}");
    let full = || daemon.process.output().matches("further callers wait").count();
    assert_eq!(full(), 0);
    let mut callers = vec![];
    let address = daemon.gateway.trim_start_matches("http://");
    for _ in 0..128 {
        callers.push(TcpStream::connect(address).await.unwrap());
    }
    wait::until("the log says it", wait::SOON, || async { (full() == 1).then_some(()).ok_or("not yet") }).await;
    // The last one waits until another leaves; then all are there again, and that is not said again so soon.
    let mut last = TcpStream::connect(address).await.unwrap();
    last.write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n").await.unwrap();
    callers.pop();
    assert_eq!(last.read_u8().await.unwrap(), b'H');
    assert_eq!(full(), 1);
}
