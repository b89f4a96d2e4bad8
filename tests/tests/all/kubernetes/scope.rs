//! What of a cluster is listed: namespaces of a list, Services that a selector selects, hosts outside; and documents in ConfigMaps.

use harness::daemon::{Daemon, Options};
use harness::described::{Described, document};
use harness::kubernetes::Cluster;
use harness::network::{self, ADDRESSES, Network};
use harness::{http, wait};
use serde_json::{Value, json};

use super::{PORT, daemon, pod, service, until_source, until_source_of};

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
            {"apiGroups": ["gloo.solo.io"], "resources": ["upstreams"], "verbs": verbs},
        ]);
        cluster.define_upstreams().await;
        for namespace in ["sea", "lake", "pond"] {
            let host = json!({"static": {"hosts": [{"addr": ADDRESSES[1], "port": PORT}]}});
            let upstream = json!({"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": {"name": format!("{namespace}-raft")}, "spec": host});
            cluster.create("/apis/gloo.solo.io/v1", namespace, "upstreams", upstream).await;
        }
        cluster.allow_in("sea", "reader", rules.clone()).await;
        let file = "kubernetes: {namespaces: [sea, lake], serviceSelector: tier=web}\n";
        let (daemon, _file) = configured(&network, &cluster, "reader", file).await;
        daemon.until_functions("sea-ship-80", ["sail"]).await;
        daemon.until_functions("sea-raft", ["sail"]).await;
        let forbids = |source: &Value| {
            let part =
                |name: &str| source["failingParts"][name]["message"].as_str().unwrap_or_default().contains("forbidden");
            part("services in lake") && part("namespaces in sea") && !part("services in sea") && source["state"] == "ok"
        };
        until_source(&daemon, "the source says what it may not read", forbids).await;
        let of_resources = |source: &Value| {
            let part = source["failingParts"]["upstreams.gloo.solo.io in lake"]["message"].as_str().unwrap_or_default();
            source["state"] == "ok" && part.contains("forbidden")
        };
        until_source_of(&daemon, "static=", "resources of one namespace go on without the other's", of_resources).await;
        let told = daemon.done(&["why", "sea/wreck"]).await;
        assert!(told.contains("kubernetes.serviceSelector, tier=web, does not select it"), "{told}");

        cluster.allow_in("lake", "reader", rules).await;
        wait::until("lake is read", wait::START, || daemon.upstream("lake-ship-80")).await;
        daemon.until_functions("lake-raft", ["sail"]).await;
        let all = daemon.list("/api/v1/upstreams").await.unwrap();
        assert_eq!(all.len(), 4, "{all:?}");
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
        assert!(told.contains("READ configmap://test/sea/docs/api.json#"), "{told}");
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
