//! A Kubernetes API server with its controllers, and no node: pods are objects, and what runs behind their addresses is the test's.

use std::fmt::Write;
use std::path::PathBuf;

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::installed::named;
use crate::network::{ADDRESSES, Network};
use crate::process::{self, Process};
use crate::{http, port};

/// The token that may do everything.
const ADMIN: &str = "admin-token";

/// The node that all pods claim to be on.
const NODE: &str = "node";

/// Controllers that make slices of Services and pods, and take away what is deleted.
const CONTROLLERS: &str = "endpointslice-controller,namespace-controller,garbage-collector-controller";

/// A running cluster.
pub struct Cluster {
    /// The API server.
    pub server: Process,
    arguments: Vec<String>,
    port: u16,
    client: Client,
    network: Vec<String>,
    _etcd: Process,
    controllers: Option<Process>,
}

impl Cluster {
    /// A cluster in `network`, ready, with its controllers.
    pub async fn start(network: &Network) -> Cluster {
        let programs = named("PORTOLAN_TEST_KUBERNETES");
        let (etcd, peers, port) = (port::free(), port::free(), port::free());
        let url = |port: u16| format!("http://127.0.0.1:{port}");
        let mut command = network.command(&programs.join("etcd"));
        command.args(["--data-dir=data", "--log-level=error", "--name=one"]);
        command
            .arg(format!("--listen-client-urls={}", url(etcd)))
            .arg(format!("--advertise-client-urls={}", url(etcd)));
        command.arg(format!("--listen-peer-urls={}", url(peers)));
        command.arg(format!("--initial-advertise-peer-urls={}", url(peers)));
        command.arg(format!("--initial-cluster=one={}", url(peers)));
        let store = Process::start("etcd", command);

        let folder = process::folder("kube-apiserver");
        keys(folder.path());
        let arguments = vec![
            format!("--etcd-servers={}", url(etcd)),
            format!("--secure-port={port}"),
            format!("--advertise-address={}", ADDRESSES[0]),
            "--bind-address=127.0.0.1".to_owned(),
            "--cert-dir=certificates".to_owned(),
            "--token-auth-file=tokens.csv".to_owned(),
            "--authorization-mode=RBAC".to_owned(),
            "--service-account-issuer=https://kubernetes.default.svc".to_owned(),
            "--service-account-key-file=accounts.key".to_owned(),
            "--service-account-signing-key-file=accounts.key".to_owned(),
            "--service-cluster-ip-range=10.96.0.0/16".to_owned(),
            // Pods need no account here, and SIGTERM does not wait for watches.
            "--disable-admission-plugins=ServiceAccount".to_owned(),
            "--shutdown-watch-termination-grace-period=1s".to_owned(),
        ];
        let mut command = network.command(&programs.join("kube-apiserver"));
        command.args(&arguments);
        let server = Process::start_in(folder, "kube-apiserver", command);
        http::install_tls();
        let client = Client::builder().no_proxy().danger_accept_invalid_certs(true).pool_max_idle_per_host(0);
        let client = client.build().expect("nothing in this configuration can fail");
        let mut cluster =
            Cluster { server, arguments, port, client, network: network.under(), _etcd: store, controllers: None };
        cluster.ready().await;
        let node = json!({"metadata": {"name": NODE}});
        cluster.call(Method::POST, "/api/v1/nodes", node).await.unwrap_or_else(|error| panic!("node: {error}"));
        let mut command = network.command(&programs.join("kube-controller-manager"));
        command.arg(format!("--kubeconfig={}", cluster.kubeconfig("controllers", ADMIN).display()));
        command.args([&format!("--controllers={CONTROLLERS}"), "--leader-elect=false", "--bind-address=127.0.0.1"]);
        command.arg(format!("--secure-port={}", port::free()));
        cluster.controllers = Some(Process::start("kube-controller-manager", command));
        cluster
    }

    /// A kubeconfig of someone with this token, trusting the server's own certificate.
    pub fn kubeconfig(&self, name: &str, token: &str) -> PathBuf {
        let folder = self.server.folder();
        let file = folder.join(format!("{name}.kubeconfig"));
        let cluster = json!({
            "server": format!("https://127.0.0.1:{}", self.port),
            "certificate-authority": folder.join("certificates/apiserver.crt"),
            "tls-server-name": "kubernetes.default.svc",
        });
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "test",
            "clusters": [{"name": "test", "cluster": cluster}],
            "users": [{"name": "test", "user": {"token": token}}],
            "contexts": [{"name": "test", "context": {"cluster": "test", "user": "test"}}],
        });
        std::fs::write(&file, config.to_string()).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        file
    }

    /// The kubeconfig of someone who may do everything.
    pub fn admin(&self) -> PathBuf {
        self.kubeconfig("admin", ADMIN)
    }

    /// Sends a request as someone who may do everything.
    pub async fn call(&self, method: Method, path: &str, body: Value) -> Result<Value, String> {
        let merges = method == Method::PATCH;
        let mut request = self.client.request(method, format!("https://127.0.0.1:{}{path}", self.port));
        request = request.bearer_auth(ADMIN);
        if !body.is_null() {
            let kind = if merges { "application/merge-patch+json" } else { "application/json" };
            request = request.header("content-type", kind).body(body.to_string());
        }
        http::send(request).await
    }

    /// Applies what a file has to the object at `path`, as `kubectl apply --server-side` does: a field that is not known is refused.
    pub async fn apply(&self, path: &str, text: &str) -> Result<Value, String> {
        let query = "fieldManager=kubectl&fieldValidation=Strict&force=true";
        let request = self.client.patch(format!("https://127.0.0.1:{}{path}?{query}", self.port)).bearer_auth(ADMIN);
        http::send(request.header("content-type", "application/apply-patch+yaml").body(text.to_owned())).await
    }

    /// What is at `path`.
    pub async fn get(&self, path: &str) -> Result<Value, String> {
        self.call(Method::GET, path, Value::Null).await
    }

    /// Creates an object of a namespace: `services`, `/apis/discovery.k8s.io/v1` and `endpointslices`, …
    pub async fn create(&self, api: &str, namespace: &str, kind: &str, object: Value) -> Value {
        let path = format!("{api}/namespaces/{namespace}/{kind}");
        let made = self.call(Method::POST, &path, object).await;
        made.unwrap_or_else(|error| panic!("POST {path}: {error}"))
    }

    /// Changes an object by a merge patch.
    pub async fn patch(&self, path: &str, patch: Value) {
        self.call(Method::PATCH, path, patch).await.unwrap_or_else(|error| panic!("PATCH {path}: {error}"));
    }

    /// Deletes an object at once.
    pub async fn delete(&self, path: &str) {
        let path = format!("{path}?gracePeriodSeconds=0");
        self.call(Method::DELETE, &path, Value::Null).await.unwrap_or_else(|error| panic!("DELETE {path}: {error}"));
    }

    /// A new namespace with these labels.
    pub async fn namespace(&self, name: &str, labels: Value) {
        let object = json!({"metadata": {"name": name, "labels": labels}});
        let made = self.call(Method::POST, "/api/v1/namespaces", object).await;
        made.unwrap_or_else(|error| panic!("namespace {name}: {error}"));
    }

    /// A pod that runs and is ready, at an address of the test's, as a kubelet would report it.
    pub async fn pod(&self, namespace: &str, name: &str, labels: Value, address: &str) {
        let spec = json!({"nodeName": NODE, "containers": [{"name": "one", "image": "none"}]});
        self.create("/api/v1", namespace, "pods", json!({"metadata": {"name": name, "labels": labels}, "spec": spec}))
            .await;
        self.pod_is(namespace, name, address, true).await;
    }

    /// Reports whether a pod is ready.
    pub async fn pod_is(&self, namespace: &str, name: &str, address: &str, ready: bool) {
        let ready = if ready { "True" } else { "False" };
        let status = json!({"status": {
            "phase": "Running", "podIP": address, "podIPs": [{"ip": address}],
            "conditions": [{"type": "Ready", "status": ready}],
        }});
        self.patch(&format!("/api/v1/namespaces/{namespace}/pods/{name}/status"), status).await;
    }

    /// A user with this token who may only do what `rules` (of a ClusterRole) say, everywhere.
    pub async fn allow(&self, user: &str, rules: Value) {
        let rbac = "/apis/rbac.authorization.k8s.io/v1";
        let role = json!({"metadata": {"name": user}, "rules": rules});
        let group = "rbac.authorization.k8s.io";
        let binding = json!({
            "metadata": {"name": user},
            "roleRef": {"apiGroup": group, "kind": "ClusterRole", "name": user},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        });
        for (kind, object) in [("clusterroles", role), ("clusterrolebindings", binding)] {
            let made = self.call(Method::POST, &format!("{rbac}/{kind}"), object).await;
            made.unwrap_or_else(|error| panic!("{kind} {user}: {error}"));
        }
    }

    /// Ends the API server with SIGKILL.
    pub fn kill(&self) {
        self.server.kill();
    }

    /// Starts the API server again, on the same data.
    pub async fn restart(&mut self) {
        let programs = named("PORTOLAN_TEST_KUBERNETES");
        let (nsenter, arguments) = self.network.split_first().expect("a command");
        let mut command = std::process::Command::new(nsenter);
        command.args(arguments).arg(programs.join("kube-apiserver")).args(&self.arguments);
        self.server.start_again(command);
        self.ready().await;
    }

    async fn ready(&self) {
        let ready = || self.call(Method::GET, "/readyz", Value::Null);
        self.server.until("/readyz answers", ready).await;
    }
}

/// Who may ask, and the key that signs service accounts' tokens.
fn keys(folder: &std::path::Path) {
    let mut tokens = format!("{ADMIN},admin,1,\"system:masters\"\n");
    for user in ["reader", "stranger"] {
        writeln!(tokens, "{user}-token,{user},{user}").expect("memory takes it");
    }
    std::fs::write(folder.join("tokens.csv"), tokens).unwrap_or_else(|error| panic!("tokens.csv: {error}"));
    let made = std::process::Command::new("openssl").args(["genrsa", "-out"]).arg(folder.join("accounts.key")).output();
    assert!(made.is_ok_and(|made| made.status.success()), "openssl makes no key: install Debian's openssl");
}
