//! The one thread that writes: takes all waiting commits together, applies them as one batch, flushes and syncs, then answers.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::super::{ChangeSet, StoreError};
use super::open::{self, Opened};
use super::{chunk, unavailable};

/// The most commits that share one flush.
const GROUP: usize = 64;

/// One commit and the way of its answer.
pub(super) struct Job {
    changes: Vec<ChangeSet>,
    done: oneshot::Sender<Result<(), StoreError>>,
}

impl Job {
    pub(super) fn new(changes: Vec<ChangeSet>) -> (Self, oneshot::Receiver<Result<(), StoreError>>) {
        let (done, answer) = oneshot::channel();
        (Self { changes, done }, answer)
    }
}

/// Starts the thread. It ends when every sender of `queue` is gone.
pub(super) fn start(
    folder: PathBuf,
    opened: Opened,
    tree: Arc<ArcSwapOption<sled::Tree>>,
    mut queue: mpsc::Receiver<Job>,
) -> io::Result<()> {
    let run = move || {
        let mut opened = Some(opened);
        let mut jobs = Vec::with_capacity(GROUP);
        while queue.blocking_recv_many(&mut jobs, GROUP) > 0 {
            let result = write(&folder, &mut opened, &tree, &jobs);
            if let Err(error) = &result {
                tracing::error!(%error, "store.write_failed");
            }
            for job in jobs.drain(..) {
                // A caller that stopped waiting needs no answer.
                let _ = job.done.send(result.clone());
            }
        }
    };
    std::thread::Builder::new().name("store".into()).spawn(run).map(drop)
}

/// Applies all of `jobs`. After an error or a panic inside sled its handle is closed; the next call opens it again.
fn write(
    folder: &Path,
    opened: &mut Option<Opened>,
    shared: &ArcSwapOption<sled::Tree>,
    jobs: &[Job],
) -> Result<(), StoreError> {
    if opened.is_none() {
        let fresh = open::once(folder).map_err(|e| unavailable("be opened again", e))?;
        shared.store(Some(Arc::new(fresh.tree.clone())));
        *opened = Some(fresh);
    }
    let Some(Opened { db, tree, log }) = opened.as_ref() else {
        return Err(unavailable("write", "it is not open"));
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| apply(db, tree, log, jobs)));
    let result = match outcome {
        Ok(result) => result.map_err(|e| unavailable("write", e)),
        Err(_) => Err(unavailable("write", "it panicked")),
    };
    if result.is_err() {
        shared.store(None);
        *opened = None;
    }
    result
}

fn apply(db: &sled::Db, tree: &sled::Tree, log: &File, jobs: &[Job]) -> sled::Result<()> {
    // The last word on each key, so that pieces of one value never mix with those of another.
    let mut last: BTreeMap<Vec<u8>, Option<&Bytes>> = BTreeMap::new();
    for change in jobs.iter().flat_map(|job| &job.changes) {
        for (key, value) in change.records.iter().chain(&change.manifest) {
            last.insert(key.to_bytes(), Some(value));
        }
        for key in &change.drops {
            last.insert(key.to_bytes(), None);
        }
    }
    let mut batch = sled::Batch::default();
    for (name, value) in last {
        match value {
            Some(value) => chunk::insert(tree, &mut batch, &name, value)?,
            None => chunk::remove(tree, &mut batch, &name)?,
        }
    }
    tree.apply_batch(batch)?;
    db.flush()?;
    // `flush` alone asks the kernel to write the range; only this waits for the disk.
    log.sync_data()?;
    Ok(())
}
