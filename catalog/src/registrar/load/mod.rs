//! What the store holds, as a snapshot. Records stream by, in key order; schemas are not read.

mod functions;
mod pending;

use std::collections::HashSet;
use std::sync::Arc;

use serde::Deserialize;

use self::functions::Functions;
use self::pending::Reading;
use super::endpoints::judged;
use crate::model::{EndpointSet, UpstreamId};
use crate::records::{EndpointsRecord, FORMAT, MetaRecord, WRITER, decode, newer};
use crate::settings::Settings;
use crate::snapshot::{Snapshot, Sorted, UpstreamEntry};
use crate::store::{Key, Space, Store, StoreError};

/// The largest revision of a store: what every reader of JSON counts exactly, and far from where counting on would overflow.
const MAX_REVISION: u64 = 1 << 53;

/// Everything in the store. While manifests are read here, other threads of the runtime read functions.
pub(super) async fn load(store: &Arc<dyn Store>, settings: &Arc<Settings>) -> Result<Snapshot, StoreError> {
    let meta = meta(&**store).await?;
    if meta.is_none() {
        refuse_unfinished(&**store).await?;
    }
    let (revision, writer) = meta.map_or((0, WRITER.into()), |meta| (meta.revision, meta.writer));
    let Read { entries, endpoints, events } = read(store, settings).await.map_err(|error| by(error, &writer))?;
    distinct(&entries)?;
    let mut snapshot = Snapshot { revision, endpoints: endpoints.into_iter().collect(), ..Snapshot::default() };
    fill(&mut snapshot, entries, &events);
    match snapshot.revision {
        0..=MAX_REVISION => Ok(snapshot),
        revision => Err(StoreError::Corrupt {
            key: format!("{:?}", Key::Meta).into(),
            cause: format!("no store reaches revision {revision}").into(),
        }),
    }
}

/// What stands in the store, in the order of keys.
struct Read {
    entries: Vec<Arc<UpstreamEntry>>,
    endpoints: Vec<(UpstreamId, EndpointSet)>,
    /// Revisions, and how many events each has.
    events: Vec<(u64, u32)>,
}

async fn read(store: &Arc<dyn Store>, settings: &Arc<Settings>) -> Result<Read, StoreError> {
    let mut reading = Reading::new(settings);
    let mut functions = Functions::new(store, settings);
    let mut ids = Vec::new();
    let mut each = |key: Key, bytes: &[u8]| {
        if let Some(pending) = reading.pending(&key, bytes)? {
            ids.push(pending.upstream.id.clone());
            functions.read(pending);
        }
        Ok(())
    };
    store.load(Space::Manifest.keys(), &mut each).await?;

    let mut endpoints = Vec::new();
    let mut each = |key: Key, bytes: &[u8]| {
        if let Key::Endpoints(id) = &key
            && ids.binary_search(id).is_ok()
        {
            let record: EndpointsRecord<'_> = decode(&key, bytes)?;
            endpoints.push((id.clone(), EndpointSet::new(judged(record.into_endpoints(), settings))));
        }
        Ok(())
    };
    store.load(Space::Endpoints.keys(), &mut each).await?;

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
    store.load(Space::Event.keys(), &mut each).await?;
    Ok(Read { entries: functions.all().await?, endpoints, events })
}

/// A restore writes the record about the store last: without it there may be no manifest either.
async fn refuse_unfinished(store: &dyn Store) -> Result<(), StoreError> {
    let mut each = |_: Key, _: &[u8]| {
        Err(StoreError::Corrupt {
            key: format!("{:?}", Key::Meta).into(),
            cause: "there is none, as after a restore that was cut short; restore again into an empty --data-dir"
                .into(),
        })
    };
    store.load(Space::Manifest.keys(), &mut each).await
}

/// A name or an origin that two upstreams have is refused: one of them would be out of reach, and nothing says which it should be.
fn distinct(entries: &[Arc<UpstreamEntry>]) -> Result<(), StoreError> {
    let (mut names, mut origins) = (HashSet::new(), HashSet::new());
    for UpstreamEntry { upstream, .. } in entries.iter().map(|entry| &**entry) {
        if !names.insert((&upstream.namespace, &upstream.name)) || !origins.insert(&upstream.origin) {
            return Err(StoreError::Corrupt {
                key: format!("{:?}", Key::Manifest(upstream.id.clone())).into(),
                cause: "another upstream has its name or its origin".into(),
            });
        }
    }
    Ok(())
}

fn fill(snapshot: &mut Snapshot, entries: Vec<Arc<UpstreamEntry>>, events: &[(u64, u32)]) {
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
    let Some(mut pending) = Reading::new(settings).pending(&key, &bytes)? else { return Ok(None) };
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
