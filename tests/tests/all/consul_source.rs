//! The Consul source against real agents: what it tells the catalog when services, checks, rights, data and agents come and go.
//! The catalog is played here, so that each report is seen; figures are printed, not asserted.

mod catalog;

use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::catalog::model::{Health, SourceId};
use ::catalog::report::Listed;
use discovery::sources::consul::{InUse, Settings};
use harness::consul::{Consul, Options};
use harness::installed::named;
use harness::process::{self, Process};
use harness::{http, port, wait};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinSet;

use catalog::Played;

/// A source that is run, and run again whenever it breaks, until it is dropped.
struct Running {
    catalog: Arc<Played>,
    in_use: watch::Sender<InUse>,
    _tasks: JoinSet<()>,
}

impl Running {
    /// Watches the agent with `token`.
    fn start(consul: &Consul, token: &str) -> Self {
        Self::with(&consul.address(), &[("CONSUL_HTTP_TOKEN", token)])
    }

    /// Watches the agent at `address`, in this environment.
    fn with(address: &str, environment: &[(&str, &str)]) -> Self {
        http::install_tls();
        let variable = |name: &str| environment.iter().find(|(known, _)| *known == name).map(|(_, v)| (*v).to_owned());
        let settings = Settings::from_environment(Some(address), variable);
        let (in_use, receiver) = watch::channel(InUse::default());
        let source = discovery::sources::consul::Consul::new(
            SourceId::new("consul", ""),
            settings.expect("an address of ours"),
            receiver,
        );
        let catalog = Arc::new(Played::default());
        let mut tasks = JoinSet::new();
        let told = catalog.clone();
        tasks.spawn(async move {
            let mut again = tokio::time::interval(Duration::from_millis(200));
            loop {
                again.tick().await;
                let Err(error) = source.tell(&*told).await;
                told.broken(error.to_string());
            }
        });
        Self { catalog, in_use, _tasks: tasks }
    }

    /// Waits until the catalog lists what `fact` asks for.
    async fn until(&self, what: &str, fact: impl Fn(&catalog::State) -> bool) {
        self.catalog.until(what, fact).await;
    }
}

/// How many endpoints of a service may be called; `None` where it is not listed.
fn healthy(state: &catalog::State, service: &str) -> Option<usize> {
    Some(usable(state.listed.get(service)?).count())
}

fn usable(listed: &Listed) -> impl Iterator<Item = &::catalog::model::Endpoint> {
    listed.endpoints.iter().filter(|e| e.health == Health::Healthy)
}

fn instance(service: &str, id: &str, port: u16) -> Value {
    let check = json!({"CheckID": format!("service:{id}"), "TTL": "1h", "Status": "passing"});
    json!({"Name": service, "ID": id, "Address": "127.0.0.1", "Port": port, "Tags": ["v=1"], "Check": check})
}

/// The median and the longest.
fn figures(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let (median, longest) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{what}: median {median:.1?}, longest {longest:.1?}, of {}", times.len());
}

#[tokio::test]
async fn services_and_checks_come_and_go() {
    let consul = Consul::start().await;
    // Changes go to the catalog itself: an agent loses one that is made while it still tells the catalog of the one before.
    transaction(&consul, vec![json!({"Node": {"Verb": "set", "Node": {"Node": node(0), "Address": "127.0.0.1"}}})])
        .await;
    let running = Running::start(&consul, "");
    running.until("the first full list", |state| state.full == 1).await;
    let [mut registered, mut failed, mut passed, mut gone] = [const { Vec::new() }; 4];
    for n in 0..20 {
        let name = service(n);
        let began = Instant::now();
        transaction(&consul, vec![registration(n, 0), check(n, 0, "passing")]).await;
        running.until("it is listed", |state| healthy(state, &name) == Some(1)).await;
        registered.push(began.elapsed());

        let began = Instant::now();
        transaction(&consul, vec![check(n, 0, if n % 2 == 0 { "critical" } else { "warning" })]).await;
        running.until("it is out", |state| healthy(state, &name) == Some(0)).await;
        failed.push(began.elapsed());

        let began = Instant::now();
        transaction(&consul, vec![check(n, 0, "passing")]).await;
        running.until("it is in", |state| healthy(state, &name) == Some(1)).await;
        passed.push(began.elapsed());

        let began = Instant::now();
        deregister(&consul, n, 0).await;
        running.until("it is gone", |state| !state.listed.contains_key(&*name)).await;
        gone.push(began.elapsed());
    }
    figures("registered", registered);
    figures("a check fails", failed);
    figures("a check passes", passed);
    figures("deregistered", gone);
    assert_eq!(running.catalog.broken_with(), None);
}

#[tokio::test]
async fn instances_of_one_service_come_and_go() {
    let consul = Consul::start().await;
    consul.register(instance("fleet", "fleet-0", 4_000)).await;
    let running = Running::start(&consul, "");
    running.until("the first full list", |state| healthy(state, "fleet") == Some(1)).await;
    for in_use in [false, true] {
        if in_use {
            running.in_use.send_replace(Arc::from([Arc::from("fleet")]));
        }
        let mut times = Vec::new();
        for n in 1..20 {
            let began = Instant::now();
            consul.register(instance("fleet", &format!("fleet-{n}"), 4_000 + n)).await;
            running.until("it is in", |state| healthy(state, "fleet") == Some(2)).await;
            times.push(began.elapsed());
            let began = Instant::now();
            consul.deregister(&format!("fleet-{n}")).await;
            running.until("it is out", |state| healthy(state, "fleet") == Some(1)).await;
            times.push(began.elapsed());
        }
        figures(if in_use { "instances of a service in use" } else { "instances of another service" }, times);
    }
}

#[tokio::test]
async fn maintenance_of_a_node_takes_all_its_services_out() {
    let consul = Consul::start().await;
    for name in ["ship", "ferry"] {
        consul.register(instance(name, name, 4_000)).await;
    }
    let running = Running::start(&consul, "");
    let both = |state: &catalog::State, wanted| ["ship", "ferry"].iter().all(|s| healthy(state, s) == Some(wanted));
    running.until("both are in", |state| both(state, 1)).await;
    consul.put("/v1/agent/maintenance?enable=true", Value::Null).await;
    running.until("both are out", |state| both(state, 0)).await;
    consul.put("/v1/agent/maintenance?enable=false", Value::Null).await;
    running.until("both are in again", |state| both(state, 1)).await;
}

/// Services of the large catalog, and instances of each: one on each of as many nodes.
const SERVICES: usize = 500;
const INSTANCES: usize = 15;
/// What the source promises to the agent.
const CONNECTIONS: usize = 128;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_catalog_takes_few_connections() {
    let consul = Consul::start().await;
    fill(&consul).await;
    let (most, mut counted) = (Arc::new(watch::Sender::new(0)), JoinSet::new());
    let (port, count) = (consul.port, most.clone());
    counted.spawn(async move {
        let mut often = tokio::time::interval(Duration::from_millis(5));
        loop {
            often.tick().await;
            let now = connections(port);
            count.send_modify(|most| *most = now.max(*most));
        }
    });
    let began = Instant::now();
    let running = Running::start(&consul, "");
    running.until("the first full list", |state| state.listed.len() == SERVICES).await;
    println!("{SERVICES} services of {INSTANCES} instances are read within {:.1?}", began.elapsed());
    running.until("all are in", |state| state.listed.values().all(|l| usable(l).count() == INSTANCES)).await;
    running.in_use.send_replace((0..150).map(|n| Arc::from(service(n))).collect());

    for (what, range) in [("in use", 0..20), ("not in use", 300..320)] {
        let mut times = Vec::new();
        for n in range {
            let name = service(n);
            let began = Instant::now();
            transaction(&consul, vec![check(n, 3, "critical")]).await;
            running.until("it is out", |state| healthy(state, &name) == Some(INSTANCES - 1)).await;
            times.push(began.elapsed());
        }
        figures(&format!("a check of a service {what} fails among {SERVICES}"), times);
    }
    let mut times = Vec::new();
    for n in 400..410 {
        let name = service(n);
        let began = Instant::now();
        deregister(&consul, n, 3).await;
        running.until("it is out", |state| healthy(state, &name) == Some(INSTANCES - 1)).await;
        times.push(began.elapsed());
    }
    figures(&format!("an instance of a service not in use goes among {SERVICES}"), times);
    let most = *most.borrow();
    println!("at most {most} connections");
    assert!(most > 100, "the services in use have no queries of their own: {most} connections");
    assert!(most <= CONNECTIONS, "{most} connections");
    assert_eq!(running.catalog.broken_with(), None);
}

async fn fill(consul: &Consul) {
    let mut changes: Vec<Value> = (0..INSTANCES)
        .map(|at| json!({"Node": {"Verb": "set", "Node": {"Node": node(at), "Address": format!("127.0.1.{at}")}}}))
        .collect();
    for (n, at) in (0..SERVICES).flat_map(|n| (0..INSTANCES).map(move |at| (n, at))) {
        changes.push(registration(n, at));
        changes.push(check(n, at, "passing"));
    }
    transaction(consul, changes).await;
}

async fn transaction(consul: &Consul, changes: Vec<Value>) {
    for some in changes.chunks(64) {
        consul.put("/v1/txn", json!(some)).await;
    }
}

fn service(n: usize) -> String {
    format!("service-{n:03}")
}

fn node(at: usize) -> String {
    format!("host-{at}")
}

fn registration(n: usize, at: usize) -> Value {
    let registered = json!({"ID": service(n), "Service": service(n), "Port": 1_000 + n, "Tags": ["team=sea"]});
    json!({"Service": {"Verb": "set", "Node": node(at), "Service": registered}})
}

async fn deregister(consul: &Consul, n: usize, at: usize) {
    consul.put("/v1/catalog/deregister", json!({"Node": node(at), "ServiceID": service(n)})).await;
}

fn check(n: usize, at: usize, status: &str) -> Value {
    let id = format!("check-{n}");
    let check = json!({"Node": node(at), "CheckID": id, "Name": id, "Status": status, "ServiceID": service(n)});
    json!({"Check": {"Verb": "set", "Check": check}})
}

/// The connections of this machine to a port of its own, as the kernel lists them.
fn connections(port: u16) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").expect("a Linux machine");
    let place = format!("0100007F:{port:04X}");
    let established = |line: &&str| {
        let mut fields = line.split_whitespace().skip(2);
        fields.next() == Some(&*place) && fields.next() == Some("01")
    };
    table.lines().filter(established).count()
}

#[tokio::test]
async fn nothing_goes_while_the_agent_is_away() {
    let mut consul = Consul::with(Options { kept: true, ..Options::default() }).await;
    consul.register(instance("ship", "ship-1", 4_000)).await;
    let running = Running::start(&consul, "");
    running.until("it is listed", |state| healthy(state, "ship") == Some(1)).await;
    consul.process.kill();
    running.until("the source breaks", |state| state.broken.is_some()).await;
    consul.restart().await;
    running.until("a fresh full list", |state| state.full >= 2).await;
    consul.register(instance("ferry", "ferry-1", 4_001)).await;
    running.until("it goes on", |state| healthy(state, "ferry") == Some(1)).await;
    assert!(running.catalog.never_lost("ship"));
}

#[tokio::test]
async fn nothing_goes_when_the_agent_has_lost_its_data() {
    let mut consul = Consul::start().await;
    for n in 0..5 {
        consul.register(instance(&format!("ship-{n}"), &format!("ship-{n}"), 4_000)).await;
    }
    let running = Running::start(&consul, "");
    running.until("they are listed", |state| state.listed.len() == 5).await;
    consul.restart().await;
    running.until("a fresh full list", |state| state.full >= 2).await;
    consul.register(instance("ship-0", "ship-0", 5_000)).await;
    let back = |state: &catalog::State| state.listed["ship-0"].endpoints[0].address.port() == 5_000;
    running.until("one is back elsewhere", back).await;
    consul.deregister("ship-0").await;
    running.until("what went after it had come back is gone", |state| !state.listed.contains_key("ship-0")).await;
    assert!((1..5).all(|n| running.catalog.never_lost(&format!("ship-{n}"))));
}

const READ_ALL: &str = r#"service_prefix "" { policy = "read" } node_prefix "" { policy = "read" }"#;

#[tokio::test]
async fn nothing_goes_while_the_token_has_no_rights() {
    let consul = Consul::with(Options { acl: true, ..Options::default() }).await;
    for n in 0..5 {
        consul.register(instance(&format!("ship-{n}"), &format!("ship-{n}"), 4_000)).await;
    }
    let token = consul.new_token(READ_ALL).await;
    let running = Running::start(&consul, &token.secret);
    running.until("they are listed", |state| state.listed.len() == 5).await;
    consul.allow(&token, "").await;
    // Consul wakes no query for lost rights: the next change does.
    consul.report("service:ship-1", "critical").await;
    running
        .until("the source says why", |state| state.broken.as_deref().is_some_and(|e| e.contains("service:read")))
        .await;
    assert!((0..5).all(|n| running.catalog.never_lost(&format!("ship-{n}"))));
    consul.allow(&token, READ_ALL).await;
    running.until("it goes on", |state| state.full >= 2 && healthy(state, "ship-1") == Some(0)).await;
    consul.revoke(&token).await;
    consul.report("service:ship-1", "passing").await;
    let unknown = |state: &catalog::State| state.broken.as_deref().is_some_and(|e| e.contains("ACL not found"));
    running.until("an unknown token is told as such", unknown).await;
    assert!((0..5).all(|n| running.catalog.never_lost(&format!("ship-{n}"))));
    assert!(!running.catalog.all_text().contains(&token.secret), "the token shows");
}

#[tokio::test]
async fn nothing_goes_when_the_token_has_fewer_rights() {
    let consul = Consul::with(Options { acl: true, ..Options::default() }).await;
    for n in 0..5 {
        consul.register(instance(&format!("ship-{n}"), &format!("ship-{n}"), 4_000)).await;
    }
    let token = consul.new_token(READ_ALL).await;
    let running = Running::start(&consul, &token.secret);
    running.until("they are listed", |state| state.listed.len() == 5).await;
    let rules = r#"service "consul" { policy = "read" } service_prefix "ship" { policy = "read" }
        service "ship-4" { policy = "deny" } node_prefix "" { policy = "read" }"#;
    consul.allow(&token, rules).await;
    consul.register(instance("ship-5", "ship-5", 4_000)).await;
    running.until("one of five is doubted", |state| state.doubted.iter().any(|name| &**name == "ship-4")).await;
    consul.allow(&token, READ_ALL).await;
    // A query that waits is answered with the rights that were at its beginning; the one after knows more.
    for name in ["ship-6", "ship-7"] {
        consul.register(instance(name, name, 4_000)).await;
        running.until("it is listed", |state| healthy(state, name) == Some(1)).await;
    }
    running.until("none is doubted", |state| state.doubted.is_empty()).await;
    assert!((0..5).all(|n| running.catalog.never_lost(&format!("ship-{n}"))));
}

#[tokio::test]
async fn the_local_data_centre_comes_first() {
    let one = Consul::start().await;
    let two = Consul::with(Options { datacenter: "dc2", join: Some(&one), ..Options::default() }).await;
    one.register(instance("ship", "ship-1", 4_001)).await;
    two.register(instance("ship", "ship-2", 4_002)).await;
    two.register(instance("ferry", "ferry-2", 4_003)).await;
    let running = Running::start(&one, "");
    let priorities = |state: &catalog::State| -> Vec<(u16, u8)> {
        state
            .listed
            .get("ship")
            .map_or(Vec::new(), |l| l.endpoints.iter().map(|e| (e.address.port(), e.priority)).collect())
    };
    running.until("both are one", |state| priorities(state) == [(4_001, 0), (4_002, 1)]).await;
    running.until("the other's own is listed", |state| healthy(state, "ferry") == Some(1)).await;
    two.report("service:ship-2", "critical").await;
    running.until("a check of the other one counts", |state| healthy(state, "ship") == Some(1)).await;
    two.process.kill();
    one.deregister("ship-1").await;
    running.until("what is local goes on", |state| priorities(state) == [(4_002, 1)]).await;
    running.until("the other's failure is told", |state| state.parts.contains_key("dc2")).await;
    assert!(running.catalog.never_lost("ferry"));
}

#[tokio::test]
async fn a_data_centre_that_joins_later_is_watched() {
    let one = Consul::start().await;
    one.register(instance("ship", "ship-1", 4_001)).await;
    let settled = |state: &catalog::State| healthy(state, "ship") == Some(1);
    let running = Running::start(&one, "");
    running.until("the first is listed", settled).await;
    let two = Consul::with(Options { datacenter: "dc2", join: Some(&one), ..Options::default() }).await;
    two.register(instance("ferry", "ferry-2", 4_003)).await;
    wait::until("the other is listed", Duration::from_secs(45), || async {
        let state = running.catalog.now();
        if healthy(&state, "ferry") == Some(1) { Ok(()) } else { Err("not yet") }
    })
    .await;
    assert!(running.catalog.never_lost("ship"));
}

#[tokio::test]
async fn tls_is_made_as_the_environment_says() {
    let folder = process::folder("consul-tls");
    let path = |file: &str| folder.path().join(file).display().to_string();
    let run = |arguments: &[&str]| {
        let done = Command::new(named("PORTOLAN_TEST_CONSUL")).args(arguments).current_dir(folder.path()).output();
        assert!(done.as_ref().is_ok_and(|done| done.status.success()), "{arguments:?}: {done:?}");
    };
    run(&["tls", "ca", "create"]);
    run(&["tls", "cert", "create", "-server", "-dc", "dc1"]);
    run(&["tls", "cert", "create", "-client", "-dc", "dc1"]);
    let [http, https, server, lan, wan] = std::array::from_fn(|_| port::free());
    let configuration = json!({
        "ports": {"http": http, "https": https, "server": server, "serf_lan": lan, "serf_wan": wan, "dns": -1, "grpc": -1},
        "bind_addr": "127.0.0.1", "ca_file": path("consul-agent-ca.pem"), "verify_incoming_https": true,
        "cert_file": path("dc1-server-consul-0.pem"), "key_file": path("dc1-server-consul-0-key.pem"),
    });
    std::fs::write(path("agent.json"), configuration.to_string()).expect("a folder of ours");
    let mut command = Command::new(named("PORTOLAN_TEST_CONSUL"));
    command.args(["agent", "-dev", "-config-file", &path("agent.json")]);
    let _agent = Process::start("consul-tls", command);

    let (ca, certificate, key) =
        (path("consul-agent-ca.pem"), path("dc1-client-consul-0.pem"), path("dc1-client-consul-0-key.pem"));
    let identity = [("CONSUL_CLIENT_CERT", &*certificate), ("CONSUL_CLIENT_KEY", &*key)];
    let address = format!("https://127.0.0.1:{https}");
    let check = async |more: &[(&str, &str)], fault: Option<&str>| {
        let running = Running::with(&address, &[more, &identity].concat());
        let met = |state: &catalog::State| match fault {
            None => state.full == 1,
            Some(part) => state.broken.as_deref().is_some_and(|error| error.contains(part)),
        };
        running.until(&format!("{more:?}: {fault:?}"), met).await;
    };
    check(&[("CONSUL_CACERT", &ca)], None).await;
    check(&[("CONSUL_CACERT", &ca), ("CONSUL_TLS_SERVER_NAME", "server.dc1.consul")], None).await;
    check(&[("CONSUL_HTTP_SSL_VERIFY", "false")], None).await;
    check(&[("CONSUL_CACERT", &ca), ("CONSUL_TLS_SERVER_NAME", "server.dc2.consul")], Some("not valid for name")).await;
    check(&[], Some("UnknownIssuer")).await;
    let without = Running::with(&address, &[("CONSUL_CACERT", &ca)]);
    without.until("a client must show who it is", |state| state.broken.is_some()).await;
}
