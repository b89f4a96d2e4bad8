//! The Kubernetes source against a real API server: what is in the catalog and who is called when Services, pods, rights and the
//! server itself come and go.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use harness::daemon::{Daemon, Options};
use harness::described::{Described, document};
use harness::kubernetes::Cluster;
use harness::network::{self, ADDRESSES, Network};
use harness::{faas, http, wait};
use serde_json::{Value, json};

/// The port of every pod.
const PORT: u16 = 8080;

async fn pod(name: &str, address: &str) -> Described {
    let address = SocketAddr::new(address.parse().unwrap(), PORT);
    Described::start_at(address, name, document(&["sail"])).await
}

fn service(name: &str, labels: Value) -> Value {
    let spec = json!({"selector": {"app": name}, "ports": [{"name": "http", "port": 80, "targetPort": PORT}]});
    json!({"metadata": {"name": name, "labels": labels}, "spec": spec})
}

/// A daemon in `network` that watches as `kubeconfig` says.
async fn daemon(network: &Network, kubeconfig: &std::path::Path) -> Daemon {
    let environment = vec![("KUBECONFIG".to_owned(), kubeconfig.display().to_string())];
    let options = Options { environment, under: network.under(), ..Options::default() };
    let daemon = Daemon::launch(options, ["--source=kubernetes", "--workers=1"]);
    daemon.ready().await;
    daemon
}

async fn until_answering(daemon: &Daemon, upstream: &str, wanted: &[&str]) {
    let wanted: BTreeSet<String> = wanted.iter().map(|name| (*name).to_owned()).collect();
    wait::until(&format!("{wanted:?} answer, and nobody else"), wait::SOON, || async {
        let mut seen = BTreeSet::new();
        for _ in 0..4 {
            let answer = http::get(&daemon.url(upstream, "sail")).await?;
            seen.extend(answer["service"].as_str().map(str::to_owned));
        }
        if seen == wanted { Ok(()) } else { Err(format!("{seen:?}")) }
    })
    .await;
}

async fn until_source(daemon: &Daemon, what: &str, fact: impl Fn(&Value) -> bool) {
    wait::until(what, wait::START, || async {
        let sources = http::get(&format!("{}/api/v1/sources", daemon.admin)).await?;
        let sources = sources["items"].as_array().cloned().unwrap_or_default();
        let source = sources
            .into_iter()
            .find(|source| source["source"].as_str().is_some_and(|id| id.starts_with("kubernetes")))
            .unwrap_or_default();
        if fact(&source) { Ok(()) } else { Err(source.to_string()) }
    })
    .await;
}

async fn until_gone(daemon: &Daemon, upstream: &str) {
    wait::until(&format!("{upstream} is gone"), wait::SOON, || async {
        let all = daemon.list("/api/v1/upstreams").await?;
        let there = all.iter().any(|one| one["name"] == upstream);
        if there { Err(format!("{upstream} is there")) } else { Ok(()) }
    })
    .await;
}

#[test]
fn services_and_their_ready_pods_come_and_go() {
    network::within(|network| async move {
        let cluster = Cluster::start(&network).await;
        cluster.namespace("sea", json!({})).await;
        let _ships = (pod("argo", ADDRESSES[1]).await, pod("fram", ADDRESSES[2]).await);
        cluster.create("/api/v1", "sea", "services", service("ship", json!({"line": "east"}))).await;
        cluster.pod("sea", "argo", json!({"app": "ship"}), ADDRESSES[1]).await;
        let daemon = daemon(&network, &cluster.admin()).await;
        daemon.until_functions("sea-ship-80", ["sail"]).await;
        let upstream = daemon.upstream("sea-ship-80").await.unwrap();
        assert_eq!((&upstream["source"], &upstream["labels"]["line"]), (&json!("kubernetes"), &json!("east")));
        assert_eq!(upstream["endpoints"][0]["labels"]["pod"], "argo", "{upstream}");
        until_answering(&daemon, "sea-ship-80", &["argo"]).await;

        cluster.pod("sea", "fram", json!({"app": "ship"}), ADDRESSES[2]).await;
        until_answering(&daemon, "sea-ship-80", &["argo", "fram"]).await;
        cluster.pod_is("sea", "argo", ADDRESSES[1], false).await;
        until_answering(&daemon, "sea-ship-80", &["fram"]).await;
        cluster.delete("/api/v1/namespaces/sea/pods/argo").await;

        cluster.delete("/api/v1/namespaces/sea/services/ship").await;
        until_gone(&daemon, "sea-ship-80").await;
    });
}

#[test]
fn an_api_server_that_is_gone_takes_nothing_away_and_what_changed_meanwhile_is_seen() {
    network::within(|network| async move {
        let mut cluster = Cluster::start(&network).await;
        cluster.namespace("sea", json!({})).await;
        let _ships = (pod("argo", ADDRESSES[1]).await, pod("fram", ADDRESSES[2]).await);
        for name in ["ship", "raft"] {
            cluster.create("/api/v1", "sea", "services", service(name, json!({}))).await;
        }
        cluster.pod("sea", "argo", json!({"app": "ship"}), ADDRESSES[1]).await;
        let daemon = daemon(&network, &cluster.admin()).await;
        daemon.until_functions("sea-ship-80", ["sail"]).await;
        until_answering(&daemon, "sea-ship-80", &["argo"]).await;

        cluster.kill();
        until_source(&daemon, "the source fails", |source| source["state"] == "failing").await;
        until_answering(&daemon, "sea-ship-80", &["argo"]).await;
        assert!(daemon.upstream("sea-raft-80").await.is_ok());

        // The daemon sees nothing of how it comes to what is true later; what it knew is too old to go on from.
        daemon.process.signal("STOP");
        cluster.restart().await;
        cluster.pod("sea", "fram", json!({"app": "ship"}), ADDRESSES[2]).await;
        cluster.delete("/api/v1/namespaces/sea/pods/argo").await;
        cluster.delete("/api/v1/namespaces/sea/services/raft").await;
        cluster.create("/api/v1", "sea", "services", service("boat", json!({}))).await;
        daemon.process.signal("CONT");
        until_source(&daemon, "the source is well", |source| source["state"] == "ok").await;
        until_answering(&daemon, "sea-ship-80", &["fram"]).await;
        until_gone(&daemon, "sea-raft-80").await;
        wait::until("boat is there", wait::START, || daemon.upstream("sea-boat-80")).await;
    });
}

#[test]
fn discovery_is_off_where_a_label_says_so_and_in_the_cluster_s_own_namespaces() {
    network::within(|network| async move {
        let cluster = Cluster::start(&network).await;
        cluster.namespace("sea", json!({"discovery.solo.io/function_discovery": "disabled"})).await;
        let _ship = pod("argo", ADDRESSES[1]).await;
        let enabled = json!({"discovery.solo.io/function_discovery": "enabled"});
        for (namespace, name, labels) in [
            ("sea", "quiet", json!({})),
            ("sea", "loud", enabled.clone()),
            ("kube-system", "quiet", json!({})),
            ("kube-system", "loud", enabled),
        ] {
            cluster.create("/api/v1", namespace, "services", service(name, labels)).await;
            cluster.pod(namespace, name, json!({"app": name}), ADDRESSES[1]).await;
        }
        let daemon = daemon(&network, &cluster.admin()).await;
        for namespace in ["sea", "kube-system"] {
            daemon.until_functions(&format!("{namespace}-loud-80"), ["sail"]).await;
            let quiet = daemon.upstream(&format!("{namespace}-quiet-80")).await.unwrap();
            assert_eq!(quiet["discovery"]["state"], "off", "{quiet}");
        }
        let told = daemon.done(&["why", "sea-quiet-80"]).await;
        assert!(told.contains("of its namespace sea says that discovery is disabled"), "{told}");
        let told = daemon.done(&["why", "kube-system-quiet-80"]).await;
        assert!(told.contains("kube-system is a namespace of the cluster itself"), "{told}");
        // The namespace's label is heeded when it changes.
        let none = json!({"metadata": {"labels": {"discovery.solo.io/function_discovery": null}}});
        cluster.patch("/api/v1/namespaces/sea", none).await;
        daemon.until_functions("sea-quiet-80", ["sail"]).await;
    });
}

#[test]
fn what_rights_do_not_reach_is_said_and_the_rest_is_there() {
    network::within(|network| async move {
        let cluster = Cluster::start(&network).await;
        cluster.namespace("sea", json!({})).await;
        let _ship = pod("argo", ADDRESSES[1]).await;
        cluster.create("/api/v1", "sea", "services", service("ship", json!({}))).await;
        cluster.pod("sea", "argo", json!({"app": "ship"}), ADDRESSES[1]).await;
        let verbs = json!(["list", "watch"]);
        let services = json!({"apiGroups": [""], "resources": ["services"], "verbs": verbs});
        let slices = json!({"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": verbs});
        cluster.allow("reader", json!([services, slices])).await;
        let reader = daemon(&network, &cluster.kubeconfig("reader", "reader-token")).await;
        reader.until_functions("sea-ship-80", ["sail"]).await;
        let forbids = |source: &Value| {
            let part = source["failingParts"]["namespaces"]["message"].as_str().unwrap_or_default();
            part.contains("forbidden") && source["state"] == "ok"
        };
        until_source(&reader, "the source says what it may not read", forbids).await;

        let environment =
            vec![("KUBECONFIG".to_owned(), cluster.kubeconfig("stranger", "stranger-token").display().to_string())];
        let options = Options { environment, under: network.under(), ..Options::default() };
        let stranger = Daemon::launch(options, ["--source=kubernetes", "--workers=1", "--warmup=1"]);
        stranger.ready().await;
        let forbids = |source: &Value| {
            let cause = source["lastError"]["message"].as_str().unwrap_or_default();
            cause.contains("services is forbidden") && source["state"] == "failing"
        };
        until_source(&stranger, "the source says that it may read nothing", forbids).await;
    });
}

/// A daemon that may do what `user` may, with the configuration `file`.
async fn configured(network: &Network, cluster: &Cluster, user: &str, file: &str) -> (Daemon, tempfile::NamedTempFile) {
    let kubeconfig = cluster.kubeconfig(user, &format!("{user}-token"));
    let environment = vec![("KUBECONFIG".to_owned(), kubeconfig.display().to_string())];
    let options = Options { environment, under: network.under(), ..Options::default() };
    let configuration = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(&configuration, file).unwrap();
    let path = format!("--config={}", configuration.path().display());
    let daemon = Daemon::launch(options, ["--source=kubernetes", "--workers=1", "--warmup=1", &path]);
    daemon.ready().await;
    (daemon, configuration)
}

#[test]
fn a_role_in_each_namespace_of_the_list_is_enough() {
    network::within(|network| async move {
        let cluster = Cluster::start(&network).await;
        let _ship = pod("argo", ADDRESSES[1]).await;
        for namespace in ["sea", "lake", "pond"] {
            cluster.namespace(namespace, json!({})).await;
            cluster.create("/api/v1", namespace, "services", service("ship", json!({"tier": "web"}))).await;
            cluster.pod(namespace, "argo", json!({"app": "ship"}), ADDRESSES[1]).await;
        }
        cluster.create("/api/v1", "sea", "services", service("wreck", json!({}))).await;
        let verbs = json!(["list", "watch"]);
        let rules = json!([
            {"apiGroups": [""], "resources": ["services"], "verbs": verbs},
            {"apiGroups": ["discovery.k8s.io"], "resources": ["endpointslices"], "verbs": verbs},
        ]);
        cluster.allow_in("sea", "reader", rules.clone()).await;
        let file = "kubernetes: {namespaces: [sea, lake], serviceSelector: tier=web}\n";
        let (daemon, _file) = configured(&network, &cluster, "reader", file).await;
        daemon.until_functions("sea-ship-80", ["sail"]).await;
        let forbids = |source: &Value| {
            let part =
                |name: &str| source["failingParts"][name]["message"].as_str().unwrap_or_default().contains("forbidden");
            part("services in lake") && part("namespaces in sea") && !part("services in sea") && source["state"] == "ok"
        };
        until_source(&daemon, "the source says what it may not read", forbids).await;
        let told = daemon.done(&["why", "sea/wreck"]).await;
        assert!(told.contains("kubernetes.serviceSelector, tier=web, does not select it"), "{told}");

        cluster.allow_in("lake", "reader", rules).await;
        wait::until("lake is read", wait::START, || daemon.upstream("lake-ship-80")).await;
        let all = daemon.list("/api/v1/upstreams").await.unwrap();
        assert_eq!(all.len(), 2, "{all:?}");
    });
}

#[test]
fn a_document_in_a_config_map_describes_a_service() {
    network::within(|network| async move {
        let cluster = Cluster::start(&network).await;
        cluster.namespace("sea", json!({})).await;
        let _ship = pod("argo", ADDRESSES[1]).await;
        let mut ship = service("ship", json!({}));
        ship["metadata"]["annotations"] = json!({"portolan.dev/openapi": "configmap:docs/api.json"});
        cluster.create("/api/v1", "sea", "services", ship).await;
        cluster.pod("sea", "argo", json!({"app": "ship"}), ADDRESSES[1]).await;
        let describing = |names: &[&str]| json!({"data": {"api.json": document(names).to_string()}});
        let mut map = describing(&["row"]);
        map["metadata"] = json!({"name": "docs"});
        cluster.create("/api/v1", "sea", "configmaps", map).await;
        let daemon = daemon(&network, &cluster.admin()).await;
        daemon.until_functions("sea-ship-80", ["row"]).await;
        let answer = http::get(&daemon.url("sea-ship-80", "row")).await.unwrap();
        assert_eq!(answer["service"], "argo", "{answer}");

        cluster.patch("/api/v1/namespaces/sea/configmaps/docs", describing(&["row", "drift"])).await;
        daemon.until_functions("sea-ship-80", ["row", "drift"]).await;
        let told = daemon.done(&["why", "sea-ship-80"]).await;
        assert!(told.contains("READ configmap:///sea/docs/api.json#"), "{told}");
    });
}

#[test]
fn an_external_name_is_called_where_a_setting_lists_it() {
    network::within(|network| async move {
        let cluster = Cluster::start(&network).await;
        cluster.namespace("sea", json!({})).await;
        let _ours = Described::start_at(([127, 0, 0, 1], PORT).into(), "ours", document(&["sail"])).await;
        for (name, host) in [("away", "localhost"), ("elsewhere", "elsewhere.example")] {
            let spec = json!({"type": "ExternalName", "externalName": host, "ports": [{"port": PORT}]});
            let object = json!({"metadata": {"name": name}, "spec": spec});
            cluster.create("/api/v1", "sea", "services", object).await;
        }
        let (daemon, _file) =
            configured(&network, &cluster, "admin", "kubernetes: {externalNames: [localhost]}\n").await;
        let upstream = format!("sea-away-{PORT}");
        wait::until("away is listed", wait::START, || daemon.upstream(&upstream)).await;
        let refuses = |source: &Value| {
            let left_out = |what: &str| source["leftOut"][what].as_str().unwrap_or_default().to_owned();
            left_out("localhost at 127.0.0.1").contains("this machine itself")
                && left_out("sea/elsewhere").contains("does not list elsewhere.example")
        };
        until_source(&daemon, "the source says what it does not call", refuses).await;
        let away = daemon.upstream(&upstream).await.unwrap();
        assert!(away["endpoints"].as_array().is_none_or(Vec::is_empty), "{away}");
    });
}

/// What answers a call of `function` with this body.
async fn posted(daemon: &Daemon, upstream: &str, function: &str, headers: &[(&str, &str)], body: &str) -> http::Answer {
    let request = http::client().post(daemon.url(upstream, function)).body(body.to_owned());
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
    http::answer(request).await.unwrap()
}

#[test]
fn functions_of_knative_are_called_as_they_are() {
    network::within(|network| async move {
        let cluster = Cluster::start(&network).await;
        cluster.namespace("sea", json!({})).await;
        let _ingress = faas::start_at(SocketAddr::new(ADDRESSES[1].parse().unwrap(), PORT)).await;
        cluster.knative().await;
        let object = json!({
            "apiVersion": "serving.knative.dev/v1", "kind": "Service", "metadata": {"name": "hello"},
            "spec": {"template": {"spec": {"timeoutSeconds": 20}}},
        });
        let knative = "/apis/serving.knative.dev/v1";
        cluster.create(knative, "sea", "services", object).await;
        let owned = json!({"serving.knative.dev/service": "hello"});
        cluster.create("/api/v1", "sea", "services", service("hello", owned)).await;
        let daemon = daemon(&network, &cluster.admin()).await;
        let waits = |source: &Value| {
            // Both have the name; the one that says more is not ready.
            let left_out = source["leftOut"]["sea/hello"].as_str().unwrap_or_default();
            left_out.contains("is not ready") || left_out.contains("belongs to the Service hello of Knative")
        };
        until_source(&daemon, "it is not ready", waits).await;

        let url = format!("http://{}:{PORT}", ADDRESSES[1]);
        let ready = json!({"status": {
            "url": url, "latestReadyRevisionName": "hello-00001", "conditions": [{"type": "Ready", "status": "True"}],
        }});
        cluster.patch(&format!("{knative}/namespaces/sea/services/hello/status"), ready).await;
        daemon.until_functions("sea-hello", ["hello"]).await;
        let upstreams = daemon.list("/api/v1/upstreams").await.unwrap();
        assert!(!upstreams.iter().any(|upstream| upstream["name"] == "sea-hello-80"), "{upstreams:?}");
        let event = [("ce-type", "ship.sailed"), ("content-type", "text/plain")];
        let got = posted(&daemon, "sea-hello", "hello?to=sea", &event, "ahoy").await.json();
        let wanted = json!({
            "target": "/?to=sea", "host": format!("{}:{PORT}", ADDRESSES[1]), "type": "text/plain", "event": "ship.sailed",
            "body": "ahoy",
        });
        assert_eq!(got, wanted);

        cluster.delete(&format!("{knative}/namespaces/sea/services/hello")).await;
        until_gone(&daemon, "sea-hello").await;
    });
}

#[test]
fn functions_of_openfaas_are_found_by_their_gateway() {
    network::within(|network| async move {
        let cluster = Cluster::start(&network).await;
        cluster.namespace("openfaas", json!({})).await;
        let _gateway = faas::start_at(SocketAddr::new(ADDRESSES[1].parse().unwrap(), PORT)).await;
        cluster.create("/api/v1", "openfaas", "services", service("gateway", json!({}))).await;
        cluster.pod("openfaas", "gateway", json!({"app": "gateway"}), ADDRESSES[1]).await;
        let daemon = daemon(&network, &cluster.admin()).await;
        let upstream = "openfaas-gateway-80";
        daemon.until_functions(upstream, ["figlet", "figlet.dev"]).await;
        let json = [("content-type", "application/json")];
        let got = posted(&daemon, upstream, "figlet.dev", &json, "[1]").await.json();
        assert_eq!((&got["target"], &got["body"]), (&json!("/function/figlet.dev"), &json!("[1]")), "{got}");
        let queued = posted(&daemon, upstream, "figlet", &[("prefer", "respond-async")], "later").await;
        assert_eq!(queued.status, 202);
        assert_eq!((queued.header("x-call-id"), queued.header("preference-applied")), ("figlet", "respond-async"));
    });
}
