//! The changes that go to the store together: one change set for each changed upstream, and the snapshot that shows them all.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use jiff::Timestamp;

use super::endpoints::EndpointChange;
use super::sources::{Held, Scope};
use crate::error::CatalogError;
use crate::events::{Change, KEPT, TRIM_AT};
use crate::model::{SourceId, UpstreamId};
use crate::records::{
    Digests, EventRecord, FORMAT, FunctionRecord, GroupRecord, ManifestRecord, MetaRecord, ObjectRecord,
    UpstreamRecord, WRITER, encode,
};
use crate::snapshot::{FunctionEntry, Snapshot, UpstreamEntry};
use crate::store::{ChangeSet, Key};

/// Hands a request its answer, once it is known whether the batch became durable.
pub(super) type Reply = Box<dyn FnOnce(Result<(), CatalogError>) + Send>;

/// Changes on their way to the store.
pub(super) struct Batch {
    /// The catalog as it is when the batch is durable, but for its soft state.
    pub(super) snapshot: Snapshot,
    /// In order.
    pub(super) sets: Vec<ChangeSet>,
    /// Whom the sets are about.
    pub(super) touched: Vec<UpstreamId>,
    /// What becomes of endpoints then.
    pub(super) endpoints: Vec<EndpointChange>,
    /// Upstreams whose endpoints are written; they are behind again if that fails.
    pub(super) written: Vec<UpstreamId>,
    /// Full lists that were held back and are taken now; they are held again if that fails.
    pub(super) released: Vec<(SourceId, Scope, Held)>,
    pub(super) replies: Vec<Reply>,
    /// Whether the snapshot shows anything new.
    pub(super) is_visible: bool,
    /// The time of all of it.
    pub(super) now: Timestamp,
}

impl Batch {
    pub(super) fn new(snapshot: Snapshot, now: Timestamp) -> Self {
        Self {
            snapshot,
            sets: Vec::new(),
            touched: Vec::new(),
            endpoints: Vec::new(),
            written: Vec::new(),
            released: Vec::new(),
            replies: Vec::new(),
            is_visible: false,
            now,
        }
    }

    /// The revision that a visible change gets.
    pub(super) fn next_revision(&self) -> u64 {
        self.snapshot.revision + 1
    }

    /// Puts `entry` in the place of `old`. `records` are what is new beside its manifest: functions, histories, blobs.
    pub(super) fn put(
        &mut self,
        old: Option<&Arc<UpstreamEntry>>,
        mut entry: UpstreamEntry,
        records: Vec<(Key, Bytes)>,
    ) {
        let id = entry.upstream.id.clone();
        let mut log = Log::default();
        let changed = match old.map(|old| &old.upstream) {
            None => Some(Change::Added),
            Some(old) if old.spec != entry.upstream.spec => Some(Change::Changed),
            Some(old) if !old.kinds.keys().eq(entry.upstream.kinds.keys()) => Some(Change::Changed),
            Some(_) => None,
        };
        if changed.is_some() {
            entry.upstream.revision = self.next_revision();
            entry.upstream.last_seen = self.now;
        }
        if let Some(change) = changed {
            log.upstream(change, &entry, self.now);
        }
        let before = old.map_or(&[][..], |old| &old.functions);
        for function in &entry.functions {
            match old.and_then(|old| old.function(&function.function.name)) {
                Some(before) if before.record == function.record => {}
                Some(_) => log.function(Change::Changed, &entry, function, self.now),
                None => log.function(Change::Added, &entry, function, self.now),
            }
        }
        let gone: Vec<_> = before.iter().filter(|b| entry.function(&b.function.name).is_none()).collect();
        gone.iter().for_each(|function| log.function(Change::Removed, &entry, function, self.now));

        let mut set = ChangeSet { records, ..ChangeSet::default() };
        set.manifest.push((Key::Manifest(id.clone()), manifest(&entry)));
        let current: BTreeSet<_> = entry.functions.iter().map(|function| function.record).collect();
        let dropped = before.iter().map(|function| function.record).filter(|record| !current.contains(record));
        set.drops.extend(dropped.map(|record| Key::Function(id.clone(), record)));
        set.drops.extend(gone.iter().map(|gone| Key::History(id.clone(), gone.function.name.clone())));
        if let Some(old) = old {
            let dropped = &old.blobs() - &entry.blobs();
            set.drops.extend(dropped.into_iter().map(|blob| Key::Blob(id.clone(), blob)));
        }
        self.snapshot.insert(Arc::new(entry));
        self.add(set, log, id);
    }

    /// Takes an upstream out, with all that belongs to it.
    pub(super) fn remove(&mut self, id: &UpstreamId) {
        let Some(entry) = self.snapshot.remove(id) else { return };
        let mut log = Log::default();
        entry.functions.iter().for_each(|function| log.function(Change::Removed, &entry, function, self.now));
        log.upstream(Change::Removed, &entry, self.now);
        self.add(ChangeSet { drops: belongings(&entry), ..ChangeSet::default() }, log, id.clone());
        self.endpoints.push(EndpointChange::Removed(id.clone()));
    }

    /// Adds a change set. One that somebody can see has events, and a revision.
    fn add(&mut self, mut set: ChangeSet, log: Log, upstream: UpstreamId) {
        if !log.0.is_empty() {
            self.snapshot.revision += 1;
            let revision = self.snapshot.revision;
            let count = u32::try_from(log.0.len()).unwrap_or(u32::MAX);
            self.snapshot.events.insert(revision, count);
            self.snapshot.logged += log.0.len();
            set.records.extend((0..count).zip(log.0).map(|(n, event)| (Key::Event(revision, n), event)));
        }
        set.manifest.push((Key::Meta, meta(self.snapshot.revision)));
        self.is_visible = true;
        self.sets.push(set);
        self.touched.push(upstream);
    }

    /// Drops the oldest events when there are too many.
    pub(super) fn trim(&mut self) {
        if self.snapshot.logged <= TRIM_AT {
            return;
        }
        let mut drops = Vec::new();
        loop {
            let Some(&(oldest, count)) = self.snapshot.events.iter(None).next() else { break };
            let left = self.snapshot.logged.saturating_sub(count as usize);
            if left < KEPT {
                break;
            }
            self.snapshot.logged = left;
            self.snapshot.events.remove(&oldest);
            self.snapshot.trimmed = oldest;
            drops.extend((0..count).map(|n| Key::Event(oldest, n)));
        }
        // One revision with most of the events stays whole, and then there is nothing to do.
        if !drops.is_empty() {
            self.sets.push(ChangeSet { drops, ..ChangeSet::default() });
        }
    }
}

/// Everything under an upstream's keys; what makes it visible first.
fn belongings(entry: &UpstreamEntry) -> Vec<Key> {
    let id = &entry.upstream.id;
    let functions = entry.functions.iter().flat_map(|function| {
        [Key::Function(id.clone(), function.record), Key::History(id.clone(), function.function.name.clone())]
    });
    let blobs = entry.blobs().into_iter().map(|blob| Key::Blob(id.clone(), blob));
    [Key::Manifest(id.clone()), Key::Endpoints(id.clone())].into_iter().chain(functions).chain(blobs).collect()
}

fn manifest(entry: &UpstreamEntry) -> Bytes {
    let group = |table: Option<&crate::snapshot::Table>| {
        let digest = table.map(|table| table.digest);
        let functions = entry.functions.iter().filter(|function| function.definitions == digest);
        GroupRecord {
            table: digest,
            definitions: Digests(table.map_or_else(Vec::new, |table| table.contents.to_vec())),
            functions: Digests(functions.map(|function| function.record).collect()),
        }
    };
    let groups = [group(None)].into_iter().chain(entry.tables.iter().map(|table| group(Some(table))));
    let groups = groups.filter(|group| !group.functions.is_empty()).collect();
    encode(&ManifestRecord { upstream: UpstreamRecord::of(&entry.upstream), groups })
}

/// The record about the store, at this revision.
pub(super) fn meta(revision: u64) -> Bytes {
    encode(&MetaRecord { format: FORMAT, writer: WRITER.into(), revision })
}

/// The events of one change set.
#[derive(Default)]
struct Log(Vec<Bytes>);

impl Log {
    fn upstream(&mut self, change: Change, entry: &UpstreamEntry, now: Timestamp) {
        let upstream = Box::new(UpstreamRecord::of(&entry.upstream));
        self.push(change, entry, now, ObjectRecord::Upstream { upstream, functions: entry.functions.len() });
    }

    fn function(&mut self, change: Change, entry: &UpstreamEntry, function: &FunctionEntry, now: Timestamp) {
        let object = ObjectRecord::Function {
            namespace: (&*entry.upstream.namespace).into(),
            upstream: (&*entry.upstream.name).into(),
            function: Box::new(FunctionRecord::of(&function.function)),
        };
        self.push(change, entry, now, object);
    }

    fn push(&mut self, change: Change, entry: &UpstreamEntry, now: Timestamp, object: ObjectRecord<'_>) {
        let id = entry.upstream.id.as_str().into();
        self.0.push(encode(&EventRecord { change: change.as_str().into(), at: now.as_millisecond(), id, object }));
    }
}
