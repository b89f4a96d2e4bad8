//! Resources that are laid over what a source discovers: their fields win, and the source goes on with endpoints and functions.
//!
//! What lies over an upstream is written in its record, so that after a restart it stays until the source of the resource has spoken.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use super::sources::Sources;
use super::stage::Stage;
use crate::model::{Origin, SourceId, UpstreamSpec};
use crate::report::Over;
use crate::snapshot::UpstreamEntry;

/// What lies over what.
#[derive(Debug, Default)]
pub(super) struct Overlays {
    /// By the origin that it is laid over: the resource, and what it says.
    laid: HashMap<Origin, (Origin, UpstreamSpec)>,
    /// What the source itself said last of those.
    bases: HashMap<Origin, UpstreamSpec>,
    /// The sources that have said what they lay over others.
    heard: HashSet<SourceId>,
}

impl Overlays {
    /// What is to stand in the catalog for `origin`, of which its source says `listed` and the catalog `held`.
    pub(super) fn seen(
        &mut self,
        origin: &Origin,
        listed: UpstreamSpec,
        held: Option<&UpstreamSpec>,
        sources: &Sources,
    ) -> UpstreamSpec {
        let listed = UpstreamSpec { over: None, ..listed };
        if let Some((resource, over)) = self.laid.get(origin) {
            let seen = laid(&listed, resource, over);
            self.bases.insert(origin.clone(), listed);
            return seen;
        }
        match held.and_then(|held| Some((held, held.over.as_ref()?))) {
            // Nobody has said yet whether the resource is still there.
            Some((held, resource)) if !self.heard.contains(&resource.source) && sources.runs(&resource.source) => {
                self.bases.insert(origin.clone(), listed);
                held.clone()
            }
            _ => listed,
        }
    }

    /// Its source lists it no more.
    pub(super) fn forget(&mut self, origin: &Origin) {
        self.bases.remove(origin);
    }
}

fn laid(listed: &UpstreamSpec, resource: &Origin, over: &UpstreamSpec) -> UpstreamSpec {
    UpstreamSpec { over: Some(resource.clone()), ..listed.under(over) }
}

impl Stage<'_> {
    /// Takes all that `source` lays over what others list.
    pub(super) fn lay_over(&mut self, source: &SourceId, all: Vec<Over>) {
        let mut touched: BTreeSet<Origin> = BTreeSet::new();
        if self.overlays.heard.insert(source.clone()) {
            touched.extend(self.left_from_an_earlier_run(source));
        }
        let laid = &mut self.overlays.laid;
        touched.extend(laid.extract_if(|_, (resource, _)| resource.source == *source).map(|(origin, _)| origin));
        for Over { origin, key, spec } in all {
            // Of two resources that mean one upstream the first counts.
            if let Entry::Vacant(vacant) = laid.entry(origin) {
                touched.insert(vacant.key().clone());
                vacant.insert((Origin { source: source.clone(), key }, spec));
            }
        }
        touched.iter().for_each(|origin| self.lay_over_one(origin));
    }

    fn left_from_an_earlier_run(&self, source: &SourceId) -> Vec<Origin> {
        let is_of = |entry: &&Arc<UpstreamEntry>| {
            entry.upstream.spec.over.as_ref().is_some_and(|resource| resource.source == *source)
        };
        self.batch.snapshot.upstreams(None).filter(is_of).map(|entry| entry.upstream.origin.clone()).collect()
    }

    fn lay_over_one(&mut self, origin: &Origin) {
        let Some(entry) = self.batch.snapshot.by_origin(origin).cloned() else { return };
        let held = &entry.upstream.spec;
        let base = match self.overlays.bases.get(origin) {
            Some(base) => base.clone(),
            // Its own source has not spoken in this process, and what it said before is not told apart any more.
            None => UpstreamSpec { over: None, ..UpstreamSpec::clone(held) },
        };
        let seen = match self.overlays.laid.get(origin) {
            Some((resource, over)) => {
                let seen = laid(&base, resource, over);
                self.overlays.bases.insert(origin.clone(), base);
                seen
            }
            None => {
                self.overlays.bases.remove(origin);
                base
            }
        };
        if seen != **held {
            let mut next = UpstreamEntry::clone(&entry);
            next.upstream.spec = Arc::new(seen);
            self.batch.put(Some(&entry), next, Vec::new());
        }
    }
}
