//! What is acknowledged survives the loss of power: a change is on the disk before its answer is written. The kernel's view of it.

use std::path::Path;

use harness::daemon::{Daemon, Options};
use harness::installed::named;
use harness::{http, process, wait};

const CALLS: &str = "trace=read,recvfrom,write,writev,sendto,sendmsg,pwrite64,pwritev,fsync,fdatasync";

#[tokio::test]
async fn a_change_is_synced_before_it_is_acknowledged() {
    let folder = process::folder("durable");
    let data = folder.path().join("data");
    let plain = Options { data: Some(data.clone()), ..Options::default() };
    let daemon = Daemon::launch(plain.clone(), ["--upstream=old=http://127.0.0.1:9"]);
    daemon.ready().await;
    daemon.process.until("the upstream is there", || daemon.upstream("old")).await;
    assert!(daemon.terminate(wait::SOON).await.success());

    let trace = folder.path().join("trace");
    let strace = named("PORTOLAN_TEST_STRACE").display().to_string();
    let file = trace.display().to_string();
    let under = [&strace, "-f", "-y", "-s", "64", "-e", CALLS, "-o", &file, "setpriv", "--pdeathsig", "KILL", "--"];
    let daemon = Daemon::launch(Options { under: under.map(str::to_owned).into(), ..plain }, [""; 0]);
    daemon.ready().await;
    let url = format!("{}/api/v1/upstreams/old", daemon.admin);
    http::send(http::client().delete(&url)).await.unwrap();
    let written = || async { order(&std::fs::read_to_string(&trace).unwrap_or_default(), &data) };
    let order = daemon.process.until("strace has written it down", written).await;
    let [asked, stored, synced, answered] = order;
    assert!(asked < stored && stored < synced && synced < answered, "lines of the trace: {order:?}");
}

/// The lines of the trace at which the request came, its last data were written, these were synced, and the answer began.
fn order(trace: &str, data: &Path) -> Result<[usize; 4], String> {
    let lines: Vec<&str> = trace.lines().collect();
    let find = |from: usize, what: &str, is: &dyn Fn(&str) -> bool| {
        let at = lines.iter().skip(from).position(|line| is(line));
        at.map(|at| from + at).ok_or_else(|| format!("no {what} after line {from}"))
    };
    let asked = find(0, "request", &|line| line.contains("\"DELETE "))?;
    let answered = find(asked, "answer", &|line| line.contains("\"HTTP/1.1 200"))?;
    let data = format!("<{}", data.display());
    let is_write = |line: &str| ["pwrite64(", "pwritev(", " write(", "writev("].iter().any(|call| line.contains(call));
    let between = || lines.iter().enumerate().take(answered).skip(asked);
    let stored = between().rfind(|(_, line)| is_write(line) && line.contains(&data));
    let (stored, _) = stored.ok_or("no data were written between request and answer")?;
    // A call that another thread interrupted ends on a line of its own.
    let is_sync = |line: &str| line.contains("fdatasync") || line.contains("fsync");
    let synced = find(stored, "sync", &|line| is_sync(line) && line.ends_with("= 0"))?;
    Ok([asked, stored, synced, answered])
}
