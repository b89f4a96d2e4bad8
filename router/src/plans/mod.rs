//! Plans: functions that are bound and ready to be called.
//!
//! A plan is made at a function's first call, off the workers, and kept as long as neither the function nor its upstream's spec
//! changes: it is found by their addresses in memory, which it holds, so that no other can come to lie there.

mod cache;
pub(crate) mod planner;

use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use catalog::model::{Protocol, Upstream, UpstreamSpec};
use catalog::snapshot::FunctionEntry;
use plugins::{BoundCall, Carrier};

pub(crate) use cache::Cache;

use crate::budget::Part;
use crate::hash::Quick;
use crate::lanes::Lane;
use crate::metrics::Tally;
use crate::transport::{Destination, Secure};

/// A function with everything that calling it takes, for all workers.
pub(crate) struct Bound {
    /// The call.
    pub(crate) call: Arc<dyn BoundCall>,
    /// How its upstream is spoken to.
    pub(crate) secure: Option<Arc<Secure>>,
    /// For the bodies that are collected.
    pub(crate) collected: Part,
    /// How long it may take, where the call says.
    pub(crate) timeout: Option<Duration>,
    /// Whether its answers are streams.
    pub(crate) streams: bool,
    carrier: Carrier,
    host: Option<Arc<str>>,
    /// Holds what the key points to.
    _function: Arc<FunctionEntry>,
    _spec: Arc<UpstreamSpec>,
}

impl Bound {
    /// Whether the usual time limit is not its own.
    pub(crate) fn has_own_limit(&self) -> bool {
        self.streams || self.timeout.is_some()
    }

    /// Where an exchange with the endpoint at `address` goes.
    pub(crate) fn destination(&self, address: std::net::SocketAddr) -> Destination {
        Destination::new(address, self.carrier, self.secure.clone(), self.host.clone())
    }
}

impl fmt::Debug for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Bound").field(&self.call).finish()
    }
}

/// A plan as a worker keeps it: with what it counts and with its upstream's live state.
pub(crate) struct Plan {
    /// The function, bound.
    pub(crate) bound: Arc<Bound>,
    /// The upstream's live state on this worker.
    pub(crate) lane: Rc<Lane>,
    /// Where its calls are counted.
    pub(crate) tally: Arc<Tally>,
}

/// Which function, how bound.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Key {
    function: usize,
    spec: usize,
    tls: bool,
}

impl Key {
    pub(crate) fn of(upstream: &Upstream, function: &Arc<FunctionEntry>) -> Self {
        let tls = speaks_tls(upstream, function);
        Self { function: Arc::as_ptr(function).addr(), spec: Arc::as_ptr(&upstream.spec).addr(), tls }
    }
}

/// As its source says; where that says nothing, as the probe found that found this function.
fn speaks_tls(upstream: &Upstream, function: &FunctionEntry) -> bool {
    match upstream.spec.protocol {
        Some(Protocol::Https | Protocol::Grpcs) => true,
        Some(Protocol::Http | Protocol::Grpc) => false,
        None => upstream.kinds.get(&function.function.kind).map_or(upstream.spec.tls.is_some(), |kind| kind.tls),
    }
}

/// Plans by key.
pub(crate) type PlanCache<V> = Cache<Key, V, Quick>;
