//! Upstreams that are written down, with a fake of AWS behind them, in paused time.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use catalog::Snapshot;
use catalog::model::SourceId;
use catalog::report::{Listed, Report};
use futures_util::StreamExt;
use plugins::Keyring;
use plugins::keyring::Keys;
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_stream::wrappers::WatchStream;

use super::*;
use crate::aws::testing::{Came, server};
use crate::board::Board;
use crate::eligibility::LABEL;
use crate::fetch::testing::{Server, reply};
use crate::sources::ec2::{Address, Filter, testing};
use crate::testing::{Bench, addresses, listed, pass};

const REGION: &str = "eu-west-1";
const SECRET: &str = "kubernetes/shop/keys";
/// All functions.
const FUNCTIONS: What = What::Functions(Vec::new());
const ROLE: &str = "arn:aws:iam::1:role/reader";

/// A call: the service, and the key that it was signed with.
type Call = (String, String);

/// No source is asked for.
fn quiet() -> Settings {
    Settings { asked: vec!["none".into()], ..Settings::default() }
}

/// Those who keep, and what they stand on.
struct Run {
    bench: Bench,
    board: Board,
    calls: Arc<Mutex<Vec<Call>>>,
    keyring: Keyring,
    written: watch::Sender<Vec<Target>>,
    secrets: watch::Sender<()>,
    failing: watch::Receiver<Arc<Failing>>,
    server: Server,
    tasks: JoinSet<()>,
}

/// Whose keys are not known yet, for ever.
const UNREAD: &str = "kubernetes/shop/unread";

/// AWS: the function `f`, and the instance `i-web`, for all whose keys do not begin with `BAD`.
fn answer(came: &Came) -> Vec<u8> {
    if came.credential(0).starts_with("BAD") {
        return reply(403, "x-amzn-errortype: InvalidClientTokenId\r\n", "");
    }
    match came.credential(3).as_str() {
        "sts" => {
            let end = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3_600);
            let id = format!("{}-AS-{}", came.credential(0), came.form("RoleArn").rsplit('/').next().unwrap());
            reply(
                200,
                "",
                format!(
                    "<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>hidden\
                     </SecretAccessKey><SessionToken>t</SessionToken><Expiration>{end}</Expiration></Credentials>\
                     </AssumeRoleResult></AssumeRoleResponse>"
                ),
            )
        }
        "ec2" => reply(200, "", testing::answer(&["web"])),
        "tagging" => reply(200, "", r#"{"ResourceTagMappingList": [], "PaginationToken": ""}"#),
        _ if came.head.contains("/functions/f/url") => {
            reply(404, "x-amzn-errortype: ResourceNotFoundException\r\n", "{}")
        }
        _ if came.head.contains("/functions/f/") => reply(200, "", r#"{"Versions": [], "Aliases": []}"#),
        _ => {
            let arn = format!("arn:aws:lambda:{REGION}:1:function:f");
            let function =
                json!({"FunctionName": "f", "FunctionArn": arn, "Version": "$LATEST", "RevisionId": "1", "Timeout": 3});
            reply(200, "", json!({"Functions": [function]}).to_string())
        }
    }
}

impl Run {
    async fn start() -> Self {
        Self::on(Bench::new().await, quiet()).await
    }

    async fn on(bench: Bench, settings: Settings) -> Self {
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let heard = calls.clone();
        let server = server(move |came| {
            heard.lock().unwrap().push((came.credential(3), came.credential(0)));
            answer(came)
        })
        .await;
        let raw = json!({
            "endpoint": format!("http://{}", server.address),
            "identities": [{"credentialsFile": concat!(env!("CARGO_MANIFEST_DIR"), "/testdata/aws/credentials")}],
        });
        let aws = Aws::new(serde_json::from_value(raw).unwrap()).unwrap();
        let keyring = settings.keyring.clone();
        let clouds = Clouds::new(&Settings { aws, namespace: "gloo-system".into(), ..settings }).unwrap();
        let board = Board::default();
        let reports = Reports::shown_on(board.clone(), bench.catalog.clone(), SourceId::new("static", "test"));
        let (written, all) = watch::channel(Vec::new());
        let (secrets, news) = watch::channel(());
        let (fails, failing) = watch::channel(Arc::default());
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let written =
                WatchStream::from_changes(all).map(|targets| Ok(Written { targets, ..Written::default() })).boxed();
            let is_awaited = Box::new(|name: &str| name == UNREAD);
            let secrets = Secrets { changes: WatchStream::from_changes(news).boxed(), is_awaited };
            drop(keep(&reports, hosts::system(), &clouds, written, secrets, fails).await);
        });
        Self { bench, board, calls, keyring, written, secrets, failing, server, tasks }
    }

    fn put(&self, id: Option<&str>) {
        let keys = |id: &str| Keys { id: id.into(), secret: "hidden".into(), token: None, expires: None };
        self.keyring.ring(&format!("aws/{SECRET}")).put(id.map(keys));
        self.secrets.send_replace(());
    }

    async fn until_functions(&self, upstream: &str, count: usize) {
        self.bench.wait(|snapshot| functions(snapshot, upstream) == Some(count)).await;
    }

    /// The calls since the last look.
    fn calls(&self) -> Vec<Call> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }
}

fn functions(snapshot: &Snapshot, upstream: &str) -> Option<usize> {
    Some(snapshot.upstream("gloo-system", upstream)?.functions.len())
}

fn target(name: &str, secret: Option<&str>, role: Option<&str>, what: What) -> Target {
    let who = Who { secret: secret.map(str::to_owned), role: role.map(str::to_owned) };
    Target {
        key: format!("gloo-system/{name}").into(),
        name: name.into(),
        namespace: None,
        spec: UpstreamSpec::default(),
        hosts: Vec::new(),
        like: None,
        cloud: Some(Cloud { who, region: REGION.into(), what }),
    }
}

fn instances() -> What {
    What::Instances(Chosen {
        filters: vec![Filter::new("Portolan:Upstream", Some("web"))],
        address: Address::Private,
        port: 8080,
    })
}

#[tokio::test(start_paused = true)]
async fn functions_are_listed_with_the_keys_of_a_secret() {
    let run = Run::start().await;
    let shop = || ["one", "two"].map(|name| target(name, Some(SECRET), None, FUNCTIONS)).to_vec();
    run.written.send_replace(shop());
    run.until_functions("one", 0).await;
    pass(Duration::from_secs(60)).await;
    assert_eq!(run.calls(), [], "without keys nobody is asked");

    run.put(Some("FIRST"));
    run.until_functions("one", 1).await;
    run.until_functions("two", 1).await;
    let snapshot = run.bench.catalog.snapshot();
    let spec = &snapshot.upstream("gloo-system", "one").unwrap().upstream.spec;
    assert_eq!(spec.aws.as_ref().unwrap().identity, SECRET);
    assert_eq!(spec.host, Some(run.server.address.to_string()));
    pass(Duration::from_secs(5)).await;
    let lists = |calls: &[Call]| calls.iter().filter(|(service, _)| service == "tagging").count();
    assert_eq!(lists(&run.calls()), 1, "two of one place are read once");

    let three = || [shop().to_vec(), vec![target("three", Some(SECRET), None, FUNCTIONS)]].concat();
    run.written.send_replace(three());
    run.until_functions("three", 1).await;
    run.written.send_replace(shop());
    run.bench.wait(|snapshot| functions(snapshot, "three").is_none()).await;
    assert_eq!(run.calls(), [], "what is known waits for nobody");

    run.put(Some("SECOND"));
    pass(Duration::from_secs(40)).await;
    let calls = run.calls();
    assert!(!calls.is_empty() && calls.iter().all(|(_, key)| key == "SECOND"), "{calls:?}");

    run.put(Some("BAD"));
    let mut failing = run.failing.clone();
    let said = failing.wait_for(|failing| failing.len() == 2).await.unwrap()["gloo-system/one"].clone();
    assert!(said.contains("lambda:ListFunctions in eu-west-1: InvalidClientTokenId"), "{said}");
    run.put(None);
    pass(Duration::from_secs(5)).await;
    run.calls();
    pass(Duration::from_secs(120)).await;
    assert_eq!((run.calls(), functions(&run.bench.catalog.snapshot(), "one")), (Vec::new(), Some(1)));
    run.put(Some("THIRD"));
    failing.wait_for(|failing| failing.is_empty()).await.unwrap();

    let nowhere = shop().into_iter().map(|target| {
        let cloud = target.cloud.map(|cloud| Cloud { region: "x".into(), ..cloud });
        Target { cloud, ..target }
    });
    run.written.send_replace(nowhere.collect());
    failing.wait_for(|failing| failing.len() == 2).await.unwrap();
    pass(Duration::from_secs(5)).await;
    assert_eq!(functions(&run.bench.catalog.snapshot(), "one"), Some(1), "it is in AWS, wherever that is");
    let elsewhere = Target { cloud: None, ..target("one", None, None, FUNCTIONS) };
    run.written.send_replace(vec![elsewhere, shop()[1].clone()]);
    run.bench.wait(|snapshot| functions(snapshot, "one") == Some(0)).await;
    run.written.send_replace(shop());
    run.until_functions("one", 1).await;

    run.written.send_replace(shop()[..1].to_vec());
    run.bench.wait(|snapshot| functions(snapshot, "two").is_none()).await;
    run.written.send_replace(Vec::new());
    run.bench.wait(|snapshot| functions(snapshot, "one").is_none()).await;
    pass(Duration::from_secs(5)).await;
    run.calls();
    pass(Duration::from_secs(120)).await;
    let status = run.board.read().remove(0);
    assert_eq!((run.calls(), status.as_of.len(), status.failing_parts.len()), (Vec::new(), 0, 0));
}

#[tokio::test(start_paused = true)]
async fn the_first_list_waits_for_the_first_word_of_each_place() {
    let plain = || Target { cloud: None, ..target("plain", None, None, FUNCTIONS) };
    let check = async |keys: Option<&str>, targets: Vec<Target>, waits: bool| {
        let run = Run::start().await;
        run.put(keys);
        run.written.send_replace([targets, vec![plain()]].concat());
        let begin = Instant::now();
        let snapshot = run.bench.wait(|snapshot| snapshot.upstream("gloo-system", "plain").is_some()).await;
        assert_eq!(begin.elapsed() >= limits::FIRST_ANSWERS, waits);
        snapshot
    };
    let shop = |what| target("web", Some(SECRET), None, what);
    let snapshot =
        check(Some("KEY"), vec![shop(instances()), target("shop", Some(SECRET), None, FUNCTIONS)], false).await;
    assert_eq!(addresses(&snapshot, "web").unwrap(), ["127.0.0.1:8080"]);
    check(Some("BAD"), vec![shop(instances())], false).await;
    check(None, vec![shop(FUNCTIONS)], false).await;
    check(None, vec![target("web", Some(UNREAD), None, FUNCTIONS)], true).await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_said_of_a_place_that_is_read_no_more_and_all_of_others() {
    let run = Run::start().await;
    run.put(Some("BAD"));
    let off = target("off", Some(SECRET), None, FUNCTIONS);
    let off = Target { spec: UpstreamSpec { labels: [(LABEL.into(), "disabled".into())].into(), ..off.spec }, ..off };
    let others = vec![target("web", Some(SECRET), None, instances()), off];
    run.written.send_replace([others.clone(), vec![target("all", Some(SECRET), None, FUNCTIONS)]].concat());
    let parts = async |count| {
        run.board.wait_for(|all| all[0].failing_parts.len() == count).await;
        run.board.read()[0].failing_parts.keys().cloned().collect::<Vec<_>>()
    };
    let all = parts(3).await;
    assert_eq!(all[0], format!("{SECRET}/{REGION}"));
    run.written.send_replace(others);
    assert_eq!(parts(2).await, all[1..]);
}

#[tokio::test(start_paused = true)]
async fn what_was_read_before_has_room_first_and_what_has_none_stays() {
    let old = vec![target("shop", Some(SECRET), None, FUNCTIONS), target("web", Some(SECRET), None, instances())];
    let full = || {
        let new =
            |number| target(&format!("n{number:03}"), Some(&format!("kubernetes/shop/{number}")), None, FUNCTIONS);
        (0..limits::PLACES).map(new).chain(old.clone()).collect::<Vec<_>>()
    };
    let nowhere = |one: &Target| {
        let cloud = one.cloud.clone().map(|cloud| Cloud { region: "x".into(), ..cloud });
        Target { cloud, ..one.clone() }
    };
    let are_there = |snapshot: &Snapshot| {
        let shop = snapshot.upstream("gloo-system", "shop").map(|one| one.upstream.spec.aws.is_some());
        (addresses(snapshot, "web").map(|at| at.len()), shop) == (Some(1), Some(true))
    };
    let check = async |run: &Run, written: Vec<Target>, refused: &[&str]| {
        run.written.send_replace(written);
        let mut failing = run.failing.clone();
        let failing = failing.wait_for(|failing| failing.len() == refused.len()).await.unwrap().clone();
        assert_eq!(failing.keys().map(|key| &**key).collect::<Vec<_>>(), refused);
        pass(Duration::from_secs(5)).await;
        assert!(are_there(&run.bench.catalog.snapshot()));
    };
    let run = Run::start().await;
    run.put(Some("KEY"));
    run.written.send_replace(old.clone());
    run.bench.wait(are_there).await;
    check(&run, full(), &["gloo-system/n499"]).await;

    let Run { bench, mut tasks, .. } = run;
    tasks.shutdown().await;
    let run = Run::on(bench, quiet()).await;
    run.put(Some("KEY"));
    check(&run, full(), &["gloo-system/n499"]).await;
    check(&run, old.iter().map(nowhere).collect(), &["gloo-system/shop", "gloo-system/web"]).await;
}

#[tokio::test(start_paused = true)]
async fn a_role_is_assumed_with_those_keys_and_calls_are_made_as_it() {
    let run = Run::start().await;
    run.put(Some("KEY"));
    run.written.send_replace(vec![target("one", Some(SECRET), Some(ROLE), FUNCTIONS)]);
    run.until_functions("one", 1).await;
    let snapshot = run.bench.catalog.snapshot();
    let aws = snapshot.upstream("gloo-system", "one").unwrap().upstream.spec.aws.clone().unwrap();
    let id = || run.keyring.aws(&aws).now().map(|keys| keys.id.clone()).unwrap_or_default();
    assert_eq!(id(), "KEY-AS-reader");
    run.put(Some("OTHER"));
    pass(Duration::from_secs(5)).await;
    assert_eq!(id(), "OTHER-AS-reader");
    run.put(None);
    pass(Duration::from_secs(5)).await;
    assert_eq!(id(), "", "what was made of keys that are gone is nobody's");
}

#[tokio::test(start_paused = true)]
async fn instances_are_hosts_and_stay_when_they_cannot_be_listed() {
    let run = Run::start().await;
    run.put(Some("KEY"));
    let other =
        What::Instances(Chosen { filters: vec![Filter::new("none", None)], address: Address::Private, port: 1 });
    let written = vec![target("web", Some(SECRET), None, instances()), target("none", Some(SECRET), None, other)];
    run.written.send_replace(written.clone());
    let at = |snapshot: &Snapshot, name: &str| addresses(snapshot, name);
    run.bench.wait(|snapshot| at(snapshot, "web").is_some_and(|at| at == ["127.0.0.1:8080"])).await;
    assert_eq!(run.calls().len(), 1);
    assert_eq!(at(&run.bench.catalog.snapshot(), "none"), Some(Vec::new()));

    // Another run that can list nothing has what this one had.
    let Run { bench, mut tasks, .. } = run;
    tasks.shutdown().await;
    let run = Run::on(bench, quiet()).await;
    run.put(Some("BAD"));
    run.written.send_replace(written);
    let mut failing = run.failing.clone();
    failing.wait_for(|failing| failing.len() == 2).await.unwrap();
    pass(Duration::from_secs(60)).await;
    assert_eq!(at(&run.bench.catalog.snapshot(), "web").unwrap(), ["127.0.0.1:8080"]);
    let parts = run.board.read().remove(0).failing_parts;
    assert_eq!(parts.keys().collect::<Vec<_>>(), ["kubernetes/shop/keys/eu-west-1 instances"]);
}

#[tokio::test(start_paused = true)]
async fn without_a_secret_it_is_the_daemon_that_asks() {
    let run = Run::start().await;
    let off = target("off", None, None, FUNCTIONS);
    let off = Target { spec: UpstreamSpec { labels: [(LABEL.into(), "disabled".into())].into(), ..off.spec }, ..off };
    let wrong = target("wrong", None, None, FUNCTIONS);
    let cloud = wrong.cloud.clone().map(|cloud| Cloud { region: "x".into(), ..cloud });
    let wrong = Target { cloud, ..wrong };
    let written = [
        target("aws-eu-west-1", None, None, FUNCTIONS),
        target("role", None, Some(ROLE), FUNCTIONS),
        target("given", None, None, What::Functions(vec![Given::new(Some("price"), "f", None)])),
        off,
        wrong,
    ];
    run.written.send_replace(written.to_vec());
    run.until_functions("aws-eu-west-1", 1).await;
    run.until_functions("role", 1).await;
    run.until_functions("given", 2).await;
    pass(Duration::from_secs(60)).await;
    assert_eq!(functions(&run.bench.catalog.snapshot(), "off"), Some(0), "it says itself that it is not looked at");
    assert_eq!(run.failing.borrow().keys().map(|key| &**key).collect::<Vec<_>>(), ["gloo-system/wrong"]);
}

#[tokio::test(start_paused = true)]
async fn what_the_source_aws_lists_is_that_one_and_not_read_twice() {
    let bench = Bench::new().await;
    let aws = SourceId::new("aws", "");
    let sources = vec![aws.clone(), SourceId::new("static", "test")];
    bench.catalog.configured(sources).await.unwrap();
    let one = Listed { key: REGION.into(), ..listed("aws-eu-west-1", UpstreamSpec::default(), &["127.0.0.1:1"]) };
    bench.catalog.report(&aws, Report::Full(vec![one])).await.unwrap();

    let run = Run::on(bench, Settings { asked: vec!["aws=eu-west-1".into()], ..quiet() }).await;
    let mut same = target("aws-eu-west-1", None, None, FUNCTIONS);
    same.spec.labels.insert("team".into(), "sea".into());
    run.written.send_replace(vec![same.clone()]);
    run.bench
        .wait(|snapshot| {
            snapshot.upstream("gloo-system", "aws-eu-west-1").unwrap().upstream.spec.labels.contains_key("team")
        })
        .await;
    pass(Duration::from_secs(60)).await;
    assert_eq!((run.calls(), run.bench.catalog.snapshot().upstream_count()), (Vec::new(), 1));

    let mut failing = run.failing.clone();
    let mut warned = async |target: Target| {
        run.written.send_replace(vec![target]);
        let said = failing.wait_for(|failing| !failing.is_empty()).await.unwrap().values().next().cloned();
        run.written.send_replace(Vec::new());
        failing.wait_for(|failing| failing.is_empty()).await.unwrap();
        said.unwrap_or_default()
    };
    let mut off = same.clone();
    off.spec.labels.insert(LABEL.into(), "disabled".into());
    let said = warned(off).await;
    assert!(said.ends_with("no effect: it is aws-eu-west-1 of the source aws, which lists its functions"), "{said}");
    let what = What::Functions(vec![Given::new(Some("price"), "f", None)]);
    let said = warned(target("aws-eu-west-1", None, None, what)).await;
    assert!(said.starts_with("has lambdaFunctions"), "{said}");

    let elsewhere = Target { key: "team/aws-eu-west-1".into(), namespace: Some("team".into()), ..same };
    run.written.send_replace(vec![elsewhere]);
    run.bench
        .wait(|snapshot| snapshot.upstream("team", "aws-eu-west-1").is_some_and(|one| one.functions.len() == 1))
        .await;
}
