//! The door to the catalog: everything outside this crate reads and writes through [`Catalog`].

use std::fs::File;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

use crate::error::CatalogError;
use crate::events::{Events, EventsError};
use crate::history::{self, Revision};
use crate::listing::Listing;
use crate::model::{KindState, Materials, Origin, SourceId, UpstreamId};
use crate::prepare::{Content, Found, LookAnswer, Looked, pasts};
use crate::published::{Published, StoreTrouble};
use crate::registrar::Registrar;
use crate::report::{Finding, ListedFunctions, Merged, Probed, Receipt, Report};
use crate::request::{Answer, QUEUE, Request};
use crate::schema;
use crate::settings::Settings;
use crate::snapshot::{FunctionEntry, Snapshot, UpstreamEntry};
use crate::store::{Store, StoreError};

/// Reads and changes the catalog. Cheap to clone; every clone is the same catalog.
#[derive(Clone, Debug)]
pub struct Catalog {
    requests: mpsc::Sender<Request>,
    published: Arc<Published>,
    store: Arc<dyn Store>,
    settings: Arc<Settings>,
}

/// The catalog in `store`, and its writer, which does nothing until it is run.
pub async fn open(store: Arc<dyn Store>, settings: Settings) -> Result<(Catalog, Registrar), StoreError> {
    let settings = Arc::new(settings);
    let (requests, receiver) = mpsc::channel(QUEUE);
    let registrar = Registrar::load(store.clone(), settings.clone(), receiver).await?;
    Ok((Catalog { requests, published: registrar.published(), store, settings }, registrar))
}

impl Catalog {
    /// The newest generation: one atomic load. A reader that keeps a snapshot compares this and takes a new one when it differs.
    pub fn generation(&self) -> u64 {
        self.published.generation()
    }

    /// The namespace of what is discovered.
    pub fn namespace(&self) -> &str {
        &self.settings.namespace
    }

    /// The newest snapshot.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.published.snapshot()
    }

    /// Every snapshot from now on; a slow reader sees only the newest.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.published.subscribe()
    }

    /// Set while the store fails. Its coming and going publishes a snapshot, so that a subscriber sees it.
    pub fn health(&self) -> Option<Arc<StoreTrouble>> {
        self.published.trouble()
    }

    /// The store, to read from.
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// What binding `function` takes: its complete schemas and its attachments.
    pub async fn materials(
        &self,
        upstream: &UpstreamEntry,
        function: &FunctionEntry,
    ) -> Result<Materials, CatalogError> {
        let id = &upstream.upstream.id;
        schema::materials(&*self.store, id, function).await.map_err(|error| {
            let name = &function.function.name;
            let now = self.snapshot().by_id(id).and_then(|entry| Some(entry.function(name)?.record));
            match now == Some(function.record) {
                true => error.into(),
                // The contents went with the revision that named them.
                false => CatalogError::Unknown(format!("{id}/{name} of revision {}", function.function.revision)),
            }
        })
    }

    /// The kept revisions of a function, newest first.
    pub async fn history(&self, upstream: &UpstreamId, function: &str) -> Result<Vec<Revision>, CatalogError> {
        let snapshot = self.snapshot();
        let entry = snapshot.by_id(upstream).ok_or_else(|| CatalogError::Unknown(upstream.to_string()))?;
        let revisions = history::read(&*self.store, entry, function).await?;
        revisions.ok_or_else(|| CatalogError::Unknown(format!("{upstream}/{function}")))
    }

    /// The events after `since`, an event's revision and place; `(revision, u32::MAX)` is the end of a revision. Without it those from now on.
    pub fn events(&self, since: Option<(u64, u32)>) -> Result<Events, EventsError> {
        Events::new(since, self.subscribe(), self.store.clone(), self.settings.clone())
    }

    /// Takes what a source says. Returns when it is durable and visible.
    pub async fn report(&self, source: &SourceId, report: Report) -> Result<Receipt, CatalogError> {
        self.ask(|answer| Request::Report(source.clone(), report, answer)).await
    }

    /// Takes the functions that a source lists for one of its upstreams. Returns when they are durable and visible.
    pub async fn listed(&self, source: &SourceId, listed: ListedFunctions) -> Result<Receipt, CatalogError> {
        let ListedFunctions { key, kind, description } = listed;
        let origin = Origin { source: source.clone(), key };
        let content = Arc::new(Content::new(*description));
        loop {
            let snapshot = self.snapshot();
            let base = snapshot.by_origin(&origin).ok_or_else(|| CatalogError::Unknown(origin.to_string()))?.clone();
            let listing = Box::new(Listing::new(&*self.store, base, &kind, &content).await?);
            let request = |answer| Request::Listed(origin.clone(), listing, answer);
            if let Some(receipt) = self.ask(request).await? {
                return Ok(receipt);
            }
        }
    }

    /// Marks the entries of `source` as stale, because it fails for `reason`; its next report ends that.
    pub async fn failing(&self, source: &SourceId, reason: String) -> Result<(), CatalogError> {
        self.ask(|answer| Request::Failing(source.clone(), reason, answer)).await
    }

    /// Takes what a probe found. Returns when it is durable and visible.
    pub async fn probed(&self, probed: Probed) -> Result<Merged, CatalogError> {
        let Probed { upstream, kind, endpoint, finding } = probed;
        let looked = |answer| Box::new(Looked { upstream: upstream.clone(), kind: kind.clone(), endpoint, answer });
        let (description, digest, tls, hint) = match finding {
            Finding::Found { description, digest, tls, hint } => (description, digest, tls, hint),
            Finding::Unchanged { .. } => return self.looked(looked(LookAnswer::Unchanged)).await,
            Finding::NotThis | Finding::Failed => return self.looked(looked(LookAnswer::Denied)).await,
        };
        let is_same = |known: &KindState| known.digest == digest && known.tls == tls;
        if self.snapshot().by_id(&upstream).and_then(|entry| entry.upstream.kinds.get(&kind)).is_some_and(is_same) {
            return self.looked(looked(LookAnswer::Unchanged)).await;
        }
        let content = Arc::new(Content::new(*description));
        loop {
            let snapshot = self.snapshot();
            let base = snapshot.by_id(&upstream).ok_or_else(|| CatalogError::Unknown(upstream.to_string()))?.clone();
            let pasts = pasts(&*self.store, &base, &kind, &content).await?;
            let found = Found { content: content.clone(), digest, tls, hint: hint.clone(), base, pasts };
            let request = looked(LookAnswer::Found(Box::new(found)));
            if let Some(merged) = self.ask(|answer| Request::Looked(request, answer)).await? {
                return Ok(merged);
            }
        }
    }

    async fn looked(&self, looked: Box<Looked>) -> Result<Merged, CatalogError> {
        let merged = self.ask(|answer| Request::Looked(looked, answer)).await?;
        // Only a description is compared with something that may have changed.
        Ok(merged.unwrap_or_default())
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

    /// Writes one revision of the store to `file` and hands it back; changes wait meanwhile.
    pub async fn backup(&self, file: File) -> Result<File, CatalogError> {
        self.ask(|answer| Request::Backup(file, answer)).await
    }

    /// Ends the registrar. Returns when all that was taken is written, endpoints too.
    pub async fn close(&self) -> Result<(), CatalogError> {
        self.ask(Request::Close).await
    }

    async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> Request) -> Result<T, CatalogError> {
        let (answer, receiver) = oneshot::channel();
        self.requests.send(request(answer)).await.map_err(|_| CatalogError::Closed)?;
        receiver.await.map_err(|_| CatalogError::Closed)?
    }
}
