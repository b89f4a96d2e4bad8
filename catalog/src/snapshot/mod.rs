//! The catalog as readers see it: one immutable value, sharing all that did not change with the one before.

mod entry;
mod search;
mod sorted;
mod sources;
#[cfg(test)]
mod tests;
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub use entry::{FunctionEntry, UpstreamEntry};
pub(crate) use entry::{Table, cut};
pub use search::{Query, Rank};
pub use sorted::Sorted;
pub use sources::{HeldBack, SourceView};

use crate::model::{EndpointSet, Origin, SourceId, Upstream, UpstreamId};

/// Namespace and name: the order of all lists.
pub type UpstreamKey = (Arc<str>, Arc<str>);

/// One revision of the catalog, with the soft state as it was when it was published: endpoints, and what is known of sources.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The catalog's revision: counts durable changes, one upstream's at a time.
    pub revision: u64,
    /// Counts publications, of soft state too; larger is later, within one process.
    pub generation: u64,
    pub(crate) upstreams: Sorted<UpstreamKey, Arc<UpstreamEntry>>,
    pub(crate) ids: Sorted<UpstreamId, UpstreamKey>,
    pub(crate) origins: Sorted<Origin, UpstreamId>,
    pub(crate) endpoints: Sorted<UpstreamId, EndpointSet>,
    pub(crate) sources: Arc<BTreeMap<SourceId, SourceView>>,
    /// How many events each revision has.
    pub(crate) events: Sorted<u64, u32>,
    /// The newest revision whose events are not kept any more.
    pub(crate) trimmed: u64,
    /// How many events are kept.
    pub(crate) logged: usize,
    pub(crate) functions: usize,
}

impl Snapshot {
    /// The upstream of this namespace and name, or with this id.
    pub fn upstream(&self, namespace: &str, name: &str) -> Option<&Arc<UpstreamEntry>> {
        self.named(namespace, name)
            .or_else(|| self.by_id(&UpstreamId::from(name)).filter(|e| *e.upstream.namespace == *namespace))
    }

    /// The upstream of this namespace and name.
    pub(crate) fn named(&self, namespace: &str, name: &str) -> Option<&Arc<UpstreamEntry>> {
        self.upstreams.find(|(ns, n)| (**ns).cmp(namespace).then_with(|| (**n).cmp(name)))
    }

    /// The upstream with this permanent id.
    pub fn by_id(&self, id: &UpstreamId) -> Option<&Arc<UpstreamEntry>> {
        let (namespace, name) = self.ids.get(id)?;
        self.named(namespace, name)
    }

    /// The upstream that a source lists under this key.
    pub fn by_origin(&self, origin: &Origin) -> Option<&Arc<UpstreamEntry>> {
        self.by_id(self.origins.get(origin)?)
    }

    /// Where an upstream can be reached now; `None` when it is unknown.
    pub fn endpoints(&self, id: &UpstreamId) -> Option<&EndpointSet> {
        self.endpoints.get(id)
    }

    /// All upstreams by namespace and name, from the first that is not before `from`.
    pub fn upstreams<'a>(
        &'a self,
        from: Option<&UpstreamKey>,
    ) -> impl Iterator<Item = &'a Arc<UpstreamEntry>> + use<'a> {
        self.upstreams.iter(from).map(|(_, entry)| entry)
    }

    /// The entries of one source, by key.
    pub fn upstreams_of<'a>(
        &'a self,
        source: &SourceId,
    ) -> impl Iterator<Item = (&'a Arc<str>, &'a UpstreamId)> + use<'a> {
        let first = Origin { source: source.clone(), key: "".into() };
        let entries = self.origins.iter(Some(&first));
        entries.take_while(move |(origin, _)| origin.source == first.source).map(|(origin, id)| (&origin.key, id))
    }

    /// The upstreams that are new, gone or changed since `before`, or have other endpoints, each once. The work is proportional to what
    /// changed.
    pub fn changed_since<'a>(&'a self, before: &'a Self) -> BTreeSet<&'a UpstreamId> {
        let upstreams = self.upstreams.differing(&before.upstreams, Arc::ptr_eq);
        let endpoints = self.endpoints.differing(&before.endpoints, EndpointSet::eq);
        let ids =
            upstreams.into_iter().flat_map(|(_, was, is)| was.into_iter().chain(is)).map(|entry| &entry.upstream.id);
        ids.chain(endpoints.into_iter().map(|(id, _, _)| id)).collect()
    }

    /// How many upstreams there are.
    pub fn upstream_count(&self) -> usize {
        self.upstreams.len()
    }

    /// How many functions there are.
    pub fn function_count(&self) -> usize {
        self.functions
    }

    /// Puts `entry` in the place of the one with its id.
    pub(crate) fn insert(&mut self, entry: Arc<UpstreamEntry>) {
        let Upstream { id, namespace, name, origin, .. } = &entry.upstream;
        let key = (namespace.clone(), name.clone());
        if self.ids.get(id).is_none() {
            self.ids.insert(id.clone(), key.clone());
            self.origins.insert(origin.clone(), id.clone());
        }
        self.functions += entry.functions.len();
        if let Some(before) = self.upstreams.insert(key, entry) {
            self.functions -= before.functions.len();
        }
    }

    /// Takes the upstream with this id out, but for its endpoints.
    pub(crate) fn remove(&mut self, id: &UpstreamId) -> Option<Arc<UpstreamEntry>> {
        let key = self.ids.remove(id)?;
        let entry = self.upstreams.remove(&key)?;
        self.origins.remove(&entry.upstream.origin);
        self.functions -= entry.functions.len();
        Some(entry)
    }
}
