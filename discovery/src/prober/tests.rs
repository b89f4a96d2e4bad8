//! Who is looked at when, with kinds whose probes do what the test says.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use catalog::model::{Described, Description, Digest, Function, Hints, Kind, Materials, Protocol, UpstreamSpec};
use catalog::report::{Finding, Report};
use futures_util::future::BoxFuture;
use plugins::{BindError, BoundCall, Certificates, Fetch, FetchError, Keyring, Probe, ProbeError, Target};
use tokio::time::timeout;

use super::*;
use crate::policy::AddressPolicy;
use crate::testing::{Bench, pass};

/// What a fake probe does at an upstream, by the label `does` of that upstream (`does-{kind}` goes first).
struct Fake {
    kind: &'static str,
    grpc: bool,
}

static FAKES: [Fake; 2] = [Fake { kind: "rest", grpc: false }, Fake { kind: "grpc", grpc: true }];
static KINDS: &[&dyn FunctionKind] = &[&FAKES[0], &FAKES[1]];

type Look = (String, &'static str, Instant);

/// Every look: which upstream, which kind, when.
static LOOKS: OnceLock<Mutex<Vec<Look>>> = OnceLock::new();

fn looks(upstream: &UpstreamId, kind: &str) -> Vec<Instant> {
    let looks = LOOKS.get_or_init(Mutex::default).lock().unwrap();
    looks.iter().filter(|(id, k, _)| id == upstream.as_str() && *k == kind).map(|(_, _, at)| *at).collect()
}

impl FunctionKind for Fake {
    fn kind(&self) -> Kind {
        Kind::new(self.kind)
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }

    fn bind(
        &self,
        _: &Function,
        _: &Materials,
        _: &UpstreamSpec,
        _: &Keyring,
    ) -> Result<Arc<dyn BoundCall>, BindError> {
        Err(BindError("never called".into()))
    }
}

impl Probe for Fake {
    fn looks_at(&self, protocol: Option<Protocol>) -> bool {
        self.grpc || !matches!(protocol, Some(Protocol::Grpc | Protocol::Grpcs))
    }

    fn probe<'a>(&'a self, target: &'a Target, _: &'a dyn Fetch) -> BoxFuture<'a, Result<Finding, ProbeError>> {
        Box::pin(async move {
            LOOKS.get_or_init(Mutex::default).lock().unwrap().push((target.id.to_string(), self.kind, Instant::now()));
            let labels = &target.spec.labels;
            let does = labels.get(&format!("does-{}", self.kind)).or_else(|| labels.get("does"));
            match does.map_or("nothing", String::as_str) {
                "hang" => std::future::pending().await,
                "fail" => Err(FetchError::Connect("refused".into()).into()),
                "panic" => panic!("a bug in a parser"),
                "dawdle" => {
                    pass(Duration::from_secs(5)).await;
                    Ok(found("slow"))
                }
                "nothing" => Ok(Finding::NotThis),
                "noted" => Ok(match &target.known {
                    None => found("noted"),
                    Some(known) if known.hint.is_none() => Finding::Unchanged { hint: Some("a new note".into()) },
                    Some(known) => found(known.hint.as_deref().unwrap_or_default()),
                }),
                function => Ok(found(function)),
            }
        })
    }
}

pub(super) fn found(function: &str) -> Finding {
    let described = Described {
        origin: function.into(),
        name: function.into(),
        summary: None,
        description: None,
        deprecated: false,
        safe: false,
        tags: Vec::new(),
        binding: serde_json::Value::Null,
        input: serde_json::json!({}),
        output: None,
    };
    let description = Description { functions: vec![described], ..Description::default() };
    let digest = Digest::of([function.as_bytes()]);
    Finding::Found { description: Box::new(description), digest, tls: false, hint: None }
}

fn does(does: &[(&str, &str)]) -> UpstreamSpec {
    let labels: BTreeMap<_, _> = does.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
    UpstreamSpec { labels, protocol: Some(Protocol::Http), ..UpstreamSpec::default() }
}

struct Run {
    bench: Bench,
    handle: Handle,
    _tasks: JoinSet<()>,
}

impl Run {
    async fn start() -> Self {
        Self::on(Bench::new().await, AddressPolicy::default())
    }

    fn on(bench: Bench, policy: AddressPolicy) -> Self {
        Self::without(Off::default(), bench, policy)
    }

    fn without(off: Off, bench: Bench, policy: AddressPolicy) -> Self {
        let journal = Journal::default();
        let fetcher = Fetcher::new(policy, [], journal.clone(), Certificates::default());
        let settings = Settings { off, document_paths: Arc::from([]) };
        let prober = Prober::new(bench.catalog.clone(), fetcher, journal, KINDS, settings);
        let (handle, mut tasks) = (prober.handle(), JoinSet::new());
        tasks.spawn(prober.run(std::future::pending()));
        Self { bench, handle, _tasks: tasks }
    }

    async fn list(&self, name: &str, spec: UpstreamSpec, endpoints: &[&str]) -> UpstreamId {
        self.bench.list(name, spec, endpoints).await
    }

    /// Returns when the looks at `upstream` stand so.
    async fn until(&self, upstream: &UpstreamId, state: State) -> Discovery {
        loop {
            match self.handle.outcomes().of(upstream) {
                Some(shown) if shown.state == state && (shown.next_attempt.is_some() || state == State::Off) => {
                    return shown;
                }
                _ => pass(Duration::from_millis(1)).await,
            }
        }
    }
}

fn within(what: Duration, seconds: f64) {
    assert!((0.79 * seconds..1.21 * seconds).contains(&what.as_secs_f64()), "{what:?}, not {seconds} s");
}

#[tokio::test(start_paused = true)]
async fn an_upstream_is_looked_at_at_once_and_its_functions_are_in_the_catalog() {
    let run = Run::start().await;
    let began = Instant::now();
    let id = run.list("first", does(&[("does-rest", "hello")]), &["127.0.0.1:1"]).await;
    let snapshot = run.bench.wait(|snapshot| snapshot.function_count() == 1).await;
    assert!(began.elapsed() < Duration::from_millis(5), "{:?}", began.elapsed());
    assert!(snapshot.by_id(&id).unwrap().function("hello").is_some());
    let shown = run.until(&id, State::Found).await;
    let kinds: Vec<_> = shown.kinds.iter().map(|look| (look.kind.as_str(), look.state)).collect();
    assert_eq!(kinds, [("rest", State::Found), ("grpc", State::None)]);
    run.handle.settled(run.bench.catalog.generation()).await;
}

#[tokio::test(start_paused = true)]
async fn the_next_look_comes_as_the_last_one_says() {
    let run = Run::start().await;
    let id = run.list("paced", does(&[("does-rest", "hello"), ("does-grpc", "nothing")]), &["127.0.0.1:1"]).await;
    pass(Duration::from_secs(1_000)).await;
    let rest = looks(&id, "rest");
    within(rest[1] - rest[0], 60.0);
    let grpc = looks(&id, "grpc");
    within(grpc[1] - grpc[0], 600.0);
    let id = run.list("broken", does(&[("does", "fail")]), &["127.0.0.1:1"]).await;
    pass(Duration::from_secs(3_000)).await;
    let waits: Vec<_> = looks(&id, "rest").windows(2).map(|pair| pair[1] - pair[0]).collect();
    within(waits[0] + Duration::from_millis(250), 1.2);
    assert!(
        waits.iter().all(|wait| *wait < Duration::from_secs(361)) && waits.last().unwrap().as_secs() > 200,
        "{waits:?}"
    );
    let shown = run.until(&id, State::Failing).await;
    assert_eq!(shown.error.as_deref(), Some("no connection: refused"));
}

#[tokio::test(start_paused = true)]
async fn what_another_kind_answers_is_not_asked_often_in_the_wrong_language() {
    let run = Run::start().await;
    let id = run.list("other", does(&[("does-rest", "fail"), ("does-grpc", "hello")]), &["127.0.0.1:1"]).await;
    pass(Duration::from_secs(500)).await;
    assert_eq!(run.until(&id, State::Found).await.error, None);
    assert!(looks(&id, "rest").len() <= 2 && looks(&id, "grpc").len() >= 7);
}

#[tokio::test(start_paused = true)]
async fn who_is_not_to_be_looked_at_is_not() {
    let run = Run::start().await;
    let off =
        UpstreamSpec { hints: Hints { discovery: Some(false), ..Hints::default() }, ..does(&[("does", "hello")]) };
    let off = run.list("off", off, &["127.0.0.1:1"]).await;
    let shown = run.until(&off, State::Off).await;
    assert!(shown.rule.contains("disabled"), "{}", shown.rule);
    assert!(matches!(run.handle.refresh(&off).await, Err(RefreshError::Off(..))));
    let grpc = UpstreamSpec { protocol: Some(Protocol::Grpc), ..does(&[("does", "hello")]) };
    let grpc = run.list("only-grpc", grpc, &["127.0.0.1:1"]).await;
    run.until(&grpc, State::Found).await;
    assert_eq!((looks(&grpc, "rest").len(), looks(&grpc, "grpc").len(), looks(&off, "rest").len()), (0, 1, 0));
    let empty = run.list("empty", does(&[("does", "hello")]), &[]).await;
    assert_eq!(run.handle.refresh(&empty).await, Err(RefreshError::NoEndpoint(empty.clone())));
    assert!(matches!(run.handle.refresh(&UpstreamId::from("nobody-1")).await, Err(RefreshError::Unknown(_))));
    run.list("empty", does(&[("does", "hello")]), &["127.0.0.1:1"]).await;
    run.until(&empty, State::Found).await;
}

#[tokio::test(start_paused = true)]
async fn discovery_is_off_where_a_setting_says_so() {
    let check = async |sources: &[&str], namespaces: &[&str], rule: Option<&str>| {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let off = Off { sources: texts(sources), namespaces: texts(namespaces) };
        let run = Run::without(off, Bench::new().await, AddressPolicy::default());
        let said = run.list("one", does(&[("does", "hello")]), &["127.0.0.1:1"]).await;
        let state = if rule.is_some() { State::Off } else { State::Found };
        let shown = run.until(&said, state).await;
        assert!(rule.is_none_or(|rule| shown.rule == rule), "{}", shown.rule);
        let hints = Hints { discovery: Some(true), ..Hints::default() };
        let asked = run.list("two", UpstreamSpec { hints, ..does(&[("does", "hello")]) }, &["127.0.0.1:1"]).await;
        run.until(&asked, State::Found).await;
    };
    check(&["consul"], &["team"], None).await;
    check(&["static"], &[], Some("discovery is off for the source static")).await;
    check(&[], &["gloo-system"], Some("discovery is off for the namespace gloo-system")).await;
}

#[tokio::test(start_paused = true)]
async fn a_change_is_looked_at_at_once_and_so_is_a_request() {
    let run = Run::start().await;
    let id = run.list("changing", does(&[("does", "one")]), &["127.0.0.1:1"]).await;
    run.until(&id, State::Found).await;
    run.list("changing", does(&[("does", "two")]), &["127.0.0.1:1"]).await;
    run.bench.wait(|snapshot| snapshot.by_id(&id).is_some_and(|entry| entry.function("two").is_some())).await;
    let before = looks(&id, "rest").len();
    let shown = run.handle.refresh(&id).await.unwrap();
    assert_eq!((shown.state, looks(&id, "rest").len()), (State::Found, before + 1));
    pass(Duration::from_secs(6)).await;
    let asked = Instant::now();
    run.list("changing", does(&[("does", "two")]), &["127.0.0.1:1", "127.0.0.1:2"]).await;
    pass(Duration::from_secs(1)).await;
    assert!(looks(&id, "rest").last().unwrap().duration_since(asked) < Duration::from_millis(10), "a new instance");
}

#[tokio::test(start_paused = true)]
async fn the_note_of_a_look_that_found_nothing_new_reaches_the_next_one() {
    let run = Run::start().await;
    let id = run.list("noting", does(&[("does-rest", "noted")]), &["127.0.0.1:1"]).await;
    run.until(&id, State::Found).await;
    run.handle.refresh(&id).await.unwrap();
    run.handle.refresh(&id).await.unwrap();
    assert!(run.bench.catalog.snapshot().by_id(&id).unwrap().function("a new note").is_some());
}

#[tokio::test(start_paused = true)]
async fn whoever_asked_is_told_that_there_is_nobody_to_look_at_any_more() {
    let run = Run::start().await;
    let id = run.list("emptied", does(&[("does", "hang")]), &["127.0.0.1:1"]).await;
    let asked = run.handle.refresh(&id);
    let emptied = async {
        pass(Duration::from_millis(10)).await;
        run.list("emptied", does(&[("does", "hang")]), &[]).await;
    };
    let (answer, ()) = timeout(Duration::from_secs(600), async { tokio::join!(asked, emptied) }).await.unwrap();
    assert_eq!(answer, Err(RefreshError::NoEndpoint(id)));
}

#[tokio::test(start_paused = true)]
async fn what_was_found_over_a_protocol_that_is_not_spoken_goes() {
    let run = Run::start().await;
    let spec = does(&[("does-rest", "mistaken"), ("does-grpc", "meant")]);
    let id = run.list("miscast", spec.clone(), &["127.0.0.1:1"]).await;
    run.bench.wait(|snapshot| snapshot.function_count() == 2).await;
    let asked = looks(&id, "rest").len();
    run.list("miscast", UpstreamSpec { protocol: Some(Protocol::Grpc), ..spec }, &["127.0.0.1:1"]).await;
    pass(Duration::from_secs(900)).await;
    let snapshot = run.bench.wait(|snapshot| snapshot.function_count() == 1).await;
    assert!(snapshot.by_id(&id).unwrap().function("meant").is_some());
    assert_eq!(looks(&id, "rest").len(), asked, "nothing is asked for that");
}

#[tokio::test(start_paused = true)]
async fn it_is_settled_when_all_that_was_listed_had_its_first_look() {
    let run = Run::start().await;
    run.handle.settled(run.bench.catalog.generation()).await;
    let id = run.list("unsettled", does(&[("does", "dawdle")]), &["127.0.0.1:1"]).await;
    let began = Instant::now();
    run.handle.settled(run.bench.catalog.generation()).await;
    assert!(began.elapsed() >= Duration::from_secs(5) && run.handle.outcomes().of(&id).unwrap().state == State::Found);
}

#[tokio::test(start_paused = true)]
async fn a_change_during_a_look_is_looked_at_after_it() {
    let run = Run::start().await;
    let id = run.list("midway", does(&[("does", "dawdle")]), &["127.0.0.1:1"]).await;
    pass(Duration::from_secs(1)).await;
    run.list("midway", does(&[("does", "new")]), &["127.0.0.1:1"]).await;
    pass(Duration::from_secs(5)).await;
    let snapshot = run.bench.catalog.snapshot();
    assert!(snapshot.by_id(&id).unwrap().function("new").is_some());
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_is_gone_is_not_looked_at_any_more() {
    let run = Run::start().await;
    let id = run.list("leaving", does(&[("does", "hang")]), &["127.0.0.1:1"]).await;
    pass(Duration::from_millis(10)).await;
    let source = catalog::model::SourceId::new("static", "");
    run.bench.catalog.report(&source, Report::Removed("leaving".into())).await.unwrap();
    run.bench.wait(|snapshot| snapshot.by_id(&id).is_none()).await;
    pass(Duration::from_secs(600)).await;
    assert_eq!((run.handle.outcomes().of(&id), looks(&id, "rest").len()), (None, 1));
}

#[tokio::test(start_paused = true)]
async fn those_that_hang_delay_no_other() {
    let run = Run::start().await;
    for nth in 0..300 {
        run.list(&format!("hanging-{nth}"), does(&[("does", "hang")]), &["127.0.0.1:1"]).await;
    }
    let began = Instant::now();
    let id = run.list("prompt", does(&[("does", "hello")]), &["127.0.0.1:1"]).await;
    run.until(&id, State::Found).await;
    assert!(began.elapsed() < Duration::from_millis(1_500), "among new ones: {:?}", began.elapsed());
    pass(Duration::from_secs(20)).await;
    let began = Instant::now();
    let id = run.list("prompt-2", does(&[("does", "hello")]), &["127.0.0.1:1"]).await;
    run.until(&id, State::Found).await;
    assert!(began.elapsed() < Duration::from_millis(10), "among known ones: {:?}", began.elapsed());
    pass(Duration::from_secs(300)).await;
    let hung = run
        .until(&UpstreamId::clone(&crate::testing::id(&run.bench.catalog.snapshot(), "hanging-7")), State::Failing)
        .await;
    assert_eq!(hung.error.as_deref(), Some("no answer within 30 s"));
}

#[tokio::test(start_paused = true)]
async fn a_slow_look_is_finished_and_a_broken_probe_costs_itself() {
    let run = Run::start().await;
    let slow = run.list("slow", does(&[("does-rest", "dawdle")]), &["127.0.0.1:1"]).await;
    let broken = run.list("buggy", does(&[("does-rest", "panic"), ("does-grpc", "hello")]), &["127.0.0.1:1"]).await;
    run.until(&slow, State::Found).await;
    let shown = run.until(&broken, State::Found).await;
    assert!(shown.kinds[0].error.as_deref().is_some_and(|error| error.contains("the probe broke")), "{shown:?}");
    assert_eq!(looks(&slow, "rest").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_refused_endpoint_is_told_as_such() {
    let own: SocketAddr = "127.0.0.1:8081".parse().unwrap();
    let run = Run::on(Bench::new().await, AddressPolicy::new([own], vec![]));
    let id = run.list("ourselves", does(&[("does", "hello")]), &["127.0.0.1:8081"]).await;
    let shown = run.until(&id, State::Failing).await;
    assert!(shown.error.as_deref().is_some_and(|error| error.contains("own listener")), "{shown:?}");
    assert!(looks(&id, "rest").is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_vanishes_is_confirmed_at_the_other_endpoint_in_the_same_round() {
    let run = Run::start().await;
    let id = run.list("confirmed", does(&[("does-rest", "one")]), &["127.0.0.1:1", "127.0.0.1:2"]).await;
    run.until(&id, State::Found).await;
    run.list("confirmed", does(&[("does-rest", "two")]), &["127.0.0.1:1", "127.0.0.1:2"]).await;
    let only_two = |snapshot: &Snapshot| {
        let names =
            snapshot.by_id(&id).map(|entry| entry.functions.iter().map(|f| f.function.name.to_string()).collect());
        names == Some(vec!["two".to_owned()])
    };
    timeout(Duration::from_secs(1), run.bench.wait(only_two)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_restart_spreads_its_looks_over_what_is_known() {
    let run = Run::start().await;
    for nth in 0..100 {
        run.list(&format!("known-{nth}"), does(&[("does", "hello")]), &["127.0.0.1:1"]).await;
    }
    run.bench.wait(|snapshot| snapshot.function_count() == 200).await;
    pass(Duration::from_millis(1)).await;
    let again = Run::on(run.bench, AddressPolicy::default());
    let began = Instant::now();
    again.handle.settled(again.bench.catalog.generation()).await;
    assert!(began.elapsed() < Duration::from_millis(100), "what is known is ready at once");
    pass(Duration::from_secs(2)).await;
    let snapshot = again.bench.catalog.snapshot();
    let firsts: Vec<_> = (0..100)
        .map(|nth| {
            let looks = looks(&crate::testing::id(&snapshot, &format!("known-{nth}")), "rest");
            looks.iter().find(|look| **look >= began).map(|look| look.duration_since(began).as_millis())
        })
        .collect();
    assert!(firsts.iter().all(Option::is_some), "{firsts:?}");
    assert!(firsts.iter().flatten().any(|ms| *ms > 500) && firsts.iter().flatten().any(|ms| *ms < 300));
}
