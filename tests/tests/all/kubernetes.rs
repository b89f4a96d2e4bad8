//! The Kubernetes source against a real API server: what is in the catalog and who is called when Services, pods, rights and the
//! server itself come and go.

mod functions;
mod scope;

use std::collections::BTreeSet;
use std::net::SocketAddr;

use harness::daemon::{Daemon, Options};
use harness::described::{Described, document};
use harness::kubernetes::Cluster;
use harness::network::{self, ADDRESSES, Network};
use harness::{http, wait};
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
    let daemon = Daemon::launch(options, ["--source=kubernetes", "--workers=1", "--warmup=3600"]);
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
    until_source_of(daemon, "kubernetes", what, fact).await;
}

/// Of the source whose name begins so.
async fn until_source_of(daemon: &Daemon, begin: &str, what: &str, fact: impl Fn(&Value) -> bool) {
    wait::until(what, wait::START, || async {
        let sources = http::get(&format!("{}/api/v1/sources", daemon.admin)).await?;
        let sources = sources["items"].as_array().cloned().unwrap_or_default();
        let source = sources
            .into_iter()
            .find(|source| source["source"].as_str().is_some_and(|id| id.starts_with(begin)))
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
