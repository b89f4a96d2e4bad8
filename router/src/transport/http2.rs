//! HTTP/2 connections to one destination, each shared by as many streams as the peer allows.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;

use futures_util::FutureExt;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Response, Uri, header};
use hyper::client::conn::http2::{self, SendRequest};
use hyper::rt::{Read, Write};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::{Notify, Semaphore};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::connect::{Wire, connect};
use super::http1::Lease;
use super::{Destination, Slot, TransportError};
use crate::body::Body;
use crate::limits;

/// One connection.
struct Connection {
    sender: SendRequest<Body>,
    /// Streams that are open.
    active: Cell<usize>,
    /// Says how many the peer allows now (RFC 9113, `SETTINGS_MAX_CONCURRENT_STREAMS`).
    allowed: Allowed,
    /// The sweep during which it was last used.
    used: Cell<u32>,
}

/// A place on a connection; free again when dropped.
pub(crate) struct Stream(Rc<Connection>);

impl Stream {
    fn on(connection: Rc<Connection>) -> Self {
        connection.active.update(|n| n + 1);
        Self(connection)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.0.active.update(|n| n - 1);
    }
}

/// All connections to one destination.
pub(super) struct Shared {
    connections: RefCell<Vec<Rc<Connection>>>,
    /// Held by the one request that opens a connection: the others wait for it instead of opening one each.
    opening: Semaphore,
    /// Attempts that failed so far: who waited for one of them has failed with it.
    failures: Cell<usize>,
    scheme: Scheme,
    authority: Authority,
}

impl Shared {
    pub(super) fn new(scheme: &'static str, authority: Authority) -> Self {
        let scheme = if scheme == "https" { Scheme::HTTPS } else { Scheme::HTTP };
        Self { connections: RefCell::default(), opening: Semaphore::new(1), failures: Cell::new(0), scheme, authority }
    }

    /// A place on the first connection that has one; on the least used when no more connections may be opened.
    fn take(&self, sweep: u32) -> Option<Stream> {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|c| !c.sender.is_closed());
        let free = connections.iter().find(|c| c.active.get() < (c.allowed)());
        let least = || {
            connections.iter().min_by_key(|c| c.active.get()).filter(|_| connections.len() >= limits::HTTP2_CONNECTIONS)
        };
        let chosen = free.or_else(least)?;
        chosen.used.set(sweep);
        Some(Stream::on(chosen.clone()))
    }

    /// Closes what has carried nothing for long, and says whether nothing is left.
    pub(super) fn sweep(&self, now: u32) -> bool {
        let mut connections = self.connections.borrow_mut();
        connections.retain(|c| {
            let fresh = now.wrapping_sub(c.used.get()) < limits::IDLE_SWEEPS;
            !c.sender.is_closed() && (c.active.get() > 0 || fresh)
        });
        connections.is_empty() && self.opening.available_permits() > 0
    }

    /// Lets go of every connection: each ends with its last stream.
    pub(super) fn close(&self) {
        self.connections.borrow_mut().clear();
    }
}

/// Sends the request on a connection that has a place for it; one that was closed meanwhile hands it back for the next.
pub(super) async fn send(
    shared: &Shared,
    to: &Destination,
    sweep: u32,
    slot: &mut Slot,
) -> Result<Response<Body>, TransportError> {
    loop {
        let (stream, fresh) = match shared.take(sweep) {
            Some(stream) => (stream, false),
            None => open(shared, to, sweep).await?,
        };
        let mut request = slot.take().expect("a request stays in its slot until it is sent");
        *request.uri_mut() = absolute(shared, request.uri());
        request.headers_mut().remove(header::HOST);
        let mut sender = stream.0.sender.clone();
        let error = match sender.try_send_request(request).await {
            Ok(response) => return Ok(response.map(|body| Body::leased(body, Lease::Stream(stream)))),
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

/// HTTP/2 says scheme and authority in the target itself.
fn absolute(shared: &Shared, target: &Uri) -> Uri {
    let path = target.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    let target = Uri::builder().scheme(shared.scheme.clone()).authority(shared.authority.clone()).path_and_query(path);
    target.build().expect("a scheme, an authority and a path are a URI")
}

/// A place on a new connection, or on one that another request opened meanwhile (`false`).
async fn open(shared: &Shared, to: &Destination, sweep: u32) -> Result<(Stream, bool), TransportError> {
    let before = shared.failures.get();
    let _permit = shared.opening.acquire().await.expect("the semaphore is never closed");
    if let Some(stream) = shared.take(sweep) {
        return Ok((stream, false));
    }
    if shared.failures.get() != before {
        return Err(TransportError::Connect(to.address, "the attempt that was waited for failed".into()));
    }
    let made = begin(to).await.inspect_err(|_| shared.failures.update(|n| n.wrapping_add(1)));
    let (sender, allowed) = made?;
    let connection = Rc::new(Connection { sender, active: Cell::new(0), allowed, used: Cell::new(sweep) });
    shared.connections.borrow_mut().push(connection.clone());
    Ok((Stream::on(connection), true))
}

/// A new connection.
async fn begin(to: &Destination) -> Result<(SendRequest<Body>, Allowed), TransportError> {
    match connect(to).await? {
        Wire::Plain(stream) => shake_hands(to, TokioIo::new(stream)).await,
        Wire::Tls(stream) => shake_hands(to, TokioIo::new(*stream)).await,
    }
}

/// Says how many streams a connection may have.
type Allowed = Box<dyn Fn() -> usize>;

/// Begins HTTP/2, and waits for the peer's first SETTINGS: before them nobody knows how many requests may share the connection.
async fn shake_hands<T: Read + Write + Unpin + 'static>(
    to: &Destination,
    io: T,
) -> Result<(SendRequest<Body>, Allowed), TransportError> {
    let polled = Rc::new(Notify::new());
    let (sender, connection) = http2::Builder::new(Noticed(polled.clone()))
        .timer(TokioTimer::new())
        .keep_alive_interval(limits::PING_INTERVAL)
        .keep_alive_timeout(limits::PING_TIMEOUT)
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        .initial_max_send_streams(0)
        .max_header_list_size(limits::ANSWER_HEADER_BYTES as u32)
        .handshake::<T, Body>(io)
        .await
        .map_err(|error| TransportError::of(to.address, error))?;
    let connection = Rc::new(RefCell::new(connection));
    // The driver alone owns it: when it ends, what waits in it must hear of that.
    let seen = Rc::downgrade(&connection);
    // Runs on the worker, and ends with the last sender and the last stream.
    let mut driver = spawn_local(async move {
        let ended = poll_fn(|cx| connection.borrow_mut().poll_unpin(cx)).await;
        ended.inspect_err(|error| tracing::debug!(%error, "an upstream connection ended"))
    });
    let allowed = move || seen.upgrade().map_or(0, |connection| connection.borrow().current_max_send_streams());
    let settled = timeout(limits::CONNECT_TIMEOUT, async {
        while allowed() == 0 {
            tokio::select! {
                () = polled.notified() => {}
                ended = &mut driver => return ended.ok().and_then(Result::err).map(|error| error.to_string()).or(Some("closed".into())),
            }
        }
        None
    });
    match settled.await.unwrap_or(Some("there were no SETTINGS in time".into())) {
        None => Ok((sender, Box::new(allowed))),
        Some(cause) => Err(TransportError::Connect(to.address, format!("no HTTP/2: {cause}"))),
    }
}

/// Runs a connection's tasks on its worker, and says when one has done something.
#[derive(Clone, Debug)]
struct Noticed(Rc<Notify>);

impl<F> hyper::rt::Executor<F> for Noticed
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, task: F) {
        let done = self.0.clone();
        spawn_local(async move {
            let mut task = pin!(task);
            poll_fn(|cx| {
                let polled = task.as_mut().poll(cx);
                done.notify_waiters();
                polled
            })
            .await
        });
    }
}

/// Runs hyper's tasks on the worker that they belong to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local;

impl<F> hyper::rt::Executor<F> for Local
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, task: F) {
        spawn_local(task);
    }
}
