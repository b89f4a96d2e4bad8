//! Upstreams whose manifest has been read, and whose functions are still to come.

use std::collections::HashSet;
use std::sync::Arc;

use crate::model::{Digest, KindState, Upstream};
use crate::records::{FunctionRecord, GroupRecord, ManifestRecord, decode};
use crate::settings::Settings;
use crate::snapshot::{FunctionEntry, Table, UpstreamEntry};
use crate::store::{Key, StoreError};

/// What manifests share.
pub(super) struct Reading<'a> {
    settings: &'a Settings,
    texts: HashSet<Arc<str>>,
}

/// An upstream whose functions are still to come.
pub(super) struct Pending {
    pub(super) upstream: Upstream,
    tables: Box<[Table]>,
    /// Each function's record, and the table of its definitions; by record.
    pub(super) records: Vec<(Digest, Option<Digest>)>,
    functions: Vec<Arc<FunctionEntry>>,
}

impl<'a> Reading<'a> {
    pub(super) fn new(settings: &'a Settings) -> Self {
        Self { settings, texts: HashSet::new() }
    }

    /// The upstream of a manifest.
    pub(super) fn pending(&mut self, key: &Key, bytes: &[u8]) -> Result<Option<Pending>, StoreError> {
        let Key::Manifest(id) = key else { return Ok(None) };
        let record: ManifestRecord<'_> = decode(key, bytes)?;
        let upstream = record.upstream.into_upstream(
            id.clone(),
            |text| self.texts.get(text).cloned().unwrap_or_else(|| share(&mut self.texts, text)),
            |name| self.settings.kind(name),
        );
        let mut records = Vec::new();
        let mut tables = Vec::new();
        for GroupRecord { table, definitions, functions } in record.groups {
            records.extend(functions.0.into_iter().map(|record| (record, table)));
            tables.extend(table.map(|digest| Table { digest, contents: definitions.0.into() }));
        }
        records.sort_unstable();
        let functions = Vec::with_capacity(records.len());
        Ok(Some(Pending { upstream, tables: tables.into(), records, functions }))
    }
}

fn share(texts: &mut HashSet<Arc<str>>, text: &str) -> Arc<str> {
    let text: Arc<str> = text.into();
    texts.insert(text.clone());
    text
}

/// The next look at the upstream has to bring whole descriptions.
fn unsettle(upstream: &mut Upstream) {
    for state in upstream.kinds.values_mut() {
        state.digest = KindState::UNSETTLED;
        state.hint = None;
    }
}

impl Pending {
    /// Adds a function, unless the manifest does not name it: then a change set was not finished.
    pub(super) fn add(
        &mut self,
        key: &Key,
        record: Digest,
        bytes: &[u8],
        settings: &Settings,
    ) -> Result<(), StoreError> {
        if let Ok(at) = self.records.binary_search_by_key(&record, |(record, _)| *record) {
            let function: FunctionRecord<'_> = decode(key, bytes)?;
            let function = function.into_function(|name| settings.kind(name));
            let definitions = self.records[at].1;
            self.functions.push(Arc::new(FunctionEntry { function, record, definitions }));
        }
        Ok(())
    }

    pub(super) fn finish(mut self) -> UpstreamEntry {
        if self.functions.len() != self.records.len() {
            let missing = self.records.len() - self.functions.len();
            tracing::warn!(upstream = %self.upstream.id, missing, "functions are missing in the store; they are looked for again");
            unsettle(&mut self.upstream);
        }
        UpstreamEntry::new(self.upstream, self.functions, self.tables)
    }
}
