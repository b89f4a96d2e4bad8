//! The seam between a worker and the wire: what carries one exchange to one endpoint.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use catalog::model::Tls;
use futures_util::future::LocalBoxFuture;
use http_body_util::combinators::UnsyncBoxBody;
use plugins::Carrier;
use tokio::time::Instant;

/// A streamed body on its way through a worker.
pub type Body = UnsyncBoxBody<Bytes, BodyError>;

/// Why a body broke off.
pub type BodyError = Box<dyn std::error::Error + Send + Sync>;

/// Where an exchange goes: what a pool keeps connections by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Destination {
    /// The address that was checked.
    pub address: SocketAddr,
    /// The protocol on it.
    pub carrier: Carrier,
    /// TLS, and how; `None` is plain text.
    pub tls: Option<Arc<Tls>>,
    /// The `Host` to send and, without one in `tls`, the name to verify.
    pub host: Arc<str>,
}

/// Carries exchanges; lives on one worker and keeps that worker's connections.
pub trait Transport {
    /// Sends `request` and returns the head of the answer with its body to come. A request of which nothing was written on a pooled
    /// connection that turned out closed is sent again on another; nothing else is repeated.
    fn send<'a>(
        &'a self,
        to: &'a Destination,
        request: http::Request<Body>,
        deadline: Instant,
    ) -> LocalBoxFuture<'a, Result<http::Response<Body>, TransportError>>;
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    /// No connection; nothing was sent.
    #[error("no connection to {address}: {cause}")]
    Connect {
        /// Where to.
        address: SocketAddr,
        /// What the system or TLS said.
        cause: String,
    },
    /// It broke after something was sent.
    #[error("the connection to {address} broke: {cause}")]
    Broken {
        /// Where to.
        address: SocketAddr,
        /// What broke.
        cause: String,
    },
    /// The time is over.
    #[error("no answer in time")]
    Deadline,
}
