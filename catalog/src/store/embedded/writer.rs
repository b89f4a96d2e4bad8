//! The one thread that writes: takes all waiting commits together, applies them as one batch, flushes and syncs, then answers.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLockWriteGuard};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

use super::super::{ChangeSet, StoreError};
use super::open::{self, Opened};
use super::{Readable, chunk, unavailable};

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
    readable: Arc<Readable>,
    mut queue: mpsc::Receiver<Job>,
) -> io::Result<()> {
    let mut writer = Writer { folder, opened: Some(opened), is_useless: false, readable };
    let run = move || {
        let mut jobs = Vec::with_capacity(GROUP);
        while queue.blocking_recv_many(&mut jobs, GROUP) > 0 {
            let result = writer.write(&jobs);
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

struct Writer {
    folder: PathBuf,
    opened: Option<Opened>,
    /// After an error sled writes no more; what is open can only be read.
    is_useless: bool,
    readable: Arc<Readable>,
}

impl Writer {
    /// Applies all of `jobs`. After an error or a panic inside sled the store is opened again: at once if that can be, or by the
    /// next call.
    fn write(&mut self, jobs: &[Job]) -> Result<(), StoreError> {
        if self.is_useless || self.opened.is_none() {
            self.reopen()?;
        }
        let Some(opened) = &self.opened else {
            return Err(unavailable("write", "it is not open"));
        };
        let error = match catch_unwind(AssertUnwindSafe(|| apply(opened, &self.readable, jobs))) {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(error)) => error.to_string(),
            Err(_) => {
                self.close();
                "it panicked".to_owned()
            }
        };
        self.is_useless = true;
        if let Err(error) = self.reopen() {
            tracing::error!(%error, "store.reopen_failed");
        }
        Err(unavailable("write", error))
    }

    /// Opens the store anew. While the disk is full it stays as it is: it could not be opened, and it can be read.
    fn reopen(&mut self) -> Result<(), StoreError> {
        open::room(&self.folder).map_err(|e| unavailable("write", e))?;
        self.close();
        let opened = open::once(&self.folder).map_err(|e| unavailable("be opened again", e))?;
        *lock(&self.readable) = Some(opened.tree.clone());
        self.opened = Some(opened);
        self.is_useless = false;
        Ok(())
    }

    fn close(&mut self) {
        let open = (lock(&self.readable).take(), self.opened.take());
        // sled syncs when it is closed, and panics where that fails.
        let _ = catch_unwind(AssertUnwindSafe(|| drop(open)));
    }
}

fn lock(readable: &Readable) -> RwLockWriteGuard<'_, Option<sled::Tree>> {
    readable.write().unwrap_or_else(PoisonError::into_inner)
}

fn apply(Opened { db, tree, log }: &Opened, readable: &Readable, jobs: &[Job]) -> sled::Result<()> {
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
    {
        let _nobody_reads = lock(readable);
        tree.apply_batch(batch)?;
    }
    db.flush()?;
    // `flush` alone asks the kernel to write the range; only this waits for the disk.
    log.sync_data()?;
    Ok(())
}
