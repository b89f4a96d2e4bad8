//! Between a worker and the wire: what carries one exchange to one endpoint, and the connections kept for it.

mod connect;
mod http1;
mod http2;
mod pools;
mod secure;
#[cfg(test)]
mod tests;

use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::sync::Arc;

use http::Request;
use plugins::{Carrier, Certificate};

pub(crate) use http1::Lease;
pub(crate) use http2::Local;
pub(crate) use pools::Pools;
pub(crate) use secure::{Secure, SecureError};

use crate::body::Body;

/// Where an exchange goes: what a pool keeps connections by.
#[derive(Clone, Debug)]
pub(crate) struct Destination {
    /// The address that was checked.
    pub(crate) address: SocketAddr,
    /// The protocol on it.
    pub(crate) carrier: Carrier,
    /// TLS, and how; `None` is plain text. One pointer for one configuration.
    pub(crate) secure: Option<Arc<Secure>>,
    /// What its Secret had when the exchange began: connections made with what was there before are for no other exchange.
    certificate: Option<Arc<Certificate>>,
    /// The name to ask for; without one the address.
    pub(crate) host: Option<Arc<str>>,
}

impl PartialEq for Destination {
    fn eq(&self, other: &Self) -> bool {
        self.address == other.address
            && self.carrier == other.carrier
            && self.secure.as_ref().map(Arc::as_ptr) == other.secure.as_ref().map(Arc::as_ptr)
            && self.certificate.as_ref().map(Arc::as_ptr) == other.certificate.as_ref().map(Arc::as_ptr)
            && self.host == other.host
    }
}

impl Destination {
    /// With what the Secret of `secure` has now.
    pub(crate) fn new(
        address: SocketAddr,
        carrier: Carrier,
        secure: Option<Arc<Secure>>,
        host: Option<Arc<str>>,
    ) -> Self {
        let certificate = secure.as_ref().and_then(|secure| secure.certificate());
        Self { address, carrier, secure, certificate, host }
    }

    /// `https` or `http`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.secure.is_some() { "https" } else { "http" }
    }

    /// The `Host` to send: the name, with the port where that is not the scheme's own (RFC 9110, 4.2).
    pub(crate) fn authority(&self) -> String {
        let port = self.address.port();
        let host = match self.host.as_deref() {
            None => return self.address.to_string(),
            Some(host) if host.parse::<Ipv6Addr>().is_ok() => format!("[{host}]"),
            Some(host) => host.to_owned(),
        };
        let usual = if self.secure.is_some() { 443 } else { 80 };
        let has_port = host.rsplit_once(':').is_some_and(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()));
        if port == usual || has_port { host } else { format!("{host}:{port}") }
    }

    /// The name or address that a certificate must be for, unless the configuration says another.
    fn verified_name(&self) -> String {
        match self.host.as_deref() {
            None => self.address.ip().to_string(),
            Some(host) if host.parse::<IpAddr>().is_ok() => host.to_owned(),
            Some(host) => host.rsplit_once(':').map_or(host, |(name, _)| name).trim_matches(['[', ']']).to_owned(),
        }
    }
}

/// A request on its way out: taken from here when it is sent, and put back where nothing of it was sent.
pub(crate) type Slot = Option<Request<Body>>;

/// Why there is no answer. For the log: callers are told less.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    /// No connection.
    #[error("no connection to {0}: {1}")]
    Connect(SocketAddr, String),
    /// It broke after something was sent.
    #[error("the connection to {0} broke: {1}")]
    Broken(SocketAddr, hyper::Error),
    /// What came back is no answer.
    #[error("{0} did not answer in HTTP: {1}")]
    NotHttp(SocketAddr, hyper::Error),
}

impl TransportError {
    fn of(address: SocketAddr, error: hyper::Error) -> Self {
        if error.is_parse() { Self::NotHttp(address, error) } else { Self::Broken(address, error) }
    }
}
