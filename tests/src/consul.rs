//! A Consul agent that is a server of its own data centre.

use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use reqwest::Method;
use serde_json::{Value, json};

use crate::{http, installed::named, port, process, process::Process};

/// How an agent is to be; the default is one of data centre `dc1` that keeps nothing and asks for no token.
#[derive(Default)]
pub struct Options<'a> {
    /// Its data centre, `dc1` when empty.
    pub datacenter: &'a str,
    /// An agent of another data centre to join: each then knows the other's services.
    pub join: Option<&'a Consul>,
    /// Nothing is allowed without a token; [`Consul::token`] is the one that may do everything.
    pub acl: bool,
    /// Keeps its data on disk, so that they are there after [`Consul::restart`]; takes seconds longer to
    /// start.
    pub kept: bool,
    /// The most connections that it takes from one address (200 when not set).
    pub connections: Option<u32>,
    /// More of its configuration: what stands here wins, by its top-level name.
    pub more: Value,
}

/// A running agent.
pub struct Consul {
    /// Its process.
    pub process: Process,
    /// The port of its HTTP API on 127.0.0.1.
    pub port: u16,
    /// The token of all rights; empty without ACLs.
    pub token: String,
    datacenter: String,
    wan: u16,
    dev: bool,
}

/// A token with a policy of its own.
pub struct Token {
    /// What a caller sends.
    pub secret: String,
    accessor: String,
    policy: Value,
}

impl Consul {
    /// An agent with nothing special.
    pub async fn start() -> Consul {
        Consul::with(Options::default()).await
    }

    /// An agent as one wants it, ready: it has a leader and knows its own node; joined agents answer for each
    /// other.
    pub async fn with(options: Options<'_>) -> Consul {
        let (port, wan) = (port::free(), port::free());
        let folder = process::folder("consul");
        let configuration = configuration(&options, port, wan).to_string();
        let file = folder.path().join("agent.json");
        std::fs::write(&file, configuration).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let dev = !options.kept;
        let process = Process::start_in(folder, "consul", command(dev));
        let datacenter = datacenter(&options).to_owned();
        let mut consul = Consul { process, port, token: String::new(), datacenter, wan, dev };
        consul.leader().await;
        if options.acl {
            consul.bootstrap().await;
        }
        consul.answers_for(&consul.datacenter).await;
        if let Some(other) = options.join {
            consul.answers_for(&other.datacenter).await;
            other.answers_for(&consul.datacenter).await;
        }
        consul
    }

    /// `127.0.0.1:PORT`, as `CONSUL_HTTP_ADDR` has it.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Registers a service, as the agent's API has it: `{"Name": …, "ID": …, "Port": …, "Check": …}`.
    pub async fn register(&self, service: Value) {
        self.put("/v1/agent/service/register", service).await;
    }

    /// Takes a service back, by its id.
    pub async fn deregister(&self, id: &str) {
        self.put(&format!("/v1/agent/service/deregister/{id}"), Value::Null).await;
    }

    /// Reports on a TTL check (a service's only one has the id `service:ID`): `passing`, `warning` or
    /// `critical`.
    pub async fn report(&self, check: &str, status: &str) {
        let path = format!("/v1/agent/check/update/{check}");
        self.put(&path, json!({"Status": status, "Output": "as told"})).await;
    }

    /// A new token with these rules, in HCL, such as `service_prefix "" { policy = "read" }`.
    pub async fn new_token(&self, rules: &str) -> Token {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("policy-{}", COUNT.fetch_add(1, Ordering::Relaxed));
        let policy = self.put("/v1/acl/policy", json!({"Name": name, "Rules": rules})).await;
        let token = self.put("/v1/acl/token", json!({"Policies": [{"ID": policy["ID"]}]})).await;
        Token { secret: text(&token["SecretID"]), accessor: text(&token["AccessorID"]), policy }
    }

    /// Changes what a token may do.
    pub async fn allow(&self, token: &Token, rules: &str) {
        let path = format!("/v1/acl/policy/{}", text(&token.policy["ID"]));
        self.put(&path, json!({"Name": token.policy["Name"], "Rules": rules})).await;
    }

    /// Makes a token unknown.
    pub async fn revoke(&self, token: &Token) {
        self.call(Method::DELETE, &format!("/v1/acl/token/{}", token.accessor), Value::Null).await;
    }

    /// GETs a path of the API with the token of all rights; panics on a failure.
    pub async fn get(&self, path: &str) -> Value {
        self.call(Method::GET, path, Value::Null).await
    }

    /// PUTs to the API with the token of all rights; panics on a failure.
    pub async fn put(&self, path: &str, body: Value) -> Value {
        self.call(Method::PUT, path, body).await
    }

    /// GETs a path with a token of the caller's (none where it is empty).
    pub async fn try_get(&self, path: &str, token: &str) -> Result<Value, String> {
        self.try_call(Method::GET, path, Value::Null, token).await
    }

    /// Ends it with SIGKILL, if it runs, and starts it again on the same ports, with its data if it keeps
    /// them.
    pub async fn restart(&mut self) {
        self.process.start_again(command(self.dev));
        self.leader().await;
        self.answers_for(&self.datacenter).await;
    }

    async fn leader(&self) {
        let led = || async {
            let leader = self.try_get("/v1/status/leader", "").await?;
            if text(&leader).is_empty() { Err("no leader yet".to_owned()) } else { Ok(()) }
        };
        self.process.until("it has a leader", led).await;
    }

    /// Makes the token of all rights; until Consul has left its start-up mode it refuses to.
    async fn bootstrap(&mut self) {
        let made = || self.try_call(Method::PUT, "/v1/acl/bootstrap", Value::Null, "");
        let token = self.process.until("ACLs are on", made).await;
        self.token = text(&token["SecretID"]);
        self.put("/v1/agent/token/agent", json!({"Token": self.token})).await;
    }

    async fn answers_for(&self, datacenter: &str) {
        let path = format!("/v1/catalog/service/consul?dc={datacenter}");
        let known = || async {
            let nodes = self.try_get(&path, &self.token).await?;
            let known = nodes.as_array().is_some_and(|nodes| !nodes.is_empty());
            if known { Ok(()) } else { Err("no node yet".to_owned()) }
        };
        self.process.until(&format!("it answers for {datacenter}"), known).await;
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Value {
        let answer = self.try_call(method.clone(), path, body, &self.token).await;
        answer.unwrap_or_else(|error| panic!("{method} {path} at Consul: {error}"))
    }

    async fn try_call(&self, method: Method, path: &str, body: Value, token: &str) -> Result<Value, String> {
        let mut request = http::client().request(method, format!("http://{}{path}", self.address()));
        if !token.is_empty() {
            request = request.header("X-Consul-Token", token);
        }
        // A string is the body as it is: a value of the key-value store.
        http::send(match body {
            Value::Null => request,
            Value::String(text) => request.body(text),
            body => request.json(&body),
        })
        .await
    }
}

fn command(dev: bool) -> Command {
    let mut command = Command::new(named("PORTOLAN_TEST_CONSUL"));
    command.args(["agent", "-config-file=agent.json"]);
    command.args(if dev { ["-dev"].as_slice() } else { &["-server", "-bootstrap", "-data-dir=data"] });
    for variable in ["CONSUL_HTTP_ADDR", "CONSUL_HTTP_TOKEN"] {
        command.env_remove(variable);
    }
    command
}

fn configuration(options: &Options<'_>, port: u16, wan: u16) -> Value {
    let datacenter = datacenter(options);
    let (server, lan) = (port::free(), port::free());
    let mut all = json!({
        "datacenter": datacenter,
        "node_name": format!("node-{datacenter}"),
        "bind_addr": "127.0.0.1",
        "client_addr": "127.0.0.1",
        "ports": {
            "http": port, "server": server, "serf_lan": lan, "serf_wan": wan,
            "dns": -1, "grpc": -1, "https": -1,
        },
        "disable_update_check": true,
        "leave_on_terminate": false,
        "performance": {"raft_multiplier": 1},
        "acl": {"enabled": options.acl, "default_policy": if options.acl { "deny" } else { "allow" }},
    });
    if options.acl {
        // An agent remembers what a token may do for 30 s otherwise.
        all["acl"]["token_ttl"] = json!("0s");
        all["acl"]["policy_ttl"] = json!("0s");
    }
    if let Some(other) = options.join {
        all["retry_join_wan"] = json!([format!("127.0.0.1:{}", other.wan)]);
        all["retry_interval_wan"] = json!("1s");
    }
    if let Some(connections) = options.connections {
        all["limits"] = json!({"http_max_conns_per_client": connections});
    }
    for (name, value) in options.more.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    all
}

fn datacenter<'a>(options: &Options<'a>) -> &'a str {
    if options.datacenter.is_empty() { "dc1" } else { options.datacenter }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
