//! What a source changes that lists the functions of an upstream itself. Unlike a probe's answer, which comes of one instance out of
//! several, such a list is the place's own: what it lacks is gone at once, unless that is too much to be believed.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::agreement::Verdict;
use super::merge::in_use;
use super::sources::{Scope, Sources};
use super::stage::Stage;
use crate::error::CatalogError;
use crate::listing::Listing;
use crate::model::{Kind, KindState, Origin};
use crate::report::Receipt;
use crate::snapshot::{FunctionEntry, UpstreamEntry};

impl Stage<'_> {
    /// Takes a list of functions; `None` when the catalog's entry is not the one any more that it was compared with.
    pub(super) fn listed(&mut self, origin: &Origin, listing: Listing) -> Result<Option<Receipt>, CatalogError> {
        let entry = self.batch.snapshot.by_origin(origin).cloned();
        let entry = entry.ok_or_else(|| CatalogError::Unknown(origin.to_string()))?;
        if !Arc::ptr_eq(&listing.base, &entry) {
            return Ok(None);
        }
        if listing.is_same() {
            return Ok(Some(self.receipt(None)));
        }
        let Listing { kind, content, digest, pasts, .. } = listing;
        let of_kind = entry.functions.iter().filter(|function| function.function.kind == kind);
        let old: BTreeSet<&str> = of_kind.map(|function| &*function.function.origin).collect();
        let new: BTreeSet<&str> = content.functions.iter().map(|new| new.described.origin.as_str()).collect();
        let missing = &old - &new;
        let held_back = self.doubt(origin, &kind, &missing, old.len());
        let take = old.iter().filter(|origin| pasts.contains_key(**origin)).copied().collect();
        let (remove, keep) = if held_back.is_some() { (BTreeSet::new(), missing) } else { (missing, BTreeSet::new()) };
        let digest = if held_back.is_some() { KindState::UNSETTLED } else { digest };
        let verdict = Verdict { add: &new - &old, take, remove, keep };
        let state = KindState { tls: false, digest, hint: None, complaints: content.complaints.clone() };
        let is_changed = !(verdict.add.is_empty() && verdict.take.is_empty() && verdict.remove.is_empty());
        if is_changed || entry.upstream.kinds.get(&kind) != Some(&state) {
            self.describe(&entry, &kind, &content, &verdict, pasts, state);
        }
        Ok(Some(self.receipt(held_back)))
    }

    /// Holds back what would be removed, if that is too much to be believed and has not been answered for long enough. Returns why.
    fn doubt(&mut self, origin: &Origin, kind: &Kind, missing: &BTreeSet<&str>, all: usize) -> Option<String> {
        let scope = Scope::Functions(origin.key.clone(), kind.clone());
        let before = self.sources.release(&origin.source, &scope);
        if !Sources::is_doubtful(missing.len(), all) {
            return None;
        }
        let missing = missing.iter().map(|origin| Arc::from(*origin)).collect();
        match before {
            Some(held) if Sources::is_confirmed(&held, &missing, self.now) => {
                self.batch.released.push((origin.source.clone(), scope, held));
                None
            }
            before => Some(self.sources.hold(&origin.source, scope, missing, before, all, (self.now, self.batch.now))),
        }
    }

    /// Drops the functions of `kind` with these origins.
    pub(super) fn drop_functions(&mut self, origin: &Origin, kind: &Kind, gone: &BTreeSet<Arc<str>>) {
        let Some(entry) = self.batch.snapshot.by_origin(origin).cloned() else { return };
        let stays = |f: &&Arc<FunctionEntry>| f.function.kind != *kind || !gone.contains(&*f.function.origin);
        let functions: Vec<_> = entry.functions.iter().filter(stays).cloned().collect();
        let tables = in_use(&functions, entry.tables.to_vec());
        let mut next = UpstreamEntry::new(entry.upstream.clone(), functions, tables);
        next.unconfirmed = self.is_open(&entry.upstream.id);
        self.batch.put(Some(&entry), next, Vec::new());
    }
}
