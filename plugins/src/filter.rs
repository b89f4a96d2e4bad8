//! The seam for what shapes traffic on its way: one filter, one thought, in an order that is data.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Response, request, response};

use crate::problem::Problem;

/// When a filter sees a request; filters of one phase run in the order of the registry. Responses pass in reverse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Who may ask at all, from what the listener knows.
    Admission,
    /// Changes of what is asked, before the function is called.
    Shape,
}

/// A request on its way, beside its head.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// Who asks.
    pub peer: SocketAddr,
    /// The listener's own address.
    pub local: SocketAddr,
    /// Whether the caller's connection is TLS.
    pub tls: bool,
}

/// What becomes of a request.
#[derive(Debug)]
pub enum Verdict {
    /// It goes on.
    Continue,
    /// This is the answer; nothing behind sees the request.
    Answer(Response<Bytes>),
    /// This is why not.
    Refuse(Problem),
}

/// Looks at every request of its phase, without waiting. Built when configuration changes, shared by all workers.
pub trait Filter: Send + Sync {
    /// Its name in logs and metrics.
    fn name(&self) -> &'static str;

    /// When it runs.
    fn phase(&self) -> Phase;

    /// The request's head, which it may change.
    fn request(&self, exchange: &Exchange, head: &mut request::Parts) -> Verdict;

    /// The answer's head, ours or the upstream's; `asked` are the request's headers as this filter left them.
    fn response(&self, exchange: &Exchange, asked: &HeaderMap, head: &mut response::Parts) {
        let _ = (exchange, asked, head);
    }
}
