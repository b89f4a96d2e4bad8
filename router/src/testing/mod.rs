//! The tests' one door: a catalog, a worker and backends in one single-threaded runtime. Its clock stands still, and jumps to the next
//! timer when nothing else can happen: limits of minutes are tested in milliseconds, and nobody sleeps.

mod backend;
mod kind;

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use catalog::Catalog;
use catalog::model::{Described, Description, Digest, Endpoint, SourceId, UpstreamSpec};
use catalog::report::{Finding, Listed, Probed, Report};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::TokioIo;
use plugins::filters::Settings;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::LocalOptions;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinSet, spawn_local};
use tokio::time::Instant;

pub(crate) use backend::{Backend, Speaks};
pub(crate) use kind::{JSON_LIMIT, KINDS};

use crate::budget::Budget;
use crate::config::AccessLog;
use crate::log::Log;
use crate::metrics::Metrics;
use crate::plans::planner::Planner;
use crate::transport::Local;
use crate::worker::{Common, serve};
use crate::{limits, listener};

/// The connections that the world's worker takes at once.
pub(crate) const CONNECTIONS: usize = 100;

/// The bytes of bodies that the world's worker collects at once.
pub(crate) const COLLECTED: usize = 3 << 20;

/// And of them for one upstream.
pub(crate) const COLLECTED_PER_UPSTREAM: usize = 2 << 20;

/// The namespace of what tests discover.
pub(crate) const NAMESPACE: &str = "gloo-system";

/// Runs a test.
pub(crate) fn run(test: impl Future<Output = ()>) {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_all().start_paused(true);
    runtime.build_local(LocalOptions::default()).unwrap().block_on(test);
}

/// A gateway with one worker, and its catalog.
pub(crate) struct World {
    pub(crate) address: SocketAddr,
    pub(crate) catalog: Catalog,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) keyring: plugins::Keyring,
    stopping: watch::Sender<Option<Instant>>,
    worker: tokio::task::JoinHandle<std::io::Result<()>>,
    _tasks: JoinSet<()>,
}

/// An upstream as a test writes it down.
#[derive(Clone)]
pub(crate) struct Given {
    pub(crate) name: &'static str,
    pub(crate) endpoints: Vec<SocketAddr>,
    pub(crate) spec: UpstreamSpec,
    /// Name and binding of each function: see [`kind::Call`].
    pub(crate) functions: Vec<(&'static str, Value)>,
}

/// An upstream at one address with one function `f`.
pub(crate) fn upstream(name: &'static str, address: SocketAddr, binding: Value) -> Given {
    Given { name, endpoints: vec![address], spec: UpstreamSpec::default(), functions: vec![("f", binding)] }
}

impl World {
    /// A world with these upstreams.
    pub(crate) async fn start(upstreams: &[Given]) -> Self {
        Self::with(upstreams, &Settings::default()).await
    }

    /// The same with other filters.
    pub(crate) async fn with(upstreams: &[Given], filters: &Settings) -> Self {
        let settings = catalog::Settings { kinds: [kind::kind()].into(), ..catalog::Settings::default() };
        let (catalog, registrar) = catalog::open(Arc::new(catalog::store::Memory::default()), settings).await.unwrap();
        let mut tasks = JoinSet::new();
        tasks.spawn(registrar.run());
        let metrics = Arc::new(Metrics::new(1));
        let (log, _) = Log::start(AccessLog::Off, Arc::default(), Box::new(std::io::sink())).unwrap();
        let (orders, queue) = mpsc::channel(limits::PLANNER_QUEUE);
        let collected = Budget::new(COLLECTED, COLLECTED_PER_UPSTREAM);
        let keyring = plugins::Keyring::default();
        tasks.spawn(
            Planner::new(catalog.clone(), KINDS, keyring.clone(), catalog::model::Validation::Enforce, collected)
                .run(queue),
        );
        let (stopping, stopped) = watch::channel(None);
        let (address, mut listeners) = listener::bind("127.0.0.1:0".parse().unwrap(), 1).unwrap();
        let common = Common {
            catalog: catalog.clone(),
            namespace: NAMESPACE.into(),
            filters: plugins::registry::filters(filters),
            metrics: metrics.clone(),
            log,
            orders,
            connections: CONNECTIONS,
            address,
            stopping: stopped,
        };
        let listener = listeners.pop().unwrap();
        let worker = spawn_local(async move { serve(0, &common, listener).await });
        let world = Self { address, catalog, metrics, keyring, stopping, worker, _tasks: tasks };
        world.report(upstreams).await;
        world
    }

    /// Makes these upstreams all that there are.
    pub(crate) async fn report(&self, upstreams: &[Given]) {
        let source = SourceId::new("static", "");
        let listed = upstreams.iter().map(|given| Listed {
            key: given.name.into(),
            name: given.name.into(),
            namespace: None,
            spec: given.spec.clone(),
            endpoints: given.endpoints.iter().copied().map(Endpoint::at).collect(),
        });
        self.catalog.report(&source, Report::Full(listed.collect())).await.unwrap();
        for given in upstreams {
            let id = self.catalog.snapshot().upstream(NAMESPACE, given.name).unwrap().upstream.id.clone();
            let description = describe(&given.functions);
            let digest = Digest::of([format!("{:?}", given.functions).as_bytes()]);
            let finding = Finding::Found { description: Box::new(description), digest, tls: false, hint: None };
            let endpoint = given.endpoints.first().copied().unwrap_or(self.address);
            self.catalog.probed(Probed { upstream: id, kind: kind::kind(), endpoint, finding }).await.unwrap();
        }
    }

    /// A connection of a caller.
    pub(crate) async fn connect(&self) -> Client {
        let io = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
        let (sender, connection) = http1::handshake(io).await.unwrap();
        spawn_local(connection);
        Client(sender)
    }

    /// A connection over HTTP/2 with prior knowledge.
    pub(crate) async fn connect_http2(&self) -> http2::SendRequest<Full<Bytes>> {
        let io = TokioIo::new(TcpStream::connect(self.address).await.unwrap());
        let (sender, connection) = http2::handshake(Local, io).await.unwrap();
        spawn_local(connection);
        sender
    }

    /// One request on a connection of its own, and the whole answer.
    pub(crate) async fn ask(&self, request: Request<Full<Bytes>>) -> Reply {
        let answer = self.connect().await.send(request).await.unwrap();
        Reply::whole(answer).await.unwrap()
    }

    /// The same for a `GET` without anything.
    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.ask(request(Method::GET, path, &[], "")).await
    }

    /// Bytes as they are, and all that comes back until the connection is closed.
    pub(crate) async fn raw(&self, sent: &str) -> String {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        stream.write_all(sent.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // The other side may have closed before it read everything.
        _ = stream.read_to_string(&mut answer).await;
        answer
    }

    /// The metrics as Prometheus reads them.
    pub(crate) fn metrics_text(&self) -> String {
        let mut registry = Registry::default();
        registry.register_collector(Box::new(self.metrics.clone()));
        let mut text = String::new();
        encode(&mut text, &registry).unwrap();
        text
    }

    /// Tells the worker to stop, and returns when it has.
    pub(crate) async fn stop(self, grace: std::time::Duration) {
        self.stopping.send_replace(Some(Instant::now() + grace));
        self.worker.await.unwrap().unwrap();
    }
}

fn describe(functions: &[(&'static str, Value)]) -> Description {
    let described = functions.iter().map(|(name, binding)| Described {
        origin: (*name).into(),
        name: (*name).into(),
        summary: None,
        description: None,
        deprecated: false,
        safe: false,
        tags: Vec::new(),
        binding: binding.clone(),
        input: json!(true),
        output: None,
    });
    Description { functions: described.collect(), ..Description::default() }
}

/// A caller.
pub(crate) struct Client<B = Full<Bytes>>(http1::SendRequest<B>);

impl<B: Body<Data: Send, Error: Into<Box<dyn std::error::Error + Send + Sync>>> + 'static> Client<B> {
    /// A caller with bodies of another kind.
    pub(crate) async fn new(world: &World) -> Self {
        let io = TokioIo::new(TcpStream::connect(world.address).await.unwrap());
        let (sender, connection) = http1::handshake(io).await.unwrap();
        spawn_local(connection);
        Self(sender)
    }

    pub(crate) async fn send(&mut self, request: Request<B>) -> hyper::Result<Response<Incoming>> {
        self.0.ready().await?;
        self.0.send_request(request).await
    }
}

/// A request.
pub(crate) fn request(method: Method, path: &str, headers: &[(&str, &str)], body: &str) -> Request<Full<Bytes>> {
    let mut request = Request::builder().method(method).uri(path).header("host", "localhost");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(Bytes::copy_from_slice(body.as_bytes()))).unwrap()
}

/// An answer, whole.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    /// Collects the body.
    pub(crate) async fn whole(answer: Response<Incoming>) -> hyper::Result<Self> {
        let (head, body) = answer.into_parts();
        Ok(Self { status: head.status, headers: head.headers, body: body.collect().await?.to_bytes() })
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {:?}", self.body))
    }

    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }

    /// The reason of a problem.
    pub(crate) fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), Some("application/problem+json"), "{self:?}");
        self.json()["type"].as_str().unwrap().trim_start_matches("urn:portolan:problem:").to_owned()
    }
}
