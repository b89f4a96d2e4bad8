//! Says when files may have changed: by the file system's events, and now and then without one, for file systems that send none.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// Without an event for this long the files are taken as written.
const QUIET: Duration = Duration::from_millis(50);
/// However many events come, they are looked at after this.
const BUSY: Duration = Duration::from_secs(1);
/// Without any event: network file systems and some mounts of containers send none.
const RESCAN: Duration = Duration::from_secs(30);

/// A watch of one file or folder.
pub(super) struct Changes {
    signal: Arc<Notify>,
    _watcher: RecommendedWatcher,
}

impl Changes {
    /// Watches from now on.
    pub(super) fn of(path: &Path) -> notify::Result<Self> {
        let signal = Arc::new(Notify::new());
        let told = signal.clone();
        let mut watcher = notify::recommended_watcher(move |event: notify::Result<Event>| {
            if !event.is_ok_and(|event| is_reading(&event.kind)) {
                told.notify_one();
            }
        })?;
        for folder in folders(path) {
            watcher.watch(&folder, RecursiveMode::NonRecursive)?;
        }
        Ok(Self { signal, _watcher: watcher })
    }

    /// Returns when something may have changed and has settled.
    pub(super) async fn next(&mut self) {
        if timeout(RESCAN, self.signal.notified()).await.is_err() {
            return;
        }
        let latest = Instant::now() + BUSY;
        loop {
            tokio::select! {
                () = sleep(QUIET) => return,
                more = timeout_at(latest, self.signal.notified()) => if more.is_err() { return },
            }
        }
    }
}

/// Our own reading is an event, too.
fn is_reading(kind: &EventKind) -> bool {
    matches!(kind, EventKind::Access(access) if *access != AccessKind::Close(AccessMode::Write))
}

/// The folders in which a change to `path` shows: itself or the one that it lies in, for files are replaced rather than written; and
/// the one that a link leads to. Kubernetes changes a mounted folder by exchanging a link in it.
fn folders(path: &Path) -> Vec<PathBuf> {
    let holding = |file: &Path| match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    if path.is_dir() {
        return vec![path.to_owned()];
    }
    let mut folders = vec![holding(path)];
    folders.extend(path.canonicalize().ok().map(|file| holding(&file)));
    folders.dedup();
    folders
}
