//! What resources say, and what is said of those that are wrong.

use std::path::Path;

use super::read::{Found, read};
use super::*;
use crate::sources::hosts::At;

/// Reads one file with `text`: each good upstream in a line, then each complaint.
fn lines(text: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, text).unwrap();
    let content = read(&file).unwrap();
    let mut lines: Vec<_> = content.found.iter().filter_map(shown).collect();
    let prefix = format!("{}/", folder.path().display());
    lines.extend(check(&file).iter().map(|complaint| complaint.to_string().replace(&prefix, "")));
    lines
}

fn shown(found: &Found) -> Option<String> {
    let Found::Good(target) = found else { return None };
    let host = |host: &crate::sources::hosts::Host| match &host.at {
        At::Address(ip) => format!("{ip}:{}*{}", host.port, host.weight),
        At::Name(name) => format!("{name}:{}*{}", host.port, host.weight),
    };
    let hosts: Vec<_> = target.hosts.iter().map(host).collect();
    Some(format!("{} {} {}", target.key, hosts.join(","), serde_json::to_string(&target.spec).unwrap()))
}

fn upstream(spec: &str) -> String {
    format!("apiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {{name: pets}}\nspec: {{{spec}}}\n")
}

#[test]
fn an_upstream_is_what_its_fields_say() {
    let text = r#"
apiVersion: gloo.solo.io/v1
kind: Upstream
metadata:
  name: pets
  namespace: team
  uid: 0c5f
  labels: {app: pets}
  annotations: {portolan.dev/validation: report, example.com/any: thing}
spec:
  discoveryMetadata:
    labels: {discovery.solo.io/function_discovery: enabled, tier: "1"}
  rest: {basePath: /api/}
  sslConfig: {sni: pets.secure, sslFiles: {rootCa: /ca.pem}, oneWayTls: true}
  static:
    hosts:
    - {addr: Pets.test, port: 8443, loadBalancingWeight: 3}
    - {addr: "::1", port: 8443}
    serviceSpec: {rest: {swaggerInfo: {url: /docs.json}}}
status: {anything: goes}
"#;
    assert_eq!(
        lines(text),
        [concat!(
            r#"team/pets pets.test:8443*3,::1:8443*1 {"host":"pets.test","restBasePath":"/api","protocol":"https","#,
            r#""tls":{"serverName":"pets.secure","rootCa":"/ca.pem"},"labels":{"app":"pets","#,
            r#""discovery.solo.io/function_discovery":"enabled","tier":"1"},"#,
            r#""hints":{"openapi":"/docs.json","discovery":true,"validation":"report"}}"#
        )]
    );
}

#[test]
fn tls_is_as_said_or_as_the_port_says() {
    let check = |spec: &str, part: &str| {
        let lines = lines(&upstream(spec));
        assert!(lines.len() == 1 && lines[0].contains(part), "{spec}: {lines:?}");
    };
    check("static: {hosts: [{addr: 10.0.0.1, port: 80}]}", r#""protocol":"http""#);
    check("static: {hosts: [{addr: 10.0.0.1, port: 443}]}", r#""protocol":"https""#);
    check("static: {hosts: [{addr: 10.0.0.1, port: 443}], useTls: false}", r#""protocol":"http""#);
    check("static: {hosts: [{addr: a.test, port: 80, sniAddr: b.test}], useTls: true}", r#""serverName":"b.test""#);
}

#[test]
fn what_is_not_called_yet_is_listed_with_a_warning() {
    let check = |spec: &str, wanted: &[&str]| assert_eq!(lines(&upstream(spec))[1..], *wanted, "{spec}");
    check("kube: {serviceName: a, serviceNamespace: b, servicePort: 80}", &[]);
    check("consul: {serviceName: a, instanceTags: [b]}", &[]);
    check("aws: {region: eu-west-1, roleArn: 'arn:aws:iam::1:role/x'}", &[]);
    check("awsEc2: {region: eu-west-1, filters: [{key: a}, {kvPair: {key: b, value: c}}], publicIp: true}", &[]);
    check("pipe: {path: /a.sock}", &["a.yaml:4:8: warning: spec.pipe: is known and has no effect yet"]);
}

#[test]
fn what_is_known_and_not_done_yet_is_a_warning() {
    assert_eq!(
        lines(&upstream("failover: {}, static: {hosts: [{addr: a, port: 80, metadata: {}}], autoSniRewrite: true}"))
            [1..],
        [
            "a.yaml:4:8: warning: spec.failover: is known and has no effect yet",
            "a.yaml:4:59: warning: spec.static.hosts[0].metadata: is known and has no effect yet",
            "a.yaml:4:75: warning: spec.static.autoSniRewrite: is known and has no effect yet",
        ]
    );
}

#[test]
fn what_is_wrong_says_where() {
    let check = |text: &str, wanted: &[&str]| assert_eq!(lines(text), wanted, "{text}");
    check(
        &upstream("static: {hosts: [{adr: a, port: 80}]}"),
        &[
            "a.yaml:4:25: spec.static.hosts[0].addr: is missing",
            "a.yaml:4:26: spec.static.hosts[0].adr: is not a known field",
        ],
    );
    check(
        &upstream("static: {hosts: [{addr: a, port: 70000}]}"),
        &["a.yaml:4:41: spec.static.hosts[0].port: must be a port from 1 to 65535, is a number"],
    );
    check(&upstream("static: {hosts: []}"), &["a.yaml:4:24: spec.static.hosts: has no host"]);
    check(
        &upstream("static: {hosts: [{addr: 'http://a', port: 80}]}"),
        &["a.yaml:4:32: spec.static.hosts[0].addr: must be a host name or an address, without scheme and port"],
    );
    check(
        &upstream("consul: {service: a}"),
        &["a.yaml:4:16: spec.consul.serviceName: is missing", "a.yaml:4:17: spec.consul.service: is not a known field"],
    );
    check(
        &upstream("useHttp2: true"),
        &[
            "a.yaml:4:7: spec: must have exactly one of static, kube, consul, aws, awsEc2, azure, gcp, ai, pipe",
            "a.yaml:4:8: warning: spec.useHttp2: is known and has no effect yet",
        ],
    );
    check(
        &upstream("static: {hosts: [{addr: a, port: 80}], useTls: 'yes'}"),
        &["a.yaml:4:55: spec.static.useTls: must be true or false, is a text"],
    );
    check("apiVersion: gloo.solo.io/v1\nkind: Upstream\nspec: {}\n", &["a.yaml:1:1: metadata: is missing"]);
    check(
        "apiVersion: gateway.solo.io/v1\nkind: VirtualService\n",
        &["a.yaml:2:7: kind: VirtualService of gateway.solo.io/v1 is not read yet; Upstream of gloo.solo.io/v1 is"],
    );
    check(
        "apiVersion: v1\nkind: Service\n",
        &["a.yaml:2:7: kind: there is no Service of v1; Upstream of gloo.solo.io/v1 is known"],
    );
    check("- 1\n", &["a.yaml:1:1: the document: must be a map, is a list"]);
    check("apiVersion: v1\nkind: List\nitems:\n", &["a.yaml:1:1: items: is missing"]);
    check("apiVersion: v1\nitems: []\n", &["a.yaml:1:1: kind: is missing"]);
}

#[test]
fn a_wrong_document_costs_itself_only() {
    let good = |name: &str| {
        format!("{}\n---\n", upstream("static: {hosts: [{addr: 10.0.0.1, port: 1}]}").replace("pets", name))
    };
    let lines = lines(&format!("{}a: [\n---\n{}{}", good("one"), good("two"), good("one")));
    let starts: Vec<_> = lines.iter().map(|line| line.split(' ').next().unwrap()).collect();
    assert_eq!(starts, ["/one", "/two", "a.yaml:7:4:", "a.yaml:15:1:"], "{lines:?}");
    assert!(lines[2].ends_with("unclosed bracket '['"), "{lines:?}");
    assert!(lines[3].contains("described in") && lines[3].contains("a.yaml:1 already"), "{lines:?}");
}

#[test]
fn lists_and_folders_are_read_whole() {
    let folder = tempfile::tempdir().unwrap();
    let item = r#"{"apiVersion":"gloo.solo.io/v1","kind":"Upstream","metadata":{"name":"NAME"},
        "spec":{"static":{"hosts":[{"addr":"10.0.0.1","port":1}]}}}"#;
    let list = format!(
        "{{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[{},{}]}}",
        item.replace("NAME", "a"),
        item.replace("NAME", "b")
    );
    std::fs::write(folder.path().join("one.json"), list).unwrap();
    std::fs::write(folder.path().join("two.YAML"), item.replace("NAME", "c")).unwrap();
    std::fs::write(folder.path().join(".hidden.yaml"), "[").unwrap();
    std::fs::write(folder.path().join("notes.txt"), "[").unwrap();
    let found = read(folder.path()).unwrap().found;
    let keys: Vec<_> = found.iter().filter_map(shown).map(|line| line[..2].to_owned()).collect();
    assert_eq!(keys, ["/a", "/b", "/c"]);
    assert_eq!(check(Path::new("/no/such/file"))[0].severity, Severity::Error);
}

#[test]
fn what_cannot_be_read_keeps_what_was_read_before() {
    let view = |text: &str, last: View| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.yaml"), text).unwrap();
        merged(last, read(folder.path()).unwrap())
    };
    let one = upstream("static: {hosts: [{addr: 10.0.0.1, port: 1}]}").replace("pets", "one");
    let two = one.replace("one", "two");
    let keys = |view: &View| view.keys().map(|key| key.to_string()).collect::<Vec<_>>();
    let both = view(&format!("{one}---\n{two}"), View::new());
    assert_eq!(keys(&both), ["/one", "/two"]);
    assert_eq!(
        keys(&view(&format!("{one}---\n{}", two.replace("port: 1", "port: x")), both.clone())),
        ["/one", "/two"]
    );
    assert_eq!(keys(&view(&format!("{one}---\na: ["), both.clone())), ["/one", "/two"]);
    assert_eq!(keys(&view(&one, both)), ["/one"]);
}

#[test]
fn documents_of_other_kinds_keep_nothing() {
    let listed = |name: &str| Target {
        key: format!("/{name}").into(),
        name: name.into(),
        namespace: None,
        spec: Default::default(),
        hosts: Vec::new(),
        like: None,
        cloud: None,
    };
    let last: View =
        ["one", "two"].iter().map(|name| listed(name)).map(|target| (target.key.clone(), target)).collect();
    let check = |text: &str, wanted: &[&str]| {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.yaml"), text).unwrap();
        let content = read(folder.path()).unwrap();
        assert!(!content.complaints.is_empty(), "it is complained about: {text}");
        let view = merged(last.clone(), content);
        assert_eq!(view.keys().map(|key| &**key).collect::<Vec<_>>(), wanted, "{text}");
    };
    check("resources: [pets.yaml]", &[]);
    check("services: {pets: {image: pets}}", &[]);
    check("- hosts: all", &[]);
    check("{apiVersion: gateway.solo.io/v1, kind: VirtualService, metadata: {name: one}}", &[]);
    check("{apiVersion: gloo.solo.io/v1, kind: UpstreamGroup, metadata: {name: one}}", &[]);
    check("{apiVersion: apps/v1, kind: Deployment, metadata: {name: one}}", &[]);
    check("{apiVersion: gloo.solo.io/v1, kind: Upstrem, metadata: {name: one}}", &["/one"]);
    check("{apiVersion: gloo.solo.io/v2, kind: Upstream, metadata: {name: one}}", &["/one"]);
    check("{apiVersion: gloo.solo.io/v1, kind: Upstream}", &["/one", "/two"]);
    check("a: [", &["/one", "/two"]);
    // Cut off: before the items, or between them and the kind.
    check("apiVersion: v1\nkind: List\nitems:\n", &["/one", "/two"]);
    check("apiVersion: v1\nkind: List\n", &["/one", "/two"]);
    check(
        &format!("apiVersion: v1\nitems:\n- {}", at_port("one", 1).trim_end().replace('\n', "\n  ")),
        &["/one", "/two"],
    );
    check("{apiVersion: v1, kind: List, items: [{apiVersion: v1, kind: Service}]}", &[]);
    check("{apiVersion: example.com/v1, kind: AllowList, metadata: {name: one}}", &[]);
}

/// A source of these files that runs.
async fn watched(path: &Path) -> (crate::testing::Bench, tokio::task::JoinSet<()>) {
    run(Files::new(path.to_owned(), Clouds::default())).await
}

async fn run(source: Files) -> (crate::testing::Bench, tokio::task::JoinSet<()>) {
    let bench = crate::testing::Bench::new().await;
    let reports = Reports::new(bench.catalog.clone(), source.id().clone());
    let mut tasks = tokio::task::JoinSet::new();
    tasks.spawn(async move { drop(source.run(&reports).await) });
    (bench, tasks)
}

fn at_port(name: &str, port: u16) -> String {
    upstream(&format!("static: {{hosts: [{{addr: 10.0.0.1, port: {port}}}]}}")).replace("pets", name)
}

async fn until(bench: &crate::testing::Bench, name: &str, wanted: Option<&str>) {
    let shown = |snapshot: &catalog::Snapshot| crate::testing::addresses(snapshot, name).map(|found| found.join(","));
    bench.wait(|snapshot| shown(snapshot).as_deref() == wanted).await;
}

#[tokio::test]
async fn files_that_change_change_the_catalog() {
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    std::fs::write(file("a.yaml"), at_port("one", 1)).unwrap();
    let (bench, _tasks) = watched(folder.path()).await;
    until(&bench, "one", Some("10.0.0.1:1")).await;
    std::fs::write(file("b.yaml"), at_port("two", 2)).unwrap();
    until(&bench, "two", Some("10.0.0.1:2")).await;
    std::fs::write(file("new"), at_port("one", 3)).unwrap();
    std::fs::rename(file("new"), file("a.yaml")).unwrap();
    until(&bench, "one", Some("10.0.0.1:3")).await;
    std::fs::remove_file(file("b.yaml")).unwrap();
    until(&bench, "two", None).await;
    until(&bench, "one", Some("10.0.0.1:3")).await;
}

#[tokio::test]
async fn a_mounted_folder_changes_by_exchanging_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let version = |name: &str, port: u16| {
        std::fs::create_dir(at(name)).unwrap();
        std::fs::write(at(name).join("a.yaml"), at_port("one", port)).unwrap();
    };
    version("..v1", 1);
    std::os::unix::fs::symlink("..v1", at("..data")).unwrap();
    std::os::unix::fs::symlink("..data/a.yaml", at("a.yaml")).unwrap();
    let (bench, _tasks) = watched(folder.path()).await;
    let (single, _more_tasks) = watched(&at("a.yaml")).await;
    until(&bench, "one", Some("10.0.0.1:1")).await;
    until(&single, "one", Some("10.0.0.1:1")).await;
    version("..v2", 2);
    std::os::unix::fs::symlink("..v2", at("..new")).unwrap();
    std::fs::rename(at("..new"), at("..data")).unwrap();
    std::fs::remove_dir_all(at("..v1")).unwrap();
    until(&bench, "one", Some("10.0.0.1:2")).await;
    until(&single, "one", Some("10.0.0.1:2")).await;
}

#[tokio::test]
async fn a_file_behind_a_link_is_watched_where_it_is() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = there.path().join("a.yaml");
    std::fs::write(&file, at_port("one", 1)).unwrap();
    let link = here.path().join("a.yaml");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    let (bench, _tasks) = watched(&link).await;
    until(&bench, "one", Some("10.0.0.1:1")).await;
    let changed = std::time::Instant::now();
    std::fs::write(&file, at_port("one", 2)).unwrap();
    until(&bench, "one", Some("10.0.0.1:2")).await;
    assert!(changed.elapsed() < std::time::Duration::from_secs(25), "by the event, not by the rescan");
}

#[tokio::test]
async fn files_are_read_again_when_that_is_asked_for() {
    let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let file = there.path().join("a.yaml");
    std::fs::write(&file, at_port("one", 1)).unwrap();
    std::os::unix::fs::symlink(&file, here.path().join("a.yaml")).unwrap();
    let again = tokio::sync::watch::Sender::new(());
    let (bench, _tasks) =
        run(Files::new(here.path().to_owned(), Clouds::default()).again(Some(again.subscribe()))).await;
    until(&bench, "one", Some("10.0.0.1:1")).await;
    let changed = std::time::Instant::now();
    // The folder shows no event of it.
    std::fs::write(&file, at_port("one", 2)).unwrap();
    again.send_replace(());
    until(&bench, "one", Some("10.0.0.1:2")).await;
    assert!(changed.elapsed() < std::time::Duration::from_secs(25), "because it was asked for, not by the rescan");
}

#[tokio::test]
async fn a_restart_on_broken_files_takes_nothing_away() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, format!("{}---\n{}", at_port("one", 1), at_port("two", 2))).unwrap();
    let (bench, mut tasks) = watched(&file).await;
    until(&bench, "two", Some("10.0.0.1:2")).await;
    tasks.shutdown().await;
    std::fs::write(&file, format!("{}---\n{}", at_port("one", 3), at_port("two", 0))).unwrap();
    let source = Files::new(file, Clouds::default());
    let reports = Reports::new(bench.catalog.clone(), source.id().clone());
    tasks.spawn(async move { drop(source.run(&reports).await) });
    until(&bench, "one", Some("10.0.0.1:3")).await;
    until(&bench, "two", Some("10.0.0.1:2")).await;
}

#[test]
fn what_is_left_out_is_known_by_its_name() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("a.yaml");
    std::fs::write(&file, format!("{}---\n[", at_port("one", 0))).unwrap();
    let shown: Vec<_> =
        check(&file).iter().map(left_out).map(|(what, _)| what.replace(file.to_str().unwrap(), "F")).collect();
    assert_eq!(shown, ["one in F:4:48", "F:6:1"]);
}

#[test]
fn a_place_is_one_source_however_it_is_written() {
    let here = std::env::current_dir().unwrap();
    let check = |path: &str, wanted: &Path| {
        let source = Files::new(path.into(), Clouds::default());
        assert_eq!(source.id(), &SourceId::new("static", wanted.to_str().unwrap()), "{path}");
    };
    for path in ["res", "res/", "./res", "other/../res", &format!("{}//res/.", here.display())] {
        check(path, &here.join("res"));
    }
    check("/etc/../res", Path::new("/res"));
    check(".", &here);
}
