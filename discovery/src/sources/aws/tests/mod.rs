//! The source against a fake of Lambda's control plane, in paused time.

pub(crate) mod fake;

use std::time::Duration;

use catalog::Snapshot;
use catalog::model::SourceId;
use plugins::Keyring;
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::timeout;

use self::fake::{Fake, Function};
use super::{Lambda, RawSettings, Settings};
use crate::aws::testing::places;
use crate::board::{Board, State, Status};
use crate::supervisor::Supervisor;
use crate::testing::{Bench, pass};

const ONE: &str = "aws-eu-west-1";

/// A source that runs.
struct Run {
    bench: Bench,
    fake: Fake,
    board: Board,
    keyring: Keyring,
    _tasks: JoinSet<()>,
}

impl Run {
    async fn start(fake: Fake, settings: &str) -> Self {
        Self::on(Bench::new().await, fake, settings).await
    }

    async fn on(bench: Bench, fake: Fake, settings: &str) -> Self {
        let keyring = Keyring::default();
        let supervisor = Supervisor::new(bench.catalog.clone(), vec![Box::new(source(&fake, settings, &keyring))]);
        let (board, mut tasks) = (supervisor.board().clone(), JoinSet::new());
        tasks.spawn(supervisor.run(std::future::pending()));
        Self { bench, fake, board, keyring, _tasks: tasks }
    }

    /// Ends it; what the catalog has stays.
    async fn end(mut self) -> (Bench, Fake) {
        self._tasks.shutdown().await;
        (self.bench, self.fake)
    }

    async fn until(&self, upstream: &str, functions: &[&str]) {
        self.bench.wait(|snapshot| names(snapshot, upstream) == functions).await;
    }

    fn names(&self, upstream: &str) -> Vec<String> {
        names(&self.bench.catalog.snapshot(), upstream)
    }

    fn binding(&self, name: &str) -> Value {
        let snapshot = self.bench.catalog.snapshot();
        let entry = snapshot.upstream("gloo-system", ONE).unwrap();
        serde_json::from_str(entry.function(name).unwrap().function.binding.get()).unwrap()
    }

    async fn until_status(&self, fact: impl Fn(&Status) -> bool) -> Status {
        let shown = timeout(Duration::from_secs(3_600), self.board.wait_for(|all| fact(&all[0]))).await;
        assert!(shown.is_ok(), "{:?}", self.board.read());
        self.board.read().remove(0)
    }
}

/// The source in all regions of `fake`.
pub(crate) fn source(fake: &Fake, settings: &str, keyring: &Keyring) -> Lambda {
    let regions: Vec<_> = fake.world().regions.keys().copied().collect();
    let section = json!({"identities": [{"regions": regions}]}).to_string();
    let raw: RawSettings = serde_saphyr::from_str(if settings.is_empty() { "{}" } else { settings }).unwrap();
    let places = places(&fake.server, &section);
    Lambda::new(SourceId::new("aws", ""), places, Settings::new(&raw).unwrap(), keyring.clone())
}

fn names(snapshot: &Snapshot, upstream: &str) -> Vec<String> {
    let entry = snapshot.upstream("gloo-system", upstream);
    entry.into_iter().flat_map(|entry| &entry.functions).map(|f| f.function.name.to_string()).collect()
}

fn function(revision: u32) -> Function {
    Function { revision, ..Function::default() }
}

fn aliased() -> Function {
    Function { versions: vec!["1"], aliases: vec![("live", "1")], ..function(1) }
}

async fn two_regions() -> Fake {
    let fake = Fake::start(&["eu-west-1", "us-east-1"]).await;
    for name in ["a", "b", "c", "d"] {
        fake.put("eu-west-1", name, function(1));
    }
    fake.put("us-east-1", "a", function(1));
    fake
}

#[tokio::test(start_paused = true)]
async fn functions_have_versions_aliases_urls_and_tags() {
    let fake = Fake::start(&["eu-west-1"]).await;
    let orders = Function {
        revision: 1,
        versions: vec!["1", "2"],
        aliases: vec![("live", "2")],
        urls: vec!["live"],
        tags: vec![("team", "shop"), ("portolan:event", "alb"), ("portolan:reply", "xml"), ("portolan:color", "red")],
    };
    fake.put("eu-west-1", "orders", orders);
    fake.put("eu-west-1", "hidden", Function { tags: vec![("portolan:discovery", "disabled")], ..function(1) });
    let run = Run::start(fake, "").await;
    run.until(ONE, &["orders", "orders:1", "orders:2", "orders:live"]).await;
    let snapshot = run.bench.catalog.snapshot();
    let entry = snapshot.upstream("gloo-system", ONE).unwrap();
    let shown: Vec<_> = entry
        .functions
        .iter()
        .map(|f| {
            let binding: Value = serde_json::from_str(f.function.binding.get()).unwrap();
            let f = &f.function;
            json!({"origin": f.origin, "summary": f.summary, "tags": f.tags, "binding": binding, "safe": f.safe})
        })
        .collect();
    insta::assert_json_snapshot!(shown);
    let complaints: Vec<_> = entry.upstream.kinds.values().flat_map(|state| state.complaints.clone()).collect();
    assert_eq!(complaints.len(), 2, "{complaints:?}");
    let spec = &entry.upstream.spec;
    assert_eq!(spec.host, Some(run.fake.server.address.to_string()));
    assert_eq!(
        (spec.aws.as_ref().unwrap().region.as_str(), spec.labels["region"].as_str()),
        ("eu-west-1", "eu-west-1")
    );
    assert!(run.keyring.aws(spec.aws.as_ref().unwrap()).now().is_some());
    let status = run.until_status(|status| status.as_of.len() == 3).await;
    assert_eq!(status.left_out.keys().collect::<Vec<_>>(), ["eu-west-1 hidden"]);
    assert_eq!(run.fake.count("ListAliases"), 1, "nothing is asked of what is not listed");
}

#[tokio::test(start_paused = true)]
async fn changes_show_at_the_next_list_and_aliases_within_a_round() {
    let run = Run::start(two_regions().await, "").await;
    run.until(ONE, &["a", "b", "c", "d"]).await;
    run.until("aws-us-east-1", &["a"]).await;
    pass(Duration::from_secs(10)).await;
    run.fake.world().regions.get_mut("eu-west-1").unwrap().remove("b");
    run.fake.put("eu-west-1", "e", function(1));
    let changed = Function { versions: vec!["1"], aliases: vec![("live", "1")], ..function(2) };
    run.fake.put("eu-west-1", "c", changed);
    pass(Duration::from_secs(36 + 3)).await;
    assert_eq!(run.names(ONE), ["a", "c", "c:1", "c:live", "d", "e"]);
    // No revision tells of an alias.
    run.fake.put("eu-west-1", "a", Function { aliases: vec![("test", "$LATEST")], ..function(1) });
    pass(Duration::from_secs(60 + 5)).await;
    assert_eq!(run.names(ONE)[..2], ["a", "a:test"]);
    assert_eq!(run.names("aws-us-east-1"), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_region_that_fails_takes_nothing_away_and_disturbs_no_other() {
    let run = Run::start(two_regions().await, "").await;
    run.until(ONE, &["a", "b", "c", "d"]).await;
    run.until("aws-us-east-1", &["a"]).await;
    // The second page of a list: half a list is none.
    run.fake.world().refused.insert("ListFunctions 3", (500, "ServiceException"));
    run.fake.put("us-east-1", "new", function(1));
    let status = run.until_status(|status| status.failing_parts.contains_key("eu-west-1")).await;
    assert!(status.failing_parts["eu-west-1"].message.contains("lambda:ListFunctions in eu-west-1"), "{status:?}");
    run.until("aws-us-east-1", &["a", "new"]).await;
    assert_eq!((run.names(ONE).len(), status.state), (4, State::Ok));
    run.fake.world().refused = [("us-east-1", (403, "AccessDeniedException"))].into();
    let fact = |status: &Status| status.failing_parts.keys().any(|part| part == "us-east-1");
    run.until_status(|status| fact(status) && !status.failing_parts.contains_key("eu-west-1")).await;
    // None answers: that is the source's own failure.
    run.fake.world().refused.insert("eu-west-1", (403, "AccessDeniedException"));
    run.until_status(|status| status.state == State::Failing).await;
    let snapshot = run.bench.wait(|now| now.stale(&now.upstream("gloo-system", ONE).unwrap().upstream).is_some()).await;
    assert_eq!((names(&snapshot, ONE).len(), names(&snapshot, "aws-us-east-1").len()), (4, 2));
    run.fake.world().refused.clear();
    run.until_status(|status| status.state == State::Ok && status.failing_parts.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_again_stays_as_the_catalog_has_it() {
    let fake = Fake::start(&["eu-west-1"]).await;
    let full = Function { versions: vec!["1"], aliases: vec![("live", "1")], tags: vec![("k", "v")], ..function(1) };
    fake.put("eu-west-1", "a", full);
    let run = Run::start(fake, "").await;
    run.until(ONE, &["a", "a:1", "a:live"]).await;
    let (bench, fake) = run.end().await;
    let before = bench.catalog.snapshot().upstream("gloo-system", ONE).unwrap().clone();
    for action in ["ListAliases", "ListVersionsByFunction", "GetResources", "ListTags"] {
        fake.world().refused.insert(action, (403, "AccessDeniedException"));
    }
    fake.put("eu-west-1", "b", function(1));
    let run = Run::on(bench, fake, "").await;
    run.until(ONE, &["a", "a:1", "a:live", "b"]).await;
    let status = run.until_status(|status| status.failing_parts.len() == 4).await;
    assert!(status.failing_parts.keys().all(|part| part.starts_with("eu-west-1 ")), "{status:?}");
    let after = run.bench.catalog.snapshot().upstream("gloo-system", ONE).unwrap().clone();
    for name in ["a:1", "a:live"] {
        assert_eq!(
            before.function(name).unwrap().function.binding.get(),
            after.function(name).unwrap().function.binding.get()
        );
    }
    pass(Duration::from_secs(300)).await;
    assert_eq!(run.names(ONE), ["a", "a:1", "a:live", "b"]);
    // What is refused is tried once in each round.
    assert!(run.fake.count("ListAliases") <= 1 + 2 * 6, "{}", run.fake.count("ListAliases"));
    run.fake.world().refused.clear();
    run.fake.put("eu-west-1", "a", function(1));
    run.until(ONE, &["a", "b"]).await;
    run.until_status(|status| status.failing_parts.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_of_some_functions_is_read_of_all_others() {
    let fake = Fake::start(&["eu-west-1"]).await;
    let denied = ["ListAliases a", "ListAliases b", "ListAliases c", "GetFunctionUrlConfig a"];
    for call in denied {
        fake.world().refused.insert(call, (403, "AccessDeniedException"));
    }
    for name in ["a", "b", "c", "y", "z"] {
        fake.put("eu-west-1", name, aliased());
    }
    let run = Run::start(fake, "").await;
    run.until(ONE, &["a", "a:1", "b", "b:1", "c", "c:1", "y", "y:1", "y:live", "z", "z:1", "z:live"]).await;
    let status = run.until_status(|status| status.failing_parts.len() == 2).await;
    assert!(status.failing_parts["eu-west-1 ListAliases"].message.contains("ListAliases"), "{status:?}");
    pass(Duration::from_secs(300)).await;
    assert_eq!(run.board.read()[0].failing_parts.len(), 2, "as long as one is refused");
    run.fake.world().refused.clear();
    run.bench.wait(|snapshot| names(snapshot, ONE).len() == 15).await;
    run.until_status(|status| status.failing_parts.is_empty()).await;
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_refused_of_all_is_given_up_for_a_round() {
    let fake = Fake::start(&["eu-west-1"]).await;
    for n in 0..20 {
        fake.put("eu-west-1", &format!("f{n:02}"), aliased());
    }
    fake.world().refused.insert("ListAliases", (403, "AccessDeniedException"));
    let run = Run::start(fake, "").await;
    pass(Duration::from_secs(600)).await;
    let asked = run.fake.count("ListAliases");
    assert!((3..=3 * 11).contains(&asked), "{asked}");
    run.fake.world().refused.clear();
    run.bench.wait(|snapshot| names(snapshot, ONE).len() == 60).await;
}

#[tokio::test(start_paused = true)]
async fn a_function_that_cannot_be_read_holds_up_no_other() {
    let fake = Fake::start(&["eu-west-1"]).await;
    for name in ["a", "y", "z"] {
        fake.put("eu-west-1", name, aliased());
    }
    fake.world().refused.insert("GetFunctionUrlConfig a", (500, "ServiceException"));
    let run = Run::start(fake, "").await;
    // What was answered counts, also of the one that fails.
    run.until(ONE, &["a", "a:1", "a:live", "y", "y:1", "y:live", "z", "z:1", "z:live"]).await;
    pass(Duration::from_secs(120)).await;
    let asked = |run: &Run| run.fake.count("ListAliases");
    let before = asked(&run);
    pass(Duration::from_secs(600)).await;
    // Two in each round, and the one in its own time.
    assert!((2 * 8..=2 * 11 + 12).contains(&(asked(&run) - before)), "{}", asked(&run) - before);
    assert!(!run.board.read()[0].as_of.contains_key("eu-west-1 details"));
    run.fake.world().refused.clear();
    run.until_status(|status| status.as_of.contains_key("eu-west-1 details")).await;
}

#[tokio::test(start_paused = true)]
async fn an_alias_keeps_its_url_where_aliases_are_told_no_more() {
    let fake = Fake::start(&["eu-west-1"]).await;
    fake.put("eu-west-1", "a", Function { urls: vec!["live"], ..aliased() });
    let run = Run::start(fake, "").await;
    run.until(ONE, &["a", "a:1", "a:live"]).await;
    pass(Duration::from_secs(10)).await;
    run.fake.world().refused.insert("ListAliases", (403, "AccessDeniedException"));
    pass(Duration::from_secs(300)).await;
    let (bench, fake) = run.end().await;
    let run = Run::on(bench, fake, "").await;
    pass(Duration::from_secs(300)).await;
    let binding = run.binding("a:live");
    assert_eq!(
        (&binding["streaming"], &binding["functionUrl"]),
        (&json!(true), &json!("https://livex.lambda-url.test/"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_function_that_is_made_again_has_nothing_of_the_one_before() {
    let fake = Fake::start(&["eu-west-1"]).await;
    fake.put("eu-west-1", "a", aliased());
    fake.put("eu-west-1", "b", function(1));
    let run = Run::start(fake, "").await;
    run.until(ONE, &["a", "a:1", "a:live", "b"]).await;
    let (bench, fake) = run.end().await;
    let run = Run::on(bench, fake, "").await;
    pass(Duration::from_secs(100)).await;
    run.fake.world().regions.get_mut("eu-west-1").unwrap().remove("a");
    run.until(ONE, &["b"]).await;
    run.fake.put("eu-west-1", "a", function(7));
    let snapshot = run.bench.wait(|snapshot| names(snapshot, ONE).len() > 1).await;
    assert_eq!(names(&snapshot, ONE), ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn tags_of_before_do_not_come_back_when_all_at_once_fail_later() {
    let fake = Fake::start(&["eu-west-1"]).await;
    fake.put("eu-west-1", "a", Function { tags: vec![("team", "old")], ..function(1) });
    fake.world().refused.insert("GetResources", (500, "ServiceException"));
    let run = Run::start(fake, "").await;
    run.until(ONE, &["a"]).await;
    run.fake.world().refused.clear();
    run.fake.put("eu-west-1", "a", Function { tags: vec![("portolan:discovery", "disabled")], ..function(1) });
    run.until(ONE, &[]).await;
    run.fake.world().refused.insert("GetResources", (500, "ServiceException"));
    for _ in 0..120 {
        pass(Duration::from_secs(1)).await;
        assert!(run.names(ONE).is_empty());
    }
}

#[tokio::test(start_paused = true)]
async fn a_new_function_is_not_untagged_because_all_at_once_fail() {
    let fake = Fake::start(&["eu-west-1"]).await;
    fake.put("eu-west-1", "a", function(1));
    let run = Run::start(fake, "").await;
    run.until(ONE, &["a"]).await;
    pass(Duration::from_secs(100)).await;
    run.fake.world().refused.insert("GetResources", (500, "ServiceException"));
    run.fake.put("eu-west-1", "new", Function { tags: vec![("portolan:discovery", "disabled")], ..function(1) });
    for _ in 0..600 {
        pass(Duration::from_millis(100)).await;
        assert_eq!(run.names(ONE), ["a"]);
    }
}

#[tokio::test(start_paused = true)]
async fn an_alias_of_a_version_that_cannot_be_read_is_as_the_newest_code() {
    let fake = Fake::start(&["eu-west-1"]).await;
    fake.put("eu-west-1", "a", aliased());
    fake.world().refused.insert("ListVersionsByFunction", (403, "AccessDeniedException"));
    let run = Run::start(fake, "").await;
    run.until(ONE, &["a", "a:live"]).await;
    let binding = run.binding("a:live");
    let shown = ["timeout", "runtime", "memory"].map(|field| binding[field].clone());
    assert_eq!(shown, [json!(30), json!("python3.13"), json!(128)], "{binding}");
}

#[tokio::test(start_paused = true)]
async fn without_the_right_to_read_all_tags_each_function_is_asked_before_it_is_listed() {
    let fake = Fake::start(&["eu-west-1"]).await;
    fake.put("eu-west-1", "a", Function { tags: vec![("team", "shop")], ..function(1) });
    fake.put(
        "eu-west-1",
        "b",
        Function { tags: vec![("team", "shop"), ("portolan:discovery", "disabled")], ..function(1) },
    );
    fake.put("eu-west-1", "c", function(1));
    fake.world().refused.insert("GetResources", (403, "AccessDeniedException"));
    let run = Run::start(fake, "{tags: [team=shop], versions: latest}").await;
    run.until(ONE, &["a"]).await;
    pass(Duration::from_secs(120)).await;
    assert_eq!(run.names(ONE), ["a"]);
    let status = run.until_status(|status| status.left_out.len() == 2).await;
    assert!(
        status.left_out["eu-west-1 b"].contains("disabled") && status.left_out["eu-west-1 c"].contains("team=shop")
    );
    assert_eq!((run.fake.count("ListAliases"), run.fake.count("ListVersionsByFunction")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn no_second_has_more_calls_than_aws_takes() {
    let fake = Fake::start(&["eu-west-1"]).await;
    for n in 0..150 {
        fake.put("eu-west-1", &format!("f{n}"), function(1));
    }
    let run = Run::start(fake, "").await;
    run.until_status(|status| status.as_of.contains_key("eu-west-1 details")).await;
    pass(Duration::from_secs(200)).await;
    let calls: Vec<_> = run.fake.world().calls.iter().map(|(_, _, at)| *at).collect();
    assert!(calls.len() > 150 * 3 * 2, "{}", calls.len());
    let busiest =
        calls.iter().map(|at| calls.iter().filter(|c| **c >= *at && **c < *at + Duration::from_secs(1)).count());
    assert!(busiest.max().unwrap() <= 15);
    // Throttled all the same, it asks more slowly, and all goes on.
    run.fake.world().calls.clear();
    run.fake.world().refused.insert("GetFunctionUrlConfig", (429, "TooManyRequestsException"));
    pass(Duration::from_secs(120)).await;
    let throttled = run.fake.world().calls.len();
    assert!(throttled < 120 * 5, "{throttled}");
    run.fake.world().refused.clear();
    run.fake.put("eu-west-1", "new", function(1));
    run.bench.wait(|snapshot| names(snapshot, ONE).len() == 151).await;
}

#[tokio::test(start_paused = true)]
async fn all_pages_of_tags_versions_and_aliases_are_read() {
    let fake = Fake::start(&["eu-west-1"]).await;
    let full = Function {
        versions: vec!["1", "2", "3", "4", "5", "6"],
        aliases: vec![("p", "1"), ("q", "1"), ("r", "1"), ("s", "1")],
        tags: vec![("team", "shop")],
        ..function(1)
    };
    let functions = ["a", "b", "c", "d", "e", "f", "g"];
    functions.iter().for_each(|name| fake.put("eu-west-1", name, full.clone()));
    let run = Run::start(fake, "{tags: [team=shop]}").await;
    let wanted = run.bench.wait(|snapshot| names(snapshot, ONE).len() == functions.len() * (1 + 6 + 4)).await;
    assert!(names(&wanted, ONE).contains(&"g:6".to_owned()) && names(&wanted, ONE).contains(&"g:s".to_owned()));
    assert_eq!(run.fake.count("ListTags"), 0, "all tags come at once");
    // Half of all tags is none: each function is asked.
    run.fake.world().refused.insert("GetResources 6", (500, "ServiceException"));
    run.until_status(|status| status.failing_parts.contains_key("eu-west-1 GetResources")).await;
    pass(Duration::from_secs(300)).await;
    assert!(run.fake.count("ListTags") >= functions.len());
    assert_eq!(run.names(ONE).len(), functions.len() * (1 + 6 + 4));
}

#[tokio::test(start_paused = true)]
async fn an_answer_without_end_is_cut_off() {
    let fake = Fake::start(&["eu-west-1"]).await;
    fake.put("eu-west-1", "a", function(1));
    fake.world().endless = true;
    let run = Run::start(fake, "").await;
    let status = run.until_status(|status| status.failing_parts.contains_key("eu-west-1")).await;
    let message = &status.failing_parts["eu-west-1"].message;
    assert!(message.contains("length limit exceeded"), "{message}");
    run.fake.world().endless = false;
    run.until(ONE, &["a"]).await;
}
