//! What a snapshot says of the sources: soft state, one value for each source and not one for each entry, so that a
//! registry with ten thousand services can fail and return without a single write.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::Snapshot;
use crate::model::{SourceId, Stale, Upstream};

/// What is known of one source.
#[derive(Clone, Default, PartialEq, Eq, Debug)]
pub struct SourceView {
    /// Set while nothing vouches for any of its entries: it fails, or is not configured any more.
    pub stale: Option<Stale>,
    /// Set while a full list of it waits because it would remove too much.
    pub held_back: Option<HeldBack>,
    /// Since when, and why, lists of functions of single upstreams wait, by the upstream's key. What they lack stays.
    pub held_functions: BTreeMap<Arc<str>, Stale>,
}

/// A full list that lacks too much to be believed at once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HeldBack {
    /// Since when, and why, for a person. What the list lacks is stale for this reason.
    pub stale: Stale,
    /// The keys of the entries that it would remove.
    pub missing: Arc<BTreeSet<Arc<str>>>,
}

impl Snapshot {
    /// What is known of a source; `None` for one that never reported and has no entries.
    pub fn source(&self, id: &SourceId) -> Option<&SourceView> {
        self.sources.get(id)
    }

    /// All sources that are known, in order.
    pub fn sources(&self) -> impl Iterator<Item = (&SourceId, &SourceView)> {
        self.sources.iter()
    }

    /// Since when and why nothing vouches for `upstream` any more; `None` while something does.
    pub fn stale(&self, upstream: &Upstream) -> Option<&Stale> {
        let source = self.sources.get(&upstream.origin.source)?;
        let held_back = source.held_back.as_ref().filter(|held| held.missing.contains(&upstream.origin.key));
        source.stale.as_ref().or(held_back.map(|held| &held.stale))
    }
}
