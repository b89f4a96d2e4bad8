//! Measures how soon a daemon shows what happens in a Kubernetes cluster, against a real API server in a network of its own:
//!
//!     kubernetes_pace [ROUNDS]
//!
//! `PORTOLAN_TEST_BIN` names the daemon's binary (a release build, to be worth anything), `PORTOLAN_TEST_KUBERNETES` the servers.
//! Times go from the API server's answer to the change until the daemon shows it: medians, and the worst.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use harness::daemon::{Daemon, Options};
use harness::described::{Described, document};
use harness::kubernetes::Cluster;
use harness::network::{self, ADDRESSES};
use reqwest::Client;
use serde_json::{Value, json};

const PORT: u16 = 8080;
/// Services, and changes of one, in a burst.
const BURST: usize = 1_000;
/// Requests to the API server at a time.
const AT_ONCE: usize = 32;
/// How long the API server is away.
const OUTAGE: Duration = Duration::from_secs(60);
/// When something that does not come is given up.
const PATIENCE: Duration = Duration::from_secs(60);

fn main() {
    let rounds: usize = std::env::args().nth(1).map_or(20, |n| n.parse().expect("a number of rounds"));
    network::within(move |network| async move {
        let cluster = Cluster::start(&network).await;
        cluster.namespace("sea", json!({})).await;
        let argo = Described::start_at(at(1), "argo", document(&["sail"])).await;
        let fram = Described::start_at(at(2), "fram", document(&["sail"])).await;
        let environment = vec![("KUBECONFIG".to_owned(), cluster.admin().display().to_string())];
        let options = Options { environment, under: network.under(), ..Options::default() };
        let daemon = Daemon::launch(options, ["--source=kubernetes", "--workers=1"]);
        daemon.ready().await;
        let mut bench = Bench { cluster, daemon, client: Client::builder().no_proxy().build().expect("a client") };
        bench.services(rounds).await;
        bench.pods(rounds).await;
        bench.burst().await;
        bench.outage().await;
        drop((argo, fram));
    });
}

fn at(which: usize) -> SocketAddr {
    SocketAddr::new(ADDRESSES[which].parse().expect("an address"), PORT)
}

struct Bench {
    cluster: Cluster,
    daemon: Daemon,
    client: Client,
}

impl Bench {
    /// A Service with a slice is created, changed to another pod by its slice, and deleted.
    async fn services(&self, rounds: usize) {
        let [mut listed, mut callable, mut moved, mut gone] = [const { Vec::new() }; 4];
        for round in 0..rounds {
            let (name, upstream) = (format!("s{round}"), format!("sea-s{round}-80"));
            self.cluster.create("/apis/discovery.k8s.io/v1", "sea", "endpointslices", slice(&name, ADDRESSES[1])).await;
            self.cluster.create("/api/v1", "sea", "services", service(&name)).await;
            let since = Instant::now();
            let page = format!("{}/api/v1/upstreams/{upstream}", self.daemon.admin);
            listed.push(self.until(since, async || self.get(&page).await.0 == 200).await);
            callable.push(self.until(since, async || self.who(&upstream).await.as_deref() == Some("argo")).await);
            let path = format!("/apis/discovery.k8s.io/v1/namespaces/sea/endpointslices/{name}");
            self.cluster.patch(&path, json!({"endpoints": endpoints(ADDRESSES[2])})).await;
            let since = Instant::now();
            moved.push(self.until(since, async || self.who(&upstream).await.as_deref() == Some("fram")).await);
            self.cluster.delete(&format!("/api/v1/namespaces/sea/services/{name}")).await;
            let since = Instant::now();
            gone.push(self.until(since, async || self.who(&upstream).await.is_none()).await);
            self.cluster.delete(&path).await;
        }
        show("Service created: in the catalog", listed);
        show("Service created: its function found and called", callable);
        show("slice changed: routed to the other pod", moved);
        show("Service deleted: no longer routed", gone);
    }

    /// A pod behind a Service becomes ready, and no longer is; the slices are the controllers' work, whose time is in it.
    async fn pods(&self, rounds: usize) {
        let [mut ready, mut unready] = [const { Vec::new() }; 2];
        let mut ship = service("ship");
        ship["spec"]["selector"] = json!({"app": "ship"});
        self.cluster.create("/api/v1", "sea", "services", ship).await;
        self.cluster.pod("sea", "argo", json!({"app": "ship"}), ADDRESSES[1]).await;
        self.until(Instant::now(), async || self.who("sea-ship-80").await.is_some()).await;
        for _ in 0..rounds {
            self.cluster.pod_is("sea", "argo", ADDRESSES[1], false).await;
            unready.push(self.until(Instant::now(), async || self.who("sea-ship-80").await.is_none()).await);
            self.cluster.pod_is("sea", "argo", ADDRESSES[1], true).await;
            ready.push(self.until(Instant::now(), async || self.who("sea-ship-80").await.is_some()).await);
        }
        show("pod ready: called (with the controllers' time)", ready);
        show("pod not ready: no longer called (with the controllers' time)", unready);
    }

    /// Many Services at once, and many changes of one slice.
    async fn burst(&self) {
        let names: Vec<_> = (0..BURST).map(|n| format!("b{n}")).collect();
        let began = Instant::now();
        for some in names.chunks(AT_ONCE) {
            join_all(some.iter().map(|name| self.cluster.create("/api/v1", "sea", "services", service(name)))).await;
        }
        let (took, since) = (began.elapsed(), Instant::now());
        let page = format!("{}/api/v1/upstreams?limit=1&q=sea-b", self.daemon.admin);
        let all = async || self.get(&page).await.1["total"].as_u64().unwrap_or_default() >= BURST as u64;
        let behind = self.until(since, all).await;
        println!("{BURST} Services in {took:.2?}: all in the catalog {behind:.1?} later");

        self.cluster.create("/apis/discovery.k8s.io/v1", "sea", "endpointslices", slice("b0", ADDRESSES[1])).await;
        let path = "/apis/discovery.k8s.io/v1/namespaces/sea/endpointslices/b0";
        let began = Instant::now();
        for n in 0..BURST / AT_ONCE {
            let ready = |of: usize| json!({"endpoints": endpoints(ADDRESSES[1 + of % 2])});
            join_all((0..AT_ONCE).map(|m| self.cluster.patch(path, ready(n + m)))).await;
        }
        self.cluster.patch(path, json!({"endpoints": endpoints(ADDRESSES[2])})).await;
        let (took, since) = (began.elapsed(), Instant::now());
        let behind = self.until(since, async || self.who("sea-b0-80").await.as_deref() == Some("fram")).await;
        println!("{BURST} changes of a slice in {took:.2?}: the last one routed {behind:.1?} later");
    }

    /// The API server is away, and what is known goes on; what happens after is seen.
    async fn outage(&mut self) {
        let page = format!("{}/api/v1/upstreams?limit=1", self.daemon.admin);
        let known = self.get(&page).await.1["total"].clone();
        self.cluster.kill();
        let (began, mut calls, mut failed) = (Instant::now(), 0, 0);
        while began.elapsed() < OUTAGE {
            calls += 1;
            failed += usize::from(self.who("sea-ship-80").await.as_deref() != Some("argo"));
        }
        let after = self.get(&page).await.1["total"].clone();
        println!(
            "API server away for {OUTAGE:?}: {failed} of {calls} calls failed; {known} upstreams before, {after} after"
        );
        self.cluster.restart().await;
        self.cluster.create("/api/v1", "sea", "services", service("late")).await;
        let since = Instant::now();
        let page = format!("{}/api/v1/upstreams/sea-late-80", self.daemon.admin);
        let seen = self.until(since, async || self.get(&page).await.0 == 200).await;
        println!("API server back: a new Service is in the catalog {seen:.1?} later");
    }

    async fn until(&self, since: Instant, fact: impl AsyncFn() -> bool) -> Duration {
        while !fact().await {
            assert!(since.elapsed() < PATIENCE, "it does not come");
        }
        since.elapsed()
    }

    /// The pod that answers the upstream's function.
    async fn who(&self, upstream: &str) -> Option<String> {
        let (status, body) = self.get(&self.daemon.url(upstream, "sail")).await;
        (status == 200).then(|| body["service"].as_str().unwrap_or_default().to_owned())
    }

    async fn get(&self, url: &str) -> (u16, Value) {
        let answer = self.client.get(url).send().await.expect("the daemon answers");
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or_default())
    }
}

fn service(name: &str) -> Value {
    json!({"metadata": {"name": name}, "spec": {"ports": [{"name": "http", "port": 80, "targetPort": PORT}]}})
}

fn slice(service: &str, address: &str) -> Value {
    json!({
        "metadata": {"name": service, "labels": {"kubernetes.io/service-name": service}},
        "addressType": "IPv4", "endpoints": endpoints(address), "ports": [{"name": "http", "port": PORT}],
    })
}

fn endpoints(address: &str) -> Value {
    json!([{"addresses": [address], "conditions": {"ready": true}}])
}

fn show(what: &str, mut times: Vec<Duration>) {
    times.sort();
    let (median, worst) = (times[times.len() / 2], times[times.len() - 1]);
    println!("{what}: {median:.1?} median, {worst:.1?} at most, of {}", times.len());
}
