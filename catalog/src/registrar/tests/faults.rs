//! What holds while the store fails, and after.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use proptest::prelude::*;
use tokio::time::{Instant, timeout};

use super::bench::{Bench, address, found, listed, pass};
use crate::model::{Endpoint, Kind, SourceId};
use crate::report::{Probed, Report};
use crate::store::{ChangeSet, Fault, Key, Space, Store, StoreError};
use crate::{CatalogError, Settings, open};

fn port(bench: &Bench, name: &str) -> u16 {
    bench.snapshot().endpoints(&bench.id(name)).unwrap().usable()[0].port()
}

async fn move_to(bench: &Bench, key: &str, port: u16) {
    let endpoints = vec![Endpoint::at(address(port))];
    bench.report("consul", Report::Endpoints(key.into(), endpoints)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn while_the_store_fails_changes_are_refused_and_endpoints_go_on() {
    for fault in [Fault::Refuse, Fault::Panic] {
        let bench = Bench::new().await;
        bench.full("consul", &["a"]).await.unwrap();
        bench.store.fail(Some(fault));
        assert!(matches!(bench.full("consul", &["a", "b"]).await, Err(CatalogError::Store(_))));
        let since = bench.catalog.health().unwrap().since;
        for n in 10..20 {
            assert!(matches!(bench.full("consul", &["a", "b"]).await, Err(CatalogError::Store(_))));
            move_to(&bench, "a", n).await;
            assert_eq!((port(&bench, "a"), bench.names().len()), (n, 1));
            pass(1).await;
        }
        assert_eq!(bench.catalog.health().unwrap().since, since);
        let revision = bench.snapshot().revision;
        bench.store.fail(None);
        // Nobody has to ask for it to be tried again.
        bench.recovered().await;
        assert_eq!((bench.snapshot().revision, port(&bench, "a")), (revision, 19));
        assert_eq!(bench.full("consul", &["a", "b"]).await.unwrap().revision, revision + 1);
        bench.check_store().await;
        let again = Bench::on(bench.close().await).await;
        assert_eq!((again.names(), port(&again, "a")), (vec!["a".to_owned(), "b".to_owned()], 1));
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_store_hangs_endpoints_go_on_and_changes_gather() {
    let bench = Bench::new().await;
    bench.full("consul", &["a"]).await.unwrap();
    bench.store.fail(Some(Fault::Hang));
    let committed = bench.store.committed();
    let one = |key| bench.report("consul", Report::Changed(Box::new(listed(key))));
    let waiting = async { tokio::join!(one("b"), one("c"), one("d")) };
    tokio::pin!(waiting);
    assert!(timeout(Duration::from_secs(5), &mut waiting).await.is_err());
    let begin = Instant::now();
    // One that is on its way to the store, and one that is known.
    move_to(&bench, "a", 9).await;
    let newcomer = vec![Endpoint::at(address(8))];
    let newcomer = bench.report("consul", Report::Endpoints("c".into(), newcomer));
    assert_eq!((begin.elapsed(), port(&bench, "a"), bench.names().len()), (Duration::ZERO, 9, 1));
    bench.store.fail(None);
    let (answers, answer) = tokio::join!(waiting, newcomer);
    assert!(answers.0.is_ok() && answers.1.is_ok() && answers.2.is_ok() && answer.is_ok());
    assert_eq!((bench.names().len(), port(&bench, "c"), port(&bench, "a")), (4, 8, 9));
    assert!(bench.store.committed() > committed);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_backup_is_written_endpoints_go_on() {
    let bench = Bench::new().await;
    let names: Vec<_> = (0..1_000).map(|n| format!("u{n}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    bench.full("consul", &names).await.unwrap();
    // A pipe that nobody reads yet is a slow disk.
    let (mut reader, writer) = io::pipe().unwrap();
    let backup = bench.catalog.backup(File::from(OwnedFd::from(writer)));
    tokio::pin!(backup);
    assert!(timeout(Duration::from_millis(50), &mut backup).await.is_err());
    timeout(Duration::from_secs(10), move_to(&bench, "u7", 9)).await.expect("it is answered meanwhile");
    assert_eq!(port(&bench, "u7"), 9);
    let reading = tokio::task::spawn_blocking(move || io::copy(&mut reader, &mut io::sink()).unwrap());
    drop(backup.await.unwrap());
    assert!(reading.await.unwrap() > 1 << 16);
}

#[tokio::test(start_paused = true)]
async fn endpoints_that_arrived_last_stay() {
    let bench = Bench::new().await;
    bench.full("consul", &["a"]).await.unwrap();
    bench.store.fail(Some(Fault::Hang));
    let mut changed = listed("a");
    changed.spec.base_path = "/v2".into();
    changed.endpoints = vec![Endpoint::at(address(5))];
    let first = bench.report("static", Report::Changed(Box::new(listed("b"))));
    let second = bench.report("consul", Report::Changed(Box::new(changed)));
    let waiting = async { tokio::join!(first, second) };
    tokio::pin!(waiting);
    assert!(timeout(Duration::from_secs(5), &mut waiting).await.is_err());
    assert_eq!(port(&bench, "a"), 5);
    move_to(&bench, "a", 9).await;
    bench.store.fail(None);
    let (first, second) = waiting.await;
    assert!(first.is_ok() && second.is_ok());
    assert_eq!((port(&bench, "a"), bench.entry("a").upstream.spec.base_path.as_str()), (9, "/v2"));
}

#[tokio::test(start_paused = true)]
async fn a_history_has_no_revision_that_never_was() {
    let bench = Bench::new().await;
    bench.full("consul", &["u"]).await.unwrap();
    bench.finds(1, "f=1").await;
    bench.store.fail(Some(Fault::Tear));
    let probed = |summary| Probed {
        upstream: bench.id("u"),
        kind: Kind::new("rest"),
        endpoint: address(1),
        finding: found(summary),
    };
    assert!(bench.catalog.probed(probed("f=2")).await.is_err());
    bench.store.fail(None);
    bench.recovered().await;
    let revisions = async || {
        let history = bench.catalog.history(&bench.id("u"), "f").await.unwrap();
        history.into_iter().map(|revision| revision.revision).collect::<Vec<_>>()
    };
    assert_eq!(revisions().await, [2]);
    bench.finds(1, "f=3").await;
    assert_eq!(revisions().await, [3, 2]);
}

#[tokio::test(start_paused = true)]
async fn what_reached_the_disk_all_the_same_shows_afterwards() {
    let check = async |fault: Fault, expected: &[&str]| {
        let bench = Bench::new().await;
        bench.full("consul", &["a"]).await.unwrap();
        bench.probed("a", "rest", 1, found("f g")).await;
        let mut events = bench.catalog.events(None).unwrap();
        bench.store.fail(Some(fault));
        assert!(bench.full("consul", &["b", "c"]).await.is_err());
        assert_eq!(bench.names(), ["a"], "it is not shown before it is sure");
        bench.store.fail(None);
        bench.recovered().await;
        assert_eq!(bench.names(), expected, "{fault:?}");
        bench.check_store().await;
        if expected != ["a"] {
            assert_eq!(events.next().await.unwrap().revision, 3);
        }
        bench.full("consul", &["a", "c"]).await.unwrap();
        let bench = bench.kill().await;
        assert_eq!(bench.names(), ["a", "c"]);
        bench.check_store().await;
    };
    check(Fault::Refuse, &["a"]).await;
    check(Fault::Tear, &["a"]).await;
    check(Fault::Deny, &["b", "c"]).await;
    check(Fault::Break(1), &["a", "b"]).await;
    check(Fault::Break(2), &["a", "b", "c"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_held_back_list_that_cannot_be_written_is_held_on() {
    let keys: Vec<_> = (0..20).map(|n| format!("u{n}")).collect();
    let keys: Vec<_> = keys.iter().map(String::as_str).collect();
    let bench = Bench::new().await;
    bench.full("consul", &keys).await.unwrap();
    bench.full("consul", &["u1"]).await.unwrap();
    bench.store.fail(Some(Fault::Refuse));
    assert!(bench.catalog.accept(&SourceId::new("consul", "")).await.is_err());
    assert_eq!(bench.names().iter().filter(|name| name.ends_with('!')).count(), 19);
    bench.store.fail(None);
    bench.recovered().await;
    bench.catalog.accept(&SourceId::new("consul", "")).await.unwrap();
    assert_eq!(bench.names(), ["u1"]);
}

proptest! {
    #[test]
    fn a_damaged_record_is_refused_or_harmless(at in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(),
                                               with in prop::collection::vec(any::<u8>(), 0..4)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let bench = Bench::new().await;
            bench.full("consul", &["u", "v"]).await.unwrap();
            bench.finds(1, "f=1 g").await;
            bench.finds(1, "f=2 g").await;
            let memory = bench.close().await;
            let mut records = Vec::new();
            for space in Space::ALL {
                let mut each = |key, bytes: &[u8]| {
                    records.push((key, bytes.to_vec()));
                    Ok(())
                };
                memory.load(space.keys(), &mut each).await.unwrap();
            }
            let (key, mut bytes) = records.swap_remove(at.index(records.len()));
            let cut = cut.index(bytes.len());
            bytes.splice(cut..(cut + with.len()).min(bytes.len()), with);
            let set = ChangeSet { records: vec![(key, bytes.into())], ..Default::default() };
            memory.commit(vec![set]).await.unwrap();
            if let Ok((catalog, _)) = open(memory, Settings::default()).await {
                let snapshot = catalog.snapshot();
                for (upstream, function) in snapshot.functions(None) {
                    drop(catalog.materials(upstream, function).await);
                    drop(catalog.history(&upstream.upstream.id, &function.function.name).await);
                }
                if let Ok(mut events) = catalog.events(Some((0, 0))) {
                    while let Ok(Ok(_)) = timeout(Duration::from_secs(1), events.next()).await {}
                }
            }
        });
    }
}

#[tokio::test(start_paused = true)]
async fn a_newer_store_is_refused_by_its_writers_name() {
    let bench = Bench::new().await;
    bench.full("consul", &["a"]).await.unwrap();
    let (id, memory) = (bench.id("a"), bench.close().await);
    let check = async |key: Key, value: &'static [u8], expected: &str| {
        let before = memory.get(&key).await.unwrap().unwrap();
        let set = ChangeSet { records: vec![(key.clone(), value.into())], ..Default::default() };
        memory.commit(vec![set]).await.unwrap();
        let error = open(memory.clone(), Settings::default()).await.err().unwrap();
        assert!(matches!(error, StoreError::Newer { .. }) && error.to_string().contains(expected), "{error}");
        let set = ChangeSet { records: vec![(key, before)], ..Default::default() };
        memory.commit(vec![set]).await.unwrap();
        open(memory.clone(), Settings::default()).await.unwrap();
    };
    check(Key::Manifest(id), b"\x02?", env!("CARGO_PKG_VERSION")).await;
    check(Key::Meta, b"\x02{\"writer\":\"9.1.0\",\"whatever\":1}", "9.1.0").await;
    check(Key::Meta, b"\x01{\"format\":2,\"writer\":\"9.2.0\",\"revision\":1}", "9.2.0").await;
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_was_cut_short_is_refused() {
    let bench = Bench::new().await;
    bench.full("consul", &["a"]).await.unwrap();
    let memory = bench.close().await;
    memory.commit(vec![ChangeSet { drops: vec![Key::Meta], ..Default::default() }]).await.unwrap();
    let error = open(memory, Settings::default()).await.err().unwrap();
    assert!(matches!(error, StoreError::Corrupt { .. }) && error.to_string().contains("restore again"), "{error}");
}
