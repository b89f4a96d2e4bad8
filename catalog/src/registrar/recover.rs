//! After a commit that failed: it may have reached the disk all the same, or in part. So what the store holds of the touched
//! upstreams is read again, and what the failed sets left behind is dropped, before any other change is taken.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::batch::{Batch, meta};
use super::endpoints::EndpointChange;
use super::load::{self, load_one};
use crate::model::UpstreamId;
use crate::records::{EndpointsRecord, decode};
use crate::settings::Settings;
use crate::snapshot::Snapshot;
use crate::store::{ChangeSet, Key, Store, StoreError};

/// What a failed commit may have done.
#[derive(Clone, Debug)]
pub(super) struct Doubt {
    touched: BTreeSet<UpstreamId>,
    /// What else it wrote or dropped.
    keys: BTreeSet<Key>,
    /// Its revisions, and how many events each has.
    events: Vec<(u64, u32)>,
}

impl Doubt {
    /// About `batch`, which was to follow the snapshot `before`.
    pub(super) fn about(batch: &Batch, before: &Snapshot) -> Self {
        let keys = batch.sets.iter().flat_map(|set| set.records.iter().map(|(key, _)| key).chain(&set.drops));
        let keys = keys.filter(|key| !matches!(key, Key::Meta | Key::Manifest(_)));
        Self {
            touched: batch.touched.iter().cloned().collect(),
            keys: keys.cloned().collect(),
            events: batch.snapshot.events.iter(Some(&(before.revision + 1))).copied().collect(),
        }
    }
}

/// Makes sure what the store holds, and that it can be written. Returns the catalog as it is, and what becomes of endpoints.
pub(super) async fn recover(
    store: Arc<dyn Store>,
    settings: Arc<Settings>,
    mut snapshot: Snapshot,
    doubt: Doubt,
) -> Result<(Snapshot, Vec<EndpointChange>), StoreError> {
    // A store that could not be opened again after its error tries that now.
    store.commit(Vec::new()).await?;
    let reached = load::meta(&*store).await?.map_or(0, |meta| meta.revision);
    let mut endpoints = Vec::new();
    let mut named = BTreeSet::new();
    for id in &doubt.touched {
        let known = snapshot.remove(id).is_some();
        match load_one(&*store, &settings, id).await? {
            Some(entry) => {
                named.extend(entry.functions.iter().map(|function| Key::Function(id.clone(), function.record)));
                named.extend(entry.blobs().into_iter().map(|blob| Key::Blob(id.clone(), blob)));
                snapshot.insert(Arc::new(entry));
                if !known {
                    endpoints.extend(stored_endpoints(&*store, id).await?);
                }
            }
            None => endpoints.push(EndpointChange::Removed(id.clone())),
        }
    }
    for (revision, count) in doubt.events.into_iter().filter(|(revision, _)| *revision <= reached) {
        snapshot.events.insert(revision, count);
        snapshot.logged += count as usize;
    }
    snapshot.revision = snapshot.revision.max(reached);
    let is_named = |key: &Key| match key {
        Key::Event(revision, _) => snapshot.events.get(revision).is_some(),
        Key::Endpoints(id) => snapshot.by_id(id).is_some(),
        Key::History(id, name) => snapshot.by_id(id).is_some_and(|entry| entry.function(name).is_some()),
        key => named.contains(key),
    };
    let drops = doubt.keys.into_iter().filter(|key| !is_named(key)).collect();
    let manifest = vec![(Key::Meta, meta(snapshot.revision))];
    store.commit(vec![ChangeSet { manifest, drops, ..ChangeSet::default() }]).await?;
    Ok((snapshot, endpoints))
}

async fn stored_endpoints(store: &dyn Store, id: &UpstreamId) -> Result<Option<EndpointChange>, StoreError> {
    let key = Key::Endpoints(id.clone());
    let Some(bytes) = store.get(&key).await? else { return Ok(None) };
    let record: EndpointsRecord<'_> = decode(&key, &bytes)?;
    // Older than anything that has arrived since.
    Ok(Some(EndpointChange::Set { id: id.clone(), endpoints: record.into_endpoints(), order: 0, written: true }))
}
