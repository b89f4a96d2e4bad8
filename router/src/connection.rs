//! One connection of a caller: HTTP/1.1, or HTTP/2 with prior knowledge.
//!
//! Each is watched from outside: the worker's sweep ends those that wait for a request for too long, be it that none comes or that
//! its head never ends. That costs a request two counters, where hyper's own timer would be made and dropped for each.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Poll, Waker};

use futures_util::FutureExt;
use http::{HeaderValue, Request};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use plugins::Exchange;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::linger::Lingering;
use crate::preface::{self, Protocol};
use crate::transport::Local;
use crate::worker::Worker;
use crate::{call, limits};

/// The caller's side of a connection: what all its requests have in common.
pub(crate) struct Caller {
    pub(crate) worker: Rc<Worker>,
    pub(crate) exchange: Exchange,
    /// `X-Forwarded-For`
    pub(crate) forwarded_for: HeaderValue,
    /// Requests that are not over.
    requests: Cell<usize>,
    /// The sweep since which there is none.
    waits_since: Cell<u32>,
    /// For how many sweeps it may wait.
    patience: Cell<u32>,
    /// Whether it may be sending what nobody reads: it has sent no request yet, or one whose body was not read to its end.
    sends: Cell<bool>,
    /// When the last of its requests must be over.
    until: Cell<Option<Instant>>,
    told: Cell<Option<Ending>>,
    waker: RefCell<Option<Waker>>,
}

/// What a connection is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Ending {
    /// To end after the requests that it has.
    Finish,
    /// To end.
    Cut,
}

impl Caller {
    /// The caller at `peer`, on a listener bound to `local`.
    pub(crate) fn new(worker: &Rc<Worker>, peer: SocketAddr, local: SocketAddr) -> Self {
        let address = peer.ip().to_canonical().to_string();
        Self {
            worker: worker.clone(),
            exchange: Exchange { peer, local, tls: false },
            forwarded_for: HeaderValue::try_from(address).expect("an address consists of visible characters"),
            requests: Cell::new(0),
            waits_since: Cell::new(worker.sweeps.get()),
            patience: Cell::new(limits::HEADER_SWEEPS),
            sends: Cell::new(true),
            until: Cell::new(None),
            told: Cell::new(None),
            waker: RefCell::default(),
        }
    }

    /// A request has come.
    pub(crate) fn begin(&self) {
        self.requests.update(|n| n + 1);
    }

    /// A request is over.
    pub(crate) fn end(&self) {
        self.requests.update(|n| n - 1);
        self.waits_since.set(self.worker.sweeps.get());
    }

    /// The body of its last request was read to its end.
    pub(crate) fn was_read(&self) {
        self.sends.set(false);
    }

    /// Its connection is to be closed. Whether to wait until it has closed it too: for [`limits::LINGER_SWEEPS`].
    pub(crate) fn linger(&self) -> bool {
        self.patience.set(limits::LINGER_SWEEPS);
        self.sends.get()
    }

    /// A request may go on until then.
    pub(crate) fn expect_until(&self, until: Instant) {
        self.until.update(|before| before.max(Some(until)));
    }

    /// Whether it waits for a request for longer than it may, or has one that should long be over: its answer is not looked at any more
    /// while nobody reads it, and so does not notice that itself.
    pub(crate) fn is_overdue(&self, now: Instant) -> bool {
        match self.requests.get() {
            0 => self.worker.sweeps.get().wrapping_sub(self.waits_since.get()) > self.patience.get(),
            _ => self.until.get().is_some_and(|until| until + limits::SWEEP < now),
        }
    }

    /// Tells the connection.
    pub(crate) fn tell(&self, ending: Ending) {
        self.told.set(Some(ending));
        if let Some(waker) = &*self.waker.borrow() {
            waker.wake_by_ref();
        }
    }

    /// What `future` yields, unless the connection is cut first. `finish` passes the order to finish on, and says whether to go on.
    async fn obey<F: Future>(&self, future: F, mut finish: impl FnMut(Pin<&mut F>) -> bool) -> Option<F::Output> {
        let mut future = pin!(future);
        let mut known = false;
        poll_fn(move |cx| {
            if let Some(ending) = self.told.take()
                && (ending == Ending::Cut || !finish(future.as_mut()))
            {
                return Poll::Ready(None);
            }
            if !known {
                // A task has one waker for all its life.
                *self.waker.borrow_mut() = Some(cx.waker().clone());
                known = true;
            }
            future.as_mut().poll(cx).map(Some)
        })
        .await
    }
}

/// Serves a connection until one side closes it, or it is told to end.
pub(crate) async fn serve(caller: Rc<Caller>, stream: TcpStream) {
    // Without it answers may wait for the caller's acknowledgements; with it they are merely sent sooner.
    _ = stream.set_nodelay(true);
    let Some(Ok((protocol, io))) = caller.obey(preface::read(stream, TokioIo::new), |_| false).await else { return };
    let answering = caller.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        answering.sends.set(!request.body().is_end_stream());
        call::answer(answering.clone(), request).map(Ok::<_, Infallible>)
    });
    let ended = match protocol {
        Protocol::Http1 => {
            let io = Lingering::new(io, caller.clone());
            // Without `pipeline_flush`: with it hyper takes from a body all that it gives, whether or not the caller reads.
            let connection = http1::Builder::new().max_header_size(limits::HEADER_BYTES).serve_connection(io, service);
            let finish = |connection: Pin<&mut http1::Connection<_, _>>| {
                // What has no request now sends nothing.
                caller.sends.update(|sends| sends && caller.requests.get() > 0);
                connection.graceful_shutdown();
                true
            };
            caller.obey(connection, finish).await
        }
        Protocol::Http2 => {
            caller.patience.set(limits::HTTP2_IDLE_SWEEPS);
            let connection = http2::Builder::new(Local)
                .timer(TokioTimer::new())
                .keep_alive_interval(limits::PING_INTERVAL)
                .keep_alive_timeout(limits::PING_TIMEOUT)
                .max_header_list_size(limits::HEADER_BYTES as u32)
                .max_concurrent_streams(limits::CALLER_STREAMS)
                .initial_stream_window_size(limits::STREAM_WINDOW)
                .initial_connection_window_size(limits::CONNECTION_WINDOW)
                .serve_connection(io, service);
            let finish = |connection: Pin<&mut http2::Connection<_, _, _>>| {
                connection.graceful_shutdown();
                true
            };
            caller.obey(connection, finish).await
        }
    };
    if let Some(Err(error)) = ended {
        tracing::debug!(%error, peer = %caller.exchange.peer, "a connection ended");
    }
}
