//! Resources as people write them: by kubectl itself.

use std::path::Path;

use harness::kubernetes::Cluster;
use harness::network;
use harness::{http, wait};
use serde_json::json;

use super::{OWN, cluster, daemon};

/// A resource of each type, by its name: its spec, its state, and a part of the reason.
const TYPES: [(&str, &str, &str, &str); 9] = [
    ("fixed", "static: {hosts: [{addr: ships.example, port: 80}]}", "Accepted", ""),
    ("kube", "kube: {serviceNamespace: default, serviceName: kubernetes, servicePort: 443}", "Accepted", ""),
    ("consul", "consul: {serviceName: ship}", "Warning", "ship"),
    ("aws", "aws: {region: eu-west-1, secretRef: {name: keys}}", "Warning", "the Secret gloo-system/keys"),
    (
        "ec2",
        "awsEc2: {region: eu-west-1, secretRef: {name: keys}, filters: [{key: team}]}",
        "Warning",
        "gloo-system/keys",
    ),
    ("azure", "azure: {functionAppName: ships}", "Warning", "spec.azure"),
    ("gcp", "gcp: {host: ships.example}", "Warning", "spec.gcp"),
    ("ai", "ai: {openai: {}}", "Warning", "spec.ai"),
    ("pipe", "pipe: {path: /run/ships}", "Warning", "spec.pipe"),
];

fn upstream(name: &str, spec: &str) -> String {
    let metadata = format!("{{name: {name}, namespace: gloo-system}}");
    format!("---\napiVersion: gloo.solo.io/v1\nkind: Upstream\nmetadata: {metadata}\nspec: {{{spec}}}\n")
}

/// What kubectl shows of a resource's status.
async fn said(cluster: &Cluster, name: &str, field: &str) -> Result<String, String> {
    let path = format!("jsonpath={{.status.statuses.{OWN}.{field}}}");
    cluster.kubectl(&["get", "upstream", name, "--namespace=gloo-system", "--output", &path], "").await
}

#[test]
fn kubectl_applies_each_type_and_shows_how_it_fares() {
    network::within(|network| async move {
        let cluster = cluster(&network).await;
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes/crds");
        cluster.applied(&["-f", &folder.display().to_string()], "").await;
        let definition = "customresourcedefinition/upstreams.gloo.solo.io";
        cluster.kubectl(&["wait", "--for=condition=Established", "--timeout=60s", definition], "").await.unwrap();
        let daemon = daemon(&network, &cluster).await;

        let all: String = TYPES.iter().map(|(name, spec, ..)| upstream(name, spec)).collect();
        let told = cluster.applied(&["-f", "-"], &all).await;
        assert_eq!(told.lines().filter(|line| line.ends_with(" created")).count(), TYPES.len(), "{told}");
        for (name, _, state, reason) in TYPES {
            wait::until(&format!("{name} is in the catalog"), wait::SOON, || daemon.upstream(name)).await;
            wait::until(&format!("kubectl shows that {name} is {state}"), wait::START, || async {
                let (now, why) = (said(&cluster, name, "state").await?, said(&cluster, name, "reason").await?);
                if now == state && why.contains(reason) { Ok(()) } else { Err(format!("{now}: {why}")) }
            })
            .await;
        }
        let table = cluster.kubectl(&["get", "us", "--namespace=gloo-system"], "").await.unwrap();
        assert!(table.lines().any(|line| line.starts_with("fixed") && line.contains("Accepted")), "{table}");
        let explained = cluster.kubectl(&["explain", "upstream.spec.static.hosts.addr"], "").await.unwrap();
        assert!(explained.contains("Its name, or its address."), "{explained}");

        for (spec, parts) in [
            ("static: {hosts: [{addr: a, port: 80, adr: b}]}", ["unknown field", "spec.static.hosts[0].adr"]),
            ("static: {hosts: [{addr: a, port: '80'}]}", ["spec.static.hosts[0].port", "integer"]),
            ("kube: {serviceName: a, servicePort: 80}", ["spec.kube.serviceNamespace", "Required value"]),
            ("static: {hosts: [{addr: a, port: 80}]}, pipe: {path: a}", ["spec", "must have exactly one of"]),
        ] {
            let refused = cluster.kubectl(&["apply", "-f", "-"], &upstream("wrong", spec)).await.unwrap_err();
            parts.iter().for_each(|part| assert!(refused.contains(part), "{part} in {refused}"));
        }

        let gone: Vec<_> = TYPES.iter().map(|(name, ..)| *name).collect();
        let delete = [&["delete", "upstream", "--namespace=gloo-system"], gone.as_slice()].concat();
        cluster.kubectl(&delete, "").await.unwrap();
        wait::until("they are gone", wait::SOON, || async {
            let all = http::get(&format!("{}/api/v1/upstreams?source=static=kubernetes=test", daemon.admin)).await?;
            if all["items"] == json!([]) { Ok(()) } else { Err(all.to_string()) }
        })
        .await;
    });
}
