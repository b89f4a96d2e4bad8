//! What tests stand on: a real catalog in memory.

use std::future::ready;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use catalog::model::{Endpoint, SourceId, UpstreamId, UpstreamSpec};
use catalog::report::{Listed, Report};
use catalog::store::{ChangeSet, Each, Key, Keys, Memory, Store, StoreError};
use catalog::{Catalog, Settings, Snapshot};
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Long enough for anything that comes at all.
const PATIENCE: Duration = Duration::from_secs(120);

/// A catalog that is written to as long as this lives.
pub(crate) struct Bench {
    pub(crate) catalog: Catalog,
    _tasks: JoinSet<()>,
}

impl Bench {
    pub(crate) async fn new() -> Self {
        Self::on(Arc::new(Memory::default())).await
    }

    pub(crate) async fn on(store: Arc<dyn Store>) -> Self {
        let (catalog, registrar) = catalog::open(store, Settings::default()).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(registrar.run());
        Self { catalog, _tasks: tasks }
    }

    /// Returns when a snapshot shows `fact`.
    pub(crate) async fn wait(&self, fact: impl Fn(&Snapshot) -> bool) -> Arc<Snapshot> {
        let mut snapshots = self.catalog.subscribe();
        let found = timeout(PATIENCE, snapshots.wait_for(|snapshot| fact(snapshot))).await;
        found.expect("the catalog shows it in time").unwrap().clone()
    }

    /// Lists one upstream under `name` from the source `static`.
    pub(crate) async fn list(&self, name: &str, spec: UpstreamSpec, endpoints: &[&str]) -> UpstreamId {
        let source = SourceId::new("static", "");
        let report = Report::Changed(Box::new(listed(name, spec, endpoints)));
        self.catalog.report(&source, report).await.unwrap();
        id(&self.catalog.snapshot(), name)
    }
}

/// A store on a disk that may be full.
#[derive(Default, Debug)]
pub(crate) struct Disk {
    pub(crate) is_full: AtomicBool,
    inner: Memory,
}

impl Store for Disk {
    fn load<'a>(&'a self, keys: Keys, each: &'a mut Each<'_>) -> BoxFuture<'a, Result<(), StoreError>> {
        self.inner.load(keys, each)
    }

    fn get<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Result<Option<Bytes>, StoreError>> {
        self.inner.get(key)
    }

    fn commit(&self, changes: Vec<ChangeSet>) -> BoxFuture<'_, Result<(), StoreError>> {
        match self.is_full.load(Ordering::Relaxed) {
            true => Box::pin(ready(Err(StoreError::Unavailable { act: "commit", cause: "the disk is full".into() }))),
            false => self.inner.commit(changes),
        }
    }

    fn watch(&self) -> watch::Receiver<u64> {
        self.inner.watch()
    }
}

/// Lets paused time pass, with all that is due in it; takes no time itself.
pub(crate) async fn pass(time: Duration) {
    tokio::time::sleep(time).await;
}

/// One upstream as a source lists it.
pub(crate) fn listed(name: &str, spec: UpstreamSpec, endpoints: &[&str]) -> Listed {
    let endpoints = endpoints.iter().map(|address| Endpoint::at(address.parse().unwrap())).collect();
    Listed { key: name.into(), name: name.into(), namespace: None, spec, endpoints }
}

/// The id of the upstream called `name`.
pub(crate) fn id(snapshot: &Snapshot, name: &str) -> UpstreamId {
    snapshot.upstream("gloo-system", name).unwrap().upstream.id.clone()
}

/// The addresses of the upstream called `name`, in order; `None` where there is none.
pub(crate) fn addresses(snapshot: &Snapshot, name: &str) -> Option<Vec<String>> {
    let entry = snapshot.upstream("gloo-system", name)?;
    let endpoints = snapshot.endpoints(&entry.upstream.id)?;
    Some(endpoints.all().iter().map(|endpoint| endpoint.address.to_string()).collect())
}
