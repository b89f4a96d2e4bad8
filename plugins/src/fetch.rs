//! How a probe reaches the network: one upstream's endpoint, pinned, bounded, paced and recorded by whoever implements it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::{HeaderMap, StatusCode};
use url::Url;

/// The network as one probe of one upstream sees it. Every exchange is recorded for `portolan why`.
pub trait Fetch: Send + Sync {
    /// Whether the endpoint speaks TLS: as the upstream's protocol says, else found out once. The methods below do what this says.
    fn tls(&self) -> BoxFuture<'_, Result<bool, FetchError>>;

    /// One document. Redirects are followed on the same host only; the answer is decoded (gzip, deflate) and bounded after decoding.
    fn get<'a>(&'a self, get: Get<'a>) -> BoxFuture<'a, Result<Fetched, FetchError>>;

    /// One HTTP/2 exchange with streamed bodies, for gRPC. The request's URI is a path, sent as it is. Whatever answers and does not
    /// speak HTTP/2 is [`FetchError::Protocol`], also where it closes the connection at the preface.
    fn exchange(
        &self,
        request: http::Request<tonic::body::Body>,
    ) -> BoxFuture<'_, Result<http::Response<tonic::body::Body>, FetchError>>;

    /// Runs `work`, which takes the processor for long, where no other task waits behind it. Done when that is; `work` may be
    /// dropped instead of run when the daemon stops. What is here runs it in place.
    fn work(&self, work: Work) -> BoxFuture<'_, ()> {
        Box::pin(async move { work() })
    }
}

/// Something that takes the processor for long: a document of megabytes to read.
pub type Work = Box<dyn FnOnce() + Send>;

/// The result of `work`, run by [`Fetch::work`]; `None` where it was dropped or panicked.
pub async fn offload<T: Send + 'static>(fetch: &dyn Fetch, work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let result = Arc::new(Mutex::new(None));
    let theirs = result.clone();
    let work = move || *theirs.lock().unwrap_or_else(PoisonError::into_inner) = Some(work());
    fetch.work(Box::new(work)).await;
    result.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// What document to get.
#[derive(Clone, Copy, Debug)]
pub struct Get<'a> {
    /// A path with its query (`/openapi.json`) on the upstream itself, under its base path unless it begins with `//` — or an absolute URL,
    /// which must be on the upstream itself or on an allowed host; `configmap:` is one that a source holds.
    pub location: &'a str,
    /// `Accept`.
    pub accept: &'static str,
    /// `If-None-Match`: an ETag of an earlier answer.
    pub unless: Option<&'a str>,
    /// Where less is wanted than a whole document.
    pub bounds: Option<Bounds>,
}

/// How much of an answer is wanted.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// How long it may take.
    pub time: Duration,
    /// How much of the body is read, in bytes; what is beyond is cut off.
    pub body: usize,
}

/// An answer, whole.
#[derive(Clone, Debug)]
pub struct Fetched {
    /// Where it came from in the end.
    pub url: Url,
    /// The status: 304 after `unless`.
    pub status: StatusCode,
    /// Its headers.
    pub headers: HeaderMap,
    /// Its decoded body.
    pub body: Bytes,
}

/// Why there is no answer. The text is for `portolan why`.
#[derive(Clone, Debug, thiserror::Error)]
pub enum FetchError {
    /// No connection, or it broke.
    #[error("no connection: {0}")]
    Connect(String),
    /// Not in time.
    #[error("no whole answer within {0} s")]
    Timeout(u64),
    /// Larger than the limit.
    #[error("the answer is larger than {0} MiB")]
    TooLarge(u64),
    /// Redirected to a place that is not allowed.
    #[error("redirected to {0}, which is another host and not allowed")]
    ForeignRedirect(String),
    /// More redirects than the limit.
    #[error("more than {0} redirects")]
    RedirectLoop(usize),
    /// Not asked at all: the address or host is not allowed.
    #[error("not asked: {0}")]
    Refused(String),
    /// A document that a source holds cannot be given.
    #[error("{0}")]
    Held(String),
    /// Not HTTP, or broken HTTP.
    #[error("not understood: {0}")]
    Protocol(String),
}
