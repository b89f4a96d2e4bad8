//! Functions that a cluster has by itself: those of Knative and of OpenFaaS.

use std::net::SocketAddr;

use harness::daemon::Daemon;
use harness::kubernetes::Cluster;
use harness::network::{self, ADDRESSES};
use harness::{faas, http};
use serde_json::{Value, json};

use super::{PORT, daemon, service, until_gone, until_source};

/// What answers a call of `function` with this body.
async fn posted(daemon: &Daemon, upstream: &str, function: &str, headers: &[(&str, &str)], body: &str) -> http::Answer {
    let (function, query) = function.split_once('?').unwrap_or((function, ""));
    let url = format!("{}?{query}", daemon.url(upstream, function));
    let request = http::client().post(url).body(body.to_owned());
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
