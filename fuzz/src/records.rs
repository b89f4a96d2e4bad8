//! The records of a store, as another version, a broken disk or another hand may have left them.

use std::sync::Arc;

use bytes::Bytes;
use catalog::events::EventsError;
use catalog::model::SourceId;
use catalog::report::Report;
use catalog::store::{ChangeSet, Key, Memory, Store};
use catalog::{Catalog, Settings};
use futures_util::FutureExt as _;

use super::block_on;

/// Reads keys and records, and opens a store that holds them all. A key must come back as the bytes it was, a record that was read
/// must be written so that it is read as the same, and the store opens or says why; one that opens takes changes.
///
/// The bytes are records, each `length of key (1 byte), key, length of value (2 bytes, big endian), value`; lengths that go too far
/// mean all that is left.
pub fn records(mut bytes: &[u8]) {
    let mut records = Vec::new();
    while let Some(length) = take(&mut bytes, 1) {
        let key = take(&mut bytes, length[0].into()).unwrap_or_default();
        let length = take(&mut bytes, 2).map_or(0, |at| at.iter().fold(0, |sum, byte| sum * 256 + usize::from(*byte)));
        let value = Bytes::copy_from_slice(take(&mut bytes, length).unwrap_or_default());
        let Some(key) = read(key) else { continue };
        again(&key, &value);
        records.push((key, value));
    }
    block_on(open(records));
}

fn take<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at(length.min(bytes.len()));
    *bytes = rest;
    (!taken.is_empty()).then_some(taken)
}

fn read(bytes: &[u8]) -> Option<Key> {
    let key = Key::from_bytes(bytes)?;
    assert_eq!(key.to_bytes(), bytes, "{key:?}");
    Some(key)
}

fn again(key: &Key, value: &[u8]) {
    if let Ok(written) = catalog::fuzzing::rewrite(key, value) {
        let twice = catalog::fuzzing::rewrite(key, &written);
        assert_eq!(twice.expect("what was written here can be read"), written, "{key:?}");
    }
}

async fn open(records: Vec<(Key, Bytes)>) {
    let store = Arc::new(Memory::default());
    let set = ChangeSet { records, ..ChangeSet::default() };
    store.commit(vec![set]).await.expect("memory takes everything");
    let Ok((catalog, registrar)) = catalog::open(store.clone(), Settings::default()).await else { return };
    let work = async {
        read_all(&catalog).await;
        change(&catalog).await;
        catalog.close().await.expect("memory takes everything");
    };
    tokio::join!(registrar.run(), work);
    let before = catalog.snapshot();
    let (after, _) = catalog::open(store as Arc<dyn Store>, Settings::default()).await.expect("it was written here");
    let after = after.snapshot();
    let counts =
        |snapshot: &catalog::Snapshot| (snapshot.revision, snapshot.upstream_count(), snapshot.function_count());
    assert_eq!(counts(&before), counts(&after), "what is shown is not what was written");
}

/// Reads all that can be asked for.
async fn read_all(catalog: &Catalog) {
    let snapshot = catalog.snapshot();
    for entry in snapshot.upstreams(None) {
        for function in entry.functions.iter() {
            // Contents may be missing.
            let _ = catalog.materials(entry, function).await;
            let _ = catalog.history(&entry.upstream.id, &function.function.name).await;
        }
    }
    let oldest = match catalog.events(Some((0, 0))) {
        Err(EventsError::Gone { oldest, .. }) => oldest,
        _ => 0,
    };
    if let Ok(mut events) = catalog.events(Some((oldest, u32::MAX))) {
        // One that has not come yet is waited for.
        while let Some(Ok(_)) = events.next().now_or_never() {}
    }
}

/// Every source of the store reports that it has nothing any more.
async fn change(catalog: &Catalog) {
    let snapshot = catalog.snapshot();
    let mut sources: Vec<SourceId> =
        snapshot.upstreams(None).map(|entry| entry.upstream.origin.source.clone()).collect();
    sources.dedup();
    sources.push(SourceId::new("static", ""));
    for source in sources {
        let _ = catalog.report(&source, Report::Full(Vec::new())).await;
        let _ = catalog.accept(&source).await;
    }
}
