//! The catalog as readers see it: one immutable value, sharing all that did not change with the one before.

mod sorted;

use std::sync::Arc;

use memchr::memmem::Finder;

pub use sorted::Sorted;

use crate::model::{Digest, EndpointSet, Function, Upstream, UpstreamId};

/// Namespace and name: the order of all lists.
pub type UpstreamKey = (Arc<str>, Arc<str>);

/// One upstream with its functions.
#[derive(Debug)]
pub struct UpstreamEntry {
    /// The upstream.
    pub upstream: Upstream,
    /// Its functions, by name.
    pub functions: Box<[Arc<FunctionEntry>]>,
    /// Whether what it offers may still grow or shrink: set while a probe's removal waits to be confirmed.
    pub unconfirmed: bool,
}

impl UpstreamEntry {
    /// The function called `name`.
    pub fn function(&self, name: &str) -> Option<&Arc<FunctionEntry>> {
        let at = self.functions.binary_search_by(|f| (*f.function.name).cmp(name)).ok()?;
        self.functions.get(at)
    }
}

/// One function with what is looked up in it.
#[derive(Debug)]
pub struct FunctionEntry {
    /// The function.
    pub function: Function,
    /// The content of its record in the store.
    pub record: Digest,
    /// Lower-case text of name, summary, tags and binding, for search.
    pub(crate) text: Box<str>,
}

impl FunctionEntry {
    /// Whether all the words are found in it; each is searched for in lower case.
    pub fn matches(&self, words: &[Finder<'_>]) -> bool {
        words.iter().all(|word| word.find(self.text.as_bytes()).is_some())
    }
}

/// One revision of the catalog, with the endpoints as they were when it was published.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// The catalog's revision: counts durable changes.
    pub revision: u64,
    /// Counts publications, endpoint changes too; larger is later, within one process.
    pub generation: u64,
    pub(crate) upstreams: Sorted<UpstreamKey, Arc<UpstreamEntry>>,
    pub(crate) ids: Sorted<UpstreamId, UpstreamKey>,
    pub(crate) endpoints: Sorted<UpstreamId, EndpointSet>,
    pub(crate) functions: usize,
}

impl Snapshot {
    /// The upstream of this namespace and name, or with this id.
    pub fn upstream(&self, namespace: &str, name: &str) -> Option<&Arc<UpstreamEntry>> {
        self.upstreams
            .find(|(ns, n)| (**ns).cmp(namespace).then_with(|| (**n).cmp(name)))
            .or_else(|| self.by_id(&UpstreamId::from(name)).filter(|e| *e.upstream.namespace == *namespace))
    }

    /// The upstream with this permanent id.
    pub fn by_id(&self, id: &UpstreamId) -> Option<&Arc<UpstreamEntry>> {
        let (namespace, name) = self.ids.get(id)?;
        self.upstreams.find(|(ns, n)| ns.cmp(namespace).then_with(|| n.cmp(name)))
    }

    /// Where an upstream can be reached now; empty when it is unknown.
    pub fn endpoints(&self, id: &UpstreamId) -> Option<&EndpointSet> {
        self.endpoints.get(id)
    }

    /// All upstreams by namespace and name, from the first that is not before `from`.
    pub fn upstreams(&self, from: Option<&UpstreamKey>) -> impl Iterator<Item = &Arc<UpstreamEntry>> {
        self.upstreams.iter(from).map(|(_, entry)| entry)
    }

    /// How many upstreams there are.
    pub fn upstream_count(&self) -> usize {
        self.upstreams.len()
    }

    /// How many functions there are.
    pub fn function_count(&self) -> usize {
        self.functions
    }
}
