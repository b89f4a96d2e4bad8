//! The network as probes see it: [`plugins::Fetch`], bound to one upstream and to one endpoint that the policy allowed.
//!
//! What a round of looks connects to is the checked address itself, never a name that is resolved again, a proxy of the environment
//! or another host. Every answer is bounded in size after decoding and in time, large ones share a budget of memory, and every
//! exchange is written down for `portolan why`.

mod budget;
mod clock;
mod detect;
mod document;
mod exchange;
mod place;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use catalog::model::{Kind, Protocol, Tls, UpstreamId, UpstreamSpec};
use futures_util::future::BoxFuture;
use http::{Request, Response};
use jiff::Timestamp;
use plugins::fetch::Work;
use plugins::{Certificates, Fetch, FetchError, Fetched, Get};
use tokio::net::TcpStream;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use tonic::body::Body;

use crate::attempts::{Attempt, Journal};
use crate::policy::AddressPolicy;
use budget::Budget;
use place::Address;

/// For a connection, with its TLS handshake; three seconds are one lost SYN and its repetition.
const CONNECT: Duration = Duration::from_secs(3);
/// For a document from the first byte asked to the last one answered, redirects included; frameworks that make it at the first request take seconds.
const WHOLE: Duration = Duration::from_secs(20);
/// The largest document, decoded: the largest known OpenAPI document has 12 MiB.
const LARGEST: usize = 32 << 20;
/// As many redirects as a path that moved, a slash and a version need.
const REDIRECTS: usize = 5;
/// Documents that are read at the same time, as long as one takes: each takes a core, and the largest some 300 MB.
const READERS: usize = 2;
/// What we are called: probes can be told apart from users in others' logs.
pub const USER_AGENT: &str = concat!("portolan/", env!("CARGO_PKG_VERSION"));

/// Makes [`Round`]s. Cheap to clone; all clones share limits and journal.
#[derive(Clone, Debug)]
pub struct Fetcher(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    policy: AddressPolicy,
    allowed_hosts: BTreeSet<String>,
    journal: Journal,
    budget: Budget,
    readers: Arc<Semaphore>,
    certificates: Certificates,
}

impl Fetcher {
    /// Asks what `policy` allows, and documents on `allowed_hosts` (`host` or `host:port`) as well; writes to `journal`.
    /// TLS takes what it needs of Secrets from `certificates`.
    pub fn new(
        policy: AddressPolicy,
        allowed_hosts: impl IntoIterator<Item = String>,
        journal: Journal,
        certificates: Certificates,
    ) -> Self {
        Self(Arc::new(Shared {
            policy,
            allowed_hosts: allowed_hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect(),
            journal,
            budget: Budget::default(),
            readers: Arc::new(Semaphore::new(READERS)),
            certificates,
        }))
    }

    /// One round of looks at `upstream` through `endpoint`. `tls`: what is known of it where the protocol does not say.
    /// Opens nothing yet; its connections are shared by all that look and closed with it.
    pub fn round(
        &self,
        upstream: UpstreamId,
        spec: Arc<UpstreamSpec>,
        endpoint: SocketAddr,
        tls: Option<bool>,
    ) -> Result<Round, FetchError> {
        if let Some(reason) = self.0.policy.refuses(endpoint) {
            return Err(FetchError::Refused(reason));
        }
        let said = match spec.protocol {
            Some(Protocol::Http | Protocol::Grpc) => Some(false),
            Some(Protocol::Https | Protocol::Grpcs) => Some(true),
            None => tls,
        };
        Ok(Round {
            shared: self.0.clone(),
            address: Address::new(&spec, endpoint),
            upstream,
            spec,
            endpoint,
            tls: OnceCell::new_with(said),
            client: OnceCell::new(),
            http2: OnceCell::new(),
        })
    }
}

/// One round of looks at one endpoint of one upstream.
#[derive(Debug)]
pub struct Round {
    shared: Arc<Shared>,
    address: Address,
    upstream: UpstreamId,
    spec: Arc<UpstreamSpec>,
    endpoint: SocketAddr,
    tls: OnceCell<bool>,
    client: OnceCell<reqwest::Client>,
    http2: OnceCell<exchange::Connection>,
}

impl Round {
    /// The round as `kind` sees it: its exchanges are written down under that kind.
    pub fn on_behalf_of(&self, kind: Kind) -> Bound<'_> {
        Bound { round: self, kind }
    }

    async fn spoken(&self) -> Result<bool, FetchError> {
        self.tls.get_or_try_init(|| detect::speaks_tls(self)).await.copied()
    }

    /// How to speak TLS as `tls` says, offering `alpn`.
    async fn tls_config(
        &self,
        tls: Option<&Tls>,
        alpn: &'static [&'static [u8]],
    ) -> Result<rustls::ClientConfig, FetchError> {
        let (tls, certificates) = (tls.cloned().unwrap_or_default(), self.shared.certificates.clone());
        let made = spawn_blocking(move || plugins::tls::client(&tls, alpn, &certificates)).await;
        let refused = |cause: String| FetchError::Refused(format!("TLS: {cause}"));
        made.map_err(|e| refused(e.to_string()))?.map_err(|e| refused(e.to_string()))
    }

    async fn connect(&self) -> Result<TcpStream, FetchError> {
        let stream = match timeout(CONNECT, TcpStream::connect(self.endpoint)).await {
            Ok(Ok(stream)) => stream,
            Ok(Err(cause)) => return Err(FetchError::Connect(cause.to_string())),
            Err(_) => return Err(FetchError::Timeout(CONNECT.as_secs())),
        };
        // Only latency is lost where this fails.
        let _ = stream.set_nodelay(true);
        Ok(stream)
    }

    fn record(&self, kind: Option<Kind>, asked: String, answer: String, began: Instant) {
        let took_ms = began.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
        let (asked, answer) = (asked.into(), answer.into());
        let attempt =
            Attempt { time: Timestamp::now(), times: 1, kind, endpoint: self.endpoint, asked, answer, took_ms };
        self.shared.journal.record(&self.upstream, attempt);
    }
}

/// A round on behalf of one kind.
#[derive(Debug)]
pub struct Bound<'r> {
    round: &'r Round,
    kind: Kind,
}

impl Fetch for Bound<'_> {
    fn tls(&self) -> BoxFuture<'_, Result<bool, FetchError>> {
        Box::pin(self.round.spoken())
    }

    fn get<'a>(&'a self, get: Get<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>> {
        Box::pin(document::get(self, get))
    }

    fn exchange(&self, request: Request<Body>) -> BoxFuture<'_, Result<Response<Body>, FetchError>> {
        Box::pin(exchange::exchange(self, request))
    }

    fn work(&self, work: Work) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let Ok(permit) = self.round.shared.readers.clone().acquire_owned().await else { return };
            // The place is taken until the work ends, though nobody may wait for it any more.
            let worked = spawn_blocking(move || {
                work();
                drop(permit);
            });
            if let Err(error) = worked.await {
                tracing::error!(upstream = %self.round.upstream, kind = %self.kind, %error, "reading an answer broke");
            }
        })
    }
}
