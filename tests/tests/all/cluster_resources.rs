//! Resources of a cluster, against a real API server: what is applied is in the catalog and says how it fares, what is wrong is refused, one
//! replica writes, and what Secrets hold reaches calls.

mod in_aws;
mod kubectl;

use std::net::SocketAddr;
use std::path::Path;

use discovery::sources::files::Severity;
use harness::daemon::{Daemon, Options};
use harness::described::{Described, document};
use harness::kubernetes::Cluster;
use harness::network::{self, ADDRESSES, Network};
use harness::process::Process;
use harness::{http, wait};
use serde_json::{Value, json};

const PORT: u16 = 8080;
const UPSTREAMS: &str = "/apis/gloo.solo.io/v1/namespaces/gloo-system/upstreams";
/// The namespace in which the daemon of these tests is: that of its kubeconfig's context.
const OWN: &str = "default";

async fn cluster(network: &Network) -> Cluster {
    let cluster = Cluster::start(network).await;
    cluster.namespace("gloo-system", json!({})).await;
    cluster
}

async fn apply(cluster: &Cluster, name: &str, spec: Value) -> Result<Value, String> {
    let metadata = json!({"name": name, "namespace": "gloo-system"});
    let object = json!({"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": metadata, "spec": spec});
    cluster.apply(&format!("{UPSTREAMS}/{name}"), &object.to_string()).await
}

fn hosts(address: &str, port: u16) -> Value {
    json!({"static": {"hosts": [{"addr": address, "port": port}]}})
}

async fn until_state(cluster: &Cluster, name: &str, state: &str, reason: &str) -> Value {
    wait::until(&format!("{name} is {state}"), wait::START, || async {
        let found = cluster.get(&format!("{UPSTREAMS}/{name}")).await?;
        let status = &found["status"]["statuses"][OWN];
        let says = status["reason"].as_str().unwrap_or_default();
        let fits = status["state"] == state && status["reportedBy"] == "portolan" && says.contains(reason);
        if fits && says.is_empty() == reason.is_empty() { Ok(found) } else { Err(found["status"].to_string()) }
    })
    .await
}

async fn daemon(network: &Network, cluster: &Cluster) -> Daemon {
    let environment = vec![("KUBECONFIG".to_owned(), cluster.admin().display().to_string())];
    let options = Options { environment, under: network.under(), ..Options::default() };
    let daemon = Daemon::launch(options, ["--source=kubernetes", "--workers=1"]);
    daemon.ready().await;
    daemon
}

async fn service(name: &str, address: &str) -> Described {
    Described::start_at(SocketAddr::new(address.parse().unwrap(), PORT), name, document(&["sail"])).await
}

#[test]
fn each_type_is_taken_at_once_and_says_how_it_fares() {
    network::within(|network| async move {
        let cluster = cluster(&network).await;
        let _ships = (service("argo", ADDRESSES[1]).await, service("fram", ADDRESSES[2]).await);
        cluster.namespace("sea", json!({})).await;
        let spec = json!({"selector": {"app": "ship"}, "ports": [{"name": "http", "port": 80, "targetPort": PORT}]});
        cluster.create("/api/v1", "sea", "services", json!({"metadata": {"name": "ship"}, "spec": spec})).await;
        cluster.pod("sea", "argo", json!({"app": "ship"}), ADDRESSES[1]).await;
        let daemon = daemon(&network, &cluster).await;
        // The definition is not there yet: no failure, and said.
        wait::until("the source says what is not known", wait::START, || async {
            let sources = http::get(&format!("{}/api/v1/sources", daemon.admin)).await?;
            let items = sources["items"].as_array().cloned().unwrap_or_default();
            let source = items.into_iter().find(|one| one["source"] == "static=kubernetes=test").unwrap_or_default();
            let said = source["leftOut"]["upstreams.gloo.solo.io"].is_string() && source["state"] == "ok";
            if said { Ok(()) } else { Err(source.to_string()) }
        })
        .await;
        cluster.define_upstreams().await;

        apply(&cluster, "fram", hosts(ADDRESSES[2], PORT)).await.unwrap();
        let kube = json!({"serviceName": "ship", "serviceNamespace": "sea", "servicePort": 80});
        let labels = json!({"labels": {"line": "east"}});
        apply(&cluster, "sea-ship-80", json!({"kube": kube, "discoveryMetadata": labels})).await.unwrap();
        apply(&cluster, "flagship", json!({"kube": kube})).await.unwrap();
        apply(&cluster, "boat", json!({"kube": {"serviceName": "boat", "serviceNamespace": "sea", "servicePort": 80}}))
            .await
            .unwrap();
        apply(&cluster, "reed", json!({"consul": {"serviceName": "reed"}, "useHttp2": true})).await.unwrap();
        apply(&cluster, "lambda", json!({"aws": {"region": "eu-west-1", "secretRef": {"name": "aws"}}})).await.unwrap();
        apply(&cluster, "ec2", json!({"awsEc2": {"region": "eu-west-1", "secretRef": {"name": "ec2"}}})).await.unwrap();

        daemon.until_functions("fram", ["sail"]).await;
        daemon.until_functions("flagship", ["sail"]).await;
        for (name, answers) in [("fram", "fram"), ("flagship", "argo"), ("sea-ship-80", "argo")] {
            assert_eq!(http::get(&daemon.url(name, "sail")).await.unwrap()["service"], answers);
        }
        // By its name it is the discovered one: one upstream, with both's words.
        wait::until("the resource lies over what is discovered", wait::SOON, || async {
            let ship = daemon.upstream("sea-ship-80").await?;
            let both = ship["source"] == "kubernetes" && ship["labels"]["line"] == "east";
            if both { Ok(()) } else { Err(ship.to_string()) }
        })
        .await;
        for name in ["boat", "reed", "lambda", "ec2"] {
            wait::until(&format!("{name} is in the catalog"), wait::SOON, || daemon.upstream(name)).await;
        }
        until_state(&cluster, "fram", "Accepted", "").await;
        until_state(&cluster, "sea-ship-80", "Accepted", "").await;
        until_state(&cluster, "flagship", "Accepted", "").await;
        until_state(&cluster, "boat", "Warning", "no port of a Service sea/boat:80").await;
        until_state(&cluster, "reed", "Warning", "spec.useHttp2: is known and has no effect yet").await;
        until_state(&cluster, "lambda", "Warning", "the Secret gloo-system/aws: there is no such Secret").await;
        until_state(&cluster, "ec2", "Warning", "the Secret gloo-system/ec2: there is no such Secret").await;

        // A status is not written again while it stays the same.
        let version = |object: &Value| object["metadata"]["resourceVersion"].clone();
        let before = version(&until_state(&cluster, "fram", "Accepted", "").await);
        cluster.create("/api/v1", "sea", "services", boat()).await;
        until_state(&cluster, "boat", "Accepted", "").await;
        assert_eq!(version(&until_state(&cluster, "fram", "Accepted", "").await), before);

        // What is deleted is gone, and the discovered one is as it was.
        cluster.delete(&format!("{UPSTREAMS}/fram")).await;
        cluster.delete(&format!("{UPSTREAMS}/sea-ship-80")).await;
        wait::until("it is gone", wait::SOON, || async {
            let all = daemon.list("/api/v1/upstreams").await?;
            let ship = all.iter().find(|one| one["name"] == "sea-ship-80").cloned().unwrap_or_default();
            let is_there = all.iter().any(|one| one["name"] == "fram");
            if !is_there && ship["labels"]["line"].is_null() && !ship.is_null() {
                Ok(())
            } else {
                Err(ship.to_string())
            }
        })
        .await;
    });
}

fn boat() -> Value {
    json!({"metadata": {"name": "boat"}, "spec": {"selector": {"app": "boat"}, "ports": [{"port": 80}]}})
}

#[test]
fn what_is_wrong_is_refused_with_its_path() {
    network::within(|network| async move {
        let cluster = cluster(&network).await;
        cluster.define_upstreams().await;
        let refused = async |spec: Value, parts: &[&str]| {
            // As `kubectl apply` without more creates it.
            let metadata = json!({"name": "wrong", "namespace": "gloo-system"});
            let object =
                json!({"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": metadata, "spec": spec});
            let path = format!("{UPSTREAMS}?fieldValidation=Strict");
            let error = cluster.call(reqwest::Method::POST, &path, object).await.expect_err(&spec.to_string());
            parts.iter().for_each(|part| assert!(error.contains(part), "{part} in {error}"));
            // A file gets the same verdict.
            let folder = harness::process::folder("resources");
            let file = folder.path().join("wrong.json");
            let metadata = json!({"name": "wrong"});
            let object =
                json!({"apiVersion": "gloo.solo.io/v1", "kind": "Upstream", "metadata": metadata, "spec": spec});
            std::fs::write(&file, object.to_string()).unwrap();
            let complaints = discovery::sources::files::check(&file);
            assert!(complaints.iter().any(|complaint| complaint.severity == Severity::Error), "{object}");
        };
        let with = |more: Value| {
            let mut host = json!({"addr": "a", "port": 80});
            more.as_object().unwrap().iter().for_each(|(name, value)| host[name] = value.clone());
            json!({"static": {"hosts": [host]}})
        };
        refused(with(json!({"adr": "a"})), &["unknown field \\\"spec.static.hosts[0].adr"]).await;
        refused(with(json!({"port": "80"})), &["spec.static.hosts[0].port", "integer"]).await;
        refused(with(json!({"port": 70_000})), &["spec.static.hosts[0].port", "65535"]).await;
        refused(with(json!({"addr": "http://a"})), &["spec.static.hosts[0].addr"]).await;
        refused(json!({"static": {"hosts": []}}), &["spec.static.hosts"]).await;
        refused(json!({"static": {}}), &["spec.static.hosts", "Required"]).await;
        refused(json!({"useHttp2": true}), &["spec", "must have exactly one of static, kube"]).await;
        refused(
            json!({"static": hosts("a", 1)["static"], "consul": {"serviceName": "a"}}),
            &["must have exactly one of"],
        )
        .await;
        refused(json!({"kube": {"serviceName": "a"}}), &["spec.kube.serviceNamespace", "spec.kube.servicePort"]).await;
        refused(json!({"consul": {"serviceName": ""}}), &["spec.consul.serviceName"]).await;
        refused(json!({"aws": {"region": "EU"}}), &["spec.aws.region"]).await;
        refused(json!({"aws": {"region": "eu-west-1", "roleArn": "reader"}}), &["spec.aws.roleArn"]).await;
        let filters = json!([{"key": "a", "kvPair": {"key": "a", "value": "b"}}]);
        refused(
            json!({"awsEc2": {"region": "eu-west-1", "filters": filters}}),
            &["spec.awsEc2.filters[0]", "must have exactly one of key, kvPair"],
        )
        .await;
        let two = json!({"secretRef": {"name": "a"}, "sslFiles": {"rootCa": "/a"}});
        refused(json!({"static": hosts("a", 1)["static"], "sslConfig": two}), &["spec.sslConfig", "at most one of"])
            .await;
    });
}

#[test]
fn one_of_two_replicas_writes_and_the_other_takes_over() {
    network::within(|network| async move {
        let cluster = cluster(&network).await;
        cluster.define_upstreams().await;
        let first = daemon(&network, &cluster).await;
        apply(&cluster, "one", hosts(ADDRESSES[1], PORT)).await.unwrap();
        until_state(&cluster, "one", "Accepted", "").await;
        let lease = async || {
            let lease = cluster.get(&format!("/apis/coordination.k8s.io/v1/namespaces/{OWN}/leases/portolan")).await;
            lease.unwrap()["spec"].clone()
        };
        let held = lease().await;
        let second = daemon(&network, &cluster).await;
        apply(&cluster, "two", hosts(ADDRESSES[1], PORT)).await.unwrap();
        until_state(&cluster, "two", "Accepted", "").await;
        let now = lease().await;
        assert_eq!((&now["holderIdentity"], &now["leaseTransitions"]), (&held["holderIdentity"], &json!(0)));
        assert!(!second.process.output().contains("holds=true"), "{}", second.process.output());

        first.kill();
        apply(&cluster, "three", hosts(ADDRESSES[1], PORT)).await.unwrap();
        until_state(&cluster, "three", "Accepted", "").await;
        assert_ne!(lease().await["holderIdentity"], held["holderIdentity"]);
        assert!(second.process.output().contains("holds=true"));
    });
}

/// A server that asks for a certificate, and describes itself.
const SERVER: &str = r#"
import http.server, json, ssl, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        body = DOCUMENT if self.path == "/openapi.json" else b'{"service": "safe"}'
        self.send_response(200 if self.path in ("/openapi.json", "/sail") else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(body)
DOCUMENT = sys.argv[2].encode()
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.crt", "server.key")
context.load_verify_locations("ca.crt")
context.verify_mode = ssl.CERT_REQUIRED
server = http.server.ThreadingHTTPServer((sys.argv[1], 8443), Handler)
server.socket = context.wrap_socket(server.socket, server_side=True)
print("it listens", flush=True)
server.serve_forever()
"#;

/// Makes an authority, and certificates of it for a server and a client, beside another authority that nobody knows.
const AUTHORITY: &str = r#"
set -e
for name in ca other; do
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj "/CN=$name" -keyout $name.key -out $name.crt \
        -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign
done
printf 'subjectAltName=DNS:safe.test' >names
for name in server client; do
    openssl req -newkey rsa:2048 -nodes -subj "/CN=$name" -keyout $name.key -out $name.csr
    openssl x509 -req -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out $name.crt
done
"#;

#[test]
fn a_definition_without_statuses_is_no_failure_and_said() {
    network::within(|network| async move {
        let cluster = cluster(&network).await;
        // As Gloo defines it.
        cluster.define_upstreams_with(|text| text.replace("subresources:\n      status: {}\n", "")).await;
        let _ship = service("argo", ADDRESSES[1]).await;
        apply(&cluster, "argo", hosts(ADDRESSES[1], PORT)).await.unwrap();
        let daemon = daemon(&network, &cluster).await;
        daemon.until_functions("argo", ["sail"]).await;
        wait::until("the source says why it writes no status", wait::START, || async {
            let sources = http::get(&format!("{}/api/v1/sources", daemon.admin)).await?;
            let items = sources["items"].as_array().cloned().unwrap_or_default();
            let source = items.into_iter().find(|one| one["source"] == "static=kubernetes=test").unwrap_or_default();
            let part = source["failingParts"]["status"]["message"].as_str().unwrap_or_default();
            let said = part.contains("has no status subresource") && source["state"] == "ok";
            if said { Ok(()) } else { Err(source.to_string()) }
        })
        .await;
    });
}

#[test]
fn what_a_secret_holds_reaches_calls_and_so_does_its_change() {
    network::within(|network| async move {
        let cluster = cluster(&network).await;
        cluster.define_upstreams().await;
        let folder = harness::process::folder("safe");
        let made =
            std::process::Command::new("sh").args(["-c", AUTHORITY]).current_dir(folder.path()).output().unwrap();
        assert!(made.status.success(), "{made:?}");
        let read = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
        let data = |authority: &str| json!({"tls.crt": read("client.crt"), "tls.key": read("client.key"), "ca.crt": read(authority)});
        let (good, wrong) = (data("ca.crt"), data("other.crt"));
        let mut command = network.command(Path::new("python3"));
        command.args(["-c", SERVER, ADDRESSES[1], &document(&["sail"]).to_string()]);
        let server = Process::start_in(folder, "safe", command);
        let output = || async { if server.output().contains("it listens") { Ok(()) } else { Err(server.output()) } };
        server.until("it listens", output).await;

        let daemon = daemon(&network, &cluster).await;
        let mut spec = hosts(ADDRESSES[1], 8443);
        spec["sslConfig"] = json!({"sni": "safe.test", "secretRef": {"name": "safe"}});
        apply(&cluster, "safe", spec).await.unwrap();
        until_state(&cluster, "safe", "Warning", "the Secret gloo-system/safe: there is no such Secret").await;
        let secret = json!({"metadata": {"name": "safe"}, "type": "kubernetes.io/tls", "stringData": good});
        cluster.create("/api/v1", "gloo-system", "secrets", secret).await;
        until_state(&cluster, "safe", "Accepted", "").await;
        let refresh = http::client().post(format!("{}/api/v1/upstreams/safe/refresh", daemon.admin));
        http::send(refresh).await.unwrap();
        daemon.until_functions("safe", ["sail"]).await;
        assert_eq!(http::get(&daemon.url("safe", "sail")).await.unwrap()["service"], "safe");
        // A Service may name the same one.
        let annotations = json!({
            "gloo.solo.io/sslService.secret": "443:safe", "gloo.solo.io/upstream_config.deep_merge": "true",
            "gloo.solo.io/upstream_config": r#"{"sslConfig": {"sni": "safe.test"}}"#,
        });
        let spec = json!({"selector": {"app": "safe"}, "ports": [{"port": 443, "targetPort": 8443}]});
        let service = json!({"metadata": {"name": "vault", "annotations": annotations}, "spec": spec});
        cluster.create("/api/v1", "gloo-system", "services", service).await;
        cluster.pod("gloo-system", "safe", json!({"app": "safe"}), ADDRESSES[1]).await;
        daemon.until_functions("gloo-system-vault-443", ["sail"]).await;

        let path = "/api/v1/namespaces/gloo-system/secrets/safe";
        cluster.patch(path, json!({"stringData": wrong})).await;
        let urls = ["safe", "gloo-system-vault-443"].map(|upstream| daemon.url(upstream, "sail"));
        for url in &urls {
            wait::until("calls trust the server no more", wait::SOON, || async {
                match http::get(url).await {
                    Ok(answer) => Err(answer.to_string()),
                    Err(_) => Ok(()),
                }
            })
            .await;
        }
        cluster.patch(path, json!({"stringData": good})).await;
        for url in &urls {
            wait::until("calls trust it again", wait::SOON, || http::get(url)).await;
        }
        let all = [daemon.upstream("safe").await.unwrap().to_string(), daemon.process.output()].concat();
        assert!(!all.contains("PRIVATE KEY"));
    });
}
