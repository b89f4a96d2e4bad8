//! Opening a folder: the lock of another process, a torn snapshot file, a new folder.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use tokio::time::Instant;

use super::super::StoreError;
use super::unavailable;

/// How long another process may take to close the store before a start is refused: a daemon being replaced ends within that.
pub(super) const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// How often the lock is tried meanwhile.
const LOCK_RETRY: Duration = Duration::from_millis(100);

/// What sled keeps in memory, in bytes. The hot records are in the snapshot; this serves schemas and writes.
const CACHE: u64 = 64 << 20;

/// What has to fit onto the disk before a store is opened again, in bytes: some times what opening one of 100,000 functions writes.
const ROOM: usize = 8 << 20;

/// The most of the log that the system is asked to read ahead, in bytes: a store of 100,000 functions fits, and the system takes the
/// memory back where it is needed.
#[cfg(target_os = "linux")]
const AHEAD: u64 = 1 << 30;

/// How much of it is asked for at once, in bytes: of more than a device's read-ahead window, which is this by default, Linux may read
/// the beginning alone.
#[cfg(target_os = "linux")]
const AHEAD_AT_ONCE: u64 = 128 << 10;

/// An open store.
pub(super) struct Opened {
    pub(super) db: sled::Db,
    pub(super) tree: sled::Tree,
    /// The log file, to be synced after each flush.
    pub(super) log: File,
}

/// Opens `folder`, waiting for another process to close it.
pub(super) async fn patiently(folder: &Path) -> Result<Opened, StoreError> {
    read_ahead(folder);
    let until = Instant::now() + LOCK_PATIENCE;
    loop {
        match once(folder) {
            Err(sled::Error::Io(e)) if is_lock(&e) && Instant::now() < until => tokio::time::sleep(LOCK_RETRY).await,
            Err(sled::Error::Io(e)) if is_lock(&e) => {
                return Err(StoreError::Locked { place: folder.display().to_string().into() });
            }
            other => return other.map_err(|e| unavailable("be opened", e)),
        }
    }
}

/// Has the log read in one sweep. After a boot sled would wait for each of its pages, one after another, where they lie.
fn read_ahead(folder: &Path) {
    #[cfg(target_os = "linux")]
    if let Ok(log) = File::open(folder.join("db")) {
        let length = log.metadata().map_or(0, |metadata| metadata.len().min(AHEAD));
        let step = std::num::NonZeroU64::new(AHEAD_AT_ONCE);
        for begin in (0..length).step_by(AHEAD_AT_ONCE as usize) {
            // Where the system does not take the advice, the start takes longer.
            let _ = rustix::fs::fadvise(&log, begin, step, rustix::fs::Advice::WillNeed);
        }
    }
}

/// Opens `folder` now.
pub(super) fn once(folder: &Path) -> sled::Result<Opened> {
    let fresh = !folder.join("db").exists();
    let db = match config(folder).open() {
        Err(sled::Error::Corruption { at: None, .. }) => {
            put_torn_snapshots_aside(folder)?;
            config(folder).open()?
        }
        other => other?,
    };
    let tree = db.open_tree("records")?;
    let log = File::open(folder.join("db"))?;
    if fresh {
        make_names_durable(&db, folder)?;
    }
    Ok(Opened { db, tree, log })
}

/// Makes sure that the disk takes what opening `folder` writes.
pub(super) fn room(folder: &Path) -> io::Result<()> {
    let place = folder.join("room");
    let written = File::create(&place).and_then(|mut file| {
        file.write_all(&vec![0; ROOM])?;
        file.sync_all()
    });
    written.and(fs::remove_file(&place))
}

fn config(folder: &Path) -> sled::Config {
    sled::Config::new().path(folder).cache_capacity(CACHE).flush_every_ms(None)
}

/// A snapshot file is a shortcut; what it says is in the log too. One that a kill cut short makes every open fail.
fn put_torn_snapshots_aside(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") {
            tracing::warn!(file = %name, "store.snapshot_torn: put aside, the log is read instead");
            fs::rename(entry.path(), folder.join(format!("torn-{name}")))?;
        }
    }
    Ok(())
}

/// A new folder and the files in it survive a power loss only when the folders that name them are synced.
fn make_names_durable(db: &sled::Db, folder: &Path) -> sled::Result<()> {
    db.flush()?;
    File::open(folder)?.sync_all()?;
    if let Some(parent) = folder.parent().filter(|p| !p.as_os_str().is_empty()) {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

/// sled says in words alone that another process holds the lock.
fn is_lock(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.to_string().contains("could not acquire lock")
}
