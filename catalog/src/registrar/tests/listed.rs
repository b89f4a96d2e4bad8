//! What lists of functions change that come from the source itself.

use std::sync::Arc;

use super::bench::{Bench, described, found, listed, pass};
use crate::CatalogError;
use crate::model::{Aws, Description, Kind, KindState, SourceId};
use crate::report::{ListedFunctions, Receipt, Report};

const KIND: Kind = Kind::new("lambda");

impl Bench {
    /// The source `aws` lists these functions of its upstream `u`; see [`described`].
    async fn lists(&self, functions: &str) -> Result<Receipt, CatalogError> {
        let functions = functions.split_whitespace().map(described).collect();
        let description = Box::new(Description { functions, ..Description::default() });
        let listed = ListedFunctions { key: "u".into(), kind: KIND, description };
        self.catalog.listed(&SourceId::new("aws", ""), listed).await
    }
}

async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.full("aws", &["u"]).await.unwrap();
    bench
}

fn names(range: std::ops::Range<usize>) -> String {
    range.map(|n| format!("f{n:03}")).collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn what_is_listed_is_so_at_once() {
    let bench = bench().await;
    for functions in ["a b", "a=x b c", "c", "", "d=1 c"] {
        bench.lists(functions).await.unwrap();
        let mut wanted: Vec<_> = functions.split_whitespace().collect();
        wanted.sort_unstable();
        assert_eq!(bench.functions("u"), wanted.join(" "));
        assert_ne!(bench.entry("u").upstream.kinds[&KIND].digest, KindState::UNSETTLED);
        bench.check_store().await;
    }
    let revisions = bench.catalog.history(&bench.id("u"), "c").await.unwrap();
    assert_eq!(revisions.len(), 1, "it never changed");
    bench.lists("d=2").await.unwrap();
    assert_eq!(bench.catalog.history(&bench.id("u"), "d").await.unwrap().len(), 2);
    let again = bench.kill().await;
    assert_eq!(again.functions("u"), "d=2");
    again.report("aws", Report::Removed("u".into())).await.unwrap();
    assert!(matches!(again.lists("a").await, Err(CatalogError::Unknown(_))));
    again.check_store().await;
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_list_writes_nothing_and_one_change_writes_one_function() {
    let bench = bench().await;
    bench.lists(&names(0..2_000)).await.unwrap();
    let (before, sets) = (bench.snapshot(), bench.store.committed());
    let reversed: Vec<_> = names(0..2_000).split(' ').rev().map(str::to_owned).collect();
    bench.lists(&reversed.join(" ")).await.unwrap();
    assert_eq!((bench.snapshot().revision, bench.store.committed()), (before.revision, sets));
    let changed = names(0..2_000).replace("f1000", "f1000=new");
    assert_eq!(bench.lists(&changed).await.unwrap().revision, before.revision + 1);
    let (old, new) = (before.upstream("ns", "u").unwrap().clone(), bench.entry("u"));
    let differ = old.functions.iter().zip(&new.functions).filter(|(a, b)| !Arc::ptr_eq(a, b));
    assert_eq!(differ.count(), 1);
    assert_eq!(bench.store.committed(), sets + 1);
    let events = new.upstream.revision..=bench.snapshot().revision;
    assert_eq!(bench.snapshot().events.get(events.end()), Some(&1), "one event");
    bench.check_store().await;
}

#[tokio::test(start_paused = true)]
async fn a_list_of_functions_that_lacks_too_much_waits_for_five_minutes() {
    let bench = bench().await;
    let source = SourceId::new("aws", "");
    let held = |bench: &Bench| {
        let snapshot = bench.snapshot();
        snapshot.source(&source).unwrap().held_functions.get("u").map(|stale| stale.reason.clone())
    };
    let check = async |functions: &str, is_held: bool, left: usize| {
        let receipt = bench.lists(functions).await.unwrap();
        assert_eq!((receipt.held_back.is_some(), bench.entry("u").functions.len()), (is_held, left), "{functions}");
        assert_eq!(held(&bench), receipt.held_back);
        bench.check_store().await;
    };
    check(&names(0..12), false, 12).await;
    check("f000 new", true, 13).await;
    assert_eq!(bench.entry("u").upstream.kinds[&KIND].digest, KindState::UNSETTLED);
    // What is listed again is no longer in doubt.
    check(&names(0..12), false, 12).await;
    check("", true, 12).await;
    pass(299).await;
    check("", true, 12).await;
    // Another answer begins anew.
    pass(2).await;
    check("f000", true, 12).await;
    pass(301).await;
    check("f000", false, 1).await;
    assert_ne!(bench.entry("u").upstream.kinds[&KIND].digest, KindState::UNSETTLED);
    // A source that fails gives no standing answer.
    check(&names(0..12), false, 12).await;
    check("", true, 12).await;
    bench.catalog.failing(&source, "refused".into()).await.unwrap();
    pass(400).await;
    check("", true, 12).await;
    bench.catalog.accept(&source).await.unwrap();
    assert_eq!((bench.functions("u").as_str(), held(&bench)), ("", None));
    check("", false, 0).await;
    assert!(matches!(bench.catalog.accept(&source).await, Err(CatalogError::Unknown(_))));
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_is_gone_has_nothing_held_back() {
    let bench = bench().await;
    bench.lists(&names(0..12)).await.unwrap();
    bench.lists("").await.unwrap();
    bench.report("aws", Report::Removed("u".into())).await.unwrap();
    bench.report("aws", Report::Changed(Box::new(listed("u")))).await.unwrap();
    assert!(bench.snapshot().source(&SourceId::new("aws", "")).unwrap().held_functions.is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_a_probe_finds_beside_it_stays() {
    let bench = bench().await;
    bench.lists("a b").await.unwrap();
    bench.probed("u", "rest", 1, found("a c")).await;
    assert_eq!(bench.functions("u"), "a b c rest:a");
    bench.lists("b").await.unwrap();
    assert_eq!(bench.functions("u"), "b c rest:a");
    let (one, two) = tokio::join!(bench.lists("b=1"), bench.probed("u", "rest", 1, found("a c=1")));
    assert!(one.is_ok() && two.functions == 2);
    assert_eq!(bench.functions("u"), "b=1 c=1 rest:a");
    bench.check_store().await;
}

#[tokio::test(start_paused = true)]
async fn functions_go_with_who_tells_of_them() {
    let bench = bench().await;
    let becomes = async |aws: Option<Aws>| {
        let mut upstream = listed("u");
        upstream.spec.aws = aws;
        bench.report("aws", Report::Changed(Box::new(upstream))).await.unwrap();
        let entry = bench.entry("u");
        assert_eq!((entry.functions.len(), entry.upstream.kinds.len()), (0, 0));
        bench.check_store().await;
    };
    becomes(Some(Aws::default())).await;
    bench.lists(&names(0..12)).await.unwrap();
    bench.lists("").await.unwrap();
    becomes(None).await;
    assert!(bench.snapshot().source(&SourceId::new("aws", "")).unwrap().held_functions.is_empty());
    bench.probed("u", "rest", 1, found("a")).await;
    assert_eq!(bench.functions("u"), "a");
    becomes(Some(Aws::default())).await;
    // Who looked at it meanwhile comes too late.
    bench.probed("u", "rest", 1, found("a")).await;
    assert_eq!(bench.functions("u"), "");
    let again = bench.kill().await;
    assert_eq!(again.functions("u"), "");
}
