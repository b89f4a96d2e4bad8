//! The embedded store: sled 0.34, used so that its known dangers cannot bite.
//!
//! | danger | what is done |
//! |---|---|
//! | `flush` returns before the data would survive a power loss | the log file is synced after it ([`writer`]) |
//! | `flush_async` can deadlock | one thread writes and flushes; nobody else does |
//! | pages of 128 KiB and more go to files of their own that stay | values are split at [`chunk::LIMIT`] |
//! | a torn `snap.*` file makes every later open fail | it is put aside, and the log, which is whole, is read ([`open`]) |
//! | a second process | waits for a while, then is told |
//! | an I/O error or a panic inside leaves the handle useless | it is opened again, at once or at the next commit; while the disk is full it is read as it was |
//! | a value in pieces could be read while it is replaced | a batch is applied when nobody reads |
//!
//! It refuses nothing by size: a large record costs several entries. Space inside the file is used again, never given back.

mod chunk;
mod open;
mod pack;
#[cfg(test)]
mod tests;
mod writer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use bytes::Bytes;
use futures_util::future::BoxFuture;
use tokio::sync::{mpsc, watch};

use super::{ChangeSet, Each, Key, Keys, Store, StoreError};
use open::Opened;
use writer::Job;

/// Commits that may wait for the writer; a full queue makes the registrar wait.
const QUEUE: usize = 64;

/// What is read; `None` where it could not be opened again after an error. Locked to write while a batch is applied.
type Readable = RwLock<Option<sled::Tree>>;

/// A catalog kept in a folder of this machine.
pub struct SledStore {
    folder: PathBuf,
    tree: Arc<Readable>,
    jobs: mpsc::Sender<Job>,
    others: watch::Sender<u64>,
}

impl SledStore {
    /// Opens the store in `folder`, which is made if there is none. Waits for some seconds for another process to close it.
    pub async fn open(folder: &Path) -> Result<Self, StoreError> {
        Self::start(folder, open::patiently(folder).await?)
    }

    fn start(folder: &Path, opened: Opened) -> Result<Self, StoreError> {
        let tree = Arc::new(RwLock::new(Some(opened.tree.clone())));
        let (jobs, queue) = mpsc::channel(QUEUE);
        writer::start(folder.to_owned(), opened, tree.clone(), queue)
            .map_err(|e| unavailable("start its thread", e))?;
        Ok(Self { folder: folder.to_owned(), tree, jobs, others: watch::Sender::new(0) })
    }

    fn read(&self) -> RwLockReadGuard<'_, Option<sled::Tree>> {
        self.tree.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for SledStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SledStore").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl Store for SledStore {
    fn load<'a>(&'a self, keys: Keys, each: &'a mut Each<'_>) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            let reading = self.read();
            let tree = opened(&reading)?;
            for entry in tree.range(keys) {
                let (name, head) = entry.map_err(|e| unavailable("read", e))?;
                let value = chunk::assemble(tree, &name, &head)?;
                let key = Key::from_bytes(&name).ok_or_else(|| corrupt(&name, "it is no key"))?;
                each(key, &value)?;
            }
            Ok(())
        })
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        Box::pin(async move {
            let reading = self.read();
            let tree = opened(&reading)?;
            let name = key.to_bytes();
            match tree.get(&name).map_err(|e| unavailable("read", e))? {
                Some(head) => chunk::assemble(tree, &name, &head).map(|value| Some(value.into_owned().into())),
                None => Ok(None),
            }
        })
    }

    fn commit(&self, changes: Vec<ChangeSet>) -> BoxFuture<'_, Result<(), StoreError>> {
        Box::pin(async move {
            let (job, done) = Job::new(changes);
            let closed = || unavailable("write", "its thread has ended");
            self.jobs.send(job).await.map_err(|_| closed())?;
            done.await.map_err(|_| closed())?
        })
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.others.subscribe()
    }
}

fn opened(tree: &Option<sled::Tree>) -> Result<&sled::Tree, StoreError> {
    tree.as_ref().ok_or_else(|| unavailable("read", "it is being opened again after an error"))
}

fn corrupt(name: &[u8], cause: &str) -> StoreError {
    StoreError::Corrupt { key: String::from_utf8_lossy(name).into(), cause: cause.into() }
}

fn unavailable(act: &'static str, cause: impl fmt::Display) -> StoreError {
    StoreError::Unavailable { act, cause: cause.to_string().into() }
}
