//! What the catalog is told of what watches say.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use catalog::Snapshot;
use catalog::model::SourceId;
use kube::Client;
use kube::runtime::watcher::Config;
use tokio::sync::{mpsc, watch as channel};
use tokio_stream::wrappers::ReceiverStream;

use super::objects::{ready, service, slice};
use crate::documents::Documents;
use crate::sources::hosts;
use crate::sources::kubernetes::config_maps::{self, ConfigMaps};
use crate::sources::kubernetes::limits;
use crate::sources::kubernetes::map::{Service, Slice};
use crate::sources::kubernetes::publish::{Beside, NAMESPACES, Publisher, SERVICES, SLICES};
use crate::sources::kubernetes::view::{Part, Says, View};
use crate::sources::kubernetes::watch::{Name, Said, gone};
use crate::testing::{Bench, Disk, addresses, pass};
use crate::{Reports, SourceError};

/// What three watches say.
struct Cluster(mpsc::Sender<(Name, Said)>);

impl Cluster {
    async fn says(&self, watch: &str, said: Said) {
        assert!(self.0.send((watch.into(), said)).await.is_ok(), "the run goes on");
    }

    async fn put<P: Part + Send + 'static>(&self, watch: &str, key: String, now: Option<P>) {
        let change = Said::Change(Box::new(move |view| P::put(now, &key.into(), view)));
        self.says(watch, change).await;
    }

    async fn service(&self, name: &str, port: u16) {
        let ports = serde_json::json!({"ports": [{"port": port, "name": "web"}]});
        self.put(SERVICES, format!("shop/{name}"), Some(service(name, ports, serde_json::json!({})))).await;
    }

    async fn slice(&self, of: &str, address: &str) {
        let now = slice(of, "IPv4", serde_json::json!([{"port": 8080, "name": "web"}]), ready(&[address]));
        self.put::<Slice>(SLICES, format!("shop/{of}-x"), now).await;
    }

    /// All of `names` were told of, and there is nothing else.
    async fn listed(&self, watch: &str, names: &[&str]) {
        let keys: HashSet<Arc<str>> = names.iter().map(|name| format!("shop/{name}").into()).collect();
        let change = match watch {
            SERVICES => gone::<Service>(watch.into(), keys),
            SLICES => gone::<Slice>(watch.into(), keys),
            _ => gone::<Says>(watch.into(), keys),
        };
        self.says(watch, Said::Listed(change)).await;
    }

    async fn fails(&self, watch: &str) {
        self.says(watch, Said::Failed(format!("{watch} is forbidden"))).await;
    }
}

/// A client of a server that is asked nothing.
fn nobody() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::try_from(kube::Config::new("http://127.0.0.1:9".parse().unwrap())).unwrap()
}

/// Runs a publisher while `script` goes on: why it ended by itself, if it did.
async fn play(bench: &Bench, script: impl AsyncFnOnce(Cluster)) -> Option<SourceError> {
    let reports = Reports::new(bench.catalog.clone(), SourceId::new("kubernetes", ""));
    let (says, said) = mpsc::channel(2 * limits::BURST);
    let names = [SERVICES, SLICES, NAMESPACES].map(Name::from);
    let (scope, none) = (Arc::default(), ConfigMaps::new(Documents::default(), ""));
    let beside = Beside {
        hosts: hosts::Names::new(hosts::system()),
        config_maps: config_maps::Watches::new(nobody(), Config::default()),
        secrets: channel::Sender::default(),
    };
    let view = View::new(&scope, none, "s".into());
    let run = Publisher::new(&reports, names.into(), scope, view, beside).publish(ReceiverStream::new(said));
    tokio::select! {
        ended = run => ended.err(),
        () = script(Cluster(says)) => None,
    }
}

fn is_at(name: &'static str, wanted: &'static [&'static str]) -> impl Fn(&Snapshot) -> bool {
    move |snapshot| addresses(snapshot, name).is_some_and(|at| at == wanted)
}

/// A run that lists two Services, as it is told of in another.
async fn earlier(bench: &Bench) {
    let ended = play(bench, async |cluster: Cluster| {
        cluster.service("cart", 80).await;
        cluster.service("pay", 80).await;
        cluster.slice("cart", "10.0.0.1").await;
        cluster.listed(SERVICES, &["cart", "pay"]).await;
        cluster.listed(SLICES, &["cart-x"]).await;
        cluster.listed(NAMESPACES, &[]).await;
        bench.wait(is_at("shop-cart-80", &["10.0.0.1:8080"])).await;
    });
    assert!(ended.await.is_none());
}

#[tokio::test(start_paused = true)]
async fn endpoints_that_cannot_be_read_stay_as_they_were() {
    let bench = Bench::new().await;
    earlier(&bench).await;
    let ended = play(&bench, async |cluster: Cluster| {
        cluster.service("cart", 80).await;
        cluster.service("new", 80).await;
        cluster.fails(SLICES).await;
        cluster.fails(NAMESPACES).await;
        cluster.listed(SERVICES, &["cart", "new"]).await;
        bench.wait(is_at("shop-new-80", &[])).await;
        assert!(is_at("shop-cart-80", &["10.0.0.1:8080"])(&bench.catalog.snapshot()));
        assert!(addresses(&bench.catalog.snapshot(), "shop-pay-80").is_none(), "Services were read");
        // Now they can be read.
        cluster.slice("new", "10.0.0.2").await;
        cluster.listed(SLICES, &["new-x"]).await;
        bench.wait(is_at("shop-new-80", &["10.0.0.2:8080"])).await;
        bench.wait(is_at("shop-cart-80", &[])).await;
    });
    assert!(ended.await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_watch_that_hangs_hides_services_for_a_moment_only() {
    let bench = Bench::new().await;
    let ended = play(&bench, async |cluster: Cluster| {
        cluster.listed(NAMESPACES, &[]).await;
        cluster.service("cart", 80).await;
        cluster.listed(SERVICES, &["cart"]).await;
        let began = tokio::time::Instant::now();
        bench.wait(is_at("shop-cart-80", &[])).await;
        assert!(began.elapsed() >= limits::READING);
    });
    assert!(ended.await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_changes_is_told_of_as_one() {
    let bench = Bench::new().await;
    earlier(&bench).await;
    let ended = play(&bench, async |cluster: Cluster| {
        for watch in [SERVICES, SLICES, NAMESPACES] {
            cluster.listed(watch, &["cart", "pay"]).await;
        }
        cluster.service("cart", 80).await;
        bench.wait(is_at("shop-cart-80", &[])).await;
        let before = bench.catalog.generation();
        for change in 0..1_000 {
            cluster.slice("cart", &format!("10.0.0.{}", change % 200)).await;
        }
        bench.wait(is_at("shop-cart-80", &["10.0.0.199:8080"])).await;
        let generations = bench.catalog.generation() - before;
        // A hundred or so at a time, as they come.
        assert!(generations <= 20, "{generations} for 1,000 changes");
    });
    assert!(ended.await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_list_of_services_that_lost_most_of_them_is_held_back() {
    let bench = Bench::new().await;
    let names: Vec<_> = (0..12).map(|n| format!("s{n}")).collect();
    let ended = play(&bench, async |cluster: Cluster| {
        for name in &names {
            cluster.service(name, 80).await;
        }
        for watch in [SLICES, NAMESPACES] {
            cluster.listed(watch, &[]).await;
        }
        cluster.listed(SERVICES, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
        bench.wait(|snapshot| snapshot.upstream_count() == 12).await;
        cluster.listed(SERVICES, &["s0"]).await;
        pass(Duration::from_secs(60)).await;
        assert_eq!(bench.catalog.snapshot().upstream_count(), 12, "it is doubted");
        pass(Duration::from_secs(300)).await;
        assert_eq!(bench.catalog.snapshot().upstream_count(), 1, "it said so for five minutes");
    });
    assert!(ended.await.is_none());
}

#[tokio::test(start_paused = true)]
async fn a_store_that_refuses_is_told_again_and_endpoints_go_on() {
    let disk = Arc::new(Disk::default());
    let bench = Bench::on(disk.clone()).await;
    earlier(&bench).await;
    let ended = play(&bench, async |cluster: Cluster| {
        cluster.service("cart", 80).await;
        cluster.service("pay", 80).await;
        cluster.listed(SERVICES, &["cart", "pay"]).await;
        cluster.slice("cart", "10.0.0.1").await;
        cluster.listed(SLICES, &["cart-x"]).await;
        cluster.listed(NAMESPACES, &[]).await;
        pass(Duration::from_secs(1)).await;
        disk.is_full.store(true, Ordering::Relaxed);
        cluster.service("new", 80).await;
        pass(Duration::from_secs(10)).await;
        assert!(addresses(&bench.catalog.snapshot(), "shop-new-80").is_none());
        cluster.slice("cart", "10.0.0.9").await;
        bench.wait(is_at("shop-cart-80", &["10.0.0.9:8080"])).await;
        disk.is_full.store(false, Ordering::Relaxed);
        bench.wait(is_at("shop-new-80", &[])).await;
    });
    assert!(ended.await.is_none());
}

#[tokio::test(start_paused = true)]
async fn without_services_a_run_is_soon_over_and_without_the_rest_it_goes_on() {
    let bench = Bench::new().await;
    earlier(&bench).await;
    let first = play(&bench, async |cluster: Cluster| {
        cluster.fails(SERVICES).await;
        std::future::pending().await
    });
    assert!(first.await.unwrap().to_string().contains("services is forbidden"), "there is nothing to tell");
    let later = play(&bench, async |cluster: Cluster| {
        for watch in [SERVICES, SLICES, NAMESPACES] {
            cluster.listed(watch, &["cart", "pay", "cart-x"]).await;
        }
        for _ in 0..100 {
            cluster.fails(SLICES).await;
            pass(Duration::from_secs(10)).await;
        }
        cluster.fails(SERVICES).await;
        pass(limits::BLIND / 2).await;
        cluster.fails(SERVICES).await;
        pass(limits::BLIND).await;
        // The last one that can be said.
        cluster.fails(SERVICES).await;
        std::future::pending().await
    });
    let error = later.await.unwrap().to_string();
    assert!(error.contains("watch services"), "{error}");
}
