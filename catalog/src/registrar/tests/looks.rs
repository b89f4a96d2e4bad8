//! What looks of probes change, and when what they lack is gone.

use std::time::Duration;

use super::bench::{Bench, found, listed, pass};
use crate::model::{Description, Digest, Endpoint, Kind, KindState};
use crate::report::{Finding, Report};

async fn bench() -> Bench {
    let bench = Bench::new().await;
    bench.full("consul", &["u"]).await.unwrap();
    bench
}

#[tokio::test(start_paused = true)]
async fn what_a_document_lacks_goes_when_it_is_confirmed() {
    /// Looks at endpoints: seconds to pass before, endpoint, document; and the functions after each.
    async fn check(looks: &[(u64, u16, &str, &str)]) {
        let bench = bench().await;
        for (n, (seconds, endpoint, document, expected)) in looks.iter().enumerate() {
            pass(*seconds).await;
            bench.finds(*endpoint, document).await;
            assert_eq!(bench.functions("u"), *expected, "look {n} of {looks:?}");
        }
        bench.check_store().await;
    }
    // Additions and changes at once.
    check(&[(0, 1, "a", "a"), (0, 1, "a b", "a b"), (0, 1, "a=x b", "a=x b"), (0, 1, "a=y b c", "a=y b c")]).await;
    // A second look at the same endpoint half a minute later agrees, and not before.
    check(&[(0, 1, "a b", "a b"), (0, 1, "a", "a b ?"), (29, 1, "a", "a b ?"), (1, 1, "a", "a")]).await;
    // A second endpoint agrees at once.
    check(&[(0, 1, "a b", "a b"), (0, 1, "a", "a b ?"), (0, 2, "a", "a")]).await;
    // A look that finds it again begins anew.
    check(&[(0, 1, "a b", "a b"), (0, 1, "a", "a b ?"), (29, 1, "a b", "a b"), (1, 1, "a", "a b ?")]).await;
    // Each function for itself; what is added meanwhile is added.
    check(&[
        (0, 1, "a b c", "a b c"),
        (0, 1, "a c", "a b c ?"),
        (20, 1, "a d", "a b c d ?"),
        (10, 1, "a d", "a c d ?"),
    ])
    .await;
    // The same name for another origin is another function.
    check(&[(0, 1, "x>a", "a"), (0, 1, "y>a", "a a-14de ?"), (30, 1, "y>a", "a-14de")]).await;
}

#[tokio::test(start_paused = true)]
async fn a_rolling_deployment_flaps_nothing() {
    let bench = bench().await;
    let (old, new) = ("both=1 same old", "both=2 same new");
    bench.finds(1, old).await;
    bench.finds(2, old).await;
    bench.finds(3, new).await;
    let all = "both=2 new old same ?";
    assert_eq!(bench.functions("u"), all);
    let revision = bench.snapshot().revision;
    // Both versions run: each look finds one of them.
    for (endpoint, document) in [(1, old), (2, old), (3, new), (1, old), (3, new), (2, old), (3, new)] {
        pass(40).await;
        let merged = bench.finds(endpoint, document).await;
        assert_eq!(bench.functions("u"), all, "{endpoint} {document}");
        assert!(merged.confirm_within.is_some());
    }
    assert_eq!(bench.snapshot().revision, revision, "no function changed");
    // The last endpoints of the old version go away.
    let endpoints = vec![Endpoint::at(super::bench::address(3))];
    bench.report("consul", Report::Endpoints("u".into(), endpoints)).await.unwrap();
    bench.finds(3, new).await;
    pass(30).await;
    let merged = bench.finds(3, new).await;
    assert_eq!((bench.functions("u").as_str(), merged.confirm_within), ("both=2 new same", None));
    bench.check_store().await;
}

#[tokio::test(start_paused = true)]
async fn an_old_version_that_stays_alone_is_taken_again() {
    let bench = bench().await;
    bench.finds(1, "a=1").await;
    bench.finds(1, "a=2").await;
    // Rolled back: it may be the other version, so it has to be seen twice.
    let merged = bench.finds(1, "a=1").await;
    assert_eq!((bench.functions("u").as_str(), merged.confirm_within), ("a=2 ?", Some(Duration::from_secs(30))));
    pass(30).await;
    bench.finds(1, "a=1").await;
    assert_eq!(bench.functions("u"), "a=1");
}

#[tokio::test(start_paused = true)]
async fn an_answer_vouches_for_ten_minutes_only() {
    let bench = bench().await;
    bench.finds(1, "a b").await;
    for _ in 0..19 {
        pass(30).await;
        // The first endpoint is never looked at again.
        bench.finds(2, "a").await;
    }
    assert_eq!(bench.functions("u"), "a b ?");
    pass(30).await;
    bench.finds(2, "a").await;
    assert_eq!(bench.functions("u"), "a");
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_answer_costs_nothing_durable() {
    let bench = bench().await;
    bench.finds(1, "a b").await;
    let (before, committed) = (bench.snapshot(), bench.store.committed());
    for finding in [Finding::Unchanged { hint: None }, found("a b")] {
        let merged = bench.probed("u", "rest", 1, finding).await;
        assert_eq!((merged.revision, merged.functions, merged.confirm_within), (before.revision, 2, None));
    }
    assert_eq!((bench.store.committed(), bench.snapshot().generation), (committed, before.generation));
    // It is an answer like any other.
    bench.finds(1, "a").await;
    assert_eq!(bench.functions("u"), "a b ?");
    bench.probed("u", "rest", 1, Finding::Unchanged { hint: None }).await;
    assert_eq!(bench.functions("u"), "a b");
    assert_eq!(bench.store.committed(), committed);
}

#[tokio::test(start_paused = true)]
async fn a_state_is_only_known_when_the_catalog_has_exactly_the_document() {
    let bench = bench().await;
    let state = |bench: &Bench| bench.entry("u").upstream.kinds.values().next().cloned().unwrap();
    bench.finds(1, "a b").await;
    let first = state(&bench);
    assert_eq!(first.hint.as_deref(), Some("/openapi.json"));
    bench.finds(1, "a").await;
    assert_eq!(state(&bench), first, "nothing was taken");
    bench.finds(1, "a c").await;
    assert_eq!(state(&bench), KindState { tls: false, digest: KindState::UNSETTLED, hint: None, complaints: vec![] });
    // Whatever answers so cannot know.
    assert!(bench.probed("u", "rest", 1, Finding::Unchanged { hint: None }).await.confirm_within.is_some());
    let bench = bench.kill().await;
    assert_eq!(bench.functions("u"), "a b c");
    bench.finds(1, "a c").await;
    pass(30).await;
    bench.finds(1, "a c").await;
    assert_eq!(bench.functions("u"), "a c");
    assert_ne!(state(&bench).digest, KindState::UNSETTLED);
}

#[tokio::test(start_paused = true)]
async fn three_denials_over_ten_minutes_remove() {
    let check = async |denials: &[(u64, Finding)], expected: &str| {
        let bench = bench().await;
        bench.finds(1, "a b").await;
        bench.probed("u", "grpc", 1, found("g")).await;
        for (seconds, finding) in denials {
            pass(*seconds).await;
            bench.probed("u", "rest", 1, finding.clone()).await;
        }
        assert_eq!(bench.functions("u"), expected, "{denials:?}");
        bench.check_store().await;
    };
    use Finding::{Failed, NotThis, Unchanged};
    check(&[(0, NotThis), (1000, NotThis)], "a b g").await;
    check(&[(0, NotThis), (1, Failed), (1, NotThis)], "a b g").await;
    check(&[(0, NotThis), (300, Failed), (299, NotThis)], "a b g").await;
    check(&[(0, NotThis), (300, Failed), (300, NotThis)], "g").await;
    check(&[(0, Failed), (300, Unchanged { hint: None }), (300, Failed), (300, Failed)], "a b g").await;
    check(&[(0, Failed), (300, Unchanged { hint: None }), (300, Failed), (300, Failed), (300, Failed)], "g").await;
}

#[tokio::test(start_paused = true)]
async fn kinds_share_the_names_of_an_upstream() {
    let bench = bench().await;
    bench.probed("u", "grpc", 1, found("a b")).await;
    bench.finds(1, "a c x>a").await;
    // `a` of REST, and the other that asks for it.
    assert_eq!(bench.functions("u"), "a b c rest:a rest:a-6016");
    let again = bench.kill().await;
    again.finds(1, "a c x>a d").await;
    assert_eq!(again.functions("u"), "a b c d rest:a rest:a-6016");
}

#[tokio::test(start_paused = true)]
async fn kinds_that_are_found_at_once_are_named_in_their_order() {
    let bench = bench().await;
    let (_, _) = tokio::join!(bench.probed("u", "grpc", 1, found("a")), bench.probed("u", "rest", 1, found("a")));
    assert_eq!(bench.functions("u"), "a grpc:a");
}

#[tokio::test(start_paused = true)]
async fn names_are_held_as_long_as_their_origin() {
    let bench = bench().await;
    bench.finds(1, "x>get y>get z>put").await;
    let names = bench.functions("u");
    assert!(names.starts_with("get get-") && names.ends_with(" put"), "{names}");
    // Whatever the order, and whatever they ask for now.
    for document in ["y>get x>get z>put", "y>get x>fetch z>get"] {
        bench.finds(1, document).await;
        assert_eq!(bench.functions("u"), names);
    }
    let bench = bench.kill().await;
    bench.finds(1, "y>get x>get z>put").await;
    assert_eq!(bench.functions("u"), names);
    bench.report("consul", Report::Removed("u".into())).await.unwrap();
    bench.report("consul", Report::Changed(Box::new(listed("u")))).await.unwrap();
    bench.finds(1, "y>get x>get").await;
    assert_ne!(bench.functions("u"), names);
}

#[tokio::test(start_paused = true)]
async fn looks_of_two_kinds_at_once_are_both_taken() {
    let bench = bench().await;
    for n in 0..10 {
        let (rest, grpc) = (format!("a={n}"), format!("g={n}"));
        tokio::join!(bench.probed("u", "rest", 1, found(&rest)), bench.probed("u", "grpc", 1, found(&grpc)));
        assert_eq!(bench.functions("u"), format!("{rest} {grpc}"));
    }
    bench.check_store().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_left_out_is_told_and_kept() {
    let bench = bench().await;
    let described = |digest: &str, complaints: Vec<String>| {
        let description = Box::new(Description { complaints, ..Description::default() });
        Finding::Found { description, digest: Digest::of([digest.as_bytes()]), tls: false, hint: None }
    };
    let complaints = |bench: &Bench| bench.entry("u").upstream.kinds[&Kind::new("rest")].complaints.clone();
    bench.probed("u", "rest", 1, described("one", vec!["GET /a: é".repeat(100)])).await;
    let bench = bench.kill().await;
    bench.probed("u", "rest", 1, Finding::Unchanged { hint: None }).await;
    assert_eq!(complaints(&bench).len(), 1);
    assert!(complaints(&bench)[0].starts_with("GET /a: é") && complaints(&bench)[0].len() <= 256);
    bench.probed("u", "rest", 1, described("two", (0..50_000).map(|n| format!("{n}")).collect())).await;
    assert_eq!((complaints(&bench).len(), complaints(&bench)[16].as_str()), (17, "and 49984 more"));
    bench.probed("u", "rest", 1, described("three", vec![])).await;
    assert!(complaints(&bench).is_empty());
}
