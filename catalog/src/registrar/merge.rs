//! What a probe's answer changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;

use super::agreement::{Agreement, Contents, SECOND_LOOK, Verdict};
use super::names::Held;
use super::stage::Stage;
use crate::error::CatalogError;
use crate::model::{Digest, Function, Kind, KindState, UpstreamId};
use crate::prepare::{Candidate, Content, Found, LookAnswer, Looked, Pasts};
use crate::records::{FunctionRecord, encode};
use crate::report::Merged;
use crate::snapshot::{FunctionEntry, Table, UpstreamEntry};
use crate::store::Key;

impl Stage<'_> {
    /// Takes a probe's answer; `None` when the catalog's entry is not the one any more that it was compared with.
    pub(super) fn looked(&mut self, looked: Looked) -> Result<Option<Merged>, CatalogError> {
        let entry = self.batch.snapshot.by_id(&looked.upstream).cloned();
        let entry = entry.ok_or_else(|| CatalogError::Unknown(looked.upstream.to_string()))?;
        // In AWS functions are listed: what looked at it began before it was there.
        if entry.upstream.spec.aws.is_some() {
            return Ok(Some(self.merged(&entry.upstream.id, &looked.kind)));
        }
        match looked.answer {
            LookAnswer::Denied => Ok(Some(self.denied(&entry, &looked.kind))),
            LookAnswer::Unchanged => Ok(Some(self.unchanged(&entry, &looked.kind, looked.endpoint))),
            LookAnswer::Found(found) if Arc::ptr_eq(&found.base, &entry) => {
                Ok(Some(self.found(&entry, &looked.kind, looked.endpoint, *found)))
            }
            LookAnswer::Found(_) => Ok(None),
        }
    }

    fn denied(&mut self, entry: &Arc<UpstreamEntry>, kind: &Kind) -> Merged {
        if !entry.upstream.kinds.contains_key(kind) {
            return self.merged(&entry.upstream.id, kind);
        }
        let now = self.now;
        if !self.agreement(&entry.upstream.id, kind).deny(now) {
            let again = Some(Agreement::DENIED_AGAIN);
            return Merged { confirm_within: again, ..self.merged(&entry.upstream.id, kind) };
        }
        let id = entry.upstream.id.clone();
        if let Some(agreements) = self.agreements.get_mut(&id) {
            agreements.remove(kind);
        }
        let mut upstream = entry.upstream.clone();
        upstream.kinds.remove(kind);
        let functions: Vec<_> = entry.functions.iter().filter(|f| f.function.kind != *kind).cloned().collect();
        let tables = in_use(&functions, entry.tables.to_vec());
        let mut next = UpstreamEntry::new(upstream, functions, tables);
        next.unconfirmed = self.is_open(&id);
        self.batch.put(Some(entry), next, Vec::new());
        self.merged(&id, kind)
    }

    fn unchanged(&mut self, entry: &Arc<UpstreamEntry>, kind: &Kind, endpoint: SocketAddr) -> Merged {
        let id = &entry.upstream.id;
        match entry.upstream.kinds.get(kind) {
            None => {}
            // It does not say which of the versions; only a whole description does.
            Some(state) if state.digest == KindState::UNSETTLED => {
                return Merged { confirm_within: Some(SECOND_LOOK), ..self.merged(id, kind) };
            }
            Some(_) => {
                let old = contents(entry, kind);
                self.weigh(id, kind, endpoint, &old, None);
                self.show_unconfirmed(entry);
            }
        }
        self.merged(id, kind)
    }

    fn found(&mut self, entry: &Arc<UpstreamEntry>, kind: &Kind, endpoint: SocketAddr, found: Found) -> Merged {
        let id = &entry.upstream.id;
        let content = found.content.clone();
        let old = contents(entry, kind);
        let new = content.functions.iter().map(|new| (new.described.origin.as_str(), new.content)).collect();
        let verdict = self.weigh(id, kind, endpoint, &old, Some(&new));
        let is_settled = verdict.keep.is_empty();
        let is_changed = !(verdict.add.is_empty() && verdict.take.is_empty() && verdict.remove.is_empty());
        let before = entry.upstream.kinds.get(kind);
        let state = match before {
            Some(before) if !is_settled && !is_changed => KindState { tls: found.tls, ..before.clone() },
            _ => KindState {
                tls: found.tls,
                digest: if is_settled { found.digest } else { KindState::UNSETTLED },
                hint: found.hint.filter(|_| is_settled),
                complaints: content.complaints.clone(),
            },
        };
        if before == Some(&state) && !is_changed {
            self.show_unconfirmed(entry);
            return self.merged(id, kind);
        }
        self.describe(entry, kind, &content, &verdict, found.pasts, state);
        self.merged(id, kind)
    }

    /// Makes of the functions of `entry` what `verdict` says, with `state` for their kind.
    pub(super) fn describe(
        &mut self,
        entry: &Arc<UpstreamEntry>,
        kind: &Kind,
        content: &Content,
        verdict: &Verdict<'_>,
        pasts: Pasts,
        state: KindState,
    ) {
        let id = &entry.upstream.id;
        let mut draft = Draft { id, kind, content, stage: self, records: Vec::new() };
        let functions = draft.functions(entry, verdict, pasts);
        let mut records = draft.records;
        let tables = in_use(&functions, entry.tables.iter().chain(&content.table).cloned().collect());
        let mut upstream = entry.upstream.clone();
        upstream.kinds.insert(kind.clone(), state);
        let mut next = UpstreamEntry::new(upstream, functions, tables);
        next.unconfirmed = self.is_open(id);
        let fresh = &next.blobs() - &entry.blobs();
        let blob = |digest| Some((Key::Blob(id.clone(), digest), content.blobs.get(&digest)?.clone()));
        records.extend(fresh.into_iter().filter_map(blob));
        self.batch.put(Some(entry), next, records);
    }

    fn weigh<'a>(
        &mut self,
        id: &UpstreamId,
        kind: &Kind,
        endpoint: SocketAddr,
        old: &Contents<'a>,
        new: Option<&Contents<'a>>,
    ) -> Verdict<'a> {
        let listed = self.batch.snapshot.endpoints.get(id).cloned().unwrap_or_default();
        let is_listed = |address| listed.all().binary_search_by_key(&address, |endpoint| endpoint.address).is_ok();
        let now = self.now;
        self.agreement(id, kind).weigh(now, endpoint, is_listed, old, new)
    }

    fn agreement(&mut self, id: &UpstreamId, kind: &Kind) -> &mut Agreement {
        self.agreements.entry(id.clone()).or_default().entry(kind.clone()).or_default()
    }

    pub(super) fn is_open(&self, id: &UpstreamId) -> bool {
        self.agreements.get(id).is_some_and(|agreements| agreements.values().any(Agreement::is_open))
    }

    /// Shows whether something waits to be confirmed; that alone is no durable change.
    fn show_unconfirmed(&mut self, entry: &Arc<UpstreamEntry>) {
        let unconfirmed = self.is_open(&entry.upstream.id);
        if entry.unconfirmed != unconfirmed {
            self.batch.is_visible = true;
            self.batch.snapshot.insert(Arc::new(UpstreamEntry { unconfirmed, ..UpstreamEntry::clone(entry) }));
        }
    }

    fn merged(&self, id: &UpstreamId, kind: &Kind) -> Merged {
        let entry = self.batch.snapshot.by_id(id);
        let functions = entry.map_or(&[][..], |entry| &entry.functions);
        let agreement = self.agreements.get(id).and_then(|agreements| agreements.get(kind));
        Merged {
            revision: self.batch.snapshot.revision,
            functions: functions.iter().filter(|function| function.function.kind == *kind).count(),
            confirm_within: agreement.and_then(|agreement| agreement.confirm_within(self.now)),
        }
    }
}

fn contents<'a>(entry: &'a UpstreamEntry, kind: &Kind) -> Contents<'a> {
    let of_kind = entry.functions.iter().filter(|function| function.function.kind == *kind);
    of_kind.map(|function| (&*function.function.origin, function.function.content())).collect()
}

/// Of `tables`, each once, those that a function refers to.
pub(super) fn in_use(functions: &[Arc<FunctionEntry>], tables: Vec<Table>) -> Box<[Table]> {
    let tables: BTreeMap<Digest, Table> = tables.into_iter().map(|table| (table.digest, table)).collect();
    let used: BTreeSet<Digest> = functions.iter().filter_map(|function| function.definitions).collect();
    tables.into_values().filter(|table| used.contains(&table.digest)).collect()
}

/// The functions of an upstream, as an answer changes them, and the records of what is new.
struct Draft<'a, 's> {
    id: &'a UpstreamId,
    kind: &'a Kind,
    content: &'a Content,
    stage: &'a Stage<'s>,
    records: Vec<(Key, Bytes)>,
}

impl Draft<'_, '_> {
    fn functions(&mut self, entry: &UpstreamEntry, verdict: &Verdict<'_>, mut pasts: Pasts) -> Vec<Arc<FunctionEntry>> {
        let candidates: HashMap<&str, &Candidate> =
            self.content.functions.iter().map(|new| (new.described.origin.as_str(), new)).collect();
        let mut functions = Vec::with_capacity(entry.functions.len() + verdict.add.len());
        for old in &entry.functions {
            let origin = &*old.function.origin;
            if old.function.kind != *self.kind || verdict.keep.contains(origin) {
                functions.push(old.clone());
            } else if !verdict.remove.contains(origin)
                && let Some(new) = candidates.get(origin)
            {
                functions.push(match verdict.take.contains(origin) {
                    true => self.changed(old, new, &mut pasts),
                    false => self.same(old, new),
                });
            }
        }
        let mut held = Held::new(entry.functions.iter().map(|old| (&*old.function.name, &old.function.kind)));
        let newcomers: Vec<&Candidate> =
            self.content.functions.iter().filter(|new| verdict.add.contains(new.described.origin.as_str())).collect();
        let wanted: Vec<_> =
            newcomers.iter().map(|new| (new.described.origin.as_str(), new.described.name.as_str())).collect();
        for (new, name) in newcomers.into_iter().zip(held.give(self.kind, &wanted)) {
            let function = self.function(new, name.into());
            functions.push(self.record(function, new));
        }
        functions
    }

    /// A function that is as it was; only the table that it finds its definitions in may be another.
    fn same(&self, old: &Arc<FunctionEntry>, new: &Candidate) -> Arc<FunctionEntry> {
        match self.table(new) {
            table if table == old.definitions => old.clone(),
            definitions => Arc::new(FunctionEntry { definitions, ..FunctionEntry::clone(old) }),
        }
    }

    fn changed(&mut self, old: &FunctionEntry, new: &Candidate, pasts: &mut Pasts) -> Arc<FunctionEntry> {
        let mut function = self.function(new, old.function.name.clone());
        function.first_seen = old.function.first_seen;
        if let Some((mut history, difference)) = pasts.remove(&old.function.origin) {
            let key = Key::History(self.id.clone(), function.name.clone());
            self.records.push((key, history.push(&function, difference)));
        }
        self.record(function, new)
    }

    fn function(&self, new: &Candidate, name: Arc<str>) -> Function {
        let described = &new.described;
        Function {
            name,
            kind: self.kind.clone(),
            origin: described.origin.as_str().into(),
            summary: described.summary.as_deref().map(Into::into),
            description: described.description.as_deref().map(Into::into),
            deprecated: described.deprecated,
            safe: described.safe,
            tags: described.tags.iter().map(|tag| tag.as_str().into()).collect(),
            binding: new.binding.clone(),
            input: new.input,
            output: new.output,
            digest: new.digest,
            revision: self.stage.batch.next_revision(),
            first_seen: self.stage.batch.now,
            last_seen: self.stage.batch.now,
        }
    }

    fn record(&mut self, function: Function, new: &Candidate) -> Arc<FunctionEntry> {
        let bytes = encode(&FunctionRecord::of(&function));
        let record = Digest::of([&*bytes]);
        self.records.push((Key::Function(self.id.clone(), record), bytes));
        Arc::new(FunctionEntry { function, record, definitions: self.table(new) })
    }

    fn table(&self, new: &Candidate) -> Option<Digest> {
        self.content.table.as_ref().filter(|_| new.has_definitions()).map(|table| table.digest)
    }
}
