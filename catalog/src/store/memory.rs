//! A store that keeps everything in memory and loses it with the process: for tests.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use tokio::sync::watch;

use super::{ChangeSet, Each, Key, Keys, Store, StoreError};

type Records = BTreeMap<Vec<u8>, Bytes>;

/// Records in memory, under the same bytes as on disk.
pub struct Memory {
    /// Replaced as a whole, so that a reader keeps the one that it began with.
    records: Mutex<Arc<Records>>,
    foreign: watch::Sender<u64>,
}

impl Memory {
    fn records(&self) -> Arc<Records> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records().is_empty()
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self { records: Mutex::default(), foreign: watch::Sender::new(0) }
    }
}

impl fmt::Debug for Memory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Memory({} records)", self.len())
    }
}

impl Store for Memory {
    fn load<'a>(&'a self, keys: Keys, each: &'a mut Each<'_>) -> BoxFuture<'a, Result<(), StoreError>> {
        async move {
            let records = self.records();
            for (bytes, value) in records.range(keys) {
                let key = Key::from_bytes(bytes).ok_or_else(|| StoreError::Corrupt {
                    key: String::from_utf8_lossy(bytes).into(),
                    cause: "not a key".into(),
                })?;
                each(key, value)?;
            }
            Ok(())
        }
        .boxed()
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        async move { Ok(self.records().get(&key.to_bytes()).cloned()) }.boxed()
    }

    fn commit(&self, changes: Vec<ChangeSet>) -> BoxFuture<'_, Result<(), StoreError>> {
        async move {
            let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
            let records = Arc::make_mut(&mut records);
            for set in changes {
                for (key, value) in set.records.into_iter().chain(set.manifest) {
                    records.insert(key.to_bytes(), value);
                }
                for key in set.drops {
                    records.remove(&key.to_bytes());
                }
            }
            Ok(())
        }
        .boxed()
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.foreign.subscribe()
    }
}
