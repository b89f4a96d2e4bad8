//! Services that behave as badly as they can, and one that does not: what it offers is found as if it were alone.

use std::time::Duration;

use catalog::model::{Function, Kind, Materials, Protocol, UpstreamSpec};
use catalog::report::Finding;
use futures_util::future::BoxFuture;
use plugins::{BindError, BoundCall, Certificates, Fetch, Get, Keyring, Probe, ProbeError, Target};
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

use super::*;
use crate::fetch::testing::{Server, head, reply};
use crate::policy::AddressPolicy;
use crate::prober::tests::found;
use crate::testing::Bench;

/// Finds one function where there is a JSON document.
struct Reader;

static KINDS: &[&dyn FunctionKind] = &[&Reader];

impl FunctionKind for Reader {
    fn kind(&self) -> Kind {
        Kind::new("rest")
    }

    fn probe(&self) -> Option<&dyn Probe> {
        Some(self)
    }

    fn bind(
        &self,
        _: &Function,
        _: &Materials,
        _: &UpstreamSpec,
        _: &Keyring,
    ) -> Result<Arc<dyn BoundCall>, BindError> {
        Err(BindError("never called".into()))
    }
}

impl Probe for Reader {
    fn probe<'a>(&'a self, _: &'a Target, fetch: &'a dyn Fetch) -> BoxFuture<'a, Result<Finding, ProbeError>> {
        Box::pin(async move {
            let get = Get { location: "/openapi.json", accept: "application/json", unless: None, bounds: None };
            let document = fetch.get(get).await?;
            let unreadable = |cause: serde_json::Error| ProbeError::Unreadable {
                location: document.url.to_string(),
                cause: cause.to_string(),
            };
            serde_json::from_slice::<serde_json::Value>(&document.body).map_err(unreadable)?;
            Ok(found("hello"))
        })
    }
}

async fn endless() -> Server {
    Server::start(|mut stream| async move {
        let _ = head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        let page = vec![b' '; 64 << 10];
        while stream.write_all(&page).await.is_ok() {}
    })
    .await
}

async fn hanging() -> Server {
    Server::start(|mut stream| async move {
        let _ = head(&mut stream).await;
        std::future::pending::<()>().await;
    })
    .await
}

async fn resetting() -> Server {
    Server::start(|mut stream| async move {
        let _ = head(&mut stream).await;
        let _ = stream.set_zero_linger();
    })
    .await
}

#[tokio::test]
async fn a_good_service_among_traps_is_found_at_once() {
    let mut traps = Vec::new();
    for _ in 0..10 {
        traps.extend([endless().await, hanging().await, resetting().await]);
        traps.push(Server::http(|_| reply(200, "Content-Type: text/html\r\n", "<!doctype html>")).await);
        traps.push(Server::http(|_| reply(302, "Location: /openapi.json\r\n", "")).await);
    }
    let good = Server::http(|_| reply(200, "Content-Type: application/json\r\n", "{}")).await;

    let (bench, journal) = (Bench::new().await, Journal::default());
    let fetcher = Fetcher::new(AddressPolicy::default(), [], journal.clone(), Certificates::default());
    let settings = Settings { off: Off::default(), document_paths: Arc::from([]) };
    let prober = Prober::new(bench.catalog.clone(), fetcher, journal.clone(), KINDS, settings);
    let (handle, mut tasks) = (prober.handle(), JoinSet::new());
    tasks.spawn(prober.run(std::future::pending()));

    let spec = || UpstreamSpec { protocol: Some(Protocol::Http), ..UpstreamSpec::default() };
    let mut trapped = Vec::new();
    for (nth, trap) in traps.iter().enumerate() {
        trapped.push(bench.list(&format!("trap-{nth}"), spec(), &[&trap.address.to_string()]).await);
    }
    let began = Instant::now();
    bench.list("good", spec(), &[&good.address.to_string()]).await;
    let snapshot =
        timeout(Duration::from_secs(10), bench.wait(|snapshot| snapshot.function_count() == 1)).await.unwrap();
    println!("found after {:?}", began.elapsed());
    assert!(snapshot.upstream("gloo-system", "good").unwrap().function("hello").is_some());

    let failing = |id: &UpstreamId| handle.outcomes().of(id).and_then(|shown| shown.error);
    let (reset, html, looped) = (failing(&trapped[2]), failing(&trapped[3]), failing(&trapped[4]));
    assert!(reset.is_some_and(|error| error.starts_with("no connection")));
    assert!(html.is_some_and(|error| error.contains("/openapi.json: expected value")));
    assert!(looped.is_some_and(|error| error.contains("redirects")));
    assert_eq!(journal.of(&trapped[4]).len(), 1, "the same question is one line");
}
