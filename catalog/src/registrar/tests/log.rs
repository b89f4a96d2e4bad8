//! The event log: complete, in order, kept across restarts, bounded.

use std::time::Duration;

use tokio::time::timeout;

use super::bench::{Bench, described, listed, pass};
use crate::events::{Change, Event, Events, EventsError, KEPT, Object};
use crate::model::{Description, Digest};
use crate::report::{Finding, Report};

fn text(event: &Event) -> String {
    let object = match &event.object {
        Object::Upstream(upstream, functions) => format!("{}:{functions}", upstream.name),
        Object::Function { upstream, function, .. } => format!("{upstream}/{}", function.name),
    };
    let change = match event.change {
        Change::Added => "+",
        Change::Changed => "~",
        Change::Removed => "-",
    };
    format!("{}.{} {change}{object}", event.revision, event.n)
}

async fn next(events: &mut Events, count: usize) -> Vec<String> {
    let mut read = Vec::new();
    for _ in 0..count {
        read.push(text(&events.next().await.unwrap()));
    }
    read
}

#[tokio::test(start_paused = true)]
async fn every_change_is_an_event() {
    let bench = Bench::new().await;
    let mut live = bench.catalog.events(None).unwrap();
    bench.full("consul", &["u", "v"]).await.unwrap();
    bench.finds(1, "a b").await;
    bench.finds(1, "a=x b").await;
    let mut changed = listed("u");
    changed.spec.base_path = "/v2".into();
    bench.report("consul", Report::Changed(Box::new(changed))).await.unwrap();
    bench.report("consul", Report::Removed("u".into())).await.unwrap();
    let expected = [
        "1.0 +u:0", "2.0 +v:0", "3.0 ~u:2", "3.1 +u/a", "3.2 +u/b", "4.0 ~u/a", "5.0 ~u:2", "6.0 -u/a", "6.1 -u/b",
        "6.2 -u:2",
    ];
    assert_eq!(next(&mut live, 10).await, expected);
    // From any place on, and after a restart.
    let bench = bench.kill().await;
    for (since, from) in [((0, 0), 0), ((2, u32::MAX), 2), ((2, 0), 2), ((3, 0), 3), ((3, 2), 5), ((6, 1), 9)] {
        let mut events = bench.catalog.events(Some(since)).unwrap();
        assert_eq!(next(&mut events, 10 - from).await, expected[from..], "{since:?}");
    }
    // What follows is followed.
    let mut events = bench.catalog.events(Some((6, u32::MAX))).unwrap();
    let (read, _) = tokio::join!(next(&mut events, 1), bench.full("static", &["s"]));
    assert_eq!(read, ["7.0 +s:0"]);
    assert!(matches!(bench.catalog.events(Some((8, 0))), Err(EventsError::Gone { since: 8, .. })));
    bench.close().await;
    assert!(matches!(events.next().await, Err(EventsError::Closed)));
}

#[tokio::test(start_paused = true)]
async fn the_log_keeps_the_newest() {
    let bench = Bench::new().await;
    bench.full("consul", &["u"]).await.unwrap();
    let mut slow = bench.catalog.events(None).unwrap();
    for n in 0..5 {
        let functions = (0..5_000).map(|f| described(&format!("f{f}={n}"))).collect();
        let description = Box::new(Description { functions, ..Description::default() });
        let digest = Digest::of([[n].as_slice()]);
        bench.probed("u", "rest", 1, Finding::Found { description, digest, tls: false, hint: None }).await;
        let logged = bench.snapshot().logged;
        assert!(logged <= 2 * KEPT && (n == 0 || logged >= KEPT), "{logged}");
    }
    // The revisions are 1, and 2 to 6 with 5,000 functions each.
    assert_eq!((bench.snapshot().logged, bench.snapshot().trimmed), (15_000, 3));
    bench.check_store().await;
    assert!(matches!(slow.next().await, Err(EventsError::Gone { since: 1, oldest: 3 })));
    let bench = bench.kill().await;
    assert!(matches!(bench.catalog.events(Some((2, u32::MAX))), Err(EventsError::Gone { .. })));
    let mut events = bench.catalog.events(Some((3, u32::MAX))).unwrap();
    assert_eq!(next(&mut events, 15_000).await[14_999], "6.4999 ~u/f999");
}

#[tokio::test(start_paused = true)]
async fn a_revision_of_more_events_than_are_kept_stays_whole() {
    let bench = Bench::new().await;
    bench.full("consul", &["u"]).await.unwrap();
    let document = |count: usize, n: u8| {
        let functions = (0..count).map(|f| described(&format!("f{f}={n}"))).collect();
        let description = Box::new(Description { functions, ..Description::default() });
        Finding::Found { description, digest: Digest::of([[n].as_slice()]), tls: false, hint: None }
    };
    bench.probed("u", "rest", 1, document(2 * KEPT + 1, 0)).await;
    assert_eq!((bench.snapshot().logged, bench.snapshot().trimmed), (2 * KEPT + 2, 1));
    // The registrar rests then, and ends when it is told to.
    let committed = bench.store.committed();
    pass(1).await;
    assert_eq!(bench.store.committed(), committed);
    let bench = Bench::on(timeout(Duration::from_secs(60), bench.close()).await.unwrap()).await;
    bench.full("consul", &["u", "v"]).await.unwrap();
    assert_eq!(bench.snapshot().logged, 2 * KEPT + 3);
    bench.check_store().await;
}
