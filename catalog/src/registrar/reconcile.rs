//! What a source's report changes.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::endpoints::{EndpointChange, record};
use super::names;
use super::sources::{Held, Scope, Sources};
use super::stage::Stage;
use crate::error::CatalogError;
use crate::model::{Origin, SourceId, Upstream, UpstreamId};
use crate::report::{Listed, Receipt, Report};
use crate::snapshot::UpstreamEntry;
use crate::store::Key;

impl Stage<'_> {
    /// What `source` says; `order` is when it arrived.
    pub(super) fn report(&mut self, source: &SourceId, report: Report, order: u64) -> Receipt {
        let held_back = match report {
            Report::Full(listed) => self.full(source, listed, order, false),
            Report::Doubted(listed) => self.full(source, listed, order, true),
            Report::Changed(listed) => {
                self.list(source, *listed, order);
                None
            }
            Report::Removed(key) => {
                self.unlist(source, &key);
                None
            }
            Report::Over(all) => {
                self.lay_over(source, all);
                None
            }
            Report::Endpoints(key, endpoints) => {
                let id = self.batch.snapshot.origins.get(&Origin { source: source.clone(), key }).cloned();
                let set = |id| EndpointChange::Set { id, endpoints, order, written: false };
                self.batch.endpoints.extend(id.map(set));
                None
            }
        };
        self.receipt(held_back)
    }

    pub(super) fn receipt(&self, held_back: Option<String>) -> Receipt {
        Receipt { revision: self.batch.snapshot.revision, held_back }
    }

    /// Adds and changes what is listed, and removes what is not, unless the source doubts that or it is too much to be believed.
    fn full(&mut self, source: &SourceId, mut listed: Vec<Listed>, order: u64, is_doubted: bool) -> Option<String> {
        // Newcomers that want one name get it in the same order at every start.
        listed.sort_by(|a, b| a.key.cmp(&b.key));
        listed.dedup_by(|a, b| a.key == b.key);
        let keys: BTreeSet<Arc<str>> = listed.iter().map(|listed| listed.key.clone()).collect();
        let known: Vec<_> = self.batch.snapshot.upstreams_of(source).map(|(key, _)| key.clone()).collect();
        let missing: BTreeSet<_> = known.iter().filter(|key| !keys.contains(*key)).cloned().collect();
        let before = self.sources.release(source, &Scope::Upstreams);
        for listed in listed {
            self.list(source, listed, order);
        }
        if (is_doubted && !missing.is_empty()) || Sources::is_doubtful(missing.len(), known.len()) {
            let now = (self.now, self.batch.now);
            return Some(self.sources.hold(source, Scope::Upstreams, missing, before, known.len(), now));
        }
        missing.iter().for_each(|key| self.unlist(source, key));
        None
    }

    /// Adds an upstream, or changes it to what is listed. Its namespace and name stay what they were at first.
    fn list(&mut self, source: &SourceId, mut listed: Listed, order: u64) {
        self.sources.settle(source, &listed.key);
        let origin = Origin { source: source.clone(), key: listed.key.clone() };
        let old = self.batch.snapshot.by_origin(&origin).cloned();
        let held = old.as_ref().map(|old| &*old.upstream.spec);
        listed.spec = self.overlays.seen(&origin, listed.spec, held, self.sources);
        let Some(old) = old else { return self.add(origin, listed, order) };
        let id = old.upstream.id.clone();
        if *old.upstream.spec != listed.spec {
            let mut entry = UpstreamEntry::clone(&old);
            if old.upstream.spec.aws.is_some() != listed.spec.aws.is_some() {
                entry = self.without_functions(entry);
            }
            entry.upstream.spec = Arc::new(listed.spec);
            self.batch.put(Some(&old), entry, Vec::new());
        }
        self.batch.endpoints.push(EndpointChange::Set { id, endpoints: listed.endpoints, order, written: false });
    }

    /// In AWS functions are listed, elsewhere they are probed for: of an upstream that goes from one to the other nobody who found its
    /// functions tells of them any more.
    fn without_functions(&mut self, entry: UpstreamEntry) -> UpstreamEntry {
        let mut upstream = entry.upstream;
        upstream.kinds.clear();
        self.agreements.remove(&upstream.id);
        self.sources.gone(&upstream.origin.source, &upstream.origin.key);
        UpstreamEntry::new(upstream, Vec::new(), [].into())
    }

    fn add(&mut self, origin: Origin, listed: Listed, order: u64) {
        let namespace = listed.namespace.map_or_else(|| self.settings.namespace.clone(), Arc::from);
        let (id, name) = names::upstream(&self.batch.snapshot, &namespace, &listed.name, &origin);
        let upstream = Upstream {
            id: id.clone(),
            namespace,
            name: name.into(),
            origin,
            spec: Arc::new(listed.spec),
            first_seen: self.batch.now,
            last_seen: self.batch.now,
            revision: 0,
            kinds: Default::default(),
        };
        let entry = UpstreamEntry::new(upstream, Vec::new(), [].into());
        let records = vec![(Key::Endpoints(id.clone()), record(&listed.endpoints))];
        self.batch.put(None, entry, records);
        self.batch.endpoints.push(EndpointChange::Set { id, endpoints: listed.endpoints, order, written: true });
    }

    fn unlist(&mut self, source: &SourceId, key: &Arc<str>) {
        self.sources.settle(source, key);
        self.sources.gone(source, key);
        let origin = Origin { source: source.clone(), key: key.clone() };
        self.overlays.forget(&origin);
        if let Some(id) = self.batch.snapshot.origins.get(&origin).cloned() {
            self.remove(&id);
        }
    }

    fn remove(&mut self, id: &UpstreamId) {
        self.batch.remove(id);
        self.agreements.remove(id);
    }

    /// Takes what is held back of the source: its list of upstreams, and those of their functions.
    pub(super) fn accept(&mut self, source: &SourceId) -> Result<Receipt, CatalogError> {
        let held = self.sources.release_all(source);
        if held.is_empty() {
            return Err(CatalogError::Unknown(format!("held-back list of {source}")));
        }
        held.into_iter().for_each(|(scope, held)| self.apply(source, scope, held));
        Ok(self.receipt(None))
    }

    /// Takes one list that is held back.
    pub(super) fn take_held(&mut self, source: &SourceId, scope: Scope) {
        if let Some(held) = self.sources.release(source, &scope) {
            self.apply(source, scope, held);
        }
    }

    fn apply(&mut self, source: &SourceId, scope: Scope, held: Held) {
        match &scope {
            Scope::Upstreams => held.missing().iter().for_each(|key| self.unlist(source, key)),
            Scope::Functions(key, kind) => {
                self.drop_functions(&Origin { source: source.clone(), key: key.clone() }, kind, held.missing());
            }
        }
        self.batch.released.push((source.clone(), scope, held));
    }

    /// Drops an upstream that no source lists.
    pub(super) fn forget(&mut self, id: &UpstreamId) -> Result<u64, CatalogError> {
        let entry = self.batch.snapshot.by_id(id).ok_or_else(|| CatalogError::Unknown(id.to_string()))?;
        let Origin { source, key } = entry.upstream.origin.clone();
        if self.sources.lists(&source, &key) {
            return Err(CatalogError::StillListed(id.to_string()));
        }
        self.unlist(&source, &key);
        Ok(self.batch.snapshot.revision)
    }
}
