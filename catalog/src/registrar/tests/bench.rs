//! A catalog on a memory store, and short words for what is done to it.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::model::{Described, Description, Digest, Endpoint, Kind, SourceId, UpstreamId, UpstreamSpec};
use crate::report::{Finding, Listed, Merged, Probed, Receipt, Report};
use crate::snapshot::{Snapshot, UpstreamEntry};
use crate::store::{Faulty, Key, Memory, Space, Store};
use crate::{Catalog, CatalogError, Settings, open};

pub(super) struct Bench {
    pub(super) catalog: Catalog,
    pub(super) store: Arc<Faulty>,
    pub(super) memory: Arc<Memory>,
    run: JoinSet<()>,
}

pub(super) fn settings() -> Settings {
    let begin = Instant::now();
    let millis = move || i64::try_from(begin.elapsed().as_millis()).unwrap();
    Settings {
        namespace: "ns".into(),
        kinds: [Kind::new("rest"), Kind::new("grpc")].into(),
        clock: Arc::new(move || Timestamp::from_millisecond(1_700_000_000_000 + millis()).unwrap()),
        refuse: Arc::new(|address| (address.port() == 666).then(|| "it is forbidden".to_owned())),
        ..Settings::default()
    }
}

impl Bench {
    pub(super) async fn new() -> Self {
        Self::on(Arc::default()).await
    }

    pub(super) async fn on(memory: Arc<Memory>) -> Self {
        let store = Arc::new(Faulty::new(memory.clone()));
        let (catalog, registrar) = open(store.clone(), settings()).await.unwrap();
        let mut run = JoinSet::new();
        run.spawn(registrar.run());
        Self { catalog, store, memory, run }
    }

    /// Ends in good order.
    pub(super) async fn close(mut self) -> Arc<Memory> {
        self.catalog.close().await.unwrap();
        self.run.join_next().await.unwrap().unwrap();
        self.memory
    }

    /// Ends at once, and begins again with what the store has.
    pub(super) async fn kill(mut self) -> Self {
        self.run.shutdown().await;
        Self::on(self.memory).await
    }

    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        self.catalog.snapshot()
    }

    pub(super) async fn full(&self, source: &str, keys: &[&str]) -> Result<Receipt, CatalogError> {
        let listed = keys.iter().map(|key| listed(key)).collect();
        self.catalog.report(&SourceId::new(source, ""), Report::Full(listed)).await
    }

    pub(super) async fn report(&self, source: &str, report: Report) -> Result<Receipt, CatalogError> {
        self.catalog.report(&SourceId::new(source, ""), report).await
    }

    /// The upstreams' names, those that are stale with a `!`.
    pub(super) fn names(&self) -> Vec<String> {
        let snapshot = self.snapshot();
        let name = |entry: &Arc<UpstreamEntry>| {
            let stale = if snapshot.stale(&entry.upstream).is_some() { "!" } else { "" };
            format!("{}{stale}", entry.upstream.name)
        };
        snapshot.upstreams(None).map(name).collect()
    }

    pub(super) fn entry(&self, name: &str) -> Arc<UpstreamEntry> {
        self.snapshot().upstream("ns", name).unwrap_or_else(|| panic!("there is no {name}")).clone()
    }

    pub(super) fn id(&self, name: &str) -> UpstreamId {
        self.entry(name).upstream.id.clone()
    }

    pub(super) async fn probed(&self, name: &str, kind: &str, endpoint: u16, finding: Finding) -> Merged {
        let (upstream, endpoint) = (self.id(name), address(endpoint));
        let probed = Probed { upstream, kind: Kind::from(kind.to_owned()), endpoint, finding };
        self.catalog.probed(probed).await.unwrap()
    }

    /// A look at `u` by REST at `endpoint` finds these; see [`described`].
    pub(super) async fn finds(&self, endpoint: u16, functions: &str) -> Merged {
        self.probed("u", "rest", endpoint, found(functions)).await
    }

    /// The functions of an upstream, as `name=summary`, in order, and `?` where something waits to be confirmed.
    pub(super) fn functions(&self, upstream: &str) -> String {
        let entry = self.entry(upstream);
        let function = |name: &str, summary: Option<&str>| match summary {
            Some(summary) => format!("{name}={summary}"),
            None => name.to_owned(),
        };
        let mut all: Vec<_> =
            entry.functions.iter().map(|f| function(&f.function.name, f.function.summary.as_deref())).collect();
        all.extend(entry.unconfirmed.then(|| "?".to_owned()));
        all.join(" ")
    }

    /// Waits for the store's trouble to end.
    pub(super) async fn recovered(&self) {
        let mut snapshots = self.catalog.subscribe();
        while self.catalog.health().is_some() {
            snapshots.changed().await.unwrap();
        }
    }

    /// Every record of the store belongs to what the snapshot shows.
    pub(super) async fn check_store(&self) {
        let snapshot = self.snapshot();
        let mut expected = BTreeSet::from([Key::Meta]);
        for entry in snapshot.upstreams(None) {
            let id = &entry.upstream.id;
            expected.insert(Key::Manifest(id.clone()));
            expected.insert(Key::Endpoints(id.clone()));
            expected.extend(entry.functions.iter().map(|f| Key::Function(id.clone(), f.record)));
            expected.extend(entry.blobs().into_iter().map(|blob| Key::Blob(id.clone(), blob)));
        }
        let events = snapshot.events.iter(None).flat_map(|(revision, count)| (0..*count).map(|n| (*revision, n)));
        expected.extend(events.map(|(revision, n)| Key::Event(revision, n)));
        // Written with the first change.
        let mut stored = BTreeSet::from([Key::Meta]);
        for space in Space::ALL {
            let mut each = |key: Key, _: &[u8]| {
                match &key {
                    // A function that never changed has none.
                    Key::History(id, name) => {
                        let entry = snapshot.by_id(id).unwrap_or_else(|| panic!("{key:?} of no upstream"));
                        assert!(entry.function(name).is_some(), "{key:?} of no function");
                    }
                    _ => drop(stored.insert(key)),
                }
                Ok(())
            };
            self.memory.load(space.keys(), &mut each).await.unwrap();
        }
        assert_eq!(stored, expected);
    }
}

pub(super) fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

/// An upstream with the name of its key, at the ports 1, 2 and 3.
pub(super) fn listed(key: &str) -> Listed {
    Listed {
        key: key.into(),
        name: key.to_owned(),
        namespace: None,
        spec: UpstreamSpec::default(),
        endpoints: [1, 2, 3].map(|port| Endpoint::at(address(port))).into(),
    }
}

/// A function with the origin `GET /{name}`; `name=summary` sets its summary, `origin>name` its origin.
pub(super) fn described(text: &str) -> Described {
    let (text, summary) = text.split_once('=').map_or((text, None), |(text, summary)| (text, Some(summary)));
    let (origin, name) = text.split_once('>').unwrap_or((text, text));
    Described {
        origin: format!("GET /{origin}"),
        name: name.to_owned(),
        summary: summary.map(str::to_owned),
        description: None,
        deprecated: false,
        safe: true,
        tags: Vec::new(),
        binding: json!({"method": "GET", "path": format!("/{origin}")}),
        input: json!({"type": "object"}),
        output: None,
    }
}

/// A document with these functions, separated by spaces.
pub(super) fn found(functions: &str) -> Finding {
    let functions: Vec<_> = functions.split_whitespace().map(described).collect();
    let digest = Digest::of([format!("{functions:?}").as_bytes()]);
    let description = Box::new(Description { functions, ..Description::default() });
    Finding::Found { description, digest, tls: false, hint: Some("/openapi.json".into()) }
}

pub(super) async fn pass(seconds: u64) {
    tokio::time::advance(Duration::from_secs(seconds)).await;
}
