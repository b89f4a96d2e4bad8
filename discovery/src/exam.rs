//! The exam that every kind of source sits: full list first; the last good view is kept when its place fails; it stops in time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use catalog::model::{SourceId, UpstreamSpec};
use catalog::report::{Listed, Report};
use futures_util::future::BoxFuture;
use plugins::Keyring;
use tokio::io::AsyncWriteExt;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, timeout};

use crate::aws;
use crate::board::State;
use crate::fetch::testing::{Server, head, reply};
use crate::registry::SOURCE_KINDS;
use crate::source::Source;
use crate::sources::clouds::Clouds;
use crate::sources::{aws as lambda, consul, ec2, files, fixed, hosts, kubernetes, resources};
use crate::supervisor::{GRACE, Supervisor};
use crate::testing::{Bench, addresses, listed, pass};

/// One source at a place that can fail.
pub(crate) struct Stage {
    /// The source; it lists `one` and `two`, each with one endpoint.
    pub(crate) source: Box<dyn Source>,
    /// The key that it gives one of them, and the name.
    pub(crate) listed: fn(&str) -> (String, String),
    /// Breaks the place for good.
    pub(crate) fail: Box<dyn FnOnce() + Send>,
}

type SetUp = fn() -> BoxFuture<'static, Stage>;

/// How each kind is put on the stage, by the kind's name in the registry.
const STAGES: &[(&str, SetUp)] = &[
    ("static", on_the_command_line),
    ("files", in_a_folder),
    ("kubernetes", in_kubernetes),
    ("consul", in_consul),
    ("aws", in_aws),
    ("ec2", in_ec2),
];

#[tokio::test(start_paused = true)]
async fn every_kind_of_source_sits_the_exam() {
    let kinds: Vec<_> = SOURCE_KINDS.iter().map(|kind| kind.name).collect();
    assert_eq!(kinds, STAGES.iter().map(|(name, _)| *name).collect::<Vec<_>>(), "each kind has a stage");
    for (name, stage) in STAGES {
        println!("{name}");
        sit(stage().await).await;
    }
}

#[tokio::test(start_paused = true)]
async fn resources_of_a_cluster_sit_it_too() {
    sit(in_resources().await).await;
}

async fn sit(Stage { source, listed: named, fail }: Stage) {
    let (bench, id) = (Bench::new().await, source.id().clone());
    // From an earlier run. Only a full list can prove that one of the three is gone; of more, a source might doubt it.
    let before = |name: &str| {
        let (key, name) = named(name);
        Listed { key: key.into(), ..listed(&name, UpstreamSpec::default(), &["127.0.0.1:9"]) }
    };
    let earlier = Report::Full(vec![before("one"), before("two"), before("phantom")]);
    bench.catalog.report(&id, earlier).await.unwrap();

    let supervisor = Supervisor::new(bench.catalog.clone(), vec![source]);
    let board = supervisor.board().clone();
    assert_eq!(board.read()[0].state, State::Starting);
    let (stop, stopped) = oneshot::channel::<()>();
    let exam = async {
        let listed = |snapshot: &catalog::Snapshot| {
            let is_new =
                |name| addresses(snapshot, &named(name).1).is_some_and(|at| at.len() == 1 && at[0] != "127.0.0.1:9");
            is_new("one") && is_new("two")
        };
        bench.wait(|snapshot| addresses(snapshot, &named("phantom").1).is_none() && listed(snapshot)).await;
        board.wait_for(|statuses| statuses[0].state == State::Ok && statuses[0].upstreams == 2).await;
        fail();
        board.wait_for(|statuses| statuses[0].state == State::Failing || !statuses[0].left_out.is_empty()).await;
        pass(Duration::from_secs(300)).await;
        assert!(listed(&bench.catalog.snapshot()), "what fails takes nothing away");
        stop.send(()).unwrap();
    };
    let run = supervisor.run(async { stopped.await.unwrap() });
    let run = async {
        run.await;
        Instant::now()
    };
    let exam = async {
        exam.await;
        Instant::now()
    };
    let (asked, ended) = timeout(Duration::from_secs(3_600), async { tokio::join!(exam, run) }).await.unwrap();
    assert!(ended - asked <= GRACE);
    assert_eq!(board.read()[0].state, State::Stopped);
}

fn by_name(name: &str) -> (String, String) {
    (name.to_owned(), name.to_owned())
}

fn on_the_command_line() -> BoxFuture<'static, Stage> {
    let failed = Arc::new(AtomicBool::new(false));
    let fails = failed.clone();
    let lookup: hosts::Lookup = Arc::new(move |_| {
        let found = match fails.load(Ordering::Relaxed) {
            true => Err(std::io::Error::other("no answer")),
            false => Ok(vec!["127.0.0.1".parse().unwrap()]),
        };
        Box::pin(std::future::ready(found))
    });
    let upstreams = vec!["one=http://one.test".parse().unwrap(), "two=http://127.0.0.1:2".parse().unwrap()];
    let source = Box::new(fixed::Fixed::resolved_by(lookup, "", upstreams));
    let fail = Box::new(move || failed.store(true, Ordering::Relaxed));
    Box::pin(std::future::ready(Stage { source, listed: by_name, fail }))
}

fn in_a_folder() -> BoxFuture<'static, Stage> {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "two"] {
        let text = format!(
            "{{apiVersion: gloo.solo.io/v1, kind: Upstream, metadata: {{name: {name}}}, spec: {{static: {{hosts: [{{addr: 127.0.0.1, port: 1}}]}}}}}}"
        );
        std::fs::write(folder.path().join(format!("{name}.yaml")), text).unwrap();
    }
    let source = Box::new(files::Files::new(folder.path().to_owned(), Clouds::default()));
    let fail = Box::new(move || folder.close().unwrap());
    Box::pin(std::future::ready(Stage { source, listed: |name| (format!("/{name}"), name.to_owned()), fail }))
}

fn in_consul() -> BoxFuture<'static, Stage> {
    Box::pin(async {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let agent = Server::start(|mut stream| async move {
            while let Some(head) = head(&mut stream).await {
                let path = head.split(' ').nth(1).unwrap_or_default();
                if path.contains("index=7") {
                    std::future::pending::<()>().await;
                }
                let path = path.split('?').next().unwrap_or_default();
                let headers = "X-Consul-Index: 7\r\nContent-Type: application/json\r\n";
                let _ = stream.write_all(&reply(200, headers, answer_of_consul(path))).await;
            }
        })
        .await;
        let settings = consul::Settings::from_environment(Some(&agent.address.to_string()), |_| None).unwrap();
        let in_use = watch::channel(consul::InUse::default()).1;
        let source = Box::new(consul::Consul::new(SourceId::new("consul", ""), settings, in_use));
        Stage { source, listed: by_name, fail: Box::new(move || drop(agent)) }
    })
}

fn in_aws() -> BoxFuture<'static, Stage> {
    Box::pin(async {
        let fake = lambda::tests::fake::Fake::start(&["eu-one-1", "eu-two-1"]).await;
        let source = Box::new(lambda::tests::source(&fake, "", &Keyring::default()));
        let listed = |name: &str| (format!("eu-{name}-1"), format!("aws-eu-{name}-1"));
        Stage { source, listed, fail: Box::new(move || drop(fake)) }
    })
}

fn in_ec2() -> BoxFuture<'static, Stage> {
    Box::pin(async {
        let server = aws::testing::server(|_| reply(200, "", ec2::testing::answer(&["one", "two"]))).await;
        let places = aws::testing::places(&server, "");
        let settings = ec2::Settings::new(&ec2::RawSettings::default()).unwrap();
        let source = Box::new(ec2::Ec2::new(SourceId::new("ec2", ""), places, settings));
        Stage { source, listed: |name| (name.to_owned(), format!("ec2-{name}")), fail: Box::new(move || drop(server)) }
    })
}

/// One that answers lists, and holds watches open.
async fn api_server() -> (Server, kubernetes::Place) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let server = Server::start(|mut stream| async move {
        while let Some(head) = head(&mut stream).await {
            let target = head.split(' ').nth(1).unwrap_or_default();
            if target.contains("watch=true") {
                std::future::pending::<()>().await;
            }
            let path = target.split('?').next().unwrap_or_default();
            let answer = answer_of_kubernetes(path);
            let _ = stream.write_all(&reply(200, "Content-Type: application/json\r\n", answer)).await;
        }
    })
    .await;
    let place = kubernetes::Place::Url(format!("http://{}", server.address).parse().unwrap());
    (server, place)
}

fn in_kubernetes() -> BoxFuture<'static, Stage> {
    Box::pin(async {
        let (server, place) = api_server().await;
        let source = Box::new(kubernetes::Kubernetes::new(SourceId::new("kubernetes", ""), place));
        Stage {
            source,
            listed: |name| (format!("n/{name}:80"), format!("n-{name}-80")),
            fail: Box::new(move || drop(server)),
        }
    })
}

fn in_resources() -> BoxFuture<'static, Stage> {
    Box::pin(async {
        let (server, place) = api_server().await;
        let source = Box::new(resources::Resources::new("", place, Clouds::default(), kubernetes::Scope::default()));
        let listed = |name: &str| (format!("gloo-system/{name}"), name.to_owned());
        Stage { source, listed, fail: Box::new(move || drop(server)) }
    })
}

/// What an API server of two Services and two resources answers.
fn answer_of_kubernetes(path: &str) -> String {
    let each = |object: fn(&str) -> String| ["one", "two"].map(object).join(",");
    let items = match path {
        "/version" => {
            return r#"{"major": "1", "minor": "31", "gitVersion": "v1.31.0", "gitCommit": "", "gitTreeState": "",
            "buildDate": "", "goVersion": "", "compiler": "", "platform": ""}"#
                .into();
        }
        "/api/v1/services" => each(|name| {
            format!(r#"{{"metadata": {{"name": "{name}", "namespace": "n"}}, "spec": {{"ports": [{{"port": 80}}]}}}}"#)
        }),
        "/apis/discovery.k8s.io/v1/endpointslices" => each(|name| {
            format!(
                r#"{{"metadata": {{"name": "{name}-x", "namespace": "n", "labels": {{"kubernetes.io/service-name": "{name}"}}}},
                    "addressType": "IPv4", "ports": [{{"name": "", "port": 1}}],
                    "endpoints": [{{"addresses": ["127.0.0.1"]}}]}}"#
            )
        }),
        "/apis/gloo.solo.io/v1/upstreams" => each(|name| {
            format!(
                r#"{{"apiVersion": "gloo.solo.io/v1", "kind": "Upstream",
                    "metadata": {{"name": "{name}", "namespace": "gloo-system"}},
                    "spec": {{"static": {{"hosts": [{{"addr": "127.0.0.1", "port": 1}}]}}}}}}"#
            )
        }),
        _ => String::new(),
    };
    format!(r#"{{"kind": "List", "apiVersion": "v1", "metadata": {{"resourceVersion": "7"}}, "items": [{items}]}}"#)
}

/// What an agent of one node and two services answers.
fn answer_of_consul(path: &str) -> String {
    match path.strip_prefix("/v1/").unwrap_or(path) {
        "agent/self" => r#"{"Config": {"Datacenter": "dc1"}}"#.into(),
        "catalog/datacenters" => r#"["dc1"]"#.into(),
        "catalog/services" => r#"{"one": [], "two": []}"#.into(),
        path => match path.strip_prefix("health/service/") {
            Some(name) => format!(
                r#"[{{"Node": {{"Node": "n", "Address": "127.0.0.1", "Datacenter": "dc1"}}, "Checks": [],
                    "Service": {{"ID": "{name}-1", "Service": "{name}", "Address": "127.0.0.1", "Port": 1,
                                 "Tags": [], "Meta": {{}}}}}}]"#
            ),
            None => "[]".into(),
        },
    }
}
