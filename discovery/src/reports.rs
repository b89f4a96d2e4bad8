//! Where a source's reports go: to the catalog, and what became of them to the [`Board`].

use std::sync::Arc;

use catalog::model::{Description, Function, Kind, Origin, SourceId, Upstream, UpstreamSpec};
use catalog::report::{Listed, ListedFunctions, Over, Receipt, Report};
use catalog::snapshot::UpstreamEntry;
use catalog::{Catalog, CatalogError, Snapshot};
use jiff::Timestamp;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::board::{Board, Counted};

/// Where one source's reports go. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Reports {
    catalog: Catalog,
    source: SourceId,
    board: Board,
}

impl Reports {
    /// Reports to `catalog` as `source`, on a board of its own.
    pub fn new(catalog: Catalog, source: SourceId) -> Self {
        Self::shown_on(Board::default(), catalog, source)
    }

    /// The same, shown on `board`.
    pub fn shown_on(board: Board, catalog: Catalog, source: SourceId) -> Self {
        board.add(&source);
        Self { catalog, source, board }
    }

    /// Hands `report` to the catalog. Returns when the catalog has it durable and visible.
    pub async fn send(&self, report: Report) -> Result<Receipt, CatalogError> {
        let (began, counted) = (Instant::now(), Counted::from(&report));
        let receipt = self.catalog.report(&self.source, report).await?;
        self.board.reported(&self.source, counted, began.elapsed());
        Ok(receipt)
    }

    /// Hands all functions of `kind` that the upstream `key` has to the catalog; waits until that has the upstream. Returns when the
    /// catalog has them durable and visible.
    pub async fn functions(
        &self,
        key: &Arc<str>,
        kind: &Kind,
        description: Description,
    ) -> Result<Receipt, CatalogError> {
        let origin = Origin { source: self.source.clone(), key: key.clone() };
        let mut snapshots = self.catalog.subscribe();
        let known = snapshots.wait_for(|snapshot| snapshot.by_origin(&origin).is_some()).await;
        drop(known.map_err(|_| CatalogError::Closed)?);
        let listed = ListedFunctions { key: key.clone(), kind: kind.clone(), description: Box::new(description) };
        let receipt = self.catalog.listed(&self.source, listed).await?;
        self.board.alive(&self.source);
        Ok(receipt)
    }

    /// The functions of `kind` that the catalog holds of the upstream `key`: for a source that has not read all of them again yet.
    pub fn held_functions(&self, key: &Arc<str>, kind: &Kind) -> Vec<Function> {
        let origin = Origin { source: self.source.clone(), key: key.clone() };
        let snapshot = self.catalog.snapshot();
        let functions = snapshot.by_origin(&origin).into_iter().flat_map(|entry| &entry.functions);
        let of_kind = functions.filter(|entry| entry.function.kind == *kind);
        of_kind.map(|entry| entry.function.clone()).collect()
    }

    /// The place answered and nothing changed: what was reported is as of now.
    pub fn alive(&self) {
        self.board.alive(&self.source);
    }

    /// One part of the place, such as a data centre, fails while the rest goes on; `None` when it does no more.
    pub fn part(&self, part: &str, failure: Option<String>) {
        self.board.part(&self.source, part, failure);
    }

    /// The parts of the place with these names are watched no more: nothing is said of them any longer.
    pub fn forget(&self, is_gone: impl Fn(&str) -> bool) {
        self.board.forget(&self.source, is_gone);
    }

    /// One part of what the source tells was read then, the oldest of it where it is read piece by piece.
    pub fn as_of(&self, part: &str, read: Timestamp) {
        self.board.as_of(&self.source, part, read);
    }

    /// What the place has and the source does not list, each with the rule or fault that left it out; replaces what was said before.
    pub fn leave_out(&self, left_out: impl IntoIterator<Item = (String, String)>) {
        self.board.leave_out(&self.source, left_out);
    }

    /// What the catalog holds of this source: for a source that cannot find out at its start what it listed in an earlier run, and
    /// must not take that away.
    pub fn held(&self) -> Vec<Listed> {
        let snapshot = self.catalog.snapshot();
        let ours = snapshot.upstreams_of(&self.source);
        ours.filter_map(|(key, id)| {
            let upstream = &snapshot.by_id(id)?.upstream;
            Some(Listed {
                key: key.clone(),
                name: upstream.name.to_string(),
                namespace: Some(upstream.namespace.to_string()),
                spec: UpstreamSpec::clone(&upstream.spec),
                endpoints: snapshot.endpoints(id).map(|set| set.all().to_vec()).unwrap_or_default(),
            })
        })
        .collect()
    }

    /// What the catalog holds of what this source laid over upstreams that others list, each with the upstream's name and all that it is.
    pub fn held_over(&self) -> Vec<(Over, String)> {
        let snapshot = self.catalog.snapshot();
        let over = |entry: &Arc<UpstreamEntry>| {
            let Upstream { origin, spec, name, .. } = &entry.upstream;
            let resource = spec.over.as_ref().filter(|resource| resource.source == self.source)?;
            let over = Over { origin: origin.clone(), key: resource.key.clone(), spec: UpstreamSpec::clone(spec) };
            Some((over, name.to_string()))
        };
        snapshot.upstreams(None).filter_map(over).collect()
    }

    /// The catalog as it is now.
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.catalog.snapshot()
    }

    /// The catalog from now on.
    pub fn snapshots(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.catalog.subscribe()
    }

    /// The namespace of what is discovered.
    pub fn namespace(&self) -> &str {
        self.catalog.namespace()
    }

    /// The source that reports.
    pub fn source(&self) -> &SourceId {
        &self.source
    }
}
