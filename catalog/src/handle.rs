//! The door to the catalog: everything outside this crate reads and writes through [`Catalog`].

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot, watch};

use crate::model::{SourceId, UpstreamId};
use crate::report::{Merged, Probed, Receipt, Report};
use crate::snapshot::Snapshot;
use crate::store::{Store, StoreError};

/// Requests that may wait for the registrar; a full queue makes reporters wait.
pub(crate) const QUEUE: usize = 1024;

/// What the registrar is asked to do, each with the way of its answer.
#[derive(Debug)]
pub(crate) enum Request {
    Report(SourceId, Report, Answer<Receipt>),
    Probed(Box<Probed>, Answer<Merged>),
    Accept(SourceId, Answer<Receipt>),
    Forget(UpstreamId, Answer<u64>),
    Configured(Vec<SourceId>, Answer<()>),
}

pub(crate) type Answer<T> = oneshot::Sender<Result<T, CatalogError>>;

/// Why the catalog refused.
#[derive(Clone, Debug, thiserror::Error)]
pub enum CatalogError {
    /// The change could not be made durable, and so did not happen.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// There is no such entry (any more).
    #[error("there is no {0} in the catalog")]
    Unknown(String),
    /// A source still lists it.
    #[error("{0} is still listed by its source; it can be forgotten once it is not")]
    StillListed(String),
    /// The daemon is stopping.
    #[error("the catalog is closed")]
    Closed,
}

/// Reads and changes the catalog. Cheap to clone; every clone is the same catalog.
#[derive(Clone, Debug)]
pub struct Catalog {
    requests: mpsc::Sender<Request>,
    published: Arc<Published>,
    store: Arc<dyn Store>,
}

/// Where the registrar puts each new snapshot.
#[derive(Debug)]
pub(crate) struct Published {
    generation: AtomicU64,
    snapshot: ArcSwap<Snapshot>,
    changes: watch::Sender<Arc<Snapshot>>,
}

impl Published {
    pub(crate) fn new(first: Arc<Snapshot>) -> Self {
        Self {
            generation: AtomicU64::new(first.generation),
            snapshot: ArcSwap::new(first.clone()),
            changes: watch::Sender::new(first),
        }
    }

    /// Shows `next` to every reader.
    pub(crate) fn publish(&self, next: Arc<Snapshot>) {
        let generation = next.generation;
        self.snapshot.store(next.clone());
        self.generation.store(generation, Ordering::Release);
        self.changes.send_replace(next);
    }
}

impl Catalog {
    pub(crate) fn new(requests: mpsc::Sender<Request>, published: Arc<Published>, store: Arc<dyn Store>) -> Self {
        Self { requests, published, store }
    }

    /// The newest generation: one atomic load. A reader that keeps a snapshot compares this and takes a new one when it differs.
    pub fn generation(&self) -> u64 {
        self.published.generation.load(Ordering::Acquire)
    }

    /// The newest snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.published.snapshot.load_full()
    }

    /// Every snapshot from now on; a slow reader sees only the newest.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.published.changes.subscribe()
    }

    /// The store, to read from.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// Takes what a source says. Returns when it is durable and visible.
    pub async fn report(&self, source: &SourceId, report: Report) -> Result<Receipt, CatalogError> {
        self.ask(|answer| Request::Report(source.clone(), report, answer)).await
    }

    /// Takes what a probe found. Returns when it is durable and visible.
    pub async fn probed(&self, probed: Probed) -> Result<Merged, CatalogError> {
        self.ask(|answer| Request::Probed(Box::new(probed), answer)).await
    }

    /// Takes the full list of `source` that is held back, as if it had been answered for long enough.
    pub async fn accept(&self, source: &SourceId) -> Result<Receipt, CatalogError> {
        self.ask(|answer| Request::Accept(source.clone(), answer)).await
    }

    /// Drops an upstream that no source lists any more. Returns the revision that lacks it.
    pub async fn forget(&self, upstream: &UpstreamId) -> Result<u64, CatalogError> {
        self.ask(|answer| Request::Forget(upstream.clone(), answer)).await
    }

    /// Says which sources are configured: entries of others stay, marked stale.
    pub async fn configured(&self, sources: Vec<SourceId>) -> Result<(), CatalogError> {
        self.ask(|answer| Request::Configured(sources, answer)).await
    }

    async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> Request) -> Result<T, CatalogError> {
        let (answer, receiver) = oneshot::channel();
        self.requests.send(request(answer)).await.map_err(|_| CatalogError::Closed)?;
        receiver.await.map_err(|_| CatalogError::Closed)?
    }
}
