//! What a pod does by the rights of its service account alone: each of them is needed for something that is seen here.

use harness::described::document;
use harness::kubernetes::Cluster;
use harness::pod::Pod;
use harness::wait;
use serde_json::{Value, json};

const UPSTREAMS: &str = "/apis/gloo.solo.io/v1";

/// Makes a Service in `sea` whose document is in a ConfigMap, and in `namespace` a resource whose authorities are in a Secret.
pub(super) async fn prepare(cluster: &Cluster, namespace: &str) {
    let file = json!({"openapi.json": document(&["paddle"]).to_string()});
    cluster.create("/api/v1", "sea", "configmaps", json!({"metadata": {"name": "raft"}, "data": file})).await;
    let metadata = json!({"name": "raft", "annotations": {"portolan.dev/openapi": "configmap:raft/openapi.json"}});
    let spec = json!({"selector": {"app": "ship"}, "ports": [{"name": "http", "port": 80, "targetPort": 9090}]});
    cluster.create("/api/v1", "sea", "services", json!({"metadata": metadata, "spec": spec})).await;

    let authorities = json!({"ca.crt": include_str!("../../../../plugins/testdata/cert.pem")});
    let secret = json!({"metadata": {"name": "safe"}, "stringData": authorities});
    cluster.create("/api/v1", namespace, "secrets", secret).await;
    let spec = json!({
        "static": {"hosts": [{"addr": "safe.example", "port": 443}]},
        "sslConfig": {"secretRef": {"name": "safe"}},
    });
    let head = json!({"name": "safe"});
    let object = json!({"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": head, "spec": spec});
    let all = resources(namespace);
    wait::until("resources are taken", wait::START, || cluster.get(&all)).await;
    cluster.create(UPSTREAMS, namespace, "upstreams", object).await;
}

fn resources(namespace: &str) -> String {
    format!("{UPSTREAMS}/namespaces/{namespace}/upstreams")
}

/// Sees that the pod, which runs in `own`, reads what [`prepare`] made and says how the resource fares.
pub(super) async fn are_used(cluster: &Cluster, pod: &Pod, own: &str, namespace: &str) {
    pod.until("/api/v1/functions?upstream=sea-raft-80", "read-it", "the ConfigMap is read", |found| {
        found["items"][0]["name"] == "paddle"
    })
    .await;
    wait::until(&format!("{own} takes the Lease"), wait::START, || async {
        let lease = cluster.get(&format!("/apis/coordination.k8s.io/v1/namespaces/{own}/leases/portolan")).await?;
        lease["spec"]["holderIdentity"].as_str().filter(|holder| !holder.is_empty()).map(drop).ok_or(lease.to_string())
    })
    .await;
    wait::until(&format!("{own} reads the Secret and writes the status"), wait::START, || async {
        let safe = cluster.get(&format!("{}/safe", resources(namespace))).await?;
        match safe["status"]["statuses"][own]["state"] == "Accepted" {
            true => Ok(()),
            false => Err(safe["status"].to_string()),
        }
    })
    .await;
    pod.until("/api/v1/sources", "read-it", "the resources are read without a gap", |sources| {
        let items = sources["items"].as_array().cloned().unwrap_or_default();
        let source = items.into_iter().find(|one| one["source"] == "static=kubernetes").unwrap_or(Value::Null);
        source["state"] == "ok" && source["failingParts"].is_null()
    })
    .await;
}
