//! A Kubernetes API server with its controllers, and no node: pods are objects, and what runs behind their addresses is the test's.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// Controllers that make slices of Services and pods, pods of workloads, and take away what is deleted.
const CONTROLLERS: &str = "endpointslice-controller,namespace-controller,garbage-collector-controller,\
    deployment-controller,replicaset-controller,statefulset-controller";

/// A running cluster.
pub struct Cluster {
    /// The API server.
    pub server: Process,
    arguments: Vec<String>,
    /// The port of the API server, on loopback.
    pub port: u16,
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
            "certificate-authority": self.certificate(),
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

    /// The certificate by which the API server is known.
    pub fn certificate(&self) -> PathBuf {
        self.server.folder().join("certificates/apiserver.crt")
    }

    /// A token of a service account, as a kubelet gets it for a pod.
    pub async fn token(&self, namespace: &str, account: &str) -> String {
        let path = format!("/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token");
        let made = self.call(Method::POST, &path, json!({"spec": {"expirationSeconds": 3600}})).await;
        let made = made.unwrap_or_else(|error| panic!("POST {path}: {error}"));
        made["status"]["token"].as_str().unwrap_or_else(|| panic!("no token: {made}")).to_owned()
    }

    /// An object or a list; panics where there is none.
    pub async fn object(&self, path: &str) -> Value {
        self.call(Method::GET, path, Value::Null).await.unwrap_or_else(|error| panic!("GET {path}: {error}"))
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

    /// Gives the node a pod that a controller made, as the scheduler would.
    pub async fn bind(&self, namespace: &str, pod: &str) {
        let binding = json!({"metadata": {"name": pod}, "target": {"kind": "Node", "name": NODE}});
        let path = format!("/api/v1/namespaces/{namespace}/pods/{pod}/binding");
        self.call(Method::POST, &path, binding).await.unwrap_or_else(|error| panic!("POST {path}: {error}"));
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

    /// The command, in the cluster's network.
    pub(crate) fn inside(&self, command: Command) -> Command {
        let (nsenter, arguments) = self.network.split_first().expect("a command");
        let mut inside = Command::new(nsenter);
        inside.args(arguments).arg(command.get_program()).args(command.get_args());
        for (name, value) in command.get_envs() {
            match value {
                Some(value) => inside.env(name, value),
                None => inside.env_remove(name),
            };
        }
        inside
    }

    /// Lets a user do what `rules` (of a Role) say, in one namespace.
    pub async fn allow_in(&self, namespace: &str, user: &str, rules: Value) {
        let group = "rbac.authorization.k8s.io";
        let role = json!({"metadata": {"name": user}, "rules": rules});
        let binding = json!({
            "metadata": {"name": user},
            "roleRef": {"apiGroup": group, "kind": "Role", "name": user},
            "subjects": [{"apiGroup": group, "kind": "User", "name": user}],
        });
        for (kind, object) in [("roles", role), ("rolebindings", binding)] {
            self.create(&format!("/apis/{group}/v1"), namespace, kind, object).await;
        }
    }

    /// Makes the kind of Knative's Services known, as far as clients need it.
    pub async fn knative(&self) {
        let schema = json!({"type": "object", "x-kubernetes-preserve-unknown-fields": true});
        let version = json!({
            "name": "v1", "served": true, "storage": true, "subresources": {"status": {}},
            "schema": {"openAPIV3Schema": schema},
        });
        let names = json!({"kind": "Service", "plural": "services", "singular": "service"});
        let spec =
            json!({"group": "serving.knative.dev", "scope": "Namespaced", "names": names, "versions": [version]});
        let object = json!({"metadata": {"name": "services.serving.knative.dev"}, "spec": spec});
        let made = self.call(Method::POST, "/apis/apiextensions.k8s.io/v1/customresourcedefinitions", object).await;
        made.unwrap_or_else(|error| panic!("the kind of Knative: {error}"));
        let path = "/apis/serving.knative.dev/v1/services";
        self.server.until("the kind is served", || self.call(Method::GET, path, Value::Null)).await;
    }

    /// Applies the published definition of `Upstream`, and waits until the server serves it.
    pub async fn define_upstreams(&self) {
        self.define_upstreams_with(|text| text).await;
    }

    /// The same, of the definition as `changed` makes it.
    pub async fn define_upstreams_with(&self, changed: impl FnOnce(String) -> String) {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kubernetes/crds/gloo.solo.io_upstreams.yaml");
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/upstreams.gloo.solo.io";
        self.apply(path, &changed(text)).await.unwrap_or_else(|error| panic!("the kind of Upstreams: {error}"));
        let path = "/apis/gloo.solo.io/v1/upstreams";
        self.server.until("the kind is served", || self.get(path)).await;
    }

    /// Ends the API server with SIGKILL.
    pub fn kill(&self) {
        self.server.kill();
    }

    /// Starts the API server again, on the same data.
    pub async fn restart(&mut self) {
        let mut command = Command::new(named("PORTOLAN_TEST_KUBERNETES").join("kube-apiserver"));
        command.args(&self.arguments);
        self.server.start_again(self.inside(command));
        self.ready().await;
    }

    async fn ready(&self) {
        let ready = || self.call(Method::GET, "/readyz", Value::Null);
        self.server.until("/readyz answers", ready).await;
    }
}

/// Who may ask, and the key that signs service accounts' tokens.
fn keys(folder: &Path) {
    let mut tokens = format!("{ADMIN},admin,1,\"system:masters\"\n");
    for user in ["reader", "stranger"] {
        writeln!(tokens, "{user}-token,{user},{user}").expect("memory takes it");
    }
    std::fs::write(folder.join("tokens.csv"), tokens).unwrap_or_else(|error| panic!("tokens.csv: {error}"));
    let made = Command::new("openssl").args(["genrsa", "-out"]).arg(folder.join("accounts.key")).output();
    assert!(made.is_ok_and(|made| made.status.success()), "openssl makes no key: install Debian's openssl");
}
