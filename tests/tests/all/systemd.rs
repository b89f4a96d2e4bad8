//! The unit of `deploy/systemd`: systemd understands it and finds it closed, what it runs tells the service manager how it is, and the
//! daemon calls nothing of the kernel that it forbids.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use harness::described::{Described, document};
use harness::installed::named;
use harness::process::{self, Process};
use harness::{command, daemon, http, port, wait};

/// The most exposure that the unit may have, in tenths, as `systemd-analyze security` counts it: 100 is the worst, and what needs the
/// network and the host's files is not below 10.
const EXPOSURE: &str = "15";

fn deployed(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/systemd").join(file)
}

fn unit() -> String {
    fs::read_to_string(deployed("portolan.service")).unwrap()
}

/// All that a setting of the unit says, line by line.
fn said(setting: &str) -> Vec<String> {
    unit().lines().filter_map(|line| line.strip_prefix(setting)?.strip_prefix('=').map(str::to_owned)).collect()
}

fn analyze(arguments: &[&str]) -> Result<String, String> {
    let output =
        Command::new(named("PORTOLAN_TEST_SYSTEMD_ANALYZE")).arg("--no-pager").args(arguments).output().unwrap();
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if output.status.success() { Ok(text) } else { Err(text) }
}

#[test]
fn systemd_understands_the_unit_and_finds_it_closed() {
    let folder = process::folder("unit");
    let file = folder.path().join("portolan.service");
    let binary = daemon::binary().display().to_string();
    fs::write(&file, unit().replace("/usr/bin/portolan", &binary)).unwrap();
    let added = folder.path().join("portolan.service.d");
    fs::create_dir(&added).unwrap();
    fs::copy(deployed("off-loopback.conf"), added.join("off-loopback.conf")).unwrap();
    let file = file.display().to_string();
    let complaints = analyze(&["verify", "--man=no", "--recursive-errors=no", &file]);
    assert_eq!(complaints.as_deref(), Ok(""), "{file}");
    let security = analyze(&["security", "--offline=true", &format!("--threshold={EXPOSURE}"), &file]);
    assert!(security.is_ok(), "{security:?}");
}

#[tokio::test]
async fn the_configuration_beside_the_unit_is_one() {
    let ended = command::run(["check", &deployed("portolan.yaml").display().to_string()]).await;
    assert_eq!((ended.code, &*ended.out), (0, ""), "{ended:?}");
}

/// The system calls of a filter's set, with those of the sets in it.
fn calls(set: &str) -> BTreeSet<String> {
    if !set.starts_with('@') {
        return BTreeSet::from([set.to_owned()]);
    }
    let listed = analyze(&["syscall-filter", set]).unwrap_or_else(|error| panic!("{set}: {error}"));
    let lines = listed.lines().skip(1).map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.flat_map(calls).collect()
}

/// What the unit allows.
fn allowed() -> BTreeSet<String> {
    let mut allowed = BTreeSet::new();
    for line in said("SystemCallFilter") {
        match line.strip_prefix('~') {
            None => allowed.extend(line.split_whitespace().flat_map(calls)),
            Some(denied) => {
                let denied: BTreeSet<_> = denied.split_whitespace().flat_map(calls).collect();
                allowed.retain(|call| !denied.contains(call));
            }
        }
    }
    allowed
}

/// The names of the system calls in what strace wrote: `123 openat(AT_FDCWD, …`, `123 <... openat resumed>`.
fn called(trace: &str) -> BTreeSet<String> {
    let name = |line: &str| {
        let call = line.split_once(' ')?.1.trim_start().split_once('(')?.0;
        call.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_').then(|| call.to_owned())
    };
    trace.lines().filter_map(name).collect()
}

#[tokio::test]
async fn the_daemon_tells_how_it_is_and_calls_nothing_that_is_forbidden() {
    let folder = process::folder("service");
    let (state, socket, trace) =
        (folder.path().join("state"), folder.path().join("notify"), folder.path().join("trace"));
    fs::create_dir(&state).unwrap();
    let manager = UnixDatagram::bind(&socket).unwrap();
    manager.set_nonblocking(true).unwrap();
    let told = |wanted: &'static str| {
        let manager = &manager;
        wait::until(wanted, wait::START, move || async move {
            let mut buffer = [0; 64];
            let length = manager.recv(&mut buffer).map_err(|error| error.to_string())?;
            let text = String::from_utf8_lossy(&buffer[..length]).into_owned();
            if text == wanted { Ok(()) } else { Err(text) }
        })
    };
    let ship = Described::start("ship", document(&["sail"])).await;
    let (gateway, admin) = (port::free(), port::free());

    let start = said("ExecStart").pop().unwrap();
    let (program, arguments) = start.split_once(' ').unwrap();
    assert_eq!(program, "/usr/bin/portolan");
    let mut arguments: Vec<String> = arguments.split(' ').map(str::to_owned).collect();
    arguments.push(format!("--config={}", deployed("portolan.yaml").display()));
    arguments.push(format!("--gateway=127.0.0.1:{gateway}"));
    arguments.push(format!("--admin=127.0.0.1:{admin}"));
    arguments.push(format!("--upstream=ship={}", ship.url("")));
    let plain = daemon::command(&arguments);
    let mut command = Command::new(named("PORTOLAN_TEST_STRACE"));
    // From a process aside, so that a signal is one to the daemon.
    command.args(["-D", "-f", "-q", "-o"]).arg(&trace).arg(plain.get_program()).args(plain.get_args());
    command.env("STATE_DIRECTORY", &state).env("NOTIFY_SOCKET", &socket);
    let service = Process::start_in(folder, "portolan", command);
    told("READY=1").await;
    let url = format!("http://127.0.0.1:{gateway}/fn/ship/sail");
    service.until("its function answers", || http::get(&url)).await;
    service.signal("HUP");
    let reloaded = || async { service.output().contains("daemon.reloaded").then_some(()).ok_or("not yet".to_owned()) };
    service.until("it is reloaded", reloaded).await;
    service.signal("TERM");
    told("STOPPING=1").await;
    let limit = said("TimeoutStopSec").pop().and_then(|seconds| seconds.parse().ok()).map(Duration::from_secs);
    let ended = wait::until("it ends", limit.unwrap(), || async { service.ended().ok_or("it still runs") }).await;
    assert!(ended.success(), "{ended}");
    assert!(state.join("store").exists(), "the catalog is in the unit's state folder");

    let whole = || async {
        let trace = fs::read_to_string(&trace).unwrap();
        if trace.ends_with("+++ exited with 0 +++\n") { Ok(trace) } else { Err("it is not whole yet") }
    };
    let called = called(&wait::until("strace has written all down", wait::SOON, whole).await);
    assert!(called.contains("epoll_wait") || called.contains("epoll_pwait2"), "{called:?}");
    let allowed = allowed();
    let forbidden: Vec<_> = called.iter().filter(|call| !allowed.contains(*call)).collect();
    assert!(forbidden.is_empty(), "{forbidden:?}");
}
