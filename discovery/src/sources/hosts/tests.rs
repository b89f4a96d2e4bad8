//! How names become endpoints, and stay so.

use std::collections::HashMap;
use std::io;
use std::sync::Mutex;
use std::sync::atomic::Ordering;

use catalog::model::SourceId;
use futures_util::stream;
use tokio::task::JoinSet;

use super::*;
use crate::board::{Board, State};
use crate::testing::{Bench, Disk, addresses, pass};

/// What names lead to; a name that is not there hangs.
type Zone = Arc<Mutex<HashMap<&'static str, Result<Vec<&'static str>, &'static str>>>>;

fn lookup(zone: &Zone) -> Lookup {
    let zone = zone.clone();
    Arc::new(move |name| {
        let found = zone.lock().unwrap().get(&*name).cloned();
        Box::pin(async move {
            match found {
                Some(Ok(found)) => Ok(found.iter().map(|ip| ip.parse().unwrap()).collect()),
                Some(Err(error)) => Err(io::Error::other(error)),
                None => std::future::pending().await,
            }
        })
    })
}

fn target(name: &str, hosts: &[(&str, u16)]) -> Target {
    let hosts = hosts.iter().map(|(host, port)| Host { at: At::new(host), port: *port, weight: 1 }).collect();
    Target {
        key: name.into(),
        name: name.into(),
        namespace: None,
        spec: UpstreamSpec::default(),
        hosts,
        like: None,
        cloud: None,
    }
}

fn written(targets: Vec<Target>) -> Result<Written, SourceError> {
    Ok(Written { targets, ..Written::default() })
}

struct Run {
    bench: Bench,
    board: Board,
    tasks: JoinSet<()>,
}

impl Run {
    async fn of(zone: &Zone, items: impl Stream<Item = Result<Written, SourceError>> + Send + 'static) -> Self {
        let mut run = Self { bench: Bench::new().await, board: Board::default(), tasks: JoinSet::new() };
        run.start(zone, items);
        run
    }

    fn start(&mut self, zone: &Zone, items: impl Stream<Item = Result<Written, SourceError>> + Send + 'static) {
        let source = SourceId::new("static", "");
        let reports = Reports::shown_on(self.board.clone(), self.bench.catalog.clone(), source);
        let lookup = lookup(zone);
        self.tasks.spawn(async move { drop(keep(&reports, lookup, items).await) });
    }

    async fn until(&self, name: &str, wanted: &[&str]) {
        self.bench.wait(|snapshot| addresses(snapshot, name).is_some_and(|found| found == wanted)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn names_are_followed_and_the_last_good_answer_is_kept() {
    let zone: Zone = Arc::default();
    zone.lock().unwrap().insert("a.test", Ok(vec!["10.0.0.2", "10.0.0.1"]));
    let items =
        stream::iter([written(vec![target("a", &[("A.test", 80)]), target("b", &[("10.9.9.9", 1), ("a.test", 2)])])]);
    let run = Run::of(&zone, items).await;
    run.until("a", &["10.0.0.1:80", "10.0.0.2:80"]).await;
    run.until("b", &["10.0.0.1:2", "10.0.0.2:2", "10.9.9.9:1"]).await;

    zone.lock().unwrap().insert("a.test", Err("no such name"));
    run.board.wait_for(|statuses| statuses[0].left_out.contains_key("a.test")).await;
    assert_eq!(run.board.read()[0].left_out["a.test"], "cannot be resolved: no such name");
    run.until("a", &["10.0.0.1:80", "10.0.0.2:80"]).await;

    zone.lock().unwrap().insert("a.test", Ok(vec!["10.0.0.3"]));
    run.until("a", &["10.0.0.3:80"]).await;
    run.until("b", &["10.0.0.3:2", "10.9.9.9:1"]).await;
    run.board.wait_for(|statuses| statuses[0].left_out.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_name_that_hangs_hides_no_other_upstream() {
    let zone: Zone = Arc::default();
    let items = stream::iter([written(vec![target("a", &[("hangs.test", 80)]), target("b", &[("10.0.0.1", 80)])])]);
    let began = Instant::now();
    let run = Run::of(&zone, items).await;
    run.until("b", &["10.0.0.1:80"]).await;
    run.until("a", &[]).await;
    assert!(began.elapsed() <= FIRST_ANSWERS + Duration::from_millis(10), "{:?}", began.elapsed());
    assert_eq!(run.board.read()[0].state, State::Ok);
}

#[tokio::test(start_paused = true)]
async fn a_name_without_an_answer_keeps_what_an_earlier_run_found() {
    let zone: Zone = Arc::default();
    zone.lock().unwrap().insert("a.test", Ok(vec!["10.0.0.1"]));
    let items = || stream::iter([written(vec![target("a", &[("a.test", 80)])])]);
    let mut run = Run::of(&zone, items()).await;
    run.until("a", &["10.0.0.1:80"]).await;
    run.tasks.shutdown().await;
    zone.lock().unwrap().insert("a.test", Err("no such name"));
    let before = run.board.read()[0].last_success;
    run.start(&zone, items());
    run.board.wait_for(|statuses| statuses[0].last_success > before).await;
    run.until("a", &["10.0.0.1:80"]).await;
}

#[tokio::test(start_paused = true)]
async fn what_an_earlier_run_found_is_not_used_for_another_host() {
    let check = async |host: &str, port: u16, wanted: &[&str]| {
        let zone: Zone = Arc::default();
        zone.lock().unwrap().insert("old.test", Ok(vec!["10.0.0.1"]));
        let at = |host: &str, port| UpstreamSpec { host: Some(host.into()), ..target("a", &[(host, port)]).spec };
        let items = |host: &str, port| {
            stream::iter([written(vec![Target { spec: at(host, port), ..target("a", &[(host, port)]) }])])
        };
        let mut run = Run::of(&zone, items("old.test", 80)).await;
        run.until("a", &["10.0.0.1:80"]).await;
        run.tasks.shutdown().await;
        zone.lock().unwrap().clear();
        let before = run.board.read()[0].last_success;
        run.start(&zone, items(host, port));
        run.board.wait_for(|statuses| statuses[0].last_success > before).await;
        run.until("a", wanted).await;
    };
    check("old.test", 80, &["10.0.0.1:80"]).await;
    check("new.test", 80, &[]).await;
    check("old.test", 81, &[]).await;
}

/// A run of lists that the test sends.
async fn sent() -> (Run, tokio::sync::mpsc::Sender<Result<Written, SourceError>>) {
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let items = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    (Run::of(&Zone::default(), items).await, sender)
}

fn many(count: usize) -> Vec<Target> {
    (0..count).map(|nth| target(&format!("u{nth}"), &[("10.0.0.1", 80)])).collect()
}

#[tokio::test(start_paused = true)]
async fn a_changed_list_changes_the_catalog() {
    let (run, sender) = sent().await;
    sender.send(written(many(30))).await.unwrap();
    run.bench.wait(|snapshot| snapshot.upstream_count() == 30).await;
    sender.send(written(many(20))).await.unwrap();
    run.bench.wait(|snapshot| snapshot.upstream_count() == 20).await;
    let changed = [target("u0", &[("10.0.0.2", 80)])].into_iter().chain(many(21).split_off(1));
    sender.send(written(changed.collect())).await.unwrap();
    run.until("u0", &["10.0.0.2:80"]).await;
    run.until("u20", &["10.0.0.1:80"]).await;
    assert_eq!((run.board.read()[0].upstreams, run.board.read()[0].endpoints), (21, 21));
}

#[tokio::test(start_paused = true)]
async fn a_list_that_lacks_nearly_all_of_the_one_before_is_doubted() {
    let (run, sender) = sent().await;
    sender.send(written(many(30))).await.unwrap();
    run.bench.wait(|snapshot| snapshot.upstream_count() == 30).await;
    sender.send(written(vec![target("u0", &[("10.0.0.2", 80)])])).await.unwrap();
    run.until("u0", &["10.0.0.2:80"]).await;
    assert_eq!(run.bench.catalog.snapshot().upstream_count(), 30, "it is held back");
    sender.send(written(many(29))).await.unwrap();
    run.until("u0", &["10.0.0.1:80"]).await;
    pass(Duration::from_secs(600)).await;
    assert_eq!(run.bench.catalog.snapshot().upstream_count(), 29, "what is listed again is not missing");
}

#[tokio::test(start_paused = true)]
async fn while_the_store_is_full_addresses_go_on_and_all_is_told_when_it_is_not() {
    let (zone, disk) = (Zone::default(), Arc::new(Disk::default()));
    zone.lock().unwrap().insert("a.test", Ok(vec!["10.0.0.1"]));
    let (sender, receiver) = tokio::sync::mpsc::channel(1);
    let items = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let mut run = Run { bench: Bench::on(disk.clone()).await, board: Board::default(), tasks: JoinSet::new() };
    run.start(&zone, items);
    let a = || target("a", &[("a.test", 80)]);
    sender.send(written(vec![a()])).await.unwrap();
    run.until("a", &["10.0.0.1:80"]).await;

    disk.is_full.store(true, Ordering::Relaxed);
    sender.send(written(vec![a(), target("b", &[("10.0.0.9", 80)])])).await.unwrap();
    pass(Duration::from_secs(10)).await;
    zone.lock().unwrap().insert("a.test", Ok(vec!["10.0.0.2"]));
    run.until("a", &["10.0.0.2:80"]).await;
    assert_eq!((addresses(&run.bench.catalog.snapshot(), "b"), run.tasks.len()), (None, 1));
    sender.send(written(vec![target("b", &[("10.0.0.9", 80)])])).await.unwrap();
    pass(Duration::from_secs(10)).await;
    assert!(run.tasks.try_join_next().is_none(), "it runs on");

    disk.is_full.store(false, Ordering::Relaxed);
    run.until("b", &["10.0.0.9:80"]).await;
    run.bench.wait(|snapshot| addresses(snapshot, "a").is_none()).await;
}

/// A target that is like the service `pets` of Consul.
fn like_pets(name: &str, with: &[&str]) -> Target {
    let with = with.iter().map(|tag| (*tag).to_owned()).collect();
    let like = Like {
        kind: "consul".into(),
        instance: None,
        key: "pets".into(),
        name: "pets".into(),
        with,
        without: vec!["old".into()],
    };
    let spec = UpstreamSpec { base_path: "/mine".into(), ..UpstreamSpec::default() };
    let without = if name == "pets" { Vec::new() } else { like.without.clone() };
    Target { spec, like: Some(Like { without, ..like }), ..target(name, &[]) }
}

fn consul(paths: &[(&str, &str)]) -> Report {
    let endpoint = |(address, tag): &(&str, &str)| Endpoint {
        labels: [((*tag).to_owned(), String::new())].into(),
        ..Endpoint::at(address.parse().unwrap())
    };
    let spec = UpstreamSpec { host: Some("pets.test".into()), ..UpstreamSpec::default() };
    let endpoints = paths.iter().map(endpoint).collect();
    Report::Full(vec![Listed { endpoints, ..crate::testing::listed("pets", spec, &[]) }])
}

#[tokio::test(start_paused = true)]
async fn who_is_like_another_upstream_is_that_one_by_its_name_and_follows_it_by_another() {
    let zone = Zone::default();
    let (written_now, changes) = tokio::sync::mpsc::channel(8);
    let run = Run::of(&zone, tokio_stream::wrappers::ReceiverStream::new(changes)).await;
    let catalog = &run.bench.catalog;
    let source = SourceId::new("consul", "");
    let shown = |snapshot: &Snapshot| {
        let one = |entry: &Arc<catalog::snapshot::UpstreamEntry>| {
            let upstream = &entry.upstream;
            let at = crate::testing::addresses(snapshot, &upstream.name).unwrap_or_default().join(" ");
            format!(
                "{} {}{} {at}",
                upstream.name,
                upstream.spec.host.as_deref().unwrap_or("-"),
                upstream.spec.base_path
            )
        };
        snapshot.upstreams(None).map(one).collect::<Vec<_>>().join(", ")
    };
    let until = async |wanted: &str| _ = run.bench.wait(|snapshot| shown(snapshot) == wanted).await;

    catalog.report(&source, consul(&[("10.0.0.1:1", "new"), ("10.0.0.2:1", "old")])).await.unwrap();
    written_now.send(written(vec![like_pets("pets", &[]), like_pets("new-pets", &["new"])])).await.unwrap();
    until("new-pets pets.test/mine 10.0.0.1:1, pets pets.test/mine 10.0.0.1:1 10.0.0.2:1").await;
    let endpoints = [Endpoint::at("10.0.0.2:1".parse().unwrap())];
    catalog.report(&source, Report::Endpoints("pets".into(), endpoints.into())).await.unwrap();
    until("new-pets pets.test/mine , pets pets.test/mine 10.0.0.2:1").await;
    // What it follows goes, and it stays, without endpoints; what it stands over goes with its source's word.
    catalog.report(&source, Report::Removed("pets".into())).await.unwrap();
    until("new-pets -/mine ").await;
    catalog.report(&source, consul(&[("10.0.0.3:1", "new")])).await.unwrap();
    until("new-pets pets.test/mine 10.0.0.3:1, pets pets.test/mine 10.0.0.3:1").await;
    written_now.send(Ok(Written { gone: vec!["new-pets".into(), "pets".into()], ..Written::default() })).await.unwrap();
    until("pets pets.test 10.0.0.3:1").await;
}
