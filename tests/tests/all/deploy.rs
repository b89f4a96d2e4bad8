//! What `deploy/kubernetes` and the chart say, against a real API server: it takes all of it, and a pod of it needs no more rights,
//! files and users than it gets.

mod rights;

use std::path::PathBuf;
use std::time::Duration;

use harness::described::{Described, document};
use harness::helm::{chart, helm};
use harness::kubernetes::Cluster;
use harness::network::{self, ADDRESSES};
use harness::pod::Pod;
use harness::{kubectl, wait};
use serde_json::{Value, json};

const ROLES: &str = "/apis/rbac.authorization.k8s.io/v1/clusterroles";

fn manifests() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes")
}

/// What a user makes first: the namespace, and the tokens.
async fn prepare(cluster: &Cluster) {
    let namespace = manifests().join("namespace.yaml").display().to_string();
    cluster.applied(&["-f", &namespace], "").await;
    let literals = ["--from-literal=admin=write-it", "--from-literal=read=read-it", "--from-literal=call=call-it"];
    let create = ["create", "secret", "generic", "portolan-tokens", "--namespace=portolan"];
    cluster.kubectl(&[&create[..], &literals].concat(), "").await.unwrap();
}

/// The first pod that the controllers make of what was applied.
async fn made_pod(cluster: &Cluster, namespace: &str) -> Value {
    let path = format!("/api/v1/namespaces/{namespace}/pods");
    wait::until("the controllers make a pod", wait::START, || async {
        let pods = cluster.object(&path).await;
        let pod = pods["items"].get(0).cloned();
        pod.ok_or(format!("{}", cluster.object(&format!("/api/v1/namespaces/{namespace}/events")).await))
    })
    .await
}

/// A Service with a pod behind it that describes itself.
async fn ship(cluster: &Cluster) -> Described {
    let address = format!("{}:9090", ADDRESSES[1]).parse().unwrap();
    let ship = Described::start_at(address, "ship", document(&["sail"])).await;
    cluster.namespace("sea", json!({})).await;
    let spec = json!({"selector": {"app": "ship"}, "ports": [{"name": "http", "port": 80, "targetPort": 9090}]});
    cluster.create("/api/v1", "sea", "services", json!({"metadata": {"name": "ship"}, "spec": spec})).await;
    cluster.pod("sea", "ship", json!({"app": "ship"}), ADDRESSES[1]).await;
    ship
}

fn source(sources: &Value) -> Value {
    let all = sources["items"].as_array().cloned().unwrap_or_default();
    all.into_iter().find(|source| source["source"] == "kubernetes").unwrap_or_default()
}

/// Runs a pod as the manifests have it, and sees that it does what it is for; with the resources of a namespace, if it may read them.
async fn works(cluster: &Cluster, pod: &Value, resources: Option<&str>) {
    let own = pod["metadata"]["namespace"].as_str().unwrap();
    let pod = Pod::run(cluster, pod).await;
    pod.ready().await;
    pod.until("/api/v1/functions?upstream=sea-ship-80", "read-it", "the function is found", |found| {
        found["items"][0]["name"] == "sail"
    })
    .await;
    pod.until("/api/v1/sources", "read-it", "the source has all that it wants", |sources| {
        let source = source(sources);
        source["state"] == "ok" && source["failingParts"].is_null()
    })
    .await;
    if let Some(namespace) = resources {
        rights::are_used(cluster, &pod, own, namespace).await;
    }
    let call = async |token: &str| pod.get("gateway", "/fn/sea-ship-80/sail", ("portolan-token", token)).await.unwrap();
    assert_eq!((call("call-it").await.status, call("read-it").await.status), (200, 401));
    let about = pod.get("admin", "/api/v1/", ("authorization", "Bearer read-it")).await.unwrap();
    assert!(about.text().contains(".svc"), "call URLs are for the cluster: {}", about.text());
    let looks = pod.get("admin", "/api/v1/upstreams", ("authorization", "Bearer call-it")).await.unwrap();
    assert_eq!(looks.status, 401, "the call token is for calls");
    let status = pod.process.terminate(Duration::from_secs(45)).await;
    assert!(status.success(), "{status}: {}", pod.process.output());
    let output = pod.process.output();
    for secret in ["write-it", "read-it", "call-it"] {
        assert!(!output.contains(secret), "{output}");
    }
    let is_json = |line: &str| serde_json::from_str::<Value>(line).is_ok_and(|line| line.is_object());
    assert!(output.lines().all(is_json), "each line is one that a log collector reads: {output}");
    assert!(output.contains("ok, lists "), "it says what it found: {output}");
}

/// Runs a pod while its role lacks the right to `resource`, and sees that the source says so.
async fn says_what_it_may_not(cluster: &Cluster, pod: &Value, resource: &str) {
    let path = format!("{ROLES}/portolan");
    let role = cluster.object(&path).await;
    let mut less = role["rules"].clone();
    for rule in less.as_array_mut().unwrap() {
        rule["resources"].as_array_mut().unwrap().retain(|known| known != resource);
    }
    less.as_array_mut().unwrap().retain(|rule| rule["resources"] != json!([]));
    cluster.patch(&path, json!({"rules": less})).await;
    let pod = Pod::run(cluster, pod).await;
    pod.until("/api/v1/sources", "read-it", &format!("the source misses {resource}"), |sources| {
        let part = source(sources)["failingParts"][resource]["message"].clone();
        part.as_str().is_some_and(|part| part.contains("forbidden"))
    })
    .await;
    cluster.patch(&path, json!({"rules": role["rules"]})).await;
}

/// The ports that a Service leads to, at the pod that was made of the manifests.
async fn leads_to(cluster: &Cluster, service: &str) -> Value {
    let path = "/apis/discovery.k8s.io/v1/namespaces/portolan/endpointslices";
    wait::until(&format!("{service} has its pod"), wait::SOON, || async {
        let slices = cluster.object(path).await;
        let all = slices["items"].as_array().cloned().unwrap_or_default();
        let of = all.iter().find(|slice| slice["metadata"]["labels"]["kubernetes.io/service-name"] == service);
        let ready = of.filter(|slice| slice["endpoints"][0]["conditions"]["ready"] == true);
        ready.map(|slice| slice["ports"][0]["port"].clone()).ok_or(slices.to_string())
    })
    .await
}

#[test]
fn the_manifests_are_taken_and_their_pod_needs_no_more_than_they_give() {
    network::within(|network| async move {
        let cluster = Cluster::start(&network).await;
        let _ship = ship(&cluster).await;
        prepare(&cluster).await;
        let mut all = vec![kubectl::kustomized(&manifests()).await];
        for file in std::fs::read_dir(manifests().join("optional")).unwrap() {
            all.push(std::fs::read_to_string(file.unwrap().path()).unwrap());
        }
        let strict = ["--validate=strict", "-f", "-"];
        for manifests in &all {
            cluster.applied(&[&["--dry-run=server"], &strict[..]].concat(), manifests).await;
            cluster.applied(&strict, manifests).await;
            let differs = cluster.kubectl(&["diff", "-f", "-"], manifests).await;
            assert_eq!(differs.as_deref(), Ok(""), "what was applied is what is there");
        }
        let pod = made_pod(&cluster, "portolan").await;
        let name = pod["metadata"]["name"].as_str().unwrap();
        cluster.bind("portolan", name).await;
        cluster.pod_is("portolan", name, ADDRESSES[0], true).await;
        assert_eq!(leads_to(&cluster, "portolan").await, 8080);
        assert_eq!(leads_to(&cluster, "portolan-admin").await, 8081);
        cluster.pod_is("portolan", name, ADDRESSES[0], false).await;

        let checked = Pod::run_with(&cluster, &pod, &["check", "/etc/portolan/portolan.yaml"]).await;
        let ended = wait::until("the configuration is checked", wait::SOON, || async {
            checked.process.ended().ok_or("it is being checked")
        });
        assert!(ended.await.success(), "{}", checked.process.output());
        rights::prepare(&cluster, "portolan").await;
        works(&cluster, &pod, Some("portolan")).await;
        for resource in ["namespaces", "endpointslices"] {
            says_what_it_may_not(&cluster, &pod, resource).await;
        }
    });
}

#[test]
fn every_manifest_is_one_that_is_applied() {
    let kustomization = std::fs::read_to_string(manifests().join("kustomization.yaml")).unwrap();
    for folder in ["", "optional/", "crds/"] {
        let Ok(files) = std::fs::read_dir(manifests().join(folder)) else { continue };
        let names = files.map(|file| file.unwrap().file_name().into_string().unwrap());
        for name in names.filter(|name| name.contains('.') && name != "kustomization.yaml") {
            assert!(kustomization.contains(&format!("{folder}{name}")), "{folder}{name} is not in kustomization.yaml");
            // The chart installs the same definitions: its folder is a link to this one.
            assert!(folder != "crds/" || chart().join("crds").join(&name).exists(), "{name} is not in the chart");
        }
    }
}

#[test]
fn the_image_is_that_of_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let deployment = std::fs::read_to_string(manifests().join("deployment.yaml")).unwrap();
    assert!(deployment.contains(&format!("image: portolan:{version}\n")), "{version}: {deployment}");
    let chart = std::fs::read_to_string(chart().join("Chart.yaml")).unwrap();
    for field in ["version", "appVersion"] {
        assert!(chart.contains(&format!("\n{field}: {version}\n")), "{field} {version}: {chart}");
    }
}

/// What is installed with these values: a name, and the values.
const CHART: [(&str, &str); 5] = [
    ("usual", "{}"),
    (
        "kept",
        "persistence: {enabled: true, size: 1Gi, storageClass: fast}\nreplicas: 3\nrbac: {secrets: [sea], documents: true}",
    ),
    ("narrow", "watchNamespaces: [sea]\nrbac: {secrets: [sea], documents: true}"),
    ("open", "functionUrls: {access: open, hostnames: [fn.example.com]}\ntokens: {existingSecret: mine}"),
    (
        "all",
        "config: {publicUrl: 'https://fn.example.com', sources: [kubernetes], grace: 60, discovery: {off: {namespaces: [db]}}}
image: {repository: registry.example.com/portolan, tag: '1', pullSecrets: [registry]}
service: {type: LoadBalancer, port: 8080, annotations: {example.com/scheme: internal}}
serviceAccount: {annotations: {eks.amazonaws.com/role-arn: 'arn:aws:iam::123456789012:role/portolan'}}
rbac: {secrets: [default, kube-system], documents: true}
networkPolicy: {enabled: true, adminFrom: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: monitoring}}}]}
podDisruptionBudget: {enabled: false}
env: [{name: AWS_REGION, value: eu-central-1}]
volumes: [{name: scratch, emptyDir: {}}]
volumeMounts: [{name: scratch, mountPath: /tmp}]
podAnnotations: {example.com/a: b}
podLabels: {team: sea}
nodeSelector: {kubernetes.io/os: linux}
tolerations: [{key: edge, operator: Exists}]
affinity: {podAntiAffinity: {}}
priorityClassName: system-cluster-critical",
    ),
];

#[test]
fn the_chart_is_taken_with_all_its_values_and_its_pod_works() {
    network::within(|network| async move {
        let cluster = Cluster::start(&network).await;
        let _ship = ship(&cluster).await;
        let chart = chart().display().to_string();
        for (name, values) in CHART {
            cluster.namespace(name, json!({"pod-security.kubernetes.io/enforce": "restricted"})).await;
            let rendered = ["template", name, &chart, "--namespace", name, "--values", "-"];
            let rendered = helm(&rendered, values).await.unwrap_or_else(|error| panic!("{name}: {error}"));
            let dry = ["--dry-run=server", "--validate=strict", "-f", "-"];
            cluster.applied(&dry, &rendered).await;
            let install = ["install", name, &chart, "--namespace", name, "--values", "-"];
            cluster.helm(&install, values).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        }
        // An upgrade keeps the tokens that the chart made.
        let tokens = "/api/v1/namespaces/usual/secrets/usual-portolan-tokens";
        let made = cluster.object(tokens).await["data"].clone();
        let upgrade = ["upgrade", "usual", &chart, "--namespace", "usual", "--set", "replicas=1"];
        cluster.helm(&upgrade, "").await.unwrap();
        assert_eq!(cluster.object(tokens).await["data"], made);
        assert_eq!(made.as_object().unwrap().len(), 3, "three tokens, none of which is shown here");

        let known = json!({"admin": "d3JpdGUtaXQ=", "read": "cmVhZC1pdA==", "call": "Y2FsbC1pdA=="});
        cluster.patch(tokens, json!({"data": known})).await;
        works(&cluster, &made_pod(&cluster, "usual").await, None).await;
        rights::prepare(&cluster, "sea").await;
        for release in ["kept", "narrow"] {
            let tokens = format!("/api/v1/namespaces/{release}/secrets/{release}-portolan-tokens");
            cluster.patch(&tokens, json!({"data": known})).await;
            works(&cluster, &made_pod(&cluster, release).await, Some("sea")).await;
        }
        let everywhere = cluster.object(&format!("{ROLES}/narrow-narrow-portolan")).await["rules"].clone();
        let labels = json!([{"apiGroups": [""], "resources": ["namespaces"], "resourceNames": ["sea"], "verbs": ["list", "watch"]}]);
        assert_eq!(everywhere, labels, "it may read nothing else than the label of its namespace outside of that");
    });
}

#[tokio::test]
async fn the_chart_is_clean_and_refuses_what_it_does_not_know() {
    let chart = chart().display().to_string();
    let linted = helm(&["lint", "--strict", &chart], "").await;
    assert!(linted.is_ok(), "{linted:?}");
    for (values, named) in [
        ("replicaz: 2", "replicaz"),
        ("replicas: 0", "/replicas"),
        ("functionUrls: {access: everybody}", "/functionUrls/access"),
        ("config: {admin: '0.0.0.0:1'}", "/config/admin"),
        ("config: {functionUrls: {hostnames: [a]}}", "/config/functionUrls/hostnames"),
        ("service: {port: http}", "/service/port"),
    ] {
        let refused = helm(&["template", "portolan", &chart, "--values", "-"], values).await;
        assert!(refused.as_ref().is_err_and(|error| error.contains(named)), "{values}: {refused:?}");
    }
}
