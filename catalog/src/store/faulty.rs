//! A store that fails when it is told to: for tests of what must hold then.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::{ChangeSet, Each, Key, Keys, Store, StoreError};

/// How commits go wrong.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// Nothing is written, and the caller is told so (a full disk).
    Refuse,
    /// Everything is written, and the caller gets an error all the same (a failed sync, a lost answer).
    Deny,
    /// Only the first change sets are written, this many, and the caller gets an error (a lost connection).
    Break(usize),
    /// Of the first change set only the records are written, not what makes them visible, and the caller gets an error (the same, in a
    /// store that writes a set in steps).
    Tear,
    /// Nothing happens until the fault is another one or none.
    Hang,
    /// It panics.
    Panic,
}

/// Another store, with faults.
#[derive(Debug)]
pub(crate) struct Faulty {
    inner: Arc<dyn Store>,
    fault: watch::Sender<Option<Fault>>,
    committed: Mutex<usize>,
}

impl Faulty {
    /// `inner`, without a fault for now.
    pub(crate) fn new(inner: Arc<dyn Store>) -> Self {
        Self { inner, fault: watch::Sender::new(None), committed: Mutex::default() }
    }

    /// From now on commits go wrong like this, until told otherwise.
    pub(crate) fn fail(&self, fault: Option<Fault>) {
        self.fault.send_replace(fault);
    }

    /// How many change sets were written.
    pub(crate) fn committed(&self) -> usize {
        *self.committed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn write(&self, changes: Vec<ChangeSet>) -> Result<(), StoreError> {
        let count = changes.len();
        self.inner.commit(changes).await?;
        *self.committed.lock().unwrap_or_else(PoisonError::into_inner) += count;
        Ok(())
    }
}

impl Store for Faulty {
    fn load<'a>(&'a self, keys: Keys, each: &'a mut Each<'_>) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.load(keys, each)
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        self.inner.get(key)
    }

    fn commit(&self, mut changes: Vec<ChangeSet>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let error = StoreError::Unavailable { act: "commit", cause: "it was told to fail".into() };
            let mut faults = self.fault.subscribe();
            let fault = faults.wait_for(|fault| *fault != Some(Fault::Hang)).await.map_or(None, |fault| *fault);
            match fault {
                None => return self.write(changes).await,
                Some(Fault::Refuse | Fault::Hang) => {}
                Some(Fault::Deny) => self.write(changes).await?,
                Some(Fault::Break(first)) => {
                    changes.truncate(first);
                    self.write(changes).await?;
                }
                Some(Fault::Tear) => {
                    changes.truncate(1);
                    let torn = |set: ChangeSet| ChangeSet { records: set.records, ..ChangeSet::default() };
                    self.write(changes.into_iter().map(torn).collect()).await?;
                }
                Some(Fault::Panic) => panic!("it was told to panic"),
            }
            Err(error)
        }
        .boxed()
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.inner.watch()
    }
}
