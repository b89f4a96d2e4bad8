//! What tests stand on: a real catalog in memory.

use std::sync::Arc;
use std::time::Duration;

use catalog::model::{Endpoint, SourceId, UpstreamId, UpstreamSpec};
use catalog::report::{Listed, Report};
use catalog::store::Memory;
use catalog::{Catalog, Settings, Snapshot};
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
        let (catalog, registrar) = catalog::open(Arc::new(Memory::default()), Settings::default()).await.unwrap();
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
