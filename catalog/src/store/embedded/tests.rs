//! sled's dangers, each met for real.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::*;
use crate::model::{Digest, SourceId, UpstreamId};
use crate::report::{Listed, Report};
use crate::store::Space;

fn id(name: &str) -> UpstreamId {
    UpstreamId::from(name)
}

fn put(key: Key, value: &[u8]) -> ChangeSet {
    ChangeSet { records: vec![(key, Bytes::copy_from_slice(value))], ..ChangeSet::default() }
}

fn drop_of(key: Key) -> ChangeSet {
    ChangeSet { drops: vec![key], ..ChangeSet::default() }
}

async fn everything(store: &SledStore, space: Space) -> Vec<(Key, Vec<u8>)> {
    let mut found = Vec::new();
    let each = &mut |key, value: &[u8]| {
        found.push((key, value.to_vec()));
        Ok(())
    };
    store.load(space.keys(), each).await.unwrap();
    found
}

/// Bytes that no packing makes fewer: xorshift, from `seed` on.
fn noise(seed: u8, length: usize) -> Vec<u8> {
    let mut state = u64::from(seed) + 1;
    let mut step = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    };
    (0..length).map(|_| step()).collect()
}

fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    entries.map(|e| if e.path().is_dir() { size(&e.path()) } else { e.metadata().unwrap().len() }).sum()
}

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let key = Key::Manifest(id("a"));
    {
        let store = SledStore::open(folder.path()).await.unwrap();
        store.commit(vec![put(key.clone(), b"one"), put(Key::Meta, b"m")]).await.unwrap();
    }
    let store = SledStore::open(folder.path()).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap().as_deref(), Some(&b"one"[..]));
    assert_eq!(everything(&store, Space::Manifest).await, [(key, b"one".to_vec())]);
    assert_eq!(store.get(&Key::Manifest(id("b"))).await.unwrap(), None);
}

#[tokio::test]
async fn a_large_value_is_whole_and_gives_its_space_back() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path()).await.unwrap();
    // A neighbour whose name begins with this one's keeps its pieces.
    let (key, neighbour) = (Key::Manifest(id("a")), Key::Manifest(id("ab")));
    let large = |seed: u8| noise(seed, 1_000_000);
    store.commit(vec![put(neighbour.clone(), &large(9))]).await.unwrap();
    for round in 0..40 {
        store.commit(vec![put(key.clone(), &large(round))]).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap().unwrap(), large(round));
    }
    store.commit(vec![put(key.clone(), b"small")]).await.unwrap();
    assert_eq!(
        everything(&store, Space::Manifest).await,
        [(key.clone(), b"small".to_vec()), (neighbour.clone(), large(9))]
    );
    store.commit(vec![drop_of(key.clone())]).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap(), None);
    assert_eq!(store.get(&neighbour).await.unwrap().unwrap(), large(9));
    assert_eq!(fs::read_dir(folder.path().join("blobs")).unwrap().count(), 0, "a value went to a file of its own");
    assert!(size(folder.path()) < 20 << 20, "{} bytes on disk for one value of 1 MB", size(folder.path()));
}

#[tokio::test]
async fn what_packs_well_takes_little_room() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path()).await.unwrap();
    let (small, large) = (Key::Manifest(id("a")), Key::Manifest(id("b")));
    let text = |length: usize| br#"{"type":"object"},"#.iter().copied().cycle().take(length).collect::<Vec<u8>>();
    store.commit(vec![put(small.clone(), &text(5_000)), put(large.clone(), &text(4_000_000))]).await.unwrap();
    assert_eq!(everything(&store, Space::Manifest).await, [(small, text(5_000)), (large, text(4_000_000))]);
    assert!(size(folder.path()) < 2 << 20, "{} bytes on disk", size(folder.path()));
}

#[tokio::test]
async fn the_last_word_of_a_group_counts() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::open(folder.path()).await.unwrap();
    let key = Key::Blob(id("a"), Digest::of([&b"x"[..]]));
    let large = noise(7, 300_000);
    store.commit(vec![put(key.clone(), &large), put(key.clone(), b"short")]).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap().as_deref(), Some(&b"short"[..]));
    store.commit(vec![put(key.clone(), &large), drop_of(key.clone())]).await.unwrap();
    assert_eq!(everything(&store, Space::Blob).await, []);
}

#[tokio::test]
async fn a_torn_snapshot_file_loses_nothing() {
    for torn in [&b""[..], b"half"] {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::Manifest(id("a"));
        {
            let store = SledStore::open(folder.path()).await.unwrap();
            store.commit(vec![put(key.clone(), b"one")]).await.unwrap();
        }
        let snapshots = || fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().path());
        let is_snapshot = |p: &std::path::PathBuf| p.file_name().unwrap().to_string_lossy().starts_with("snap.");
        for snapshot in snapshots().filter(is_snapshot) {
            fs::remove_file(snapshot).unwrap();
        }
        fs::write(folder.path().join("snap.0000000000000000"), torn).unwrap();
        let store = SledStore::open(folder.path()).await.unwrap();
        assert_eq!(store.get(&key).await.unwrap().as_deref(), Some(&b"one"[..]));
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_opener_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let _held = SledStore::open(folder.path()).await.unwrap();
    let refused = SledStore::open(folder.path()).await.map(drop).unwrap_err();
    assert!(matches!(refused, StoreError::Locked { .. }), "{refused}");
    assert!(refused.to_string().contains("--data-dir"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_commit_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SledStore::open(folder.path()).await.unwrap());
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..200u32 {
        let store = store.clone();
        tasks.spawn(async move { store.commit(vec![put(Key::Event(u64::from(n), 0), &n.to_be_bytes())]).await });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap().unwrap();
    }
    let numbers: Vec<_> = everything(&store, Space::Event).await.into_iter().map(|(_, v)| v).collect();
    assert_eq!(numbers, (0..200u32).map(|n| n.to_be_bytes().to_vec()).collect::<Vec<_>>());
}

/// Open so that the first commit fails after it was applied: what it syncs then is no file on a disk.
async fn spoiled(folder: &Path) -> Opened {
    Opened { log: fs::File::open("/dev/null").unwrap(), ..open::patiently(folder).await.unwrap() }
}

#[tokio::test]
async fn after_an_error_reading_and_writing_go_on() {
    let folder = tempfile::tempdir().unwrap();
    let key = Key::Manifest(id("a"));
    SledStore::open(folder.path()).await.unwrap().commit(vec![put(key.clone(), b"one")]).await.unwrap();
    let store = SledStore::start(folder.path(), spoiled(folder.path()).await).unwrap();
    let failed = store.commit(vec![put(Key::Meta, b"m")]).await;
    assert!(matches!(failed, Err(StoreError::Unavailable { act: "write", .. })), "{failed:?}");
    assert_eq!(store.get(&key).await.unwrap().as_deref(), Some(&b"one"[..]));
    store.commit(vec![put(key.clone(), b"two")]).await.unwrap();
    assert_eq!(store.get(&key).await.unwrap().as_deref(), Some(&b"two"[..]));
}

#[tokio::test]
async fn while_the_disk_is_full_reading_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let store = SledStore::start(folder.path(), spoiled(folder.path()).await).unwrap();
    // In the way of what shows that there is room.
    let full = folder.path().join("room");
    fs::create_dir(&full).unwrap();
    for _ in 0..3 {
        assert!(store.commit(vec![put(Key::Meta, b"m")]).await.is_err());
        assert!(store.get(&Key::Manifest(id("a"))).await.is_ok());
    }
    fs::remove_dir(&full).unwrap();
    store.commit(vec![put(Key::Meta, b"m")]).await.unwrap();
    assert_eq!(store.get(&Key::Meta).await.unwrap().as_deref(), Some(&b"m"[..]));
}

#[tokio::test]
async fn what_cannot_be_opened_again_at_once_is_opened_by_the_next_commit() {
    let folder = tempfile::tempdir().unwrap();
    let opened = spoiled(folder.path()).await;
    // Keeps sled's lock.
    let held = opened.db.clone();
    let store = SledStore::start(folder.path(), opened).unwrap();
    assert!(store.commit(vec![put(Key::Meta, b"m")]).await.is_err());
    assert!(store.get(&Key::Meta).await.is_err() && store.commit(Vec::new()).await.is_err());
    drop(held);
    store.commit(Vec::new()).await.unwrap();
    assert!(store.get(&Key::Meta).await.is_ok());
}

#[tokio::test]
async fn the_registrar_recovers_on_it() {
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SledStore::start(folder.path(), spoiled(folder.path()).await).unwrap());
    let (catalog, registrar) = crate::open(store, crate::Settings::default()).await.unwrap();
    let mut run = tokio::task::JoinSet::new();
    run.spawn(registrar.run());
    let source = SourceId::new("consul", "");
    let listed =
        Listed { key: "a".into(), name: "a".into(), namespace: None, spec: Default::default(), endpoints: Vec::new() };
    assert!(catalog.report(&source, Report::Full(vec![listed])).await.is_err());
    let mut snapshots = catalog.subscribe();
    while catalog.health().is_some() {
        tokio::time::timeout(Duration::from_secs(30), snapshots.changed()).await.expect("it recovers").unwrap();
    }
    assert_eq!(catalog.snapshot().upstreams(None).count(), 1, "it had reached the disk");
    catalog.report(&source, Report::Full(Vec::new())).await.unwrap();
    assert_eq!(catalog.snapshot().upstreams(None).count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_value_is_never_read_in_half() {
    const ROUNDS: u8 = 100;
    let folder = tempfile::tempdir().unwrap();
    let store = Arc::new(SledStore::open(folder.path()).await.unwrap());
    let key = Key::History(id("a"), "f".into());
    let writing = {
        let (store, key) = (store.clone(), key.clone());
        async move {
            for round in 0..ROUNDS {
                // Sometimes of another length.
                let value = [vec![round], noise(round, 64_000 - usize::from(round % 3 / 2) * 30_000)].concat();
                store.commit(vec![put(key.clone(), &value)]).await.unwrap();
            }
        }
    };
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(writing);
    let mut last = 0;
    while last + 1 < ROUNDS {
        if let Some(value) = store.get(&key).await.unwrap() {
            assert!(value[1..] == noise(value[0], value.len() - 1), "it is of several writings");
            last = value[0];
        }
    }
    tasks.join_next().await.unwrap().unwrap();
}
