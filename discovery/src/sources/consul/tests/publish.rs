//! What the catalog is told, and when.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use catalog::CatalogError;
use catalog::model::Health;
use catalog::report::{Listed, Receipt, Report};
use catalog::store::StoreError;
use futures_util::future::BoxFuture;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::super::map::{Part, Reading};
use super::super::publish::publish;
use super::super::view::View;
use super::super::{Tell, limits};
use crate::testing::pass;

/// A catalog that writes down what it is told, and acknowledges as often as it may.
pub(super) struct Notebook {
    told: Mutex<Vec<String>>,
    /// How often it heard that nothing changed.
    pub(super) alive: Mutex<usize>,
    acknowledge: Semaphore,
    hold_back: Mutex<bool>,
    /// Whether the store fails: nothing but endpoints is taken then.
    full_disk: Mutex<bool>,
}

impl Notebook {
    pub(super) fn new(acknowledge: usize) -> Self {
        Self {
            told: Mutex::default(),
            alive: Mutex::default(),
            acknowledge: Semaphore::new(acknowledge),
            hold_back: Mutex::default(),
            full_disk: Mutex::default(),
        }
    }

    pub(super) fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().unwrap())
    }
}

impl Tell for Notebook {
    fn tell(&self, report: Report) -> BoxFuture<'_, Result<Receipt, CatalogError>> {
        let list = |all: &[Listed]| all.iter().map(|l| shown(&l.key, l.endpoints.len())).collect::<Vec<_>>().join(" ");
        let text = match &report {
            Report::Full(all) => format!("full {}", list(all)),
            Report::Doubted(all) => format!("doubted {}", list(all)),
            Report::Changed(listed) => format!("changed {}", shown(&listed.key, listed.endpoints.len())),
            Report::Endpoints(key, endpoints) => {
                format!("endpoints {key}:{}", endpoints.iter().filter(|e| e.health == Health::Healthy).count())
            }
            Report::Over(over) => format!("over {over:?}"),
            Report::Removed(key) => format!("removed {key}"),
        };
        Box::pin(async move {
            self.told.lock().unwrap().push(text);
            self.acknowledge.acquire().await.unwrap().forget();
            if *self.full_disk.lock().unwrap() && !matches!(report, Report::Endpoints(..)) {
                return Err(StoreError::Unavailable { act: "commit", cause: "the disk is full".into() }.into());
            }
            let held_back = matches!(report, Report::Full(_) | Report::Doubted(_)) && *self.hold_back.lock().unwrap();
            Ok(Receipt { revision: 1, held_back: held_back.then(|| "too much".to_owned()) })
        })
    }

    fn held(&self) -> Vec<Listed> {
        Vec::new()
    }

    fn part(&self, _data_centre: &str, _failure: Option<String>) {}

    fn alive(&self) {
        *self.alive.lock().unwrap() += 1;
    }
}

fn shown(key: &str, endpoints: usize) -> String {
    format!("{key}:{endpoints}")
}

fn part(tag: &str, checks: &[&str]) -> Part {
    let entries = checks.iter().enumerate().map(|(at, status)| {
        json!({"Node": {"Node": "n", "Address": "10.0.0.1"}, "Service": {"Port": 80 + at, "Tags": [tag]}, "Checks": [{"Status": status}]})
    });
    Reading::of(serde_json::from_value(entries.collect()).unwrap()).resolved(&[].into())
}

/// Publishes until nothing more happens.
async fn settle(running: &mut (impl Future + Unpin)) {
    // Time is paused: this passes as soon as nobody else has anything to do.
    let _ = timeout(Duration::from_millis(1), running).await;
}

fn name(text: &str) -> Arc<str> {
    Arc::from(text)
}

#[tokio::test(start_paused = true)]
async fn a_full_list_goes_first_and_changes_after() {
    let (view, catalog) = (View::default(), Notebook::new(100));
    view.begin(&[name("dc1")], Vec::new);
    let mut running = Box::pin(publish(&view, &catalog));
    view.put(0, &name("a"), part("x", &["passing"]));
    settle(&mut running).await;
    assert_eq!(catalog.told(), [] as [&str; 0]);
    view.put(0, &name("b"), part("x", &["passing"]));
    view.complete(0);
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["full a:1 b:1"]);

    assert!(!view.put(0, &name("a"), part("x", &["passing"])));
    view.put(0, &name("b"), part("x", &["critical"]));
    view.put(0, &name("c"), part("x", &["passing", "passing"]));
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["endpoints b:0", "changed c:2"]);

    view.put(0, &name("a"), part("y", &["passing"]));
    view.remove(0, &[name("b"), name("never there")]);
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["changed a:1", "removed b"]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_catalog_is_told_the_newest_only() {
    let (view, catalog) = (View::default(), Notebook::new(2));
    view.begin(&[name("dc1")], Vec::new);
    view.put(0, &name("a"), part("x", &["passing"]));
    view.complete(0);
    let mut running = Box::pin(publish(&view, &catalog));
    settle(&mut running).await;
    view.put(0, &name("a"), part("x", &["critical"]));
    settle(&mut running).await;
    for checks in [["passing", "passing"], ["critical", "passing"], ["critical", "critical"]] {
        view.put(0, &name("a"), part("x", &checks));
        settle(&mut running).await;
    }
    view.put(0, &name("b"), part("x", &["passing"]));
    settle(&mut running).await;
    // The change of `a` is acknowledged; the one after is on its way, and no other of `a` beside it.
    assert_eq!(catalog.told(), ["full a:1", "endpoints a:0", "endpoints a:2", "changed b:1"]);
    catalog.acknowledge.add_permits(10);
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["endpoints a:0"]);
}

#[tokio::test(start_paused = true)]
async fn another_data_centre_is_waited_for_and_not_for_ever() {
    let (view, catalog) = (View::default(), Notebook::new(100));
    view.begin(&[name("dc1"), name("dc2")], Vec::new);
    view.put(0, &name("a"), part("x", &["passing"]));
    view.complete(0);
    let mut running = Box::pin(publish(&view, &catalog));
    settle(&mut running).await;
    assert_eq!(catalog.told(), [] as [&str; 0]);
    let _ = timeout(limits::PATIENCE, &mut running).await;
    assert_eq!(catalog.told(), ["full a:1"]);
    view.put(1, &name("b"), part("x", &["passing"]));
    view.complete(1);
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["changed b:1"]);
}

#[tokio::test(start_paused = true)]
async fn a_data_centre_that_consul_lists_no_more_is_gone_after_a_while() {
    let (view, catalog) = (View::default(), Notebook::new(100));
    let both = [name("dc1"), name("dc2")];
    view.begin(&both, Vec::new);
    view.put(1, &name("far"), part("x", &["passing"]));
    (0..2).for_each(|at| view.complete(at));
    let mut running = Box::pin(publish(&view, &catalog));
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["full far:1"]);
    // It is back in between, so the second absence begins anew; and no answer is no list.
    for names in [&both[..1], &both, &both[..1], &[]] {
        assert_eq!(view.listed(names), []);
        let _ = timeout(limits::DISBELIEF / 2, &mut running).await;
    }
    assert_eq!(view.listed(&[]), []);
    settle(&mut running).await;
    assert_eq!(catalog.told(), [] as [&str; 0]);
    assert_eq!(view.listed(&both[..1]), [(1, name("dc2"))]);
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["removed far"]);
    // It comes back as one that was never there.
    assert_eq!((view.listed(&both), view.add(&both)), (Vec::new(), vec![(1, name("dc2"))]));
    assert_eq!(view.services(1), []);
}

#[tokio::test(start_paused = true)]
async fn data_centres_that_come_and_go_are_never_too_many() {
    let names = |numbers: std::ops::Range<usize>| numbers.map(|n| name(&format!("dc{n}"))).collect::<Vec<_>>();
    let (view, most) = (View::default(), limits::DATA_CENTRES);
    assert_eq!(view.begin(&names(0..most + 2), Vec::new), names(0..most));
    assert_eq!(view.add(&names(0..most + 2)), []);
    // All but the local one are others now. Those that were known stay, until they were lacking for long.
    let others = [names(0..1), names(most..2 * most)].concat();
    assert_eq!(view.begin(&others, Vec::new), names(0..most));
    assert_eq!((view.listed(&others), view.add(&others)), (Vec::new(), Vec::new()));
    pass(limits::DISBELIEF).await;
    let [was, first] = [names(1..most), names(most..2 * most - 1)];
    assert_eq!(view.listed(&others), (1..).zip(was).collect::<Vec<_>>());
    assert_eq!(view.listed(&others), []);
    assert_eq!(view.add(&others), (1..).zip(first).collect::<Vec<_>>());
}

#[tokio::test(start_paused = true)]
async fn what_is_doubted_is_told_so_and_nothing_else_is_said_of_it() {
    let (view, catalog) = (View::default(), Notebook::new(100));
    view.begin(&[name("dc1"), name("dc2")], Vec::new);
    for service in ["a", "b", "c", "d"] {
        view.put(0, &name(service), part("x", &["passing"]));
    }
    view.put(1, &name("d"), part("x", &["passing"]));
    (0..2).for_each(|at| view.complete(at));
    let mut running = Box::pin(publish(&view, &catalog));
    settle(&mut running).await;
    catalog.told();
    *catalog.hold_back.lock().unwrap() = true;
    view.doubt(0, ["b", "c", "d"].map(name).into());
    settle(&mut running).await;
    // Another data centre lists `d`.
    assert_eq!(catalog.told(), ["doubted a:1 d:1"]);
    view.put(0, &name("a"), part("x", &["critical"]));
    view.put(0, &name("b"), part("x", &["critical"]));
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["endpoints a:0"]);
    // One is back as it was, the others are gone.
    view.doubt(0, ["b", "d"].map(name).into());
    view.remove(0, &["b", "d"].map(name));
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["changed c:1", "removed b", "endpoints d:1"]);
    *catalog.hold_back.lock().unwrap() = false;
    let _ = timeout(limits::TELL_AGAIN, &mut running).await;
    assert_eq!(catalog.told(), ["full a:1 c:1 d:1"]);
    let _ = timeout(limits::TELL_AGAIN * 10, &mut running).await;
    assert_eq!(catalog.told(), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_is_not_held_back_with_what_is_doubted() {
    let (view, catalog) = (View::default(), Notebook::new(1));
    view.begin(&[name("dc1")], Vec::new);
    for service in ["a", "b", "c"] {
        view.put(0, &name(service), part("x", &["passing"]));
    }
    view.complete(0);
    let mut running = Box::pin(publish(&view, &catalog));
    settle(&mut running).await;
    catalog.told();
    *catalog.hold_back.lock().unwrap() = true;
    // Its change is on its way, so that its end must wait, and that others are doubted comes in between.
    view.put(0, &name("a"), part("x", &["critical"]));
    settle(&mut running).await;
    view.remove(0, &[name("a")]);
    settle(&mut running).await;
    view.doubt(0, [name("b")].into());
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["endpoints a:0"]);
    catalog.acknowledge.add_permits(10);
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["doubted c:1", "removed a"]);
    let _ = timeout(limits::TELL_AGAIN, &mut running).await;
    assert_eq!(catalog.told(), ["doubted c:1"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_store_cannot_take_is_told_again_and_holds_up_nothing_else() {
    let (view, catalog) = (View::default(), Notebook::new(1_000));
    view.begin(&[name("dc1")], Vec::new);
    for service in ["a", "b"] {
        view.put(0, &name(service), part("x", &["passing"]));
    }
    view.complete(0);
    let mut running = Box::pin(publish(&view, &catalog));
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["full a:1 b:1"]);
    *catalog.full_disk.lock().unwrap() = true;
    let many: Vec<_> = (0..2 * limits::REPORTS).map(|n| name(&format!("new-{n}"))).collect();
    for service in &many {
        view.put(0, service, part("x", &["passing"]));
    }
    view.remove(0, &[name("b")]);
    settle(&mut running).await;
    assert_eq!(catalog.told().len(), many.len() + 1);
    view.put(0, &name("a"), part("x", &["critical"]));
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["endpoints a:0"]);
    *catalog.full_disk.lock().unwrap() = false;
    let _ = timeout(limits::REFUSED, &mut running).await;
    let told = catalog.told();
    assert_eq!((told.len(), told.contains(&"removed b".to_owned())), (many.len() + 1, true), "{told:?}");
    let _ = timeout(limits::REFUSED * 3, &mut running).await;
    assert_eq!(catalog.told(), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_full_list_that_the_store_cannot_take_is_told_again() {
    let (view, catalog) = (View::default(), Notebook::new(1_000));
    *catalog.full_disk.lock().unwrap() = true;
    view.begin(&[name("dc1")], Vec::new);
    view.put(0, &name("a"), part("x", &["passing"]));
    view.complete(0);
    let mut running = Box::pin(publish(&view, &catalog));
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["full a:1"]);
    view.put(0, &name("a"), part("x", &["critical"]));
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["endpoints a:0"]);
    let _ = timeout(limits::REFUSED, &mut running).await;
    *catalog.full_disk.lock().unwrap() = false;
    let _ = timeout(limits::REFUSED, &mut running).await;
    assert_eq!(catalog.told(), ["full a:1", "full a:1"]);
    let _ = timeout(limits::REFUSED * 3, &mut running).await;
    assert_eq!(catalog.told(), [] as [&str; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_new_run_tells_everything_and_keeps_the_data_centre_that_is_away() {
    let (view, catalog) = (View::default(), Notebook::new(100));
    view.begin(&[name("dc1"), name("dc2")], Vec::new);
    view.put(1, &name("far"), part("x", &["passing"]));
    (0..2).for_each(|at| view.complete(at));
    // The agent lists the other data centre no more.
    assert_eq!(
        view.begin(&[name("dc1")], || panic!("only the first run asks the catalog")),
        [name("dc1"), name("dc2")]
    );
    let mut running = Box::pin(publish(&view, &catalog));
    settle(&mut running).await;
    assert_eq!(catalog.told(), [] as [&str; 0]);
    view.complete(0);
    settle(&mut running).await;
    assert_eq!(catalog.told(), ["full far:1"]);
}
