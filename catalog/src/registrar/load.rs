//! What the store holds, as a snapshot. Records stream by, in key order; schemas are not read.

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;

use super::endpoints::judged;
use crate::model::{Digest, EndpointSet, KindState, Upstream, UpstreamId};
use crate::records::{
    EndpointsRecord, FORMAT, FunctionRecord, GroupRecord, ManifestRecord, MetaRecord, WRITER, decode, newer,
};
use crate::settings::Settings;
use crate::snapshot::{FunctionEntry, Snapshot, Sorted, Table, UpstreamEntry};
use crate::store::{Key, Space, Store, StoreError};

/// The largest revision of a store: what every reader of JSON counts exactly, and far from where counting on would overflow.
const MAX_REVISION: u64 = 1 << 53;

/// Everything in the store.
pub(super) async fn load(store: &dyn Store, settings: &Settings) -> Result<Snapshot, StoreError> {
    let meta = meta(store).await?;
    let mut reading = Reading { settings, texts: HashSet::new() };
    let mut entries: Vec<Pending> = Vec::new();
    let writer = meta.as_ref().map_or(WRITER, |meta| &meta.writer);
    let by_writer = |error| by(error, writer);
    let mut each = |key: Key, bytes: &[u8]| {
        entries.extend(reading.pending(&key, bytes)?);
        Ok(())
    };
    store.load(Space::Manifest, &mut each).await.map_err(by_writer)?;

    let revision = match meta.as_ref() {
        Some(meta) => meta.revision,
        None if entries.is_empty() => 0,
        None => return Err(unfinished()),
    };
    distinct(&entries)?;
    // Functions come in the order of their upstreams.
    let mut at = 0;
    let mut each = |key: Key, bytes: &[u8]| {
        if let Key::Function(id, record) = &key {
            at += entries[at..].iter().take_while(|pending| pending.upstream.id < *id).count();
            if let Some(pending) = entries.get_mut(at).filter(|pending| pending.upstream.id == *id) {
                pending.add(&key, *record, bytes, settings)?;
            }
        }
        Ok(())
    };
    store.load(Space::Function, &mut each).await.map_err(by_writer)?;

    let mut snapshot = Snapshot { revision, ..Snapshot::default() };
    let mut endpoints = Vec::new();
    let mut each = |key: Key, bytes: &[u8]| {
        if let Key::Endpoints(id) = &key
            && entries.binary_search_by(|pending| pending.upstream.id.cmp(id)).is_ok()
        {
            let record: EndpointsRecord<'_> = decode(&key, bytes)?;
            endpoints.push((id.clone(), EndpointSet::new(judged(record.into_endpoints(), settings))));
        }
        Ok(())
    };
    store.load(Space::Endpoints, &mut each).await.map_err(by_writer)?;
    snapshot.endpoints = endpoints.into_iter().collect();

    let mut events: Vec<(u64, u32)> = Vec::new();
    let mut each = |key: Key, _: &[u8]| {
        if let Key::Event(revision, n) = key {
            match events.last_mut() {
                Some(last) if *last == (revision, n) => last.1 += 1,
                _ if n == 0 => events.push((revision, 1)),
                // A change set was not finished; a number after a gap says nothing of how many there are.
                _ => {}
            }
        }
        Ok(())
    };
    store.load(Space::Event, &mut each).await.map_err(by_writer)?;
    fill(&mut snapshot, entries, &events);
    match snapshot.revision {
        0..=MAX_REVISION => Ok(snapshot),
        revision => Err(StoreError::Corrupt {
            key: format!("{:?}", Key::Meta).into(),
            cause: format!("no store reaches revision {revision}").into(),
        }),
    }
}

/// A restore writes the record about the store last.
fn unfinished() -> StoreError {
    StoreError::Corrupt {
        key: format!("{:?}", Key::Meta).into(),
        cause: "there is none, as after a restore that was cut short; restore again into an empty --data-dir".into(),
    }
}

/// A name or an origin that two upstreams have is refused: one of them would be out of reach, and nothing says which it should be.
fn distinct(entries: &[Pending]) -> Result<(), StoreError> {
    let (mut names, mut origins) = (HashSet::new(), HashSet::new());
    for Pending { upstream, .. } in entries {
        if !names.insert((&upstream.namespace, &upstream.name)) || !origins.insert(&upstream.origin) {
            return Err(StoreError::Corrupt {
                key: format!("{:?}", Key::Manifest(upstream.id.clone())).into(),
                cause: "another upstream has its name or its origin".into(),
            });
        }
    }
    Ok(())
}

fn fill(snapshot: &mut Snapshot, entries: Vec<Pending>, events: &[(u64, u32)]) {
    let entries: Vec<_> = entries.into_iter().map(|pending| Arc::new(pending.finish())).collect();
    let latest = |entry: &Arc<UpstreamEntry>| {
        let functions = entry.functions.iter().map(|function| function.function.revision);
        functions.chain([entry.upstream.revision]).max().unwrap_or(0)
    };
    // A store that writes a change set in steps may have lost the last one, the meta record.
    let newest = entries.iter().map(latest).chain(events.last().map(|(revision, _)| *revision)).max();
    snapshot.revision = snapshot.revision.max(newest.unwrap_or(0));
    snapshot.functions = entries.iter().map(|entry| entry.functions.len()).sum();
    let key = |entry: &Arc<UpstreamEntry>| (entry.upstream.namespace.clone(), entry.upstream.name.clone());
    snapshot.ids = entries.iter().map(|entry| (entry.upstream.id.clone(), key(entry))).collect();
    snapshot.origins = entries.iter().map(|entry| (entry.upstream.origin.clone(), entry.upstream.id.clone())).collect();
    snapshot.upstreams = entries.into_iter().map(|entry| (key(&entry), entry)).collect();
    snapshot.trimmed = events.first().map_or(snapshot.revision, |(first, _)| first.saturating_sub(1));
    snapshot.logged = events.iter().map(|(_, count)| *count as usize).sum();
    snapshot.events = events.iter().copied().collect::<Sorted<_, _>>();
}

/// One upstream as the store has it; `None` when it has not.
pub(super) async fn load_one(
    store: &dyn Store,
    settings: &Settings,
    id: &UpstreamId,
) -> Result<Option<UpstreamEntry>, StoreError> {
    let key = Key::Manifest(id.clone());
    let Some(bytes) = store.get(&key).await? else { return Ok(None) };
    let mut reading = Reading { settings, texts: HashSet::new() };
    let Some(mut pending) = reading.pending(&key, &bytes)? else { return Ok(None) };
    for (record, _) in pending.records.clone() {
        let key = Key::Function(id.clone(), record);
        if let Some(bytes) = store.get(&key).await? {
            pending.add(&key, record, &bytes, settings)?;
        }
    }
    Ok(Some(pending.finish()))
}

/// The record about the store; a new store has none.
pub(super) async fn meta(store: &dyn Store) -> Result<Option<MetaRecord<'static>>, StoreError> {
    let Some(bytes) = store.get(&Key::Meta).await? else { return Ok(None) };
    /// What every version's record about the store says.
    #[derive(Deserialize)]
    struct Writer {
        writer: String,
    }
    let writer = bytes.get(1..).and_then(|json| serde_json::from_slice::<Writer>(json).ok());
    let writer = writer.map_or_else(|| "of a newer version".to_owned(), |meta| meta.writer);
    let meta: MetaRecord<'_> = decode(&Key::Meta, &bytes).map_err(|error| by(error, &writer))?;
    if meta.format > FORMAT {
        return Err(newer(&writer, meta.format));
    }
    Ok(Some(MetaRecord { format: meta.format, writer: writer.into(), revision: meta.revision }))
}

/// `error`, naming who wrote the store.
fn by(error: StoreError, writer: &str) -> StoreError {
    match error {
        StoreError::Newer { found, known, .. } => StoreError::Newer { writer: writer.into(), found, known },
        error => error,
    }
}

/// What manifests share.
struct Reading<'a> {
    settings: &'a Settings,
    texts: HashSet<Arc<str>>,
}

/// An upstream whose functions are still to come.
struct Pending {
    upstream: Upstream,
    tables: Box<[Table]>,
    /// Each function's record, and the table of its definitions; by record.
    records: Vec<(Digest, Option<Digest>)>,
    functions: Vec<Arc<FunctionEntry>>,
}

impl Reading<'_> {
    fn pending(&mut self, key: &Key, bytes: &[u8]) -> Result<Option<Pending>, StoreError> {
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
    fn add(&mut self, key: &Key, record: Digest, bytes: &[u8], settings: &Settings) -> Result<(), StoreError> {
        if let Ok(at) = self.records.binary_search_by_key(&record, |(record, _)| *record) {
            let function: FunctionRecord<'_> = decode(key, bytes)?;
            let function = function.into_function(|name| settings.kind(name));
            let definitions = self.records[at].1;
            self.functions.push(Arc::new(FunctionEntry { function, record, definitions }));
        }
        Ok(())
    }

    fn finish(mut self) -> UpstreamEntry {
        if self.functions.len() != self.records.len() {
            let missing = self.records.len() - self.functions.len();
            tracing::warn!(upstream = %self.upstream.id, missing, "functions are missing in the store; they are looked for again");
            unsettle(&mut self.upstream);
        }
        UpstreamEntry::new(self.upstream, self.functions, self.tables)
    }
}
