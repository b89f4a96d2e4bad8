//! Upstreams that stand for one which another source lists: by its name they *are* that one, by another name they follow it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use catalog::Snapshot;
use catalog::model::{Endpoint, Origin, UpstreamId, UpstreamSpec, name};
use catalog::report::Over;
use catalog::snapshot::UpstreamEntry;

use super::Target;

/// The upstream of another source that is meant.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Like {
    /// The kind of its source.
    pub(crate) kind: Arc<str>,
    /// Which source of the kind; without this any.
    pub(crate) instance: Option<Arc<str>>,
    /// The key that it has there.
    pub(crate) key: Arc<str>,
    /// The name that it asks for.
    pub(crate) name: String,
    /// Labels that an endpoint must have, all of them, as tags: `k=v`, or a bare name.
    pub(crate) with: Vec<String>,
    /// Labels of which it must have none.
    pub(crate) without: Vec<String>,
}

impl Like {
    /// What it may be in the catalog.
    fn origins<'a>(&'a self, snapshot: &'a Snapshot) -> impl Iterator<Item = Origin> + 'a {
        let sources = snapshot.sources().map(|(source, _)| source).filter(|source| source.kind == self.kind);
        let sources = sources.filter(|source| self.instance.as_ref().is_none_or(|one| *one == source.instance));
        sources.map(|source| Origin { source: source.clone(), key: self.key.clone() })
    }

    /// What it is in the catalog.
    pub(crate) fn found<'s>(&self, snapshot: &'s Snapshot) -> Option<&'s Arc<UpstreamEntry>> {
        self.origins(snapshot).find_map(|origin| snapshot.by_origin(&origin))
    }

    fn takes(&self, endpoint: &Endpoint) -> bool {
        let has = |tag: &String| {
            let (name, value) = tag.split_once('=').unwrap_or((tag, ""));
            endpoint.labels.get(name).is_some_and(|found| found == value)
        };
        self.with.iter().all(has) && !self.without.iter().any(has)
    }
}

impl Target {
    /// Whether it is the upstream that it is like, and not one more: it has the same name. `namespace` is that of what is discovered.
    pub(super) fn is_over(&self, like: &Like, namespace: &str, snapshot: &Snapshot) -> bool {
        let here = self.namespace.as_deref().is_none_or(|own| own == namespace);
        let whole = like.with.is_empty() && like.without.is_empty();
        // Where no source of the kind is configured there is nobody to list that one.
        let mut origins = like.origins(snapshot);
        here && whole
            && origins.any(|origin| self.name == like.name || name::upstream(&like.name, &origin) == self.name)
    }

    /// What it says of the upstream that it is.
    pub(super) fn over(&self, like: &Like, snapshot: &Snapshot) -> Vec<Over> {
        let over = |origin| Over { origin, key: self.key.clone(), spec: self.spec.clone() };
        like.origins(snapshot).map(over).collect()
    }

    /// Its spec and endpoints, as the upstream that it follows has them.
    pub(super) fn followed(&self, like: &Like, snapshot: &Snapshot) -> (UpstreamSpec, Vec<Endpoint>) {
        let Some(entry) = like.found(snapshot) else { return (self.spec.clone(), Vec::new()) };
        let endpoints = snapshot.endpoints(&entry.upstream.id).map(|set| set.all()).unwrap_or_default();
        let endpoints = endpoints.iter().filter(|endpoint| like.takes(endpoint)).cloned().collect();
        (entry.upstream.spec.under(&self.spec), endpoints)
    }
}

/// The kind of a source, and a key there.
type Place = (Arc<str>, Arc<str>);

/// Who follows whom.
pub(super) struct Followed {
    /// The keys of those that follow, by what they follow.
    by: BTreeMap<Place, Vec<Arc<str>>>,
    seen: Arc<Snapshot>,
}

impl Followed {
    pub(super) fn new(seen: Arc<Snapshot>) -> Self {
        Self { by: BTreeMap::new(), seen }
    }

    /// From now on these `targets` follow.
    pub(super) fn set<'t>(&mut self, targets: impl Iterator<Item = (&'t Target, &'t Like)>) {
        self.by.clear();
        for (target, like) in targets {
            self.by.entry((like.kind.clone(), like.key.clone())).or_default().push(target.key.clone());
        }
    }

    /// The keys of those for which something changed. The work is proportional to what changed.
    pub(super) fn touched(&mut self, now: Arc<Snapshot>) -> BTreeSet<Arc<str>> {
        let before = std::mem::replace(&mut self.seen, now);
        if self.by.is_empty() {
            return BTreeSet::new();
        }
        let origin = |id: &UpstreamId| {
            let entry = self.seen.by_id(id).or_else(|| before.by_id(id))?;
            let Origin { source, key } = &entry.upstream.origin;
            Some((source.kind.clone(), key.clone()))
        };
        let changed = self.seen.changed_since(&before);
        let followers = changed.into_iter().filter_map(origin).filter_map(|origin| self.by.get(&origin));
        followers.flatten().cloned().collect()
    }

    pub(super) fn seen(&self) -> &Arc<Snapshot> {
        &self.seen
    }
}
