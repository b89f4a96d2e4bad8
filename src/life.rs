//! The daemon and what it runs in: signals, the service manager, limits.

use anyhow::Context;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Mutex;

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
