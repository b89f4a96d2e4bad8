//! The pools of one worker: for each destination the connections that are kept to it.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::net::SocketAddr;
use std::rc::Rc;

use http::uri::Authority;
use http::{HeaderValue, Response, header};
use plugins::Carrier;

use super::http1::{self, Count, Idle};
use super::http2::{self, Shared};
use super::{Destination, Slot, TransportError};
use crate::body::Body;
use crate::hash::Quick;

/// Carries exchanges; lives on one worker and keeps that worker's connections, by address first: an endpoint that is gone takes its
/// pools along.
pub(crate) struct Pools {
    by_address: RefCell<HashMap<SocketAddr, Vec<Rc<Pool>>, Quick>>,
    count: Rc<Count>,
}

/// The connections to one destination.
pub(crate) struct Pool {
    to: Destination,
    host: HeaderValue,
    connections: Connections,
    /// How many sweeps there were.
    sweeps: Rc<Cell<u32>>,
}

enum Connections {
    Http1(Rc<Idle>),
    Http2(Shared),
}

impl Pools {
    /// None yet; `sweeps` counts the worker's sweeps.
    pub(crate) fn new(sweeps: &Rc<Cell<u32>>) -> Self {
        Self { by_address: RefCell::default(), count: Rc::new(Count::new(sweeps)) }
    }

    /// The pool of connections to `to`.
    pub(crate) fn to(&self, to: Destination) -> Result<Rc<Pool>, TransportError> {
        if let Some(pools) = self.by_address.borrow().get(&to.address)
            && let Some(pool) = pools.iter().find(|pool| pool.to == to)
        {
            return Ok(pool.clone());
        }
        let pool = Rc::new(Pool::new(to, &self.count)?);
        self.by_address.borrow_mut().entry(pool.to.address).or_default().push(pool.clone());
        Ok(pool)
    }

    /// Whether connections to that address are kept.
    pub(crate) fn has(&self, address: &SocketAddr) -> bool {
        self.by_address.borrow().contains_key(address)
    }

    /// An endpoint is gone: connections to it that carry nothing are closed.
    pub(crate) fn forget(&self, address: &SocketAddr) {
        for pool in self.by_address.borrow_mut().remove(address).into_iter().flatten() {
            pool.close();
        }
    }

    /// Closes what was idle for long. Called at each sweep.
    pub(crate) fn sweep(&self) {
        self.by_address.borrow_mut().retain(|_, pools| {
            // A pool that a request holds stays, so that what it opens finds its place.
            pools.retain(|pool| !pool.sweep() || Rc::strong_count(pool) > 1);
            !pools.is_empty()
        });
    }
}

impl Pool {
    fn new(to: Destination, count: &Rc<Count>) -> Result<Self, TransportError> {
        let text = to.authority();
        let odd = |_| TransportError::Connect(to.address, format!("{text:?} is no host"));
        let authority: Authority = text.parse().map_err(odd)?;
        let host = HeaderValue::try_from(authority.as_str()).expect("an authority consists of visible characters");
        let connections = match to.carrier {
            Carrier::Http1 => Connections::Http1(Rc::new(Idle::new(count))),
            Carrier::Grpc => Connections::Http2(Shared::new(to.scheme(), authority)),
        };
        Ok(Self { to, host, connections, sweeps: count.sweeps.clone() })
    }

    /// Sends the request, whose URI is a path, and returns the head of the answer with its body to come. A request of which nothing
    /// was written on a pooled connection that turned out closed is sent again on another; nothing else is repeated. To drop the
    /// future, or the body, is to give up the exchange.
    pub(crate) async fn send(&self, slot: &mut Slot) -> Result<Response<Body>, TransportError> {
        match &self.connections {
            Connections::Http1(idle) => {
                if let Some(request) = slot {
                    request.headers_mut().insert(header::HOST, self.host.clone());
                }
                http1::send(idle, &self.to, slot).await
            }
            // HTTP/2 says the host in the target. On the heap: requests over HTTP/1.1 should not carry room for it.
            Connections::Http2(shared) => Box::pin(http2::send(shared, &self.to, self.sweeps.get(), slot)).await,
        }
    }

    /// Closes what has been idle for long, and says whether nothing is left: nothing idle, nothing lent.
    fn sweep(&self) -> bool {
        match &self.connections {
            Connections::Http1(idle) => idle.sweep() && Rc::strong_count(idle) == 1,
            Connections::Http2(shared) => shared.sweep(self.sweeps.get()),
        }
    }

    fn close(&self) {
        match &self.connections {
            Connections::Http1(idle) => idle.close(),
            Connections::Http2(shared) => shared.close(),
        }
    }
}
