//! What readers see: the newest snapshot, and whether the store fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::{ArcSwap, ArcSwapOption};
use jiff::Timestamp;
use tokio::sync::watch;

use crate::snapshot::Snapshot;
use crate::store::StoreError;

/// The store fails: catalog changes are refused, endpoint changes go on.
#[derive(Clone, Debug)]
pub struct StoreTrouble {
    /// Since when.
    pub since: Timestamp,
    /// How it failed first.
    pub error: StoreError,
}

/// Where the registrar puts each new snapshot.
#[derive(Debug)]
pub(crate) struct Published {
    generation: AtomicU64,
    snapshot: ArcSwap<Snapshot>,
    changes: watch::Sender<Arc<Snapshot>>,
    trouble: ArcSwapOption<StoreTrouble>,
}

impl Published {
    pub(crate) fn new(first: Arc<Snapshot>) -> Self {
        Self {
            generation: AtomicU64::new(first.generation),
            snapshot: ArcSwap::new(first.clone()),
            changes: watch::Sender::new(first),
            trouble: ArcSwapOption::empty(),
        }
    }

    /// The newest generation: one atomic load.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.changes.subscribe()
    }

    pub(crate) fn trouble(&self) -> Option<Arc<StoreTrouble>> {
        self.trouble.load_full()
    }

    /// Shows `next` to every reader.
    pub(crate) fn publish(&self, next: Arc<Snapshot>) {
        let generation = next.generation;
        self.snapshot.store(next.clone());
        self.generation.store(generation, Ordering::Release);
        self.changes.send_replace(next);
    }

    /// Shows whether the store fails.
    pub(crate) fn troubled(&self, trouble: Option<StoreTrouble>) {
        self.trouble.store(trouble.map(Arc::new));
    }
}
