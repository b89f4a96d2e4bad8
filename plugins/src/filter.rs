//! The seam for what shapes traffic on its way: one filter, one thought, in an order that is data.

use std::fmt;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{Response, request, response};

use crate::problem::Problem;

/// When a filter sees a request; filters of one phase run in the order of the registry. Answers pass in reverse.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Phase {
    /// Who may ask at all, from what the listener knows.
    Admission,
}

/// A request on its way, beside its head.
#[derive(Clone, Copy, Debug)]
pub struct Exchange {
    /// Who asks.
    pub peer: SocketAddr,
    /// The address that the listener is bound to.
    pub local: SocketAddr,
    /// Whether the caller's connection is TLS.
    pub tls: bool,
}

/// Changes the head of an answer, ours or the upstream's.
pub type OnAnswer = Box<dyn FnOnce(&mut response::Parts)>;

/// What becomes of a request.
pub enum Verdict {
    /// It goes on.
    Continue,
    /// It goes on, and this is done to the head of whatever answers it. What it needs of the request it holds itself, so that
    /// nobody else has to keep the request's head.
    Follow(OnAnswer),
    /// This is the answer; nothing behind sees the request.
    Answer(Response<Bytes>),
    /// This is why not.
    Refuse(Problem),
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Continue => f.write_str("Continue"),
            Self::Follow(_) => f.write_str("Follow"),
            Self::Answer(answer) => write!(f, "Answer({})", answer.status()),
            Self::Refuse(problem) => write!(f, "Refuse({problem})"),
        }
    }
}

/// Looks at every request of its phase, without waiting. Built when configuration changes, shared by all workers.
pub trait Filter: Send + Sync {
    /// When it runs.
    fn phase(&self) -> Phase;

    /// The request's head, which it may change. It runs in the connection's own task: what it breaks ends all requests of that.
    fn request(&self, exchange: &Exchange, head: &mut request::Parts) -> Verdict;
}
