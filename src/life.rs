//! The daemon and what it runs in: signals, the service manager, and the table that a person sees at the start.

use std::fmt::Write;
use std::net::SocketAddr;

use anyhow::Context;
use discovery::board::{State, Status};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;

use crate::api::Api;
use crate::config::Config;

/// The signals that end a daemon.
pub(crate) struct Signals(Mutex<(Signal, Signal)>);

impl Signals {
    /// Takes SIGTERM and SIGINT from now on.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let listen = |kind| signal(kind).context("listen to signals");
        Ok(Self(Mutex::new((listen(SignalKind::terminate())?, listen(SignalKind::interrupt())?))))
    }

    /// Returns when one has come.
    pub(crate) async fn stop(&self) {
        let mut signals = self.0.lock().await;
        let (terminate, interrupt) = &mut *signals;
        tokio::select! {
            _ = terminate.recv() => tracing::info!(signal = "SIGTERM", "daemon.stopping"),
            _ = interrupt.recv() => tracing::info!(signal = "SIGINT", "daemon.stopping"),
        }
    }
}

/// Each SIGHUP from now on: read again what may change.
pub(crate) fn hangups() -> anyhow::Result<Signal> {
    signal(SignalKind::hangup()).context("listen to signals")
}

/// Tells the service manager (sd_notify(3)); does nothing where there is none.
pub(crate) fn notify(state: &str) {
    let Some(socket) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let send = || -> std::io::Result<()> {
        let datagram = std::os::unix::net::UnixDatagram::unbound()?;
        match socket.to_str().and_then(|s| s.strip_prefix('@')) {
            Some(name) => {
                use std::os::linux::net::SocketAddrExt;
                let address = std::os::unix::net::SocketAddr::from_abstract_name(name)?;
                datagram.send_to_addr(state.as_bytes(), &address)?
            }
            None => datagram.send_to(state.as_bytes(), &socket)?,
        };
        Ok(())
    };
    if let Err(error) = send() {
        tracing::warn!(%error, "daemon.notify_failed");
    }
}

/// Lets this process open as many files as it ever may: each connection is one, and the usual limit is low for the sake of programs that
/// wait for them with select(2).
pub(crate) fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let (old, new) = (limit.current, limit.maximum);
    if old == new {
        return;
    }
    match setrlimit(Resource::Nofile, Rlimit { current: new, maximum: new }) {
        Ok(()) => tracing::info!(old, new, "daemon.open_files"),
        Err(error) => {
            tracing::warn!(%error, old, new, "daemon.open_files: the old limit holds, and callers' connections get half of it")
        }
    }
}

/// What was found and what was not; `notes` are what each kind of source says of its search.
pub(crate) fn table(config: &Config, api: &Api, admin: SocketAddr, notes: &[(&'static str, String)]) -> String {
    let snapshot = api.catalog.snapshot();
    let mut rows: Vec<(String, String)> = vec![
        ("gateway".into(), format!("{}/fn/…", api.gateway.url)),
        ("admin".into(), format!("http{}://{admin}", if config.admin_tls.is_some() { "s" } else { "" })),
        (
            "catalog".into(),
            format!(
                "{} upstreams, {} functions, revision {}, in {}",
                snapshot.upstream_count(),
                snapshot.function_count(),
                snapshot.revision,
                config.data_dir.display()
            ),
        ),
    ];
    for Status { source, state, upstreams, last_error, .. } in api.board.read() {
        let error = last_error.as_ref().map(|error| error.message.as_str());
        rows.push((format!("source {source}"), told(state, upstreams, error)));
    }
    rows.extend(notes.iter().map(|(kind, note)| (format!("{kind} sources"), note.clone())));
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let mut table = format!("portolan {}", env!("CARGO_PKG_VERSION"));
    for (name, value) in rows {
        // Writing to a string cannot fail.
        let _ = write!(table, "\n  {name:width$}  {value}");
    }
    table
}

/// How a source is, for who sees it for the first time.
fn told(state: State, upstreams: usize, error: Option<&str>) -> String {
    let error = error.map(|error| format!(": {error}")).unwrap_or_default();
    match state {
        State::Starting => format!("has not answered yet{error}; until it does, what the catalog has of it stays"),
        State::Ok => format!("ok, lists {upstreams} upstreams"),
        State::Failing => format!("failing{error}; it is tried again, and what the catalog has of it stays"),
        State::Stopped => "stopped".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_says_how_it_is() {
        let check = |state, error, expected: &str| assert_eq!(told(state, 3, error), expected);
        let stays = "what the catalog has of it stays";
        check(State::Starting, None, &format!("has not answered yet; until it does, {stays}"));
        check(State::Ok, Some("an old one"), "ok, lists 3 upstreams");
        check(State::Failing, Some("refused"), &format!("failing: refused; it is tried again, and {stays}"));
    }
}
