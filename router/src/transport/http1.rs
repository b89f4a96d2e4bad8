//! HTTP/1.1 connections to one destination: one exchange at a time on each, the last used first.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use http::Response;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::rt::TokioIo;
use tokio::task::spawn_local;

use super::connect::{Wire, connect};
use super::http2::Stream;
use super::{Destination, Slot, TransportError};
use crate::body::Body;
use crate::limits;

/// What a body holds of the connection that carries it.
pub(crate) enum Lease {
    /// An HTTP/1.1 connection: free again when the body is over, closed when it is dropped before.
    Connection(Loan),
    /// A place on an HTTP/2 connection.
    Stream(Stream),
}

impl Lease {
    /// The body is over.
    pub(crate) fn over(self) {
        match self {
            Self::Connection(loan) => loan.give_back(),
            Self::Stream(stream) => drop(stream),
        }
    }
}

/// A connection that is in use, and where it belongs.
pub(crate) struct Loan {
    sender: SendRequest<Body>,
    to: Rc<Idle>,
}

impl Loan {
    fn give_back(mut self) {
        if self.sender.is_ready() {
            self.to.keep(self.sender);
        } else if !self.sender.is_closed() {
            // The answer was over before all of the request was sent; only when that is done can the connection be used again.
            spawn_local(async move {
                if let Ok(Ok(())) = tokio::time::timeout(limits::SETTLE, self.sender.ready()).await {
                    self.to.keep(self.sender);
                }
            });
        }
    }
}

/// The connections to one destination that carry nothing now.
pub(super) struct Idle {
    /// With the sweep during which each was put here.
    stack: RefCell<Vec<(SendRequest<Body>, u32)>>,
    shared: Rc<Count>,
    /// Set when the endpoint is gone.
    closed: Cell<bool>,
}

/// What all pools of a worker count together.
pub(super) struct Count {
    idle: Cell<usize>,
    /// How many sweeps there were.
    pub(super) sweeps: Rc<Cell<u32>>,
}

impl Count {
    pub(super) fn new(sweeps: &Rc<Cell<u32>>) -> Self {
        Self { idle: Cell::new(0), sweeps: sweeps.clone() }
    }
}

impl Idle {
    pub(super) fn new(shared: &Rc<Count>) -> Self {
        Self { stack: RefCell::default(), shared: shared.clone(), closed: Cell::new(false) }
    }

    fn keep(&self, sender: SendRequest<Body>) {
        let mut stack = self.stack.borrow_mut();
        if self.closed.get() || stack.len() >= limits::IDLE_PER_DESTINATION || self.shared.idle.get() >= limits::IDLE {
            return;
        }
        stack.push((sender, self.shared.sweeps.get()));
        self.shared.idle.update(|n| n + 1);
    }

    /// The connection that was used last, of those that are still open.
    fn take(&self) -> Option<SendRequest<Body>> {
        loop {
            let (sender, _) = self.stack.borrow_mut().pop()?;
            self.shared.idle.update(|n| n - 1);
            if sender.is_ready() {
                return Some(sender);
            }
        }
    }

    /// Closes what has been here for long, and says whether nothing is left.
    pub(super) fn sweep(&self) -> bool {
        let mut stack = self.stack.borrow_mut();
        let now = self.shared.sweeps.get();
        let before = stack.len();
        stack.retain(|(sender, since)| !sender.is_closed() && now.wrapping_sub(*since) < limits::IDLE_SWEEPS);
        self.shared.idle.update(|n| n - (before - stack.len()));
        stack.is_empty()
    }

    /// Closes everything, now and whatever comes back.
    pub(super) fn close(&self) {
        self.closed.set(true);
        self.shared.idle.update(|n| n - self.stack.borrow_mut().drain(..).count());
    }
}

impl Drop for Idle {
    fn drop(&mut self) {
        self.close();
    }
}

/// Sends the request: on an idle connection as long as one takes it, then on a new one.
pub(super) async fn send(idle: &Rc<Idle>, to: &Destination, slot: &mut Slot) -> Result<Response<Body>, TransportError> {
    loop {
        let (mut sender, fresh) = match idle.take() {
            Some(sender) => (sender, false),
            // Seldom, and large: on the heap, or every request would carry room for it.
            None => (Box::pin(open(to)).await?, true),
        };
        let request = slot.take().expect("a request stays in its slot until it is sent");
        let error = match sender.try_send_request(request).await {
            Ok(response) => return Ok(leased(response, sender, idle)),
            Err(mut refused) => {
                *slot = refused.take_message();
                refused.into_error()
            }
        };
        if fresh || slot.is_none() {
            return Err(TransportError::of(to.address, error));
        }
    }
}

fn leased(response: Response<hyper::body::Incoming>, sender: SendRequest<Body>, idle: &Rc<Idle>) -> Response<Body> {
    response.map(|body| Body::leased(body, Lease::Connection(Loan { sender, to: idle.clone() })))
}

async fn open(to: &Destination) -> Result<SendRequest<Body>, TransportError> {
    let made = match connect(to).await? {
        Wire::Plain(stream) => shake_hands(TokioIo::new(stream)).await,
        Wire::Tls(stream) => shake_hands(TokioIo::new(*stream)).await,
    };
    made.map_err(|error| TransportError::of(to.address, error))
}

async fn shake_hands<T: Read + Write + Unpin + 'static>(io: T) -> hyper::Result<SendRequest<Body>> {
    let (sender, connection) =
        http1::Builder::new().max_header_size(limits::ANSWER_HEADER_BYTES).handshake::<T, Body>(io).await?;
    // Runs on the worker, and ends with the last of its sender and its exchange.
    spawn_local(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "an upstream connection ended");
        }
    });
    Ok(sender)
}
