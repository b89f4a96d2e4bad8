//! What reports of sources change, and what they do not.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::timeout;

use super::bench::{Bench, address, found, listed, pass};
use crate::CatalogError;
use crate::model::{Endpoint, Health, SourceId};
use crate::report::{Listed, Report};
use crate::snapshot::UpstreamEntry;
use crate::store::Fault;

fn usable(bench: &Bench, name: &str) -> Vec<u16> {
    let usable = bench.snapshot().endpoints(&bench.id(name)).unwrap().usable().to_vec();
    usable.into_iter().map(|address| address.port()).collect()
}

#[tokio::test(start_paused = true)]
async fn a_full_list_adds_and_removes_and_deltas_follow() {
    let bench = Bench::new().await;
    assert_eq!(bench.full("consul", &["a", "b"]).await.unwrap().revision, 2);
    assert_eq!(bench.full("consul", &["a", "b"]).await.unwrap().revision, 2);
    bench.full("static", &["c"]).await.unwrap();
    bench.report("consul", Report::Changed(Box::new(listed("d")))).await.unwrap();
    assert_eq!(bench.names(), ["a", "b", "c", "d"]);
    bench.report("consul", Report::Removed("a".into())).await.unwrap();
    bench.report("static", Report::Removed("b".into())).await.unwrap();
    assert_eq!(bench.names(), ["b", "c", "d"]);
    bench.full("consul", &[]).await.unwrap();
    assert_eq!(bench.names(), ["c"]);
    bench.check_store().await;
    let again = Bench::on(bench.close().await).await;
    assert_eq!(again.names(), ["c"]);
}

#[tokio::test(start_paused = true)]
async fn a_changed_spec_is_a_revision_of_one_upstream() {
    let bench = Bench::new().await;
    bench.full("consul", &["a", "b"]).await.unwrap();
    let before = bench.snapshot();
    let mut changed = listed("a");
    changed.spec.labels = BTreeMap::from([("zone".into(), "eu".into())]);
    let receipt = bench.report("consul", Report::Changed(Box::new(changed))).await.unwrap();
    assert_eq!((receipt.revision, bench.entry("a").upstream.revision), (3, 3));
    assert!(Arc::ptr_eq(before.upstream("ns", "b").unwrap(), &bench.entry("b")));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_one_in_ten_thousand_keeps_all_others() {
    let bench = Bench::new().await;
    let names: Vec<_> = (0..10_000).map(|n| format!("u{n}")).collect();
    bench.report("consul", Report::Full(names.iter().map(|name| listed(name)).collect())).await.unwrap();
    let before = bench.snapshot();
    let mut changed = listed("u5000");
    changed.spec.base_path = "/v2".into();
    bench.report("consul", Report::Changed(Box::new(changed))).await.unwrap();
    let after = bench.snapshot();
    let pairs = before.upstreams(None).zip(after.upstreams(None));
    let differ: Vec<_> = pairs.filter(|(a, b)| !Arc::ptr_eq(a, b)).map(|(a, _)| &*a.upstream.name).collect();
    assert_eq!(differ, ["u5000"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_catalog_of_several_parts_is_read_as_it_was() {
    let bench = Bench::new().await;
    let names: Vec<_> = (0..50).map(|n| format!("u{n}")).collect();
    bench.report("consul", Report::Full(names.iter().map(|name| listed(name)).collect())).await.unwrap();
    let functions = (0..200).map(|n| format!("f{n}")).collect::<Vec<_>>().join(" ");
    for name in names.iter().step_by(3) {
        bench.probed(name, "rest", 1, found(&functions)).await;
    }
    let shown = |bench: &Bench| {
        let entries = bench.snapshot();
        let functions = |entry: &Arc<UpstreamEntry>| entry.functions.iter().map(|f| f.record).collect::<Vec<_>>();
        entries.upstreams(None).map(|entry| (entry.upstream.id.clone(), functions(entry))).collect::<Vec<_>>()
    };
    let before = shown(&bench);
    assert_eq!(before.iter().map(|(_, functions)| functions.len()).sum::<usize>(), 17 * 200);
    assert_eq!(shown(&bench.kill().await), before);
}

#[tokio::test(start_paused = true)]
async fn endpoints_change_without_a_revision_and_are_written_behind() {
    let bench = Bench::new().await;
    bench.full("consul", &["a"]).await.unwrap();
    let (before, sets) = (bench.snapshot(), bench.store.committed());
    for port in [7, 8, 9] {
        let endpoints = vec![Endpoint::at(address(port)), Endpoint::at(address(666))];
        bench.report("consul", Report::Endpoints("a".into(), endpoints)).await.unwrap();
        assert_eq!(usable(&bench, "a"), [port]);
    }
    let after = bench.snapshot();
    assert_eq!((after.revision, after.generation), (before.revision, before.generation + 3));
    assert!(Arc::ptr_eq(before.upstream("ns", "a").unwrap(), &bench.entry("a")));
    let refused = &after.endpoints(&bench.id("a")).unwrap().all()[1];
    assert_eq!(refused.health, Health::Refused("it is forbidden".into()));

    pass(2).await;
    bench.full("consul", &["a", "other"]).await.unwrap();
    assert_eq!(bench.store.committed(), sets + 2, "one record for three changes, and the newcomer");
    bench.report("consul", Report::Endpoints("a".into(), vec![Endpoint::at(address(5))])).await.unwrap();
    let again = Bench::on(bench.close().await).await;
    assert_eq!(usable(&again, "a"), [5]);
}

#[tokio::test(start_paused = true)]
async fn a_failing_source_takes_nothing_away() {
    let bench = Bench::new().await;
    let consul = SourceId::new("consul", "");
    bench.full("consul", &["a"]).await.unwrap();
    bench.full("static", &["s"]).await.unwrap();
    let revision = bench.snapshot().revision;
    bench.catalog.failing(&consul, "connection refused".into()).await.unwrap();
    assert_eq!(bench.names(), ["a!", "s"]);
    pass(60).await;
    bench.catalog.failing(&consul, "no route".into()).await.unwrap();
    let snapshot = bench.snapshot();
    let stale = snapshot.stale(&bench.entry("a").upstream).unwrap();
    assert_eq!(stale.reason, "no route");
    assert_eq!(stale.since, snapshot.by_id(&bench.id("a")).unwrap().upstream.first_seen, "since the first failure");
    assert_eq!(snapshot.revision, revision);
    bench.full("consul", &["a"]).await.unwrap();
    assert_eq!(bench.names(), ["a", "s"]);
    assert_eq!(bench.snapshot().revision, revision);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_configured_stays_until_it_is_forgotten() {
    let bench = Bench::new().await;
    bench.full("consul", &["a", "b"]).await.unwrap();
    let (a, b) = (bench.id("a"), bench.id("b"));
    assert!(matches!(bench.catalog.forget(&a).await, Err(CatalogError::StillListed(_))));
    let bench = bench.kill().await;
    bench.catalog.configured(vec![SourceId::new("static", "")]).await.unwrap();
    assert_eq!(bench.names(), ["a!", "b!"]);
    bench.catalog.forget(&a).await.unwrap();
    assert!(matches!(bench.catalog.forget(&a).await, Err(CatalogError::Unknown(_))));
    assert_eq!(bench.names(), ["b!"]);
    bench.catalog.configured(vec![SourceId::new("consul", "")]).await.unwrap();
    assert_eq!(bench.names(), ["b"]);
    assert!(matches!(bench.catalog.forget(&b).await, Err(CatalogError::StillListed(_))));
    bench.check_store().await;
}

const ALL: [&str; 12] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"];

fn stale(bench: &Bench) -> usize {
    bench.names().iter().filter(|name| name.ends_with('!')).count()
}

#[tokio::test(start_paused = true)]
async fn a_list_that_lacks_too_much_waits_for_five_minutes() {
    let bench = Bench::new().await;
    let check = async |keys: &[&str], held: bool, left: usize, marked: usize| {
        let receipt = bench.full("consul", keys).await.unwrap();
        assert_eq!((receipt.held_back.is_some(), bench.names().len(), stale(&bench)), (held, left, marked), "{keys:?}");
    };
    check(&ALL, false, 12, 0).await;
    check(&ALL[1..], false, 11, 0).await;
    check(&ALL, false, 12, 0).await;
    check(&[], true, 12, 12).await;
    pass(200).await;
    // Another answer begins anew.
    check(&["a"], true, 12, 11).await;
    pass(200).await;
    check(&["a"], true, 12, 11).await;
    pass(99).await;
    check(&["a"], true, 12, 11).await;
    // Nobody has to ask for it to be taken.
    let mut snapshots = bench.catalog.subscribe();
    snapshots.borrow_and_update();
    pass(2).await;
    snapshots.changed().await.unwrap();
    assert_eq!(bench.names(), ["a"]);
    bench.check_store().await;
}

#[tokio::test(start_paused = true)]
async fn what_the_source_itself_doubts_is_held_back() {
    let bench = Bench::new().await;
    bench.full("consul", &["a", "b", "c"]).await.unwrap();
    let doubted = |keys: &[&str]| Report::Doubted(keys.iter().map(|key| listed(key)).collect());
    assert_eq!(bench.report("consul", doubted(&["a", "b", "c"])).await.unwrap().held_back, None);
    assert!(bench.report("consul", doubted(&["a", "c"])).await.unwrap().held_back.is_some());
    assert_eq!(bench.names(), ["a", "b!", "c"]);
    bench.report("consul", Report::Changed(Box::new(listed("b")))).await.unwrap();
    assert_eq!(bench.names(), ["a", "b", "c"]);
    bench.report("consul", doubted(&["a", "c"])).await.unwrap();
    bench.catalog.accept(&SourceId::new("consul", "")).await.unwrap();
    assert_eq!(bench.names(), ["a", "c"]);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_held_back_is_accepted_or_contradicted() {
    let consul = SourceId::new("consul", "");
    let bench = Bench::new().await;
    bench.full("consul", &ALL).await.unwrap();
    bench.full("consul", &[]).await.unwrap();
    // What a delta lists is not missing.
    bench.report("consul", Report::Changed(Box::new(listed("b")))).await.unwrap();
    assert_eq!(stale(&bench), 11);
    // A source that fails gives no answer at all; all of it is stale then.
    bench.catalog.failing(&consul, "down".into()).await.unwrap();
    pass(400).await;
    bench.full("static", &[]).await.unwrap();
    assert_eq!(stale(&bench), 12);
    bench.full("consul", &ALL).await.unwrap();
    assert_eq!((bench.names().len(), stale(&bench)), (12, 0));
    assert!(matches!(bench.catalog.accept(&consul).await, Err(CatalogError::Unknown(_))));
    bench.full("consul", &["a"]).await.unwrap();
    bench.catalog.forget(&bench.id("l")).await.unwrap();
    bench.catalog.accept(&consul).await.unwrap();
    assert_eq!(bench.names(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_good_list_that_waits_beside_a_ripe_one_counts() {
    let bench = Bench::new().await;
    bench.full("consul", &ALL).await.unwrap();
    let before = bench.entry("b");
    bench.full("consul", &["a"]).await.unwrap();
    pass(299).await;
    bench.store.fail(Some(Fault::Hang));
    let busy = bench.full("static", &["s"]);
    let good = bench.full("consul", &ALL);
    tokio::pin!(busy, good);
    assert!(timeout(Duration::from_millis(1), &mut busy).await.is_err());
    assert!(timeout(Duration::from_secs(5), &mut good).await.is_err());
    bench.store.fail(None);
    let (busy, good) = tokio::join!(busy, good);
    assert!(busy.is_ok() && good.is_ok());
    assert!(Arc::ptr_eq(&bench.entry("b"), &before), "it was never gone");
    assert_eq!((bench.names().len(), stale(&bench)), (13, 0));
}

#[tokio::test(start_paused = true)]
async fn names_stay_with_their_holder() {
    let bench = Bench::new().await;
    let wanting = |key: &str, name: &str| Listed { name: name.into(), ..listed(key) };
    bench.report("consul", Report::Full(vec![wanting("1", "web")])).await.unwrap();
    bench.report("static", Report::Full(vec![wanting("2", "web"), wanting("3", "We b")])).await.unwrap();
    let other = bench.snapshot();
    let other = other.upstreams(None).find(|entry| &*entry.upstream.origin.key == "2").unwrap();
    assert_eq!(other.upstream.name.as_ref(), other.upstream.id.as_str());
    assert!(bench.id("web").as_str().starts_with("web-"));
    assert!(bench.names()[0].starts_with("-e-b-"), "{:?}", bench.names());
    // A name that is another's id is held too.
    let id = bench.id("web");
    bench.report("consul", Report::Changed(Box::new(wanting("4", id.as_str())))).await.unwrap();
    assert_eq!(bench.entry(id.as_str()).upstream.origin.key.as_ref(), "1");
    // It is free when its holder is gone, for newcomers.
    bench.report("consul", Report::Removed("1".into())).await.unwrap();
    bench.report("static", Report::Changed(Box::new(wanting("2", "web")))).await.unwrap();
    assert!(bench.snapshot().named("ns", "web").is_none());
    bench.report("static", Report::Changed(Box::new(wanting("5", "web")))).await.unwrap();
    let again = bench.kill().await;
    assert_eq!(again.entry("web").upstream.origin.key.as_ref(), "5");
}

#[tokio::test(start_paused = true)]
async fn among_newcomers_at_once_static_is_first() {
    let bench = Bench::new().await;
    let full = |source| bench.full(source, &["web"]);
    let (a, b, c, d) = tokio::join!(full("aws"), full("other"), full("consul"), full("static"));
    assert!(a.is_ok() && b.is_ok() && c.is_ok() && d.is_ok());
    let source = |entry: &Arc<UpstreamEntry>| entry.upstream.origin.source.kind.to_string();
    assert_eq!(source(&bench.entry("web")), "static");
    assert_eq!(bench.names().len(), 4);
}
